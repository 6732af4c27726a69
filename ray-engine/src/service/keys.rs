//! Keys of a network: made by coordinators, stored before the entry that names them counts, and pulled from members by
//! whoever lacks one.

use std::{
    collections::BTreeMap,
    sync::Arc,
    time::{Duration, Instant},
};

use super::{Core, Network, Result, failure};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{
        Action, EntryId, Ledger, SigningKey, VerifiedEntry,
        epoch::{self, EpochKey},
    },
    mesh::{
        self, Link,
        wire::{EPOCHS_MAX, EpochAnswer, LinkMessage},
    },
    store::{Store, StoreError},
};

/// Epochs whose keys are kept: a record that was published before the last rotations may still be the latest.
const KEPT_MAX: usize = 64;
/// Network keys that are kept: the one in force, one on its way in, and some that concurrent replacements made.
const NETWORK_KEYS_MAX: usize = 4;
/// One member is given so long to answer before the next is asked.
const ANSWER: Duration = Duration::from_secs(10);
/// A member that had nothing is asked again after this.
const AGAIN: Duration = Duration::from_secs(30);

/// The keys that this node has of one network, and whom it asked for those that it lacks.
#[derive(Debug)]
pub(super) struct Keys {
    /// The oldest first.
    epochs: Vec<(EntryId, EpochKey)>,
    /// The newest first.
    network: Vec<SigningKey>,
    /// The member that was asked last, and when.
    asked: Option<(PeerId, Instant)>,
    /// Members that had nothing, and when they said so.
    barren: BTreeMap<PeerId, Instant>,
}

impl Keys {
    pub(super) fn load(store: &Store, room: RoomId) -> Result<Self, StoreError> {
        Ok(Self {
            epochs: store.epochs(room)?.into_iter().map(|(id, key)| (id, EpochKey(key))).collect(),
            network: store.network_keys(room)?.iter().map(SigningKey::from_bytes).collect(),
            asked: None,
            barren: BTreeMap::new(),
        })
    }

    pub(super) fn epoch(&self, id: &EntryId) -> Option<&EpochKey> {
        self.epochs.iter().find(|(known, _)| known == id).map(|(_, key)| key)
    }

    /// The keys of all known epochs, the latest first.
    pub(super) fn epochs(&self) -> Vec<EpochKey> {
        self.epochs.iter().rev().map(|(_, key)| key.clone()).collect()
    }

    /// The network key with this public half.
    pub(super) fn network(&self, discovery: &[u8; 32]) -> Option<&SigningKey> {
        self.network.iter().find(|key| key.verifying_key().to_bytes() == *discovery)
    }

    /// A peer that is linked anew is asked anew.
    pub(super) fn forget(&mut self, peer: &PeerId) {
        self.barren.remove(peer);
        if self.asked.is_some_and(|(asked, _)| asked == *peer) {
            self.asked = None;
        }
    }

    fn may_ask(&self, peer: &PeerId, now: Instant) -> bool {
        self.barren.get(peer).is_none_or(|at| now.saturating_duration_since(*at) >= AGAIN)
    }

    /// Adds the key of an epoch, in the place of those whose epochs never came about.
    fn add_epoch(&mut self, store: &Store, ledger: &Ledger, id: EntryId, key: EpochKey) -> Result<(), StoreError> {
        let room = ledger.room();
        let mut epochs = self.epochs.clone();
        epochs.retain(|(known, _)| ledger.contains(known));
        epochs.push((id, key));
        let surplus = epochs.len().saturating_sub(KEPT_MAX);
        epochs.drain(..surplus);
        let bare: Vec<_> = epochs.iter().map(|(id, key)| (*id, key.0)).collect();
        tokio::task::block_in_place(|| store.save_epochs(room, &bare))?;
        self.epochs = epochs;
        Ok(())
    }

