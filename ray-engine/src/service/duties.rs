//! What a coordinator does unasked: confirming the history, changing the epoch's key after somebody went, removing members
//! that are not seen any more.
//!
//! All coordinators have the same duties. The most senior of those that are linked goes first and the others a step later
//! each, so that one of them acts as a rule. A coordinator that has fellow members and sees none of them waits.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use super::{Core, Network};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{Action, EntryId, Ledger},
    store::{Store, StoreError},
};

/// Between what makes a duty and its discharge, and between one coordinator and the next.
const STEP: Duration = Duration::from_secs(5);
/// Entries of its own that a coordinator leaves unconfirmed.
const OWN_UNCONFIRMED_MAX: usize = 64;
/// How often idle members are counted.
const COUNT: Duration = Duration::from_secs(5);
/// How often the count is stored. A crash forgives that much.
const SAVE: Duration = Duration::from_secs(30);
/// Whatever a network is set to: a link that broke is back within this.
const IDLE_S_MIN: u64 = 30;

/// What is to be done in one network, and since when.
#[derive(Debug)]
pub(super) struct Duties {
    checkpoint_since: Option<Instant>,
    rotation_since: Option<Instant>,
    /// Entries of the ledger when it was last looked at.
    looked_at: usize,
    /// The epoch then, and who had a seat when it began.
    epoch: Option<(EntryId, BTreeSet<PeerId>)>,
    idle: BTreeMap<PeerId, Duration>,
    counted_at: Option<Instant>,
    saved_at: Option<Instant>,
}

impl Duties {
    pub(super) fn load(store: &Store, room: RoomId) -> Result<Self, StoreError> {
        let idle = store.idle(room)?.into_iter().map(|(peer, seconds)| (peer, Duration::from_secs(seconds)));
        Ok(Self {
            checkpoint_since: None,
            rotation_since: None,
            looked_at: 0,
            epoch: None,
            idle: idle.collect(),
            counted_at: None,
            saved_at: None,
        })
    }
}

impl Network {
    /// Finds out what is to be done, when the ledger has changed.
    fn review(&mut self, me: &PeerId, now: Instant) {
        if !self.is_governed_by(me) {
            (self.duties.checkpoint_since, self.duties.rotation_since) = (None, None);
            return;
        }
        if self.duties.looked_at == self.ledger.len() {
            return;
        }
        self.duties.looked_at = self.ledger.len();
        let ledger = &self.ledger;
        let unconfirmed = ledger.unanchored_by_others(me) > 0 || ledger.unanchored() > OWN_UNCONFIRMED_MAX;
        since(&mut self.duties.checkpoint_since, unconfirmed, now);

        let epoch = ledger.roster().epoch.as_ref().map(|epoch| epoch.id);
        if epoch != self.duties.epoch.as_ref().map(|(id, _)| *id) {
            self.duties.epoch = epoch.map(|id| (id, ledger.members_before(&id)));
        }
        let stale = match &self.duties.epoch {
            None => true,
            Some((epoch, members)) => is_known_outside(ledger, epoch, members),
        };
        since(&mut self.duties.rotation_since, stale, now);
    }

    /// How long to wait with a duty: the more coordinators before this one are linked, the longer.
    fn turn(&self, me: &PeerId) -> Duration {
        let seniors = self.ledger.coordinators().into_iter().map(|seat| seat.peer).take_while(|peer| peer != me);
        let linked = seniors.filter(|peer| self.linked.contains_key(peer)).count();
        STEP * u32::try_from(linked + 1).unwrap_or(u32::MAX)
    }

    /// Whether what this node does now can reach somebody, or there is nobody to reach.
    fn is_in_company(&self) -> bool {
        !self.linked.is_empty() || self.ledger.roster().members().count() <= 1
    }

    fn due(&self, since: Option<Instant>, me: &PeerId) -> Option<Instant> {
        since.filter(|_| self.is_governed_by(me) && self.is_in_company()).map(|since| since + self.turn(me))
    }

    fn watches_idlers(&self, me: &PeerId) -> bool {
        self.ledger.roster().ephemeral > 0 && self.is_governed_by(me)
    }
}

impl Core {
    /// Notes what the present ledgers call for.
    pub(super) fn review_duties(&mut self) {
        let (me, now) = (self.me, Instant::now());
        for network in &mut self.networks {
            network.review(&me, now);
        }
    }

    /// Does what is due.
    pub(super) fn discharge_duties(&mut self) {
        let (me, now) = (self.me, Instant::now());
        for room in self.rooms() {
            let Some(network) = self.network(room) else { continue };
            let is_due = |since| network.due(since, &me).is_some_and(|due| due <= now);
            let (rotate, confirm) = (is_due(network.duties.rotation_since), is_due(network.duties.checkpoint_since));
            if rotate {
                self.replace_epoch(room);
            }
            if confirm && let Some(network) = self.network(room) {
                let checkpoint = network.ledger.checkpoint();
                self.do_unasked(room, checkpoint, "confirming the history");
            }
            self.count_idlers(room, now);
        }
    }

