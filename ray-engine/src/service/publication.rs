//! Publishing a network's record and blob, and looking them up where no member can be reached. When to do either is for
//! [`crate::publish::Publisher`]; the work is done in tasks of its own, whose ends come back as commands.

use std::time::{Duration, Instant};

use super::{Command, Core, Network, now};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{self, EntryId, Mode, SigningKey, VerifiedEntry, epoch::EpochKey},
    mesh::{self, Mesh},
    publish::{
        self, Announcer, Answers, BlobRef, Candidate, Cover, Draft, Expected, Issued, Publisher, Receipt, Task, blob,
        seeds,
    },
    store::{Store, StoreError},
};

/// The blob is made anew when the ledger has rested for so long, or changed for five times that.
const REST: Duration = Duration::from_secs(2);
/// One member is given so long to hand out a blob.
const FETCH: Duration = Duration::from_secs(60);

/// What this node knows and does about one network's publication.
#[derive(Debug)]
pub(super) struct Publication {
    publisher: Publisher,
    /// When the latest record was issued that was accepted.
    floor: Issued,
    seen: Option<Instant>,
    error: Option<String>,
    /// What the record and the blob were last made from.
    basis: Option<Basis>,
    /// The blob that is handed out.
    shelved: Option<BlobRef>,
    /// When the next one is made, and since when it is needed.
    shelve: Option<(Instant, Instant)>,
    /// The blob that was fetched last.
    fetched: Option<[u8; 32]>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Basis {
    entries: usize,
    epoch: Option<EntryId>,
    has_key: bool,
    mode: Mode,
    discovery: [u8; 32],
}

/// The publication of a network, for whoever shows it.
#[derive(Debug, Clone)]
pub(super) struct PublicationState {
    pub(super) discovery: [u8; 32],
    pub(super) publisher: bool,
    pub(super) seen: Option<Instant>,
    pub(super) error: Option<String>,
}

/// What a look-up brought.
#[derive(Debug)]
pub(super) struct Found {
    answers: Answers,
    /// The entries of the blob that the record names, if it was fetched.
    entries: Vec<Vec<u8>>,
    /// The blob's hash, likewise.
    fetched: Option<[u8; 32]>,
}

impl Publication {
    pub(super) fn new(store: &Store, room: RoomId, now: publish::Millis) -> Result<Self, StoreError> {
        Ok(Self {
            publisher: Publisher::new(mesh::random_key(), now),
            floor: Issued(store.record_issued(room)?),
            seen: None,
            error: None,
            basis: None,
            shelved: None,
            shelve: None,
            fetched: None,
        })
    }

    fn accept(&mut self, store: &Store, room: RoomId, issued: Issued) {
        self.seen = Some(Instant::now());
        if issued <= self.floor {
            return;
        }
        self.floor = issued;
        if let Err(error) = tokio::task::block_in_place(|| store.save_record_issued(room, issued.0)) {
            tracing::error!(%error, %room, "storing when the network's record was issued");
        }
    }
}

impl Network {
    fn epoch_key(&self) -> Option<&EpochKey> {
        self.keys.epoch(&self.ledger.roster().epoch.as_ref()?.id)
    }

    /// The key to publish with, on a node that publishes.
    fn publishing_key(&self, me: &PeerId) -> Option<&SigningKey> {
        self.keys.network(&self.ledger.roster().discovery).filter(|_| self.is_governed_by(me))
    }

    fn basis(&self) -> Basis {
        let roster = self.ledger.roster();
        Basis {
            entries: self.ledger.len(),
            epoch: roster.epoch.as_ref().map(|epoch| epoch.id),
            has_key: self.epoch_key().is_some(),
            mode: roster.mode,
            discovery: roster.discovery,
        }
    }
}

impl Core {
    pub(super) fn publication(&self, room: RoomId) -> PublicationState {
        let network = self.network(room);
        PublicationState {
            discovery: network.map_or(room.0, |network| network.ledger.roster().discovery),
            publisher: self.announcer.has_places()
                && network.is_some_and(|network| network.publishing_key(&self.me).is_some()),
            seen: network.and_then(|network| network.publication.seen),
            error: network.and_then(|network| network.publication.error.clone()),
        }
    }

    /// Takes back what was published of a network that this node has no part in any more.
    pub(super) fn unpublish(&self, room: RoomId) {
        self.shelf.remove(room);
    }

