//! A member's side of a join: what a stranger at the door gets, and the entry that seats it.

use super::{Core, Network, now};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{self, Action, InviteKey, InviteRefusal, Mode, VerifiedEntry},
    mesh::{By, Door, Entering, JoinRefusal, Seating, Ticket},
    store::Knock,
};

impl Core {
    /// First step: the ledger for whoever holds a good invite, or may enter without.
    pub(super) fn answer_door(&mut self, peer: PeerId, asked: RoomId, by: By) -> Result<Door, JoinRefusal> {
        let network = self.found_by(asked).ok_or(JoinRefusal::Unknown)?;
        let room = network.room();
        match by {
            By::Invite { invite, proof } => {
                let invite = InviteKey(invite);
                // The proof first: whoever does not hold the invite learns nothing about it.
                if !invite.proves(&room, &peer, &proof) {
                    return Err(JoinRefusal::Unknown);
                }
                whole(network)?;
                let known = network.ledger.roster().invite(&invite).is_some();
                if !(known && network.has(&peer)) {
                    network.ledger.check_invite(&invite, now()).map_err(refusal)?;
                    may_return(network, &peer)?;
                }
                Ok(offer(network))
            }
            By::Knock { hostname, after, consent } => {
                if network.ledger.roster().mode != Mode::Closed {
                    whole(network)?;
                }
                if network.has(&peer) {
                    return Ok(offer(network));
                }
                let removed = network.ledger.was_removed(&peer).is_some();
                match network.ledger.roster().mode {
                    Mode::Closed => Err(JoinRefusal::Unknown),
                    Mode::Open if !removed => Ok(offer(network)),
                    // Only a coordinator's word brings back whoever was removed.
                    Mode::Open | Mode::Approval => {
                        let knock = Knock { peer, hostname, after, asked_at: now(), consent };
                        if self.is_consent(room, &knock) {
                            self.hear_knock(room, knock)
                        } else {
                            Err(JoinRefusal::Invalid)
                        }
                    }
                }
            }
        }
    }

    /// Second step: records that the joiner left earlier, if this member has not heard of that, and signs the entry that
    /// seats it.
    pub(super) fn seat(&mut self, peer: PeerId, asked: RoomId, entering: Entering) -> Result<Seating, JoinRefusal> {
        let network = self.found_by(asked).ok_or(JoinRefusal::Unknown)?;
        let room = network.room();
        if network.damage.is_some() {
            return Err(JoinRefusal::NotNow);
        }
        let Entering { leave, hostname, after, by, have } = entering;
        if let Some(leave) = leave {
            self.record_leave(room, &peer, &leave)?;
        }
        let network = self.found_by(asked).ok_or(JoinRefusal::Unknown)?;
        if network.has(&peer) {
            return Ok(seated(network, &have));
        }
        let action = match by {
            Ticket::Invite { invite, proof } => {
                let invite = InviteKey(invite);
                network.ledger.check_invite(&invite, now()).map_err(refusal)?;
                may_return(network, &peer)?;
                Action::Redeem { invite, joiner: peer, hostname, after, proof }
            }
            Ticket::Consent(consent) => {
                let removed = network.ledger.was_removed(&peer).is_some();
                match network.ledger.roster().mode {
                    Mode::Closed => return Err(JoinRefusal::Unknown),
                    Mode::Open if !removed => Action::Welcome { joiner: peer, hostname, after, consent },
                    Mode::Open | Mode::Approval => {
                        let knock = Knock { peer, hostname, after, asked_at: now(), consent };
                        if !self.is_consent(room, &knock) {
                            return Err(JoinRefusal::Invalid);
                        }
                        return self.hear_knock(room, knock).map(|_| Seating::Waiting);
                    }
                }
            }
        };
        if let Err(error) = self.act(room, action) {
            tracing::warn!(peer = %peer.short(), error = %error.message, "seating a joiner");
            return Err(JoinRefusal::Invalid);
        }
        let network = self.network(room).ok_or(JoinRefusal::Unknown)?;
        let Some(member) = network.ledger.roster().get(&peer) else { return Err(JoinRefusal::Invalid) };
        tracing::info!(network = %network.name(), host = %member.hostname, peer = %peer.short(), "seated a member");
        Ok(seated(network, &have))
    }

    /// The network that a joiner means by its room id, or by the key that its record is found at.
    fn found_by(&self, asked: RoomId) -> Option<&Network> {
        let mut live = self.networks.iter().filter(|network| network.is_live(&self.me));
        live.find(|network| network.room() == asked || network.ledger.roster().discovery == asked.0)
    }

    fn record_leave(&mut self, room: RoomId, peer: &PeerId, leave: &[u8]) -> Result<(), JoinRefusal> {
        let leave = ledger::verify(leave, room).map_err(|error| {
            tracing::warn!(peer = %peer.short(), %error, "a joiner's entry does not verify");
            JoinRefusal::Invalid
        })?;
        if leave.author() != *peer || *leave.action() != Action::Leave {
            return Err(JoinRefusal::Invalid);
        }
        let taken = self.take_entries(room, vec![leave]).map_err(|_| JoinRefusal::NotNow)?;
        if !taken.is_empty() {
            self.spread(room, taken);
        }
        Ok(())
    }
}

/// A ledger that lost entries may have lost the removal of whoever asks.
fn whole(network: &Network) -> Result<(), JoinRefusal> {
    if network.damage.is_none() { Ok(()) } else { Err(JoinRefusal::NotNow) }
}

fn offer(network: &Network) -> Door {
    Door::Offer {
        room: network.room(),
        entries: network.ledger.entries().map(|entry| entry.bytes().to_vec()).collect(),
        heads: network.ledger.heads(),
    }
}

/// What the joiner lacks of the ledger that has its seat.
fn seated(network: &Network, have: &[ledger::EntryId]) -> Seating {
    let missing = network.ledger.missing(have);
    Seating::Seated(missing.into_iter().map(VerifiedEntry::bytes).map(<[u8]>::to_vec).collect())
}

fn may_return(network: &Network, peer: &PeerId) -> Result<(), JoinRefusal> {
    match network.ledger.was_removed(peer) {
        Some(_) => Err(JoinRefusal::Removed),
        None => Ok(()),
    }
}

pub(super) fn refusal(reason: InviteRefusal) -> JoinRefusal {
    match reason {
        InviteRefusal::Unknown => JoinRefusal::Unknown,
        InviteRefusal::Expired => JoinRefusal::InviteExpired,
        InviteRefusal::UsedUp => JoinRefusal::InviteUsedUp,
        InviteRefusal::Revoked => JoinRefusal::InviteRevoked,
    }
}
