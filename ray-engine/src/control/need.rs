//! Which level each request needs, all of them in one place.
//!
//! Looking is for readers: what is shown is no secret and names no other user of this host. Asking a peer for an echo is
//! looking too, for every local user can send the same packet into the device. Using is what comes and goes without a trace:
//! the data plane up or down, and following the flows that are dropped, which tells whom the host's users talk to. Everything
//! else changes what is kept, here or for others, and is for admins. The table for users is in `docs/cli.md`.

use ray_ipc::control::{
    AliasRequest, ConfigRequest, DnsRequest, EphemeralRequest, FirewallRequest, GroupRequest, Level, Request,
};

/// What a request needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Need {
    pub level: Level,
    /// The command that makes the request, for words to users.
    pub command: &'static str,
}

/// What this request needs.
pub fn need(request: &Request) -> Need {
    let (level, command) = match request {
        Request::Version => (Level::None, "ray version"),
        Request::Whoami => (Level::None, "ray whoami"),
        Request::Status => (Level::Read, "ray status"),
        Request::Ping(_) => (Level::Read, "ray ping"),
        Request::Invites(_) => (Level::Read, "ray invite list"),
        Request::Requests(_) => (Level::Read, "ray requests"),
        Request::Coordinators(_) => (Level::Read, "ray admin list"),
        Request::Log(_) => (Level::Read, "ray log"),
        Request::Ephemeral(EphemeralRequest { seconds: None, .. }) => (Level::Read, "ray ephemeral show"),
        Request::Up => (Level::Use, "ray up"),
        Request::Down => (Level::Use, "ray down"),
        Request::Create(_) => (Level::Admin, "ray create"),
        Request::Join(_) => (Level::Admin, "ray join"),
        Request::Leave(_) => (Level::Admin, "ray leave"),
        Request::Nuke(_) => (Level::Admin, "ray nuke"),
        Request::Invite(_) => (Level::Admin, "ray invite"),
        Request::RevokeInvite(_) => (Level::Admin, "ray invite revoke"),
        Request::Accept(_) => (Level::Admin, "ray accept"),
        Request::Deny(_) => (Level::Admin, "ray deny"),
        Request::Kick(_) => (Level::Admin, "ray kick"),
        Request::Grant(_) => (Level::Admin, "ray admin add"),
        Request::Revoke(_) => (Level::Admin, "ray admin remove"),
        Request::Rename(_) => (Level::Admin, "ray hostname"),
        Request::SetMode(_) => (Level::Admin, "ray network mode"),
        Request::Rekey(_) => (Level::Admin, "ray network rekey"),
        Request::Ephemeral(EphemeralRequest { seconds: Some(_), .. }) => (Level::Admin, "ray ephemeral"),
        Request::Dns(DnsRequest::Status) => (Level::Read, "ray dns status"),
        Request::Dns(DnsRequest::Query { .. }) => (Level::Read, "ray dns query"),
        Request::Alias(AliasRequest::List) => (Level::Read, "ray alias list"),
        Request::Alias(AliasRequest::Add { .. }) => (Level::Admin, "ray alias add"),
        Request::Alias(AliasRequest::Remove { .. }) => (Level::Admin, "ray alias remove"),
        Request::Firewall(request) => return firewall(request),
        Request::Group(request) => return group(request),
        Request::Config(request) => return config(request),
    };
    Need { level, command }
}

fn firewall(request: &FirewallRequest) -> Need {
    let (level, command) = match request {
        FirewallRequest::Show => (Level::Read, "ray firewall show"),
        FirewallRequest::Test { .. } => (Level::Read, "ray firewall test"),
        FirewallRequest::Pending { .. } => (Level::Read, "ray firewall pending"),
        FirewallRequest::AutoAccept { on: None, .. } => (Level::Read, "ray firewall auto-accept"),
        FirewallRequest::Log { .. } => (Level::Use, "ray firewall log"),
        FirewallRequest::Add { .. } => (Level::Admin, "ray firewall add"),
        FirewallRequest::Remove { .. } => (Level::Admin, "ray firewall remove"),
        FirewallRequest::Default { .. } => (Level::Admin, "ray firewall default"),
        FirewallRequest::Reject { .. } => (Level::Admin, "ray firewall reject"),
        FirewallRequest::Enable { on: true } => (Level::Admin, "ray firewall on"),
        FirewallRequest::Enable { on: false } => (Level::Admin, "ray firewall off"),
        FirewallRequest::Accept(_) => (Level::Admin, "ray firewall accept"),
        FirewallRequest::Decline(_) => (Level::Admin, "ray firewall deny"),
        FirewallRequest::AutoAccept { on: Some(_), .. } => (Level::Admin, "ray firewall auto-accept"),
        FirewallRequest::Suggest { .. } => (Level::Admin, "ray firewall suggest"),
        FirewallRequest::Withdraw { .. } => (Level::Admin, "ray firewall withdraw"),
    };
    Need { level, command }
}

fn group(request: &GroupRequest) -> Need {
    let (level, command) = match request {
        GroupRequest::List { .. } => (Level::Read, "ray group list"),
        GroupRequest::Add { .. } => (Level::Admin, "ray group add"),
        GroupRequest::Remove { .. } => (Level::Admin, "ray group remove"),
    };
    Need { level, command }
}

fn config(request: &ConfigRequest) -> Need {
    let (level, command) = match request {
        ConfigRequest::List => (Level::Read, "ray config"),
        ConfigRequest::Get { .. } => (Level::Read, "ray config get"),
        ConfigRequest::Set { .. } => (Level::Admin, "ray config set"),
        ConfigRequest::Unset { .. } => (Level::Admin, "ray config unset"),
    };
    Need { level, command }
}