    /// When to look again.
    pub(super) fn duties_at(&self) -> Option<Instant> {
        let dues = self.networks.iter().flat_map(|network| {
            let duties = &network.duties;
            let counting = duties.counted_at.filter(|_| network.watches_idlers(&self.me)).map(|at| at + COUNT);
            [network.due(duties.checkpoint_since, &self.me), network.due(duties.rotation_since, &self.me), counting]
        });
        dues.flatten().min()
    }

    fn replace_epoch(&mut self, room: RoomId) {
        if let Err(error) = self.rotate_epoch(room) {
            tracing::error!(%room, error = %error.message, "replacing the epoch's key");
            self.postpone(room);
        }
    }

    /// Signs what a duty calls for; one that fails comes back later.
    fn do_unasked(&mut self, room: RoomId, action: Action, what: &str) -> bool {
        match self.act(room, action) {
            Ok(_) => true,
            Err(error) => {
                tracing::error!(%room, error = %error.message, "{what}");
                self.postpone(room);
                false
            }
        }
    }

    fn postpone(&mut self, room: RoomId) {
        let now = Instant::now();
        if let Some(network) = self.network_mut(room) {
            for since in [&mut network.duties.checkpoint_since, &mut network.duties.rotation_since] {
                *since = since.map(|_| now);
            }
        }
    }

    /// Counts for how long members were not seen, and removes those that were away for too long.
    fn count_idlers(&mut self, room: RoomId, now: Instant) {
        let (me, store) = (self.me, self.store.clone());
        // Whoever has no network sees nobody, which is not the others' fault.
        let connected = self.mesh.has_address();
        let Some(network) = self.network_mut(room) else { return };
        if !network.watches_idlers(&me) {
            network.duties.counted_at = None;
            return;
        }
        let Some(counted_at) = network.duties.counted_at else {
            network.duties.counted_at = Some(now);
            return;
        };
        let passed = now.duration_since(counted_at);
        if passed < COUNT {
            return;
        }
        network.duties.counted_at = Some(now);
        let roster = network.ledger.roster();
        let patience = Duration::from_secs(u64::from(roster.ephemeral).max(IDLE_S_MIN)) + (network.turn(&me) - STEP);
        let watched: BTreeSet<PeerId> =
            roster.members().filter(|member| !member.coordinator && member.peer != me).map(|m| m.peer).collect();
        let present = |peer: &PeerId| network.linked.contains_key(peer);
        let idle = count(&network.duties.idle, &watched, present, if connected { passed } else { Duration::ZERO });
        let overdue: Vec<PeerId> = idle.iter().filter(|(_, away)| **away >= patience).map(|(peer, _)| *peer).collect();
        network.duties.idle = idle;
        if network.duties.saved_at.is_none_or(|at| now.duration_since(at) >= SAVE) {
            network.duties.saved_at = Some(now);
            let record: Vec<_> = network.duties.idle.iter().map(|(peer, away)| (*peer, away.as_secs())).collect();
            if let Err(error) = tokio::task::block_in_place(|| store.save_idle(room, &record)) {
                tracing::error!(%error, network = %network.name(), "storing how long members were not seen");
            }
        }
        let mut removed = false;
        for member in overdue {
            tracing::info!(%room, peer = %member.short(), "removing a member that was not seen for too long");
            removed |= self.do_unasked(room, Action::Remove { member }, "removing an idle member");
        }
        if removed {
            self.replace_epoch(room);
        }
    }
}

fn since(slot: &mut Option<Instant>, holds: bool, now: Instant) {
    *slot = if holds { slot.or(Some(now)) } else { None };
}

/// Whether somebody who is no member may know the epoch's key: one that had a seat when it began, or got one since.
fn is_known_outside(ledger: &Ledger, epoch: &EntryId, members: &BTreeSet<PeerId>) -> bool {
    let roster = ledger.roster();
    members.iter().any(|peer| !roster.is_member(peer))
        || ledger.seated_beside(epoch).any(|peer| !roster.is_member(&peer))
}

