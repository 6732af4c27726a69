//! Who may ask what: any local user reads, root and the operators change.

use ray_ipc::{
    control::{ErrorCode, ErrorReply, FirewallRequest, GroupRequest, Request},
    cred::PeerCred,
};

/// What the kernel's word on a caller makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    Root,
    Operator,
    Reader,
}

/// The uids that root has named as operators.
#[derive(Debug, Clone, Default)]
pub struct Operators(Vec<u32>);

impl Operators {
    pub fn new(uids: Vec<u32>) -> Self {
        Self(uids)
    }

    /// What this caller may do.
    pub fn actor(&self, caller: PeerCred) -> Actor {
        match caller.uid {
            0 => Actor::Root,
            uid if self.0.contains(&uid) => Actor::Operator,
            _ => Actor::Reader,
        }
    }
}

/// Lets the request pass, or says who may make it.
pub(super) fn check(actor: Actor, caller: PeerCred, request: &Request) -> Result<(), ErrorReply> {
    match actor {
        Actor::Root | Actor::Operator => Ok(()),
        Actor::Reader if !is_reserved(request) => Ok(()),
        Actor::Reader => Err(ErrorReply {
            code: ErrorCode::NotPermitted,
            message: if let Request::Firewall(FirewallRequest::Log { .. }) = request {
                format!("uid {} may not see whose flows are dropped", caller.uid)
            } else {
                format!("uid {} may look but not change anything", caller.uid)
            },
            hint: Some(
                "run it as root, or have root add you to `operators` in /etc/rayfish/engine.toml and restart the engine"
                    .to_owned(),
            ),
        }),
    }
}

/// Whether the request changes anything, here or for others, or tells of other users. What else only shows, shows no
/// secret.
fn is_reserved(request: &Request) -> bool {
    match request {
        Request::Status
        | Request::Ping(_)
        | Request::Version
        | Request::Invites(_)
        | Request::Requests(_)
        | Request::Coordinators(_)
        | Request::Log(_) => false,
        Request::Ephemeral(request) => request.seconds.is_some(),
        Request::Firewall(request) => firewall_is_reserved(request),
        Request::Group(request) => match request {
            GroupRequest::List { .. } => false,
            GroupRequest::Add { .. } | GroupRequest::Remove { .. } => true,
        },
        Request::Up
        | Request::Down
        | Request::Create(_)
        | Request::Join(_)
        | Request::Leave(_)
        | Request::Invite(_)
        | Request::RevokeInvite(_)
        | Request::Accept(_)
        | Request::Deny(_)
        | Request::Kick(_)
        | Request::Nuke(_)
        | Request::Rename(_)
        | Request::Grant(_)
        | Request::Revoke(_)
        | Request::Rekey(_)
        | Request::SetMode(_) => true,
    }
}

fn firewall_is_reserved(request: &FirewallRequest) -> bool {
    match request {
        FirewallRequest::Show | FirewallRequest::Test { .. } | FirewallRequest::Pending { .. } => false,
        FirewallRequest::AutoAccept { on, .. } => on.is_some(),
        // Whom the host's users talk to is theirs.
        FirewallRequest::Log { .. } => true,
        FirewallRequest::Add { .. }
        | FirewallRequest::Remove { .. }
        | FirewallRequest::Default { .. }
        | FirewallRequest::Reject { .. }
        | FirewallRequest::Enable { .. }
        | FirewallRequest::Accept(_)
        | FirewallRequest::Decline(_)
        | FirewallRequest::Suggest { .. }
        | FirewallRequest::Withdraw { .. } => true,
    }
}

#[cfg(test)]
mod tests {
    use ray_ipc::control::{
        AcceptRequest, CreateRequest, EphemeralRequest, FlowDirection, FlowProtocol, InviteRequest, JoinRequest,
        LeaveRequest, LogRequest, MemberRequest, NetworkMode, NetworkRequest, PingRequest, RenameRequest,
        RevokeInviteRequest, SetModeRequest, SuggestionRequest, SuggestionScope,
    };

    use super::*;