    /// Lets what is published follow the present ledgers. Whoever is no member reads nothing from now on.
    pub(super) fn review_publication(&mut self) {
        let (me, now, now_ms) = (self.me, Instant::now(), self.elapsed_ms());
        let has_places = self.announcer.has_places();
        for network in &mut self.networks {
            let live = network.is_live(&me);
            if !live {
                self.shelf.remove(network.room());
                network.publication.shelved = None;
                network.publication.shelve = None;
            }
            let allowed = has_places && network.publishing_key(&me).is_some();
            // A node that has no part, or no place to look, does not look.
            let linked = !network.linked.is_empty() || !live || !has_places;
            network.publication.publisher.allow(allowed, now_ms);
            network.publication.publisher.linked(linked, now_ms);
            let basis = network.basis();
            if network.publication.basis.as_ref() == Some(&basis) {
                continue;
            }
            network.publication.basis = Some(basis);
            network.publication.publisher.changed(now_ms);
            let readers = network.ledger.roster().members().map(|member| member.peer).collect();
            self.shelf.replace_readers(network.room(), readers);
            if live {
                let since = network.publication.shelve.map_or(now, |(_, since)| since);
                network.publication.shelve = Some(((now + REST).min(since + 5 * REST), since));
            }
        }
    }

    /// Starts what is due.
    pub(super) fn run_publication(&mut self) {
        for room in self.rooms() {
            let now = Instant::now();
            let due =
                self.network(room).and_then(|network| network.publication.shelve).is_some_and(|(at, _)| at <= now);
            if due {
                self.shelve(room);
            }
            loop {
                let now_ms = self.elapsed_ms();
                let Some(network) = self.network_mut(room) else { break };
                match network.publication.publisher.next(now_ms) {
                    Some(Task::Publish) => self.start_publishing(room),
                    Some(Task::LookUp) => self.start_looking(room),
                    None => break,
                }
            }
        }
    }

    /// When to look again.
    pub(super) fn publication_at(&self) -> Option<Instant> {
        let dues = self.networks.iter().flat_map(|network| {
            let publication = &network.publication;
            let timetable = publication.publisher.wake_at().map(|at| self.started + Duration::from_millis(at));
            [timetable, publication.shelve.map(|(at, _)| at)]
        });
        dues.flatten().min()
    }

    /// Makes the blob of a network as it is now, for members to fetch.
    fn shelve(&mut self, room: RoomId) {
        let shelf = self.shelf.clone();
        let Some(network) = self.network_mut(room) else { return };
        network.publication.shelve = None;
        let Some(key) = network.epoch_key() else { return };
        let entries = network.ledger.entries().map(VerifiedEntry::bytes);
        match tokio::task::block_in_place(|| blob::build(room, entries, key)) {
            Ok(blob) if network.publication.shelved == Some(blob.reference()) => {}
            Ok(blob) => {
                let readers = network.ledger.roster().members().map(|member| member.peer).collect();
                shelf.put(room, &blob, readers);
                network.publication.shelved = Some(blob.reference());
            }
            Err(error) => {
                tracing::warn!(network = %network.name(), %error, "publishing no history");
                shelf.remove(room);
                network.publication.shelved = None;
            }
        }
    }

    fn start_publishing(&mut self, room: RoomId) {
        self.shelve(room);
        let Some(commands) = self.commands.upgrade() else { return };
        let Some(network) = self.network(room) else { return };
        let (roster, announcer) = (network.ledger.roster(), self.announcer.clone());
        let (key, epoch) = (network.publishing_key(&self.me).cloned(), network.epoch_key().cloned());
        let (Some(key), true) = (key, roster.mode != Mode::Closed || epoch.is_some()) else {
            return self.finish_publishing(room, Err("the key that seals the record is missing".to_owned()));
        };
        let cover = epoch.filter(|_| roster.mode == Mode::Closed);
        let seeds = seeds::choose(&self.candidates(network), mesh::random_key());
        let blob = network.publication.shelved;
        let (floor, epochs, discovery) = (network.publication.floor, network.keys.epochs(), roster.discovery);
        tokio::spawn(async move {
            let mut nonce = [0; 24];
            nonce.iter_mut().zip(mesh::random_key()).for_each(|(to, from)| *to = from);
            let cover = cover.as_ref().map_or(Cover::Open, |key| Cover::Sealed { key, nonce });
            let expected = Expected { discovery, now: now(), floor, epochs: &epochs };
            let receipt = announcer.publish(&Draft { blob, seeds: &seeds, cover, network_key: &key }, &expected).await;
            let outcome = receipt.ok_or_else(|| "the record cannot be made".to_owned());
            // An engine that shuts down needs no news.
            let _ = commands.send(Command::Published { room, outcome }).await;
        });
    }

    pub(super) fn finish_publishing(&mut self, room: RoomId, outcome: Result<Receipt, String>) {
        let (store, now_ms) = (self.store.clone(), self.elapsed_ms());
        let Some(network) = self.network_mut(room) else { return };
        let name = network.name().clone();
        let publication = &mut network.publication;
        publication.error = match outcome {
            Ok(receipt) if receipt.stored > 0 => {
                publication.accept(&store, room, receipt.issued);
                None
            }
            Ok(receipt) => {
                let why: Vec<String> = receipt.failures.iter().map(|(place, why)| format!("{place}: {why}")).collect();
                Some(format!("publishing: {}", why.join(", ")))
            }
            Err(why) => Some(format!("publishing: {why}")),
        };
        if let Some(error) = &publication.error {
            tracing::warn!(network = %name, error, "publishing the network's record");
        }
        publication.publisher.published(publication.error.is_none(), now_ms);
    }

