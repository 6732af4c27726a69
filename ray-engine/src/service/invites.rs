//! `invite list` and `invite revoke`: the invites of a network, without their secrets.

use ray_ipc::control::{ErrorReply, InviteState, InviteStatus, InvitesReply, NetworkRequest, RevokeInviteRequest};

use super::{Core, Network, Result, failure, now, resolve::ID_DIGITS_MIN};
use crate::{
    ident::{RoomId, UnixTime},
    ledger::{self, Action, Invite, InviteKey},
};

/// Candidates that an error names.
const NAMED_MAX: usize = 8;
/// What every invite code begins with.
const CODE_PREFIX: &str = "ray1";

impl Core {
    pub(super) fn invites(&self, request: &NetworkRequest) -> Result<InvitesReply> {
        let network = self.entered(request.network.as_deref())?;
        let time = now();
        let mut invites: Vec<_> = network.ledger.roster().invites().collect();
        invites.sort_by_key(|invite| (invite.expires, invite.key));
        let invites = invites.into_iter().map(|invite| show(network, invite, time)).collect();
        Ok(InvitesReply { network: network.name().to_string(), invites })
    }

    pub(super) fn revoke_invite(&mut self, request: &RevokeInviteRequest) -> Result<InviteStatus> {
        let (room, invite) = self.named_invite(request)?;
        let network = self.governed(Some(&room.to_string()), "revoke invites")?;
        let revoked = network.ledger.roster().invite(&invite).is_some_and(|invite| invite.revoked);
        if !revoked {
            self.act(room, Action::RevokeInvite { invite })?;
        }
        let network = self.chosen(Some(&room.to_string()))?;
        let state = network.ledger.roster().invite(&invite).ok_or_else(|| unknown(network))?;
        Ok(show(network, state, now()))
    }

    /// The invite that the user means: by its code, or by its key or the start of it.
    fn named_invite(&self, request: &RevokeInviteRequest) -> Result<(RoomId, InviteKey)> {
        let text = request.invite.trim();
        if text.get(..CODE_PREFIX.len()).is_some_and(|start| start.eq_ignore_ascii_case(CODE_PREFIX)) {
            let code: Invite = text.parse().map_err(|error: ledger::InviteError| {
                failure::usage(
                    error.to_string(),
                    "copy the whole code, or name the invite by its key (ray invite list)",
                )
            })?;
            return self.coded_invite(request.network.as_deref(), &code);
        }
        let network = self.entered(request.network.as_deref())?;
        let start = text.to_ascii_lowercase();
        if start.len() < ID_DIGITS_MIN {
            return Err(failure::usage(
                format!("{text:?} is too short to name an invite of {}", network.name()),
                format!("give at least {ID_DIGITS_MIN} digits of its key: ray invite list {}", network.name()),
            ));
        }
        let keys = network.ledger.roster().invites().map(|invite| invite.key);
        let found: Vec<InviteKey> = keys.filter(|key| key.to_string().starts_with(&start)).collect();
        match found.as_slice() {
            [] => Err(unknown(network)),
            [key] => Ok((network.room(), *key)),
            several => {
                let shown: Vec<String> = several.iter().take(NAMED_MAX).map(ToString::to_string).collect();
                let more = if several.len() > NAMED_MAX { " and others" } else { "" };
                Err(failure::not_found(
                    format!("{text:?} is ambiguous in {}: {}{more}", network.name(), shown.join(", ")),
                    "give more digits of the key",
                ))
            }
        }
    }

    fn coded_invite(&self, named: Option<&str>, code: &Invite) -> Result<(RoomId, InviteKey)> {
        let network = self.network(code.room).ok_or_else(|| {
            failure::not_found(
                format!("the invite is for network {}, which this node is not in", code.room.short()),
                "`ray status` lists the networks",
            )
        })?;
        if named.is_some() && self.chosen(named)?.room() != code.room {
            return Err(failure::usage(
                format!("the invite is for the network {}", network.name()),
                format!("name that one: ray invite revoke CODE {}", network.name()),
            ));
        }
        match network.ledger.roster().invite(&code.key()) {
            Some(state) => Ok((code.room, state.key)),
            None => Err(unknown(network)),
        }
    }
}

fn unknown(network: &Network) -> ErrorReply {
    failure::not_found(
        format!("{} knows no such invite", network.name()),
        format!("see those that it knows: ray invite list {}", network.name()),
    )
}

fn show(network: &Network, invite: &ledger::InviteState, now: UnixTime) -> InviteStatus {
    let member = network.ledger.roster().get(&invite.minted_by);
    InviteStatus {
        key: invite.key.to_string(),
        network: network.name().to_string(),
        uses: invite.uses,
        used: invite.used,
        expires_at: invite.expires.0,
        hostname: invite.hostname.as_ref().map(ToString::to_string),
        minted_by: member.map_or_else(|| invite.minted_by.to_string(), |member| member.hostname.to_string()),
        state: state(invite, now),
    }
}

fn state(invite: &ledger::InviteState, now: UnixTime) -> InviteState {
    if invite.revoked {
        InviteState::Revoked
    } else if invite.used >= invite.uses {
        InviteState::UsedUp
    } else if invite.expires <= now {
        InviteState::Expired
    } else {
        InviteState::Open
    }
}