    /// Adds a network key. The one in force is never given up for others.
    fn add_network(&mut self, store: &Store, ledger: &Ledger, key: SigningKey) -> Result<(), StoreError> {
        let (room, in_force) = (ledger.room(), ledger.roster().discovery);
        let mut network = self.network.clone();
        network.sort_by_key(|known| known.verifying_key().to_bytes() != in_force);
        network.insert(0, key);
        network.truncate(NETWORK_KEYS_MAX);
        let bare: Vec<_> = network.iter().map(SigningKey::to_bytes).collect();
        tokio::task::block_in_place(|| store.save_network_keys(room, &bare))?;
        self.network = network;
        Ok(())
    }
}

/// Keys that a node ought to have and has not.
#[derive(Debug, PartialEq, Eq)]
struct Lack {
    epoch: Option<EntryId>,
    network_key: bool,
}

impl Network {
    fn lack(&self, me: &PeerId) -> Option<Lack> {
        if !self.is_live(me) {
            return None;
        }
        let roster = self.ledger.roster();
        let epoch = roster.epoch.as_ref().map(|epoch| epoch.id).filter(|id| self.keys.epoch(id).is_none());
        let network_key = roster.is_coordinator(me) && self.keys.network(&roster.discovery).is_none();
        (epoch.is_some() || network_key).then_some(Lack { epoch, network_key })
    }

    /// Whom to ask for keys: the one that made the epoch first, then coordinators.
    fn key_holder(&self, lack: &Lack, now: Instant) -> Option<PeerId> {
        let roster = self.ledger.roster();
        let author = lack.epoch.and_then(|id| self.ledger.get(&id)).map(VerifiedEntry::author);
        let ranked = self.key_holders(lack).filter(|peer| self.keys.may_ask(peer, now));
        ranked.min_by_key(|peer| (author != Some(**peer), !roster.is_coordinator(peer))).copied()
    }

    /// The linked members that may have what is missing. Only coordinators have the network key.
    fn key_holders(&self, lack: &Lack) -> impl Iterator<Item = &PeerId> {
        let (any, roster) = (lack.epoch.is_some(), self.ledger.roster());
        self.linked.keys().filter(move |peer| any || roster.is_coordinator(peer))
    }

    /// Whether the network key is with nobody who may have it: its last holder went, and this node is the one to replace it.
    fn lost_network_key(&self, lack: &Lack, me: &PeerId) -> bool {
        let mut coordinators = self.ledger.coordinators().into_iter().map(|seat| seat.peer);
        lack.network_key
            && self.is_governed_by(me)
            && coordinators.next() == Some(*me)
            && coordinators.all(|peer| self.keys.barren.contains_key(&peer))
    }

    /// When somebody may be asked again, or the network key be replaced.
    fn keys_again(&self, lack: &Lack, me: &PeerId) -> Option<Instant> {
        let myself = Some(me).filter(|me| self.lost_network_key(lack, me));
        self.key_holders(lack).chain(myself).filter_map(|peer| self.keys.barren.get(peer)).min().map(|at| *at + AGAIN)
    }

    /// The commitment of an epoch that any entry began, whether it is the present one or not.
    fn commitment(&self, epoch: &EntryId) -> Option<[u8; 32]> {
        match self.ledger.get(epoch)?.action() {
            Action::RotateEpoch { commitment } => Some(*commitment),
            _ => None,
        }
    }
}

impl Core {
    /// Begins an epoch with a new key.
    pub(super) fn rotate_epoch(&mut self, room: RoomId) -> Result<VerifiedEntry> {
        let key = EpochKey(mesh::random_key());
        let entry = self.sign(room, Action::RotateEpoch { commitment: key.commitment() })?;
        let store = self.store.clone();
        let network = self.network_mut(room).ok_or_else(gone)?;
        // Before the entry counts: an epoch whose key nobody has could publish nothing.
        network.keys.add_epoch(&store, &network.ledger, entry.id(), key).map_err(|error| failure::store(&error))?;
        self.enact(room, entry)
    }

