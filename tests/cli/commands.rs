//! Every command that asks the engine something: enough arguments, the request that they make, and an answer to it.

use ray_ipc::control::{
    AcceptRequest, AliasRequest, ConfigRequest, CreateRequest, DnsRequest, EphemeralRequest, InviteRequest,
    JoinRequest, LeaveRequest, LogRequest, MemberRequest, NetworkMode, NetworkRequest, PingRequest, RecordKind,
    RenameRequest, Reply, Request, RevokeInviteRequest, SetModeRequest, SettingKey,
};

use super::{
    access_samples, config_samples, firewall_commands, names_samples,
    samples::{self, CODE, MOMENT},
};

/// One command as a user types it.
#[derive(Debug)]
pub(crate) struct Command {
    /// The words that name it.
    pub(crate) verb: &'static [&'static str],
    /// What follows them.
    pub(crate) arguments: &'static [&'static str],
    pub(crate) request: Request,
    pub(crate) replies: Vec<Reply>,
}

impl Command {
    pub(crate) fn words(&self) -> Vec<&'static str> {
        [self.verb, self.arguments].concat()
    }
}

/// Groups of subcommands, which do nothing themselves, and what needs no engine or asks several things.
pub(crate) const OTHERS: [&[&str]; 8] =
    [&["admin"], &["network"], &["firewall"], &["group"], &["dns"], &["alias"], &["completions"], &["doctor"]];

/// The words of all commands, these others included.
pub(crate) fn verbs() -> Vec<&'static [&'static str]> {
    all().iter().map(|command| command.verb).chain(OTHERS).collect()
}

