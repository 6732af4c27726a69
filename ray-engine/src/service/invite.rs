//! `invite`: mints an invite and writes down its code.

use ray_ipc::control::{InviteReply, InviteRequest};

use super::{Core, Network, Result, failure, hostname::check_free, now};
use crate::{
    ident::{Hostname, PeerId, UnixTime},
    ledger::{Action, Invite, limits::INVITE_SEATS_MAX},
    mesh,
};

/// As many as a network has members; who wants more wants any number.
const USES_MAX: u32 = 10_000;
/// Any number of uses.
const REUSABLE: u32 = u32::MAX;
/// A code must live long enough to be carried to the other machine.
const EXPIRES_MIN_S: u64 = 1;
const EXPIRES_MAX_S: u64 = 366 * 24 * 3600;

impl Core {
    pub(super) fn invite(&mut self, request: InviteRequest) -> Result<InviteReply> {
        let network = self.governed(request.network.as_deref(), "make invites")?;
        let (room, name) = (network.room(), network.name().to_string());
        if !(1..=USES_MAX).contains(&request.uses) && request.uses != REUSABLE {
            return Err(failure::usage(
                format!("uses {}: not in 1 to {USES_MAX}", request.uses),
                "for any number of hosts: ray invite --reusable",
            ));
        }
        if !(EXPIRES_MIN_S..=EXPIRES_MAX_S).contains(&request.expires_s) {
            return Err(failure::usage(
                format!("expiry {} s: not between {EXPIRES_MIN_S} s and 366 days", request.expires_s),
                "give a time like 1h or 7d: ray invite --expires 7d",
            ));
        }
        let hostname: Option<Hostname> = match &request.hostname {
            None => None,
            Some(text) => Some(text.parse().map_err(|error| failure::bad_name("host name", text, error))?),
        };
        if let Some(hostname) = &hostname {
            check_free(network, hostname, None)?;
        }
        let invite = Invite { room, secret: mesh::random_key(), seats: self.seats(network) };
        let expires = UnixTime(now().0.saturating_add(request.expires_s));
        let action =
            Action::MintInvite { invite: invite.key(), uses: request.uses, expires, hostname: hostname.clone() };
        self.act(room, action)?;
        Ok(InviteReply {
            code: invite.to_string(),
            network: name,
            uses: request.uses,
            expires_at: expires.0,
            hostname: hostname.map(|name| name.to_string()),
        })
    }

    /// Whom a joiner shall ask: this node, then members that are linked, coordinators first.
    fn seats(&self, network: &Network) -> Vec<PeerId> {
        let mut others: Vec<_> =
            network.ledger.roster().members().filter(|member| self.mesh.links().get(&member.peer).is_some()).collect();
        others.sort_by_key(|member| !member.coordinator);
        std::iter::once(self.me).chain(others.iter().map(|member| member.peer)).take(INVITE_SEATS_MAX).collect()
    }
}
