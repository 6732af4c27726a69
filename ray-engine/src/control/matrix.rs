//! The matrix: every control request and every kind of caller, and exactly the documented ones pass.
//!
//! The documented level of each request stands here a second time, beside a sample of it. A request of a new kind does not
//! compile until it has its row.

use ray_ipc::control::{
    AcceptRequest, AliasRequest, ConfigRequest, CreateRequest, DnsRequest, EphemeralRequest, ErrorCode,
    FirewallRequest, FlowDirection, FlowProtocol, GroupRequest, InviteRequest, JoinRequest, LeaveRequest, Level,
    LogRequest, MemberRequest, NetworkMode, NetworkRequest, PingRequest, RecordKind, RenameRequest, Request,
    RevokeInviteRequest, SetModeRequest, SettingKey, SuggestionRequest, SuggestionScope,
};

use super::{Access, Caller, OverflowIds, check, check::whoami, need};
use crate::config::{self, Accounts};

const PASSWD: &str = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nnobody:x:65534:65534::/:/bin/false\n";
const GROUP: &str = "root:x:0:\nwheel:x:27:\nnet:x:28:\nalice:x:1000:\nnogroup:x:65534:\n";

/// As in the settings of a host on which not everybody may look.
const SETTINGS: &str = "
readers = [\"@29\", 1004, \"nobody\", \"@nogroup\"]
users = [\"@net\", 1003, 65534]
admins = [\"alice\", \"@wheel\", \"nobody\", 65534, \"@65534\", \"carol\"]
";

/// Rows of the matrix: which requests they are, the level that they need, and one of them.
macro_rules! matrix {
    ($($pattern:pat => $level:ident, $sample:expr;)+) => {
        /// What is documented; without a wildcard, so that every request is in it.
        fn documented(request: &Request) -> Level {
            match request { $($pattern => Level::$level,)+ }
        }

        /// A sample of each row, in order, with the check that it belongs there.
        fn samples() -> Vec<Request> {
            let rows: Vec<(Request, fn(&Request) -> bool)> = vec![$(($sample, |sample| matches!(sample, $pattern)),)+];
            rows.into_iter().map(|(sample, belongs)| {
                assert!(belongs(&sample), "{sample:?} stands in the row of another request");
                sample
            }).collect()
        }
    };
}

matrix! {
    Request::Version => None, Request::Version;
    Request::Whoami => None, Request::Whoami;
    Request::Status => Read, Request::Status;
    Request::Ping(_) => Read, Request::Ping(ping());
    Request::Invites(_) => Read, Request::Invites(network());
    Request::Requests(_) => Read, Request::Requests(network());
    Request::Coordinators(_) => Read, Request::Coordinators(network());
    Request::Log(_) => Read, Request::Log(LogRequest { network: None, limit: 0 });
    Request::Ephemeral(EphemeralRequest { seconds: None, .. }) => Read, ephemeral(None);
    Request::Firewall(FirewallRequest::Show) => Read, Request::Firewall(FirewallRequest::Show);
    Request::Firewall(FirewallRequest::Test { .. }) => Read, test();
    Request::Firewall(FirewallRequest::Pending { .. }) => Read,
        Request::Firewall(FirewallRequest::Pending { network: None });
    Request::Firewall(FirewallRequest::AutoAccept { on: None, .. }) => Read,
        Request::Firewall(FirewallRequest::AutoAccept { network: None, on: None });
    Request::Group(GroupRequest::List { .. }) => Read, Request::Group(GroupRequest::List { network: None });
    Request::Config(ConfigRequest::List) => Read, Request::Config(ConfigRequest::List);
    Request::Config(ConfigRequest::Get { .. }) => Read, Request::Config(ConfigRequest::Get { key: SettingKey::Mtu });
    Request::Dns(DnsRequest::Status) => Read, Request::Dns(DnsRequest::Status);
    Request::Dns(DnsRequest::Query { .. }) => Read,
        Request::Dns(DnsRequest::Query { name: text(), kind: RecordKind::Any });
    Request::Alias(AliasRequest::List) => Read, Request::Alias(AliasRequest::List);
    Request::Up => Use, Request::Up;
    Request::Down => Use, Request::Down;
    Request::Firewall(FirewallRequest::Log { .. }) => Use, Request::Firewall(FirewallRequest::Log { limit: 0 });
    Request::Create(_) => Admin,
        Request::Create(CreateRequest { name: text(), hostname: None, mode: NetworkMode::Closed });
    Request::Join(_) => Admin,
        Request::Join(JoinRequest { target: text(), hostname: None, timeout_ms: 1, auto_accept_firewall: false });
    Request::Leave(_) => Admin, Request::Leave(LeaveRequest { network: text(), successor: None });
    Request::Nuke(_) => Admin, Request::Nuke(network());
    Request::Invite(_) => Admin,
        Request::Invite(InviteRequest { network: None, uses: 1, expires_s: 60, hostname: None });
    Request::RevokeInvite(_) => Admin,
        Request::RevokeInvite(RevokeInviteRequest { network: None, invite: text() });
    Request::Accept(_) => Admin,
        Request::Accept(AcceptRequest { network: None, member: text(), hostname: None });
    Request::Deny(_) => Admin, Request::Deny(member());
    Request::Kick(_) => Admin, Request::Kick(member());
    Request::Grant(_) => Admin, Request::Grant(member());
    Request::Revoke(_) => Admin, Request::Revoke(member());
    Request::Rename(_) => Admin,
        Request::Rename(RenameRequest { network: None, hostname: text(), member: None });
    Request::SetMode(_) => Admin,
        Request::SetMode(SetModeRequest { network: None, mode: NetworkMode::Open });
    Request::Rekey(_) => Admin, Request::Rekey(network());
    Request::Ephemeral(EphemeralRequest { seconds: Some(_), .. }) => Admin, ephemeral(Some(0));
    Request::Firewall(FirewallRequest::Add { .. }) => Admin,
        Request::Firewall(FirewallRequest::Add { rule: text(), expires_s: None });
    Request::Firewall(FirewallRequest::Remove { .. }) => Admin,
        Request::Firewall(FirewallRequest::Remove { rule: text() });
    Request::Firewall(FirewallRequest::Default { .. }) => Admin,
        Request::Firewall(FirewallRequest::Default { direction: FlowDirection::In, allow: true });
    Request::Firewall(FirewallRequest::Reject { .. }) => Admin,
        Request::Firewall(FirewallRequest::Reject { on: true });
    Request::Firewall(FirewallRequest::Enable { on: true }) => Admin,
        Request::Firewall(FirewallRequest::Enable { on: true });
    Request::Firewall(FirewallRequest::Enable { on: false }) => Admin,
        Request::Firewall(FirewallRequest::Enable { on: false });
    Request::Firewall(FirewallRequest::Accept(_)) => Admin, Request::Firewall(FirewallRequest::Accept(suggestion()));
    Request::Firewall(FirewallRequest::Decline(_)) => Admin, Request::Firewall(FirewallRequest::Decline(suggestion()));
    Request::Firewall(FirewallRequest::AutoAccept { on: Some(_), .. }) => Admin,
        Request::Firewall(FirewallRequest::AutoAccept { network: None, on: Some(false) });
    Request::Firewall(FirewallRequest::Suggest { .. }) => Admin,
        Request::Firewall(FirewallRequest::Suggest { network: None, scope: SuggestionScope::All, rule: text() });
    Request::Firewall(FirewallRequest::Withdraw { .. }) => Admin,
        Request::Firewall(FirewallRequest::Withdraw { network: None, id: text() });
    Request::Group(GroupRequest::Add { .. }) => Admin,
        Request::Group(GroupRequest::Add { network: None, group: text(), member: text() });
    Request::Group(GroupRequest::Remove { .. }) => Admin,
        Request::Group(GroupRequest::Remove { network: None, group: text(), member: text() });
    Request::Config(ConfigRequest::Set { .. }) => Admin,
        Request::Config(ConfigRequest::Set { key: SettingKey::Mtu, value: text() });
    Request::Alias(AliasRequest::Add { .. }) => Admin,
        Request::Alias(AliasRequest::Add { name: text(), target: text() });
    Request::Alias(AliasRequest::Remove { .. }) => Admin, Request::Alias(AliasRequest::Remove { name: text() });
    Request::Config(ConfigRequest::Unset { .. }) => Admin,
        Request::Config(ConfigRequest::Unset { key: SettingKey::Mtu });
}

/// Every kind of caller, and the level that it has.
fn callers() -> Vec<(&'static str, Caller, Level)> {
    let caller = |uid, gid, groups: &[u32]| Caller { uid, gid, groups: groups.to_vec() };
    vec![
        ("root", caller(0, 0, &[]), Level::Admin),
        ("admin by name", caller(1000, 1000, &[]), Level::Admin),
        ("admin by a supplementary group", caller(1001, 1001, &[4, 27, 30]), Level::Admin),
        ("admin by the primary group", caller(1001, 27, &[]), Level::Admin),
        ("admin who may also use and look", caller(1000, 28, &[29]), Level::Admin),
        ("user by number", caller(1003, 1003, &[]), Level::Use),
        ("user by a group that has a name", caller(1002, 1002, &[28]), Level::Use),
        ("reader by number", caller(1004, 1004, &[]), Level::Read),
        ("reader by a group that has none", caller(1005, 1005, &[29]), Level::Read),
        ("stranger", caller(1006, 1006, &[1000, 1003, 1004]), Level::None),
        ("stranger without groups", caller(4_294_967_294, 1006, &[]), Level::None),
        ("stranger whose groups are somebody's elsewhere", caller(1006, 65534, &[65534]), Level::None),
        ("overflow uid", caller(65534, 65534, &[]), Level::None),
        ("overflow uid in every group", caller(65534, 27, &[28, 29, 0]), Level::None),
        ("overflow uid that root has set", caller(60000, 27, &[]), Level::None),
    ]
}

#[test]
fn exactly_the_documented_requests_pass_for_every_kind_of_caller() {
    let (access, mut passed, mut refused) = (access(SETTINGS), 0, 0);
    for (who, caller, level) in callers() {
        assert_eq!(access.judge(&caller).level, level, "{who}");
        for request in samples() {
            match check(&access, &caller, &request) {
                Ok(()) => {
                    assert!(level >= documented(&request), "{who} passes with {request:?}");
                    passed += 1;
                }
                Err(refusal) => {
                    assert!(level < documented(&request), "{who} is refused {request:?}: {refusal:?}");
                    assert_eq!(refusal.code, ErrorCode::NotPermitted, "{who}: {request:?}");
                    refused += 1;
                }
            }
        }
    }
    assert_eq!(passed + refused, callers().len() * samples().len());
    assert!(passed > 0 && refused > 0);
}

#[test]
fn by_default_everybody_looks_and_only_root_changes() {
    let access = access("");
    let level = |uid| access.judge(&Caller { uid, gid: uid, groups: vec![] }).level;
    assert_eq!([level(0), level(1), level(1000), level(65534)], [Level::Admin, Level::Read, Level::Read, Level::None]);
}

#[test]
fn no_list_gives_the_overflow_uid_anything() {
    let access = access("readers = [\"*\"]\nusers = [\"*\", 65534, \"nobody\"]\nadmins = [\"*\", \"@nogroup\"]");
    let nobody = Caller { uid: 65534, gid: 65534, groups: vec![65534] };
    for request in samples() {
        assert_eq!(check(&access, &nobody, &request).is_ok(), documented(&request) == Level::None, "{request:?}");
    }
    assert_eq!(access.judge(&Caller { uid: 1, gid: 1, groups: vec![] }).level, Level::Admin, "everybody else is meant");
}

#[test]
fn an_entry_that_names_nobody_gives_nothing() {
    let access = access("readers = []\nusers = [\"dave\"]\nadmins = [\"@dave\"]");
    for uid in [1, 1000, 65533, u32::MAX] {
        assert_eq!(access.judge(&Caller { uid, gid: uid, groups: vec![uid] }).level, Level::None, "{uid}");
    }
}

#[test]
fn a_refusal_names_the_caller_the_command_and_who_may() {
    let refusal = |settings: &str, uid, request: &Request| {
        check(&access(settings), &Caller { uid, gid: 1000, groups: vec![] }, request).unwrap_err()
    };
    let kick = refusal("admins = [1009, \"@wheel\"]", 1000, &Request::Kick(member()));
    assert_eq!(kick.message, "alice (uid 1000) may look (read); `ray kick` needs admin");
    assert_eq!(
        kick.hint.unwrap(),
        "run it as root or ask 1009, @wheel; or have root add \"alice\" to `admins` in /etc/rayfish/engine.toml and \
         restart the engine: systemctl restart rayfish-engine"
    );
    let up = refusal("admins = [1, 2, 3]\nusers = [4, 5]", 1001, &Request::Up);
    assert_eq!(up.message, "uid 1001 may look (read); `ray up` needs use");
    assert!(
        up.hint.unwrap().starts_with("run it as root or ask 4, 5, 1, 2 and others; or have root add 1001 to `users`")
    );
    let used = refusal("users = [\"alice\"]", 1000, &Request::Firewall(FirewallRequest::Enable { on: false }));
    assert_eq!(used.message, "alice (uid 1000) may look and use (use); `ray firewall off` needs admin");
}

#[test]
fn who_may_not_look_is_not_told_who_may() {
    let access = access("readers = [\"@wheel\"]\nadmins = [1009]");
    let stranger = Caller { uid: 1000, gid: 1000, groups: vec![] };
    let refusal = check(&access, &stranger, &Request::Status).unwrap_err();
    assert_eq!(refusal.message, "alice (uid 1000) may not even look (none); `ray status` needs read");
    let hint = refusal.hint.unwrap();
    assert!(hint.starts_with("run it as root; or have root add \"alice\" to `readers`"), "{hint}");
    assert!(!hint.contains("wheel") && !hint.contains("1009"), "{hint}");
    let foreign = Caller { uid: 65534, ..stranger };
    let hint = check(&access, &foreign, &Request::Status).unwrap_err().hint.unwrap();
    assert!(hint.contains("outside of the container") && !hint.contains("engine.toml"), "{hint}");
}

#[test]
fn whoami_tells_the_entry_that_decided() {
    let access = access(SETTINGS);
    let told = |uid, gid, groups: &[u32]| whoami(&access, &Caller { uid, gid, groups: groups.to_vec() });
    let admin = told(1001, 1000, &[27, 65534]);
    let granted = admin.granted.unwrap();
    assert_eq!((admin.level, granted.key.as_str(), granted.entry.as_str()), (Level::Admin, "admins", "@wheel"));
    assert_eq!((admin.user, admin.settings.as_str()), (None, "/etc/rayfish/engine.toml"));
    let groups: Vec<_> = admin.groups.iter().map(|group| (group.gid, group.name.as_deref())).collect();
    assert_eq!(groups, [(1000, Some("alice")), (27, Some("wheel"))], "those that count, the primary one first");
    let root = told(0, 0, &[]);
    assert_eq!((root.level, root.granted, root.user.as_deref()), (Level::Admin, None, Some("root")));
    let foreign = told(65534, 27, &[28]);
    assert_eq!((foreign.level, foreign.granted, foreign.foreign), (Level::None, None, true));
}

#[test]
fn each_command_is_named_once_in_refusals_and_has_one_level() {
    let mut named: Vec<&str> = samples().iter().map(|request| need(request).command).collect();
    named.sort_unstable();
    let all = named.len();
    named.dedup();
    // `ray firewall auto-accept` shows without its last word and sets with it.
    assert_eq!(named.len(), all - 1);
}

fn access(settings: &str) -> Access {
    let accounts = Accounts::parse(PASSWD, GROUP);
    let lists = config::parse(settings, &accounts).unwrap().access;
    Access::new(lists, accounts, OverflowIds::of(60000, 60001), config::CONFIG_PATH.into())
}

fn text() -> String {
    "nas".to_owned()
}

fn network() -> NetworkRequest {
    NetworkRequest { network: None }
}

fn member() -> MemberRequest {
    MemberRequest { network: None, member: text() }
}

fn suggestion() -> SuggestionRequest {
    SuggestionRequest { network: None, id: None }
}

fn ephemeral(seconds: Option<u32>) -> Request {
    Request::Ephemeral(EphemeralRequest { network: None, seconds })
}

fn ping() -> PingRequest {
    PingRequest { target: text(), count: 1, interval_ms: 1000, timeout_ms: 1000, v6: false }
}

fn test() -> Request {
    Request::Firewall(FirewallRequest::Test {
        peer: text(),
        protocol: FlowProtocol::Tcp,
        port: Some(22),
        direction: FlowDirection::In,
        network: None,
    })
}
