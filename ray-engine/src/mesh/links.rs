//! The links that are up, one per peer, for the data path to look up without a lock.

use std::{
    collections::HashMap,
    sync::Arc,
    time::{Duration, Instant},
};

use arc_swap::ArcSwap;
use tokio::{sync::watch, time::sleep};

use super::{Link, LinkTraffic, close};
use crate::ident::PeerId;

/// Two nodes that dial each other at once make two connections within this time; later ones are reconnections. A peer that
/// restarts sooner than that is linked again after this.
const SIMULTANEOUS: Duration = Duration::from_secs(1);
/// How long a link stays open after another has taken its place: what is under way on it arrives, and the peer, which
/// changes over by itself, has done so.
const RETIREMENT: Duration = Duration::from_secs(1);
/// Between the last word on such a link, which is how much was sent on it, and its end.
const LAST_WORD: Duration = Duration::from_millis(200);

/// The table of links. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Links {
    me: PeerId,
    table: Arc<ArcSwap<HashMap<PeerId, Place>>>,
    /// Counts changes, so that tasks can wait for one.
    changes: Arc<watch::Sender<u64>>,
}

/// A peer's place in the table: one link after another, without a gap.
#[derive(Debug, Clone)]
struct Place {
    link: Arc<Link>,
    /// The link that this one replaces, while packets may still be under way on it.
    before: Option<Arc<Link>>,
    /// When the first of them began, and what those have carried that have ended.
    since: Instant,
    past: LinkTraffic,
}

/// What is known of a peer that is linked.
#[derive(Debug, Clone)]
pub struct Contact {
    /// The link that carries packets.
    pub link: Arc<Link>,
    /// Since when there has been one without a gap, and what they have carried.
    pub since: Instant,
    pub traffic: LinkTraffic,
}

impl Place {
    fn of(link: &Arc<Link>) -> Self {
        Self { link: link.clone(), before: None, since: link.since(), past: LinkTraffic::default() }
    }

    /// The place with `heir` in it, and the link that has no part in it any more.
    fn succeeded_by(self, heir: &Arc<Link>) -> (Self, Option<Arc<Link>>) {
        let Self { link, before, since, past } = self;
        // One that carries nothing yet must not begin to beside its heir.
        let (before, loser) = if link.has_greeted() { (Some(link), before) } else { (before, Some(link)) };
        let past = loser.iter().fold(past, |sum, loser| sum + loser.traffic());
        (Self { link: heir.clone(), before, since, past }, loser)
    }
}

impl Links {
    pub(super) fn new(me: PeerId) -> Self {
        Self { me, table: Arc::default(), changes: Arc::new(watch::Sender::new(0)) }
    }

    pub fn get(&self, peer: &PeerId) -> Option<Arc<Link>> {
        self.table.load().get(peer).map(|place| place.link.clone())
    }

    /// The peer as it is seen now; `None` while it has not spoken.
    pub fn contact(&self, peer: &PeerId) -> Option<Contact> {
        let table = self.table.load();
        let Place { link, before, since, past } = table.get(peer)?;
        let carrying = [Some(link), before.as_ref()].into_iter().flatten().find(|link| link.has_greeted())?;
        let traffic = before.iter().fold(*past + link.traffic(), |sum, before| sum + before.traffic());
        Some(Contact { link: carrying.clone(), since: *since, traffic })
    }

    /// All links, those that are being replaced among them.
    pub fn all(&self) -> Vec<Arc<Link>> {
        self.table
            .load()
            .values()
            .flat_map(|place| [Some(&place.link), place.before.as_ref()])
            .flatten()
            .cloned()
            .collect()
    }

    /// Waits until there is a link to `peer` that packets can take.
    pub async fn wait_for(&self, peer: &PeerId) {
        let mut changes = self.watch();
        while self.get(peer).is_none_or(|link| !link.is_addressed()) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until this link is gone from the table, or has been replaced.
    pub(super) async fn gone(&self, link: &Arc<Link>) {
        let mut changes = self.watch();
        while self.get(&link.peer()).is_some_and(|current| Arc::ptr_eq(&current, link)) {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Waits until there is a link to `peer`, if only one that waits for the peer's first words.
    pub(super) async fn wait_for_any(&self, peer: &PeerId) {
        let mut changes = self.watch();
        while self.get(peer).is_none() {
            if changes.changed().await.is_err() {
                return;
            }
        }
    }

    /// Tells those who wait that a link has changed.
    pub(super) fn touch(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Wakes on every change of the table.
    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.changes.subscribe()
    }

    /// Enters a link. When both sides dialled at once, the connection dialled by the smaller id stays, so that both sides
    /// keep the same one; otherwise the later connection replaces the earlier, which may go on until
    /// [`Links::retire_before`]. Whether `link` stays.
    pub(super) fn enter(&self, link: &Arc<Link>) -> bool {
        let mut losers = Vec::new();
        self.table.rcu(|table| {
            losers.clear();
            let mut table = HashMap::clone(table);
            let incumbent = table.get(&link.peer()).map(|place| &place.link);
            let keeps_incumbent = incumbent.is_some_and(|incumbent| {
                incumbent.since().elapsed() < SIMULTANEOUS
                    && incumbent.dialled() != link.dialled()
                    && self.preferred(incumbent)
            });
            if keeps_incumbent {
                losers.push(link.clone());
                return table;
            }
            let (place, loser) = match table.remove(&link.peer()) {
                Some(place) => place.succeeded_by(link),
                None => (Place::of(link), None),
            };
            losers.extend(loser);
            table.insert(link.peer(), place);
            table
        });
        losers.iter().for_each(|loser| loser.close(close::DUPLICATE, "duplicate"));
        self.touch();
        !losers.iter().any(|loser| Arc::ptr_eq(loser, link))
    }

    /// Ends the link that `link` replaces, now that the peer has spoken on this one; not at once.
    pub(super) fn retire_before(&self, link: &Arc<Link>) {
        let (links, link) = (self.clone(), link.clone());
        let replaces = |links: &Self| {
            let table = links.table.load();
            table
                .get(&link.peer())
                .filter(|place| Arc::ptr_eq(&place.link, &link))
                .and_then(|place| place.before.clone())
        };
        let Some(before) = replaces(self) else { return };
        tokio::spawn(async move {
            sleep(RETIREMENT).await;
            before.tell_totals();
            sleep(LAST_WORD).await;
            before.close(close::DUPLICATE, "replaced");
            links.leave(&before);
        });
    }

    /// Takes a link out. One that had another one's place takes that one with it, unless it never carried anything.
    pub(super) fn leave(&self, link: &Arc<Link>) {
        let mut orphan = None;
        self.table.rcu(|table| {
            orphan = None;
            let mut table = HashMap::clone(table);
            let Some(place) = table.get_mut(&link.peer()) else { return table };
            if Arc::ptr_eq(&place.link, link) {
                match place.before.take() {
                    Some(before) if !link.has_greeted() && !before.is_closed() => place.link = before,
                    before => {
                        orphan = before;
                        table.remove(&link.peer());
                    }
                }
            } else if let Some(before) = place.before.take_if(|before| Arc::ptr_eq(before, link)) {
                place.past = place.past + before.traffic();
            }
            table
        });
        if let Some(orphan) = orphan {
            orphan.close(close::DONE, "done");
        }
        self.touch();
    }

    fn preferred(&self, link: &Link) -> bool {
        link.dialled() == (self.me < link.peer())
    }
}