    fn start_looking(&self, room: RoomId) {
        let Some(commands) = self.commands.upgrade() else { return };
        let Some(network) = self.network(room) else { return };
        let (announcer, mesh, me) = (self.announcer.clone(), self.mesh.clone(), self.me);
        let (floor, epochs) = (network.publication.floor, network.keys.epochs());
        let discovery = network.ledger.roster().discovery;
        let known = [network.publication.shelved.map(|blob| blob.hash), network.publication.fetched];
        let members: Vec<PeerId> = network.ledger.roster().members().map(|member| member.peer).collect();
        tokio::spawn(async move {
            let expected = Expected { discovery, now: now(), floor, epochs: &epochs };
            let answers = announcer.look_up(&expected).await;
            let mut found = Found { answers, entries: Vec::new(), fetched: None };
            if let Some(Ok(record)) = &found.answers.record
                && let Some(blob) = record.blob.filter(|blob| !known.contains(&Some(blob.hash)))
            {
                // Where the seeds are sealed with a newer key, one of the known members may do.
                let from = record.seeds.as_ref().unwrap_or(&members).iter().filter(|peer| **peer != me);
                for peer in from {
                    mesh.hurry(peer);
                    if let Some(entries) = fetch(&mesh, room, *peer, blob, &epochs).await {
                        (found.entries, found.fetched) = (entries, Some(blob.hash));
                        break;
                    }
                }
            }
            // An engine that shuts down needs no news.
            let _ = commands.send(Command::LookedUp { room, found }).await;
        });
    }

    pub(super) fn finish_looking(&mut self, room: RoomId, found: Found) {
        let (store, now_ms) = (self.store.clone(), self.elapsed_ms());
        let Some(network) = self.network_mut(room) else { return };
        let publication = &mut network.publication;
        publication.publisher.looked_up(now_ms);
        publication.error = match &found.answers.record {
            Some(Ok(record)) => {
                publication.accept(&store, room, record.issued);
                None
            }
            Some(Err(error)) => Some(format!("looking the record up: {error}")),
            None => {
                let why: Vec<String> =
                    found.answers.failures.iter().map(|(place, why)| format!("{place}: {why}")).collect();
                let why = if why.is_empty() { "there is none".to_owned() } else { why.join(", ") };
                Some(format!("looking the record up: {why}"))
            }
        };
        publication.fetched = found.fetched.or(publication.fetched);
        let unknown: Vec<_> =
            found.entries.iter().filter(|bytes| !network.ledger.contains(&EntryId::of(bytes))).collect();
        let verified: Vec<VerifiedEntry> = tokio::task::block_in_place(|| {
            unknown.into_iter().filter_map(|bytes| ledger::verify(bytes, room).ok()).collect()
        });
        // An error has been told and undone where it arose.
        let taken = self.take_entries(room, verified).unwrap_or_default();
        if !taken.is_empty() {
            tracing::info!(%room, entries = taken.len(), "caught up from what is published");
            self.spread(room, taken);
        }
    }

    fn candidates(&self, network: &Network) -> Vec<Candidate> {
        let seen = |peer: &PeerId| {
            if *peer == self.me || network.linked.contains_key(peer) {
                return Some(0);
            }
            self.last_seen.get(peer).map(|at| at.elapsed().as_secs().max(1))
        };
        let members = network.ledger.roster().members();
        members.map(|m| Candidate { peer: m.peer, coordinator: m.coordinator, seen_s: seen(&m.peer) }).collect()
    }
}

/// The members that the record of a network names, if anybody may read them.
pub(super) async fn find_seeds(announcer: &Announcer, room: RoomId) -> Vec<PeerId> {
    let expected = Expected { discovery: room.0, now: now(), floor: Issued::default(), epochs: &[] };
    let answers = announcer.look_up(&expected).await;
    match answers.record {
        Some(Ok(record)) => record.seeds.unwrap_or_default(),
        Some(Err(error)) => {
            tracing::info!(%room, %error, "looking up who is there");
            Vec::new()
        }
        None => {
            for (place, failure) in answers.failures {
                tracing::info!(%room, place, %failure, "looking up who is there");
            }
            Vec::new()
        }
    }
}

async fn fetch(mesh: &Mesh, room: RoomId, peer: PeerId, blob: BlobRef, epochs: &[EpochKey]) -> Option<Vec<Vec<u8>>> {
    let sealed = match publish::fetch(mesh.connect(peer, publish::ALPN), blob, FETCH).await {
        Ok(sealed) => sealed,
        Err(error) => {
            tracing::info!(peer = %peer.short(), %error, "fetching what is published");
            return None;
        }
    };
    tokio::task::block_in_place(|| epochs.iter().find_map(|key| blob::open(room, &sealed, key).ok()))
}
