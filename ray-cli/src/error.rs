//! What ends a command early: the kind, the words, the remedy, and the exit code.

use std::error::Error;

use ray_ipc::control::{ErrorCode, ErrorReply, Reply};

/// Exit code of `ray doctor --sandbox` when something got through, beside those that an engine answers with.
pub(crate) const EXIT_UNSAFE: u8 = 8;

/// Why a verb did not run to its end.
#[derive(Debug)]
pub(crate) enum Stop {
    Failed(Failure),
    /// Nobody reads our output any more (`ray status | head -1`): nothing to say and nobody to say it to.
    ReaderGone,
}

/// A failure as the user sees it.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) code: ErrorCode,
    /// Lower-case clause that names the operation and the object.
    pub(crate) message: String,
    pub(crate) hint: Option<String>,
    pub(crate) cause: Option<Box<dyn Error>>,
}

impl Failure {
    pub(crate) fn new(code: ErrorCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), hint: None, cause: None }
    }

    pub(crate) fn hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into()), ..self }
    }

    pub(crate) fn caused_by(self, cause: impl Error + 'static) -> Self {
        Self { cause: Some(Box::new(cause)), ..self }
    }

    /// What clap says about arguments, cut into message and hint.
    pub(crate) fn usage_from_clap(text: &str) -> Self {
        let first = text.split("\n\n").next().unwrap_or_default();
        let first = first.strip_prefix("error: ").unwrap_or(first);
        // Called without a verb, clap shows the help instead of an error.
        let message = if text.starts_with("error: ") {
            first.split_whitespace().collect::<Vec<_>>().join(" ")
        } else {
            "no command was given".to_owned()
        };
        let usage = text.lines().find_map(|line| line.strip_prefix("Usage: "));
        let hint = usage.map_or_else(|| "see `ray --help`".to_owned(), |usage| format!("usage: {}", usage.trim()));
        Self::new(ErrorCode::Usage, message).hint(hint)
    }

    /// The causes, outermost first.
    pub(crate) fn causes(&self) -> impl Iterator<Item = String> {
        let first: Option<&dyn Error> = self.cause.as_deref();
        std::iter::successors(first, |&cause| cause.source()).map(ToString::to_string)
    }
}

/// The failure behind a reply that is not the one the verb asked for.
pub(crate) fn unexpected(verb: &str, reply: Reply) -> Failure {
    match reply {
        Reply::Error(error) => error.into(),
        other => Failure::new(
            ErrorCode::Other,
            format!("asking the engine to {verb}: it answered {} instead", kind_of(&other)),
        )
        .hint("restart the engine: systemctl restart rayfish-engine"),
    }
}

fn kind_of(reply: &Reply) -> &'static str {
    match reply {
        Reply::Up(_) => "up",
        Reply::Down { .. } => "down",
        Reply::Created(_) => "create",
        Reply::Joined(_) => "join",
        Reply::Left(_) => "leave",
        Reply::Invited(_) => "invite",
        Reply::Status(_) => "status",
        Reply::Ping(_) | Reply::PingDone(_) => "ping",
        Reply::Version(_) => "version",
        Reply::Error(_) => "an error",
        Reply::Waiting(_) => "a join that waits",
        Reply::Invites(_) => "invite list",
        Reply::InviteRevoked(_) => "invite revoke",
        Reply::Requests(_) => "requests",
        Reply::Accepted(_) => "accept",
        Reply::Denied(_) => "deny",
        Reply::Kicked(_) => "kick",
        Reply::Nuked(_) => "nuke",
        Reply::Ephemeral(_) => "ephemeral",
        Reply::Renamed(_) => "hostname",
        Reply::Granted(_) => "admin add",
        Reply::Revoked(_) => "admin remove",
        Reply::Coordinators(_) => "admin list",
        Reply::LogEntry(_) | Reply::LogDone(_) => "log",
        Reply::Rekeyed(_) => "network rekey",
        Reply::Mode(_) => "network mode",
        Reply::Firewall(_) => "firewall show",
        Reply::FirewallTest(_) => "firewall test",
        Reply::Suggestions(_) => "firewall pending",
        Reply::Suggested(_) => "firewall suggest",
        Reply::Withdrawn(_) => "firewall withdraw",
        Reply::Dropped(_) | Reply::DroppedDone => "firewall log",
        Reply::Groups(_) => "group list",
        Reply::Whoami(_) => "whoami",
        Reply::Settings(_) => "config",
        Reply::Setting(_) => "config set",
        Reply::Dns(_) => "dns status",
        Reply::DnsQuery(_) => "dns query",
        Reply::Aliases(_) => "alias list",
        Reply::Alias(_) => "alias add",
    }
}

impl From<ErrorReply> for Failure {
    fn from(reply: ErrorReply) -> Self {
        Self { code: reply.code, message: reply.message, hint: reply.hint, cause: None }
    }
}

impl<T: Into<Failure>> From<T> for Stop {
    fn from(failure: T) -> Self {
        Self::Failed(failure.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usage_error_keeps_its_sentence_and_names_the_usage() {
        let text = "error: unexpected argument '--frob' found\n\nUsage: ray up [OPTIONS]\n\nFor more information, try '--help'.\n";
        let failure = Failure::usage_from_clap(text);
        assert_eq!(failure.message, "unexpected argument '--frob' found");
        assert_eq!(failure.hint.as_deref(), Some("usage: ray up [OPTIONS]"));
        assert_eq!(failure.code, ErrorCode::Usage);
    }

    #[test]
    fn an_error_instead_of_an_answer_keeps_its_kind() {
        let reply = Reply::Error(ErrorReply { code: ErrorCode::Refused, message: "no".into(), hint: None });
        assert_eq!(unexpected("create", reply).code, ErrorCode::Refused);
    }

    #[test]
    fn an_answer_to_another_question_is_an_error() {
        let failure = unexpected("bring up", Reply::Down { was_up: true });
        assert_eq!(failure.code, ErrorCode::Other);
        assert!(failure.message.contains("it answered down instead"));
    }
}
