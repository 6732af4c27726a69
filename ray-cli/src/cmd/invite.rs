//! `ray invite`

use clap::Args;
use ray_ipc::control::{InviteRequest, Reply, Request};

use super::Context;
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray invite home > invite.txt
  ray invite home --uses 10 --expires 7d";

/// Make an invite for other hosts; the code alone goes to stdout
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Invite {
    /// Name or room id of the network; may be left out with only one
    network: Option<String>,
    /// How many hosts it lets in
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    uses: u32,
    /// Valid for 30m, 12h, 7d, at most 366d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_seconds)]
    expires: u64,
    /// The name that the joiner gets, whatever it asks for
    #[arg(long, value_name = "HOST")]
    hostname: Option<String>,
}

impl Invite {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let request = Request::Invite(InviteRequest {
            network: self.network,
            uses: self.uses,
            expires_s: self.expires,
            hostname: self.hostname,
        });
        let invite = match context.ask(&request)? {
            Reply::Invited(invite) => invite,
            other => return Err(unexpected("make an invite", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::invited(&invite));
        }
        context.output.data(&render::invite::code(&invite))?;
        context.output.note(&render::invite::explanation(&invite));
        Ok(())
    }
}

/// `30m`, `12h`, `7d` as seconds.
fn parse_seconds(text: &str) -> Result<u64, String> {
    let wrong = || "a number and a unit, such as 30m, 12h or 7d".to_owned();
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 60 * 60,
        'd' => 24 * 60 * 60,
        _ => return Err(wrong()),
    };
    let digits = text.strip_suffix(unit).unwrap_or_default();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    match count.checked_mul(factor) {
        Some(0) => Err("an invite that is never valid".to_owned()),
        Some(seconds) => Ok(seconds),
        None => Err("too long".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_each_unit() {
        assert_eq!(parse_seconds("90s"), Ok(90));
        assert_eq!(parse_seconds("30m"), Ok(1800));
        assert_eq!(parse_seconds("12h"), Ok(43_200));
        assert_eq!(parse_seconds("7d"), Ok(604_800));
    }

    #[test]
    fn refuses_what_is_no_time() {
        for text in
            ["", "h", "12", "-1h", "+1h", "1.5h", "0d", "1w", "1 h", "ü", "99999999999999999999d", "213503982334602d"]
        {
            assert!(parse_seconds(text).is_err(), "{text}");
        }
    }
}