    #[test]
    fn a_reader_looks_at_everything_and_changes_nothing() {
        let operators = Operators::new(vec![1000]);
        for uid in [1, 1001, 65534, u32::MAX] {
            let caller = PeerCred { uid, gid: 0, pid: 1 };
            let actor = operators.actor(caller);
            assert_eq!(actor, Actor::Reader, "{uid}");
            for request in changing() {
                let refused = check(actor, caller, &request).map_err(|error| error.code);
                assert_eq!(refused, Err(ErrorCode::NotPermitted), "{request:?}");
            }
            for request in looking() {
                assert_eq!(check(actor, caller, &request), Ok(()), "{request:?}");
            }
        }
    }

    #[test]
    fn root_and_operators_may_change() {
        let operators = Operators::new(vec![1000]);
        for uid in [0, 1000] {
            let caller = PeerCred { uid, gid: 5, pid: 1 };
            for request in changing().into_iter().chain(looking()) {
                assert_eq!(check(operators.actor(caller), caller, &request), Ok(()), "{request:?}");
            }
        }
    }

    fn looking() -> Vec<Request> {
        vec![
            Request::Status,
            Request::Version,
            Request::Ping(PingRequest {
                target: "nas".to_owned(),
                count: 1,
                interval_ms: 1000,
                timeout_ms: 1000,
                v6: false,
            }),
            Request::Invites(network()),
            Request::Requests(network()),
            Request::Coordinators(network()),
            Request::Log(LogRequest { network: None, limit: 0 }),
            Request::Ephemeral(EphemeralRequest { network: None, seconds: None }),
            Request::Firewall(FirewallRequest::Show),
            Request::Firewall(FirewallRequest::Test {
                peer: "nas".to_owned(),
                protocol: FlowProtocol::Tcp,
                port: Some(22),
                direction: FlowDirection::In,
                network: None,
            }),
            Request::Firewall(FirewallRequest::Pending { network: None }),
            Request::Firewall(FirewallRequest::AutoAccept { network: None, on: None }),
            Request::Group(GroupRequest::List { network: None }),
        ]
    }

    fn changing() -> Vec<Request> {
        let text = || "nas".to_owned();
        vec![
            Request::Up,
            Request::Down,
            Request::Create(CreateRequest { name: text(), hostname: None, mode: NetworkMode::Closed }),
            Request::Join(JoinRequest { target: text(), hostname: None, timeout_ms: 1, auto_accept_firewall: false }),
            Request::Leave(LeaveRequest { network: text(), successor: None }),
            Request::Invite(InviteRequest { network: None, uses: 1, expires_s: 60, hostname: None }),
            Request::RevokeInvite(RevokeInviteRequest { network: None, invite: text() }),
            Request::Accept(AcceptRequest { network: None, member: text(), hostname: None }),
            Request::Deny(member()),
            Request::Kick(member()),
            Request::Nuke(network()),
            Request::Ephemeral(EphemeralRequest { network: None, seconds: Some(0) }),
            Request::Rename(RenameRequest { network: None, hostname: text(), member: None }),
            Request::Grant(member()),
            Request::Revoke(member()),
            Request::Rekey(network()),
            Request::SetMode(SetModeRequest { network: None, mode: NetworkMode::Open }),
            Request::Firewall(FirewallRequest::Add { rule: text(), expires_s: None }),
            Request::Firewall(FirewallRequest::Remove { rule: text() }),
            Request::Firewall(FirewallRequest::Default { direction: FlowDirection::In, allow: true }),
            Request::Firewall(FirewallRequest::Reject { on: true }),
            Request::Firewall(FirewallRequest::Enable { on: false }),
            Request::Firewall(FirewallRequest::Accept(SuggestionRequest { network: None, id: None })),
            Request::Firewall(FirewallRequest::Decline(SuggestionRequest { network: None, id: None })),
            Request::Firewall(FirewallRequest::AutoAccept { network: None, on: Some(false) }),
            Request::Firewall(FirewallRequest::Suggest { network: None, scope: SuggestionScope::All, rule: text() }),
            Request::Firewall(FirewallRequest::Withdraw { network: None, id: text() }),
            Request::Firewall(FirewallRequest::Log { limit: 0 }),
            Request::Group(GroupRequest::Add { network: None, group: text(), member: text() }),
            Request::Group(GroupRequest::Remove { network: None, group: text(), member: text() }),
        ]
    }

    fn network() -> NetworkRequest {
        NetworkRequest { network: None }
    }

    fn member() -> MemberRequest {
        MemberRequest { network: None, member: "nas".to_owned() }
    }
}
