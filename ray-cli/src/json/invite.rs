//! Invites.

use ray_ipc::control::{InviteReply, InviteState, InviteStatus, InvitesReply};
use serde_json::{Value, json};

use crate::render::measure::iso;

pub(crate) fn invited(invite: &InviteReply) -> Value {
    json!({
        "schema": "ray.invite/1", "ok": true, "code": invite.code, "network": invite.network,
        "uses": uses(invite.uses), "expires_at": invite.expires_at, "expires": iso(invite.expires_at),
        "hostname": invite.hostname,
    })
}

pub(crate) fn list(invites: &InvitesReply) -> Value {
    let listed: Vec<Value> = invites.invites.iter().map(invite).collect();
    json!({"schema": "ray.invite.list/1", "ok": true, "network": invites.network, "invites": listed})
}

pub(crate) fn revoked(revoked: &InviteStatus) -> Value {
    json!({"schema": "ray.invite.revoke/1", "ok": true, "network": revoked.network, "invite": invite(revoked)})
}

fn invite(invite: &InviteStatus) -> Value {
    json!({
        "key": invite.key, "state": state_name(invite.state), "uses": uses(invite.uses), "used": invite.used,
        "expires_at": invite.expires_at, "expires": iso(invite.expires_at), "hostname": invite.hostname,
        "minted_by": invite.minted_by,
    })
}

/// Any number is none.
fn uses(uses: u32) -> Option<u32> {
    (uses != u32::MAX).then_some(uses)
}

fn state_name(state: InviteState) -> &'static str {
    match state {
        InviteState::Open => "open",
        InviteState::UsedUp => "used_up",
        InviteState::Expired => "expired",
        InviteState::Revoked => "revoked",
    }
}