    /// Replaces the key that signs the network's record.
    pub(super) fn rekey(&mut self, room: RoomId) -> Result<VerifiedEntry> {
        let key = SigningKey::from_bytes(&mesh::random_key());
        let entry = self.sign(room, Action::Rekey { discovery: key.verifying_key().to_bytes() })?;
        let store = self.store.clone();
        let network = self.network_mut(room).ok_or_else(gone)?;
        network.keys.add_network(&store, &network.ledger, key).map_err(|error| failure::store(&error))?;
        self.enact(room, entry)
    }

    /// Drops what only coordinators may have where this node is none any more.
    pub(super) fn drop_network_keys(&mut self) {
        let (store, me) = (self.store.clone(), self.me);
        for network in &mut self.networks {
            // A ledger that lost entries does not know who coordinates.
            if network.damage.is_some()
                || network.keys.network.is_empty()
                || network.ledger.roster().is_coordinator(&me)
            {
                continue;
            }
            match tokio::task::block_in_place(|| store.remove_network_keys(network.room())) {
                Ok(()) => network.keys.network.clear(),
                Err(error) => tracing::error!(%error, network = %network.name(), "dropping the network key"),
            }
        }
    }

    /// Asks a linked member for the keys that are missing, one member at a time.
    pub(super) fn seek_keys(&mut self) {
        let (me, now) = (self.me, Instant::now());
        for room in self.rooms() {
            let Some(network) = self.network_mut(room) else { continue };
            let Some(lack) = network.lack(&me) else {
                network.keys.asked = None;
                continue;
            };
            match network.keys.asked {
                Some((_, at)) if now.duration_since(at) < ANSWER => continue,
                Some((silent, _)) => {
                    network.keys.barren.insert(silent, now);
                    network.keys.asked = None;
                }
                None => {}
            }
            if network.lost_network_key(&lack, &me) && network.keys.may_ask(&me, now) {
                network.keys.barren.insert(me, now);
                match self.rekey(room) {
                    Ok(_) => tracing::info!(%room, "replaced a network key that nobody has any more"),
                    Err(error) => {
                        tracing::error!(%room, error = %error.message, "replacing a network key that is lost")
                    }
                }
                continue;
            }
            let Some(peer) = network.key_holder(&lack, now) else { continue };
            network.keys.asked = Some((peer, now));
            let epochs = lack.epoch.iter().map(|id| id.0).collect();
            if let Some(link) = self.mesh.links().get(&peer) {
                link.say(LinkMessage::KeyWant { room: room.0, epochs, network_key: lack.network_key });
            }
        }
    }

    /// When to ask again.
    pub(super) fn keys_at(&self) -> Option<Instant> {
        let due = |network: &Network| match (&network.keys.asked, network.lack(&self.me)) {
            (_, None) => None,
            (Some((_, at)), Some(_)) => Some(*at + ANSWER),
            (None, Some(lack)) => network.keys_again(&lack, &self.me),
        };
        self.networks.iter().filter_map(due).min()
    }

    /// Hands keys to a member. A key that is not here and one that the peer may not have are the same answer, and so is a
    /// network that is not here.
    pub(super) fn answer_key_want(&mut self, link: &Arc<Link>, room: RoomId, epochs: &[[u8; 32]], network_key: bool) {
        let peer = link.peer();
        if epochs.len() > EPOCHS_MAX {
            return link.violate("too many epochs");
        }
        if !self.key_wants.take(&peer, Instant::now()) {
            return tracing::debug!(peer = %peer.short(), "not answering who asks for keys all the time");
        }
        // A ledger that lost entries may have lost the removal of whoever asks.
        let whole = |network: &&Network| network.damage.is_none() && network.shared_by(&self.me, &peer);
        let network = self.network(room).filter(whole);
        let wrapped = |id: &[u8; 32]| {
            let (network, id) = (network?, EntryId(*id));
            let key = network.keys.epoch(&id)?;
            epoch::wrap(&room, &id, &peer, key, mesh::random_key()).map(|wrapped| wrapped.to_vec())
        };
        let answers = epochs.iter().map(|id| EpochAnswer { epoch: *id, wrapped: wrapped(id) }).collect();
        let network_key = network
            .filter(|network| network_key && network.ledger.roster().is_coordinator(&peer))
            .and_then(|network| network.keys.network(&network.ledger.roster().discovery))
            .and_then(|key| epoch::wrap_network_key(&room, &peer, key, mesh::random_key()))
            .map(|wrapped| wrapped.to_vec());
        link.say(LinkMessage::Keys { room: room.0, epochs: answers, network_key });
    }

