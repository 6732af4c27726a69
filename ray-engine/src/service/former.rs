//! Who was put out while it was away: a member's answer to it, and this node's own case where members turn it away.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use tokio::time::timeout;

use super::{Command, Core, Result};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{self, Ledger, VerifiedEntry},
    mesh::{
        JoinRefusal, MeshError,
        handin::{self, Heard},
    },
};

/// One conversation, discovery included; the other side gives it 20 s.
const TIMEOUT: Duration = Duration::from_secs(35);
/// A former member is heard so often at once, and then once in this time: it can make a trial cost seconds.
pub(super) const HEARINGS: (u32, Duration) = (4, Duration::from_secs(300));

/// What came of handing in.
#[derive(Debug)]
pub(super) struct HandedIn {
    room: RoomId,
    peer: PeerId,
    outcome: std::result::Result<Heard, MeshError>,
}

impl Core {
    /// Somebody says that it was put out of a network, and asks to be heard.
    pub(super) fn hear_former(&mut self, peer: PeerId, room: RoomId) -> Result<Box<Ledger>, JoinRefusal> {
        let heard = self.network(room).is_some_and(|n| n.damage.is_none() && is_heard(&n.ledger, &self.me, &peer));
        if !heard {
            return Err(JoinRefusal::Unknown);
        }
        // After the judgement: strangers leave no trace here.
        if !self.hearings.take(&peer, Instant::now()) {
            return Err(JoinRefusal::NotNow);
        }
        let network = self.network(room).ok_or(JoinRefusal::Unknown)?;
        Ok(tokio::task::block_in_place(|| Box::new(network.ledger.clone())))
    }

    /// Takes in what shows that a former member is in.
    pub(super) fn readmit(
        &mut self,
        peer: PeerId,
        room: RoomId,
        entries: Vec<VerifiedEntry>,
    ) -> Result<(), JoinRefusal> {
        let taken = self.take_entries(room, entries).map_err(|_| JoinRefusal::NotNow)?;
        self.spread(room, taken);
        let network = self.network(room).ok_or(JoinRefusal::Unknown)?;
        if !network.has(&peer) {
            return Err(JoinRefusal::NotNow);
        }
        tracing::info!(network = %network.name(), peer = %peer.short(), "a node that was put out shows that it is in");
        Ok(())
    }

    /// A peer closed its link to this node, or names only `named` of the networks that we think it shares.
    pub(super) fn doubt(&mut self, peer: PeerId, named: &BTreeSet<RoomId>) {
        let (me, now) = (self.me, Instant::now());
        let denied = self.networks.iter_mut().filter(|n| n.shared_by(&me, &peer) && !named.contains(&n.room()));
        for network in denied {
            tracing::debug!(network = %network.name(), peer = %peer.short(), "a member denies that this node is in");
            network.doubts.hear(peer, now);
        }
    }

    /// Hands in where a member denies that this node is in, and it is time.
    pub(super) fn settle_doubts(&mut self) {
        let (me, now) = (self.me, Instant::now());
        for network in &mut self.networks {
            let (ledger, linked) = (&network.ledger, &network.linked);
            let live = network.damage.is_none() && ledger.roster().is_member(&me);
            network.doubts.retain(|peer| live && ledger.roster().is_member(peer) && !linked.contains_key(peer));
            let Some(peer) = network.doubts.ask(now) else { continue };
            let (room, ledger) = (ledger.room(), ledger.clone());
            let (mesh, commands) = (self.mesh.clone(), self.commands.clone());
            tracing::info!(network = %network.name(), peer = %peer.short(), "asking a member why it turns this node away");
            tokio::spawn(async move {
                let told = timeout(TIMEOUT, handin::hand_in(&mesh, peer, &ledger)).await;
                let outcome = told.unwrap_or(Err(MeshError::Timeout));
                if let Some(commands) = commands.upgrade() {
                    // An engine that shuts down asks again when it is back.
                    let _ = commands.send(Command::HandedIn(HandedIn { room, peer, outcome })).await;
                }
            });
        }
    }

    pub(super) fn doubts_at(&self) -> Option<Instant> {
        self.networks.iter().filter_map(|network| network.doubts.wake_at()).min()
    }