pub(crate) fn all() -> Vec<Command> {
    let home = || Some("home".to_owned());
    let network = || NetworkRequest { network: home() };
    let member = || MemberRequest { network: home(), member: "bob".into() };
    let create = CreateRequest { name: "home".into(), hostname: Some("alice".into()), mode: NetworkMode::Closed };
    let join = JoinRequest { target: CODE.into(), hostname: None, timeout_ms: 60_000, auto_accept_firewall: false };
    let leave = LeaveRequest { network: "home".into(), successor: Some("nas".into()) };
    let ping = PingRequest { target: "bob".into(), count: 4, interval_ms: 1000, timeout_ms: 2000, v6: false };
    let invite = InviteRequest { network: home(), uses: 3, expires_s: 86_400, hostname: Some("nas".into()) };
    let revoke = RevokeInviteRequest { network: home(), invite: "4f2a9c01d2".into() };
    let accept = AcceptRequest { network: home(), member: "bob".into(), hostname: Some("nas".into()) };
    let rename = RenameRequest { network: home(), hostname: "nas".into(), member: Some("bob".into()) };
    let done = samples::member_reply;
    let mut commands = vec![
        command(&["up"], &[], Request::Up, samples::up(false)),
        command(&["down"], &[], Request::Down, Reply::Down { was_up: true }),
        command(
            &["create"],
            &["home", "--hostname", "alice"],
            Request::Create(create),
            Reply::Created(samples::network_reply()),
        ),
        command(&["join"], &[CODE], Request::Join(join), samples::joined()),
        command(&["status"], &[], Request::Status, Reply::Status(Box::new(samples::status()))),
        Command {
            verb: &["ping"],
            arguments: &["bob"],
            request: Request::Ping(ping),
            replies: vec![samples::ping_reply(0, Some(1000)), samples::ping_summary(1, 1)],
        },
        Command {
            verb: &["log"],
            arguments: &["home", "--limit", "3"],
            request: Request::Log(LogRequest { network: home(), limit: 3 }),
            replies: samples::log(),
        },
        command(
            &["invite"],
            &["home", "--uses", "3", "--hostname", "nas"],
            Request::Invite(invite),
            samples::invited(3, Some("nas")),
        ),
        command(&["invite", "list"], &["home"], Request::Invites(network()), samples::invites(MOMENT)),
        command(
            &["invite", "revoke"],
            &["4f2a9c01d2", "home"],
            Request::RevokeInvite(revoke),
            Reply::InviteRevoked(samples::invite(MOMENT)),
        ),
        command(&["requests"], &["home"], Request::Requests(network()), samples::requests(MOMENT)),
        command(&["accept"], &["bob", "home", "--hostname", "nas"], Request::Accept(accept), Reply::Accepted(done())),
        command(&["deny"], &["bob", "home"], Request::Deny(member()), Reply::Denied(done())),
        command(&["kick"], &["bob", "home", "--yes"], Request::Kick(member()), Reply::Kicked(done())),
        command(&["admin", "add"], &["bob", "home"], Request::Grant(member()), Reply::Granted(done())),
        command(&["admin", "remove"], &["bob", "home"], Request::Revoke(member()), Reply::Revoked(done())),
        command(&["admin", "list"], &["home"], Request::Coordinators(network()), samples::coordinators(MOMENT)),
        command(
            &["hostname"],
            &["nas", "--member", "bob", "--network", "home"],
            Request::Rename(rename),
            Reply::Renamed(done()),
        ),
        command(
            &["network", "mode"],
            &["open", "home"],
            Request::SetMode(SetModeRequest { network: home(), mode: NetworkMode::Open }),
            samples::mode(NetworkMode::Open),
        ),
        command(&["network", "rekey"], &["home"], Request::Rekey(network()), samples::rekeyed()),
        command(
            &["ephemeral"],
            &["7d", "home"],
            Request::Ephemeral(EphemeralRequest { network: home(), seconds: Some(604_800) }),
            samples::ephemeral(604_800, true),
        ),
        command(&["leave"], &["home", "--successor", "nas", "--yes"], Request::Leave(leave), samples::left(2)),
        command(&["nuke"], &["home", "--yes"], Request::Nuke(network()), samples::nuked(2)),
        command(
            &["dns", "status"],
            &[],
            Request::Dns(DnsRequest::Status),
            Reply::Dns(Box::new(names_samples::status())),
        ),
        command(
            &["dns", "query"],
            &["nas"],
            Request::Dns(DnsRequest::Query { name: "nas".into(), kind: RecordKind::Any }),
            names_samples::ambiguous(),
        ),
        command(&["alias", "list"], &[], Request::Alias(AliasRequest::List), names_samples::aliases()),
        command(
            &["alias", "add"],
            &["db", "nas"],
            Request::Alias(AliasRequest::Add { name: "db".into(), target: "nas".into() }),
            names_samples::added(true),
        ),
        command(
            &["alias", "remove"],
            &["db"],
            Request::Alias(AliasRequest::Remove { name: "db".into() }),
            names_samples::removed(),
        ),
        command(&["config"], &[], Request::Config(ConfigRequest::List), config_samples::list()),
        command(
            &["config", "get"],
            &["mtu"],
            Request::Config(ConfigRequest::Get { key: SettingKey::Mtu }),
            config_samples::one(),
        ),
        command(
            &["config", "set"],
            &["offload", "off"],
            Request::Config(ConfigRequest::Set { key: SettingKey::Offload, value: "off".into() }),
            config_samples::offload(true),
        ),
        command(
            &["config", "unset"],
            &["queues"],
            Request::Config(ConfigRequest::Unset { key: SettingKey::Queues }),
            config_samples::queues_later(),
        ),
        command(&["version"], &[], Request::Version, samples::version()),
        command(&["whoami"], &[], Request::Whoami, access_samples::by_group()),
    ];
    commands.extend(firewall_commands::all());
    commands
}

pub(crate) fn command(
    verb: &'static [&'static str],
    arguments: &'static [&'static str],
    request: Request,
    reply: Reply,
) -> Command {
    Command { verb, arguments, request, replies: vec![reply] }
}