    /// Takes keys that were asked for, if they are the right ones.
    pub(super) fn hear_keys(
        &mut self,
        link: &Arc<Link>,
        room: RoomId,
        epochs: &[EpochAnswer],
        network_key: Option<&[u8]>,
    ) {
        let (peer, me, own, store) = (link.peer(), self.me, self.key.clone(), self.store.clone());
        let Some(network) = self.network_mut(room) else { return };
        if network.keys.asked.is_none_or(|(asked, _)| asked != peer) {
            // Late: it has been given up, or the key has come from elsewhere.
            return;
        }
        network.keys.asked = None;
        let mut stored = Ok(());
        for answer in epochs.iter().take(EPOCHS_MAX) {
            let id = EntryId(answer.epoch);
            let key = answer.wrapped.as_ref().and_then(|wrapped| epoch::unwrap(&room, &id, &own, wrapped));
            let Some(key) = key.filter(|key| network.commitment(&id) == Some(key.commitment())) else { continue };
            if network.keys.epoch(&id).is_none() {
                stored = stored.and(network.keys.add_epoch(&store, &network.ledger, id, key));
            }
        }
        let discovery = network.ledger.roster().discovery;
        let key = network_key.and_then(|wrapped| epoch::unwrap_network_key(&room, &discovery, &own, wrapped));
        if let Some(key) = key.filter(|_| network.keys.network(&discovery).is_none()) {
            stored = stored.and(network.keys.add_network(&store, &network.ledger, key));
        }
        if let Err(error) = stored {
            tracing::error!(%error, network = %network.name(), "storing keys");
        }
        if network.lack(&me).is_some() {
            network.keys.barren.insert(peer, Instant::now());
        } else {
            self.dirty = true;
        }
    }
}

fn gone() -> ray_ipc::control::ErrorReply {
    failure::not_found("the network is gone", "")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ident::UnixTime, store::Beginning};

    #[test]
    fn attempts_that_failed_push_no_key_out() {
        let directory = std::env::temp_dir().join(format!("ray-keys-{}", std::process::id()));
        let store = Store::open(&directory).unwrap();
        let (discovery, founder) = (SigningKey::from_bytes(&[1; 32]), SigningKey::from_bytes(&[2; 32]));
        let time = UnixTime(1_000_000);
        let (mut ledger, _) =
            Ledger::found(&discovery, &founder, "home".parse().unwrap(), "alice".parse().unwrap(), time);
        let epoch = ledger.author(&founder, Action::RotateEpoch { commitment: [0; 32] }, time).unwrap();
        ledger.insert(epoch.clone());
        let room = ledger.room();
        store.add_network(room, &Beginning { entries: vec![epoch.bytes()], ..Beginning::default() }).unwrap();
        let mut keys = Keys::load(&store, room).unwrap();
        keys.add_epoch(&store, &ledger, epoch.id(), EpochKey([0; 32])).unwrap();
        keys.add_network(&store, &ledger, discovery.clone()).unwrap();
        for n in 1..=2 * KEPT_MAX {
            let n = u8::try_from(n).unwrap();
            keys.add_epoch(&store, &ledger, EntryId([n; 32]), EpochKey([n; 32])).unwrap();
            keys.add_network(&store, &ledger, SigningKey::from_bytes(&[n + 2; 32])).unwrap();
        }
        let kept = Keys::load(&store, room).unwrap();
        assert!(kept.epoch(&epoch.id()).is_some() && kept.epoch(&EntryId([128; 32])).is_some());
        assert_eq!(kept.epochs.len(), 2, "the one in force, and the last attempt");
        assert!(kept.network(&discovery.verifying_key().to_bytes()).is_some());
        assert_eq!(kept.network.len(), NETWORK_KEYS_MAX);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