    pub(super) fn finish_handing_in(&mut self, handed: HandedIn) {
        let HandedIn { room, peer, outcome } = handed;
        let fruitful = match outcome {
            Ok(Heard::Member) => {
                self.mesh.hurry(&peer);
                true
            }
            Ok(Heard::Out(entries)) => self.learn_exit(room, &peer, &entries),
            Err(error) => {
                tracing::info!(%room, peer = %peer.short(), %error, "asking why this node is turned away");
                if let MeshError::Unreachable(_) | MeshError::Timeout = error
                    && let Some(network) = self.network_mut(room)
                {
                    // It turns nobody away now.
                    network.doubts.retain(|other| *other != peer);
                }
                false
            }
        };
        if let Some(network) = self.network_mut(room) {
            network.doubts.end(fruitful, Instant::now());
        }
    }

    /// Takes in what a member says of this node's end, as anything that a member sends. Whether there was news.
    fn learn_exit(&mut self, room: RoomId, peer: &PeerId, entries: &[Vec<u8>]) -> bool {
        let Some(network) = self.network(room).filter(|network| network.has(peer)) else { return false };
        let fresh = entries.iter().filter(|bytes| !network.ledger.contains(&ledger::EntryId::of(bytes)));
        let verified: Result<Vec<_>, _> =
            tokio::task::block_in_place(|| fresh.map(|bytes| ledger::verify(bytes, room)).collect());
        let Ok(verified) = verified else {
            tracing::warn!(%room, peer = %peer.short(), "a member sent an entry that does not verify");
            return false;
        };
        // An error has been told and undone where it arose.
        let taken = self.take_entries(room, verified).unwrap_or_default();
        let fruitful = !taken.is_empty();
        self.spread(room, taken);
        fruitful
    }
}

/// Whether a node is one that `me`, a member to this day or to the end, answers: it was put out.
fn is_heard(ledger: &Ledger, me: &PeerId, peer: &PeerId) -> bool {
    ledger.roster().has_seat(me) && peer != me && ledger.exit(peer).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ident::UnixTime,
        ledger::{Action, SigningKey},
    };

    #[test]
    fn only_who_was_put_out_is_heard_and_only_by_members() {
        let mut ledger = network();
        let heard = |ledger: &Ledger, me, peer| is_heard(ledger, &id(me), &id(peer));
        assert!(!heard(&ledger, 1, 2) && !heard(&ledger, 1, 9), "a member, a stranger");
        act(&mut ledger, 1, Action::Remove { member: id(2) });
        act(&mut ledger, 3, Action::Leave);
        assert!(heard(&ledger, 1, 2) && heard(&ledger, 4, 2));
        assert!(!heard(&ledger, 1, 3), "it left");
        assert!(!heard(&ledger, 1, 4) && !heard(&ledger, 1, 9) && !heard(&ledger, 1, 1));
        assert!(!heard(&ledger, 2, 2) && !heard(&ledger, 3, 2) && !heard(&ledger, 9, 2), "no member answers");
    }

    #[test]
    fn after_the_end_of_a_network_those_are_heard_who_were_in_to_the_end_or_put_out_before() {
        let mut ledger = network();
        act(&mut ledger, 1, Action::Remove { member: id(2) });
        act(&mut ledger, 3, Action::Leave);
        act(&mut ledger, 1, Action::Dissolve);
        let heard = |me, peer| is_heard(&ledger, &id(me), &id(peer));
        assert!(heard(1, 4) && heard(4, 1) && heard(1, 2));
        assert!(!heard(1, 3) && !heard(1, 9) && !heard(2, 4) && !heard(1, 1));
    }

    /// Nodes 1 to 4; 1 founded it.
    fn network() -> Ledger {
        let name = "home".parse().unwrap();
        let (mut ledger, _) = Ledger::found(&key(200), &key(1), name, "node-1".parse().unwrap(), UnixTime(0));
        for number in 2..=4 {
            let hostname = format!("node-{number}").parse().unwrap();
            act(&mut ledger, 1, Action::Admit { member: id(number), hostname });
        }
        ledger
    }

    fn act(ledger: &mut Ledger, author: u8, action: Action) {
        let entry = ledger.author(&key(author), action, UnixTime(0)).unwrap();
        ledger.insert(entry);
    }

    fn key(number: u8) -> SigningKey {
        SigningKey::from_bytes(&[number; 32])
    }

    fn id(number: u8) -> PeerId {
        PeerId(key(number).verifying_key().to_bytes())
    }
}