/// The time that each of the watched was not seen, after `passed` more of it.
fn count(
    idle: &BTreeMap<PeerId, Duration>,
    watched: &BTreeSet<PeerId>,
    present: impl Fn(&PeerId) -> bool,
    passed: Duration,
) -> BTreeMap<PeerId, Duration> {
    let away = watched.iter().filter(|peer| !present(peer));
    away.map(|peer| (*peer, idle.get(peer).copied().unwrap_or_default() + passed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ident::UnixTime,
        ledger::{Invite, SigningKey, VerifiedEntry},
    };

    #[test]
    fn an_epoch_that_a_departed_member_knows_is_stale() {
        let (alice, bob) = (key(1), key(2));
        let mut ledger = found(&alice);
        say(&mut ledger, &alice, Action::Admit { member: id(&bob), hostname: "bob".parse().unwrap() });
        let epoch = say(&mut ledger, &alice, Action::RotateEpoch { commitment: [1; 32] });
        assert!(!is_stale(&ledger, &epoch));
        say(&mut ledger, &alice, Action::Remove { member: id(&bob) });
        assert!(is_stale(&ledger, &epoch));
        let epoch = say(&mut ledger, &alice, Action::RotateEpoch { commitment: [2; 32] });
        assert!(!is_stale(&ledger, &epoch));
    }

    #[test]
    fn a_departure_that_the_epoch_did_not_know_of_makes_it_stale() {
        let (alice, bob) = (key(1), key(2));
        let mut ledger = found(&alice);
        say(&mut ledger, &alice, Action::Admit { member: id(&bob), hostname: "bob".parse().unwrap() });
        let leave = ledger.author(&bob, Action::Leave, NOW).unwrap();
        let epoch = say(&mut ledger, &alice, Action::RotateEpoch { commitment: [1; 32] });
        ledger.insert(leave);
        assert!(is_stale(&ledger, &epoch));
    }

    #[test]
    fn whoever_came_back_may_know() {
        let (alice, bob) = (key(1), key(2));
        let mut ledger = found(&alice);
        let admit = Action::Admit { member: id(&bob), hostname: "bob".parse().unwrap() };
        say(&mut ledger, &alice, admit.clone());
        let epoch = say(&mut ledger, &alice, Action::RotateEpoch { commitment: [1; 32] });
        say(&mut ledger, &bob, Action::Leave);
        say(&mut ledger, &alice, admit);
        assert!(!is_stale(&ledger, &epoch));
    }

    #[test]
    fn a_seat_that_is_lost_when_two_halves_meet_makes_the_epoch_stale_also_after_a_restart() {
        let (alice, bob) = (key(1), key(2));
        let mut ledger = found(&alice);
        say(&mut ledger, &alice, Action::Admit { member: id(&bob), hostname: "bob".parse().unwrap() });
        let invite = Invite { room: ledger.room(), secret: [7; 32], seats: vec![id(&alice)] };
        let expires = UnixTime(NOW.0 + 3600);
        say(&mut ledger, &alice, Action::MintInvite { invite: invite.key(), uses: 1, expires, hostname: None });
        let epoch = say(&mut ledger, &alice, Action::RotateEpoch { commitment: [1; 32] });
        let mut far = ledger.clone();
        say(&mut ledger, &alice, redeem(&invite, &key(3), "nas"));
        assert!(!is_stale(&ledger, &epoch));
        let theirs = say(&mut far, &bob, redeem(&invite, &key(4), "pi"));
        ledger.insert(theirs);
        assert!(is_stale(&ledger, &epoch), "two had the seat, one has it");
        let epoch = say(&mut ledger, &alice, Action::RotateEpoch { commitment: [2; 32] });
        assert!(!is_stale(&ledger, &epoch), "once is enough");
    }

    #[test]
    fn idle_time_adds_up_while_away_and_starts_anew_on_return() {
        let (bob, nas) = (PeerId([1; 32]), PeerId([2; 32]));
        let watched = BTreeSet::from([bob, nas]);
        let five = Duration::from_secs(5);
        let idle = count(&BTreeMap::from([(bob, five)]), &watched, |_| false, five);
        assert_eq!(idle, BTreeMap::from([(bob, five * 2), (nas, five)]));
        let idle = count(&idle, &watched, |peer| *peer == bob, five);
        assert_eq!(idle, BTreeMap::from([(nas, five * 2)]));
        assert!(count(&idle, &BTreeSet::new(), |_| false, five).is_empty(), "no member any more");
    }

    fn redeem(invite: &Invite, joiner: &SigningKey, hostname: &str) -> Action {
        let (joiner, hostname) = (id(joiner), hostname.parse().unwrap());
        let proof = invite.redeem(&joiner, &hostname, None);
        Action::Redeem { invite: invite.key(), joiner, hostname, after: None, proof }
    }

    fn is_stale(ledger: &Ledger, epoch: &VerifiedEntry) -> bool {
        is_known_outside(ledger, &epoch.id(), &ledger.members_before(&epoch.id()))
    }

    const NOW: UnixTime = UnixTime(1_000_000);

    fn key(n: u8) -> SigningKey {
        SigningKey::from_bytes(&[n; 32])
    }

    fn id(key: &SigningKey) -> PeerId {
        PeerId(key.verifying_key().to_bytes())
    }

    fn found(founder: &SigningKey) -> Ledger {
        Ledger::found(&key(99), founder, "home".parse().unwrap(), "alice".parse().unwrap(), NOW).0
    }

    fn say(ledger: &mut Ledger, author: &SigningKey, action: Action) -> VerifiedEntry {
        let entry = ledger.author(author, action, NOW).unwrap();
        ledger.insert(entry.clone());
        entry
    }
}
