//! A node: its ledger and its sync, a disk that keeps what was synced to it, and crashes between any two of them.

use std::collections::BTreeSet;

use ray_engine::{
    ident::PeerId,
    ledger::{EntryId, Inserted, Ledger, SigningKey, VerifiedEntry, verify},
    sync::{Event, Sync},
};

use super::World;
use crate::{check::is_local, reference::Verdict};

pub(super) struct Node {
    pub(super) key: SigningKey,
    pub(super) peer: PeerId,
    pub(super) hostile: bool,
    pub(super) running: Option<Running>,
    disk: Disk,
    /// All that it ever said to be durable.
    acknowledged: BTreeSet<EntryId>,
    pub(super) restart_at: Option<u64>,
    pub(super) offset_s: i64,
    /// Whether it may crash while it stores.
    pub(super) unlucky: bool,
}

pub(super) struct Running {
    pub(super) ledger: Ledger,
    pub(super) sync: Sync,
    /// How many entries the ledger held; it never shrinks.
    len: usize,
}

/// An append-only file: whole entries behind their length, and how much of it survives a crash for sure.
#[derive(Default)]
struct Disk {
    bytes: Vec<u8>,
    synced: usize,
}

impl Node {
    pub(super) fn new(key: SigningKey, hostile: bool) -> Self {
        let peer = PeerId(key.verifying_key().to_bytes());
        Self {
            key,
            peer,
            hostile,
            running: None,
            disk: Disk::default(),
            acknowledged: BTreeSet::new(),
            restart_at: None,
            offset_s: 0,
            unlucky: true,
        }
    }

    pub(super) fn is_up(&self) -> bool {
        self.running.is_some()
    }
}

impl World {
    pub(super) fn start(&mut self, at: usize, ledger: Ledger) {
        let sync = Sync::new(self.nodes[at].peer);
        self.nodes[at].running = Some(Running { len: ledger.len(), ledger, sync });
        self.nodes[at].restart_at = None;
    }

    /// Takes entries into a node's ledger, stores what is new, and tells its sync. Holds every judgement to the reference.
    pub(super) fn take_in(&mut self, at: usize, entries: Vec<VerifiedEntry>, from: &str) {
        let mut grown = Vec::new();
        for entry in entries {
            let Some(running) = &mut self.nodes[at].running else { return };
            let inserted = running.ledger.insert(entry.clone());
            let told = format!("{inserted:?}");
            match inserted {
                Inserted::New { entries } => {
                    let ledger = &running.ledger;
                    let new: Vec<VerifiedEntry> = entries.iter().filter_map(|id| ledger.get(id)).cloned().collect();
                    assert_eq!(new.len(), entries.len(), "New names entries that are not there");
                    for entry in &new {
                        let verdict = self.reference.take(entry);
                        self.say(|world| format!("  {} takes {} from {from}", world.name(at), world.tell(entry)));
                        if verdict != Verdict::Stands {
                            panic!("{} took {}, of which the page says {verdict:?}", self.name(at), self.tell(entry));
                        }
                    }
                    grown.extend(new);
                }
                Inserted::Refused(refusal) => {
                    let verdict = self.reference.take(&entry);
                    self.outcome.refused += 1;
                    self.say(|world| format!("  {} refuses {}: {told}", world.name(at), world.tell(&entry)));
                    if !is_local(&refusal) && !matches!(verdict, Verdict::Refused(_)) {
                        let entry = self.tell(&entry);
                        panic!("{} refused {entry} ({refusal:?}), of which the page says {verdict:?}", self.name(at));
                    }
                }
                Inserted::Pending => self.outcome.waited += 1,
                Inserted::Known => {}
            }
        }
        self.store(at, &grown);
    }

    pub(super) fn crash(&mut self, at: usize, when: &str) {
        if self.nodes[at].running.take().is_none() {
            return;
        }
        let disk = &mut self.nodes[at].disk;
        let kept = disk.synced + self.faults.below(disk.bytes.len() - disk.synced + 1);
        disk.bytes.truncate(kept);
        self.outcome.crashes += 1;
        self.nodes[at].restart_at = Some(self.now + self.faults.next() % 20_000);
        self.say(|world| format!("{} crashes {when}", world.name(at)));
        self.update_links();
    }

    pub(super) fn restart_some(&mut self) {
        for at in 0..self.nodes.len() {
            if self.nodes[at].restart_at.is_some_and(|time| time <= self.now) {
                self.restart(at);
            }
        }
    }

    /// Reads the disk as a store does: whole entries in the order in which they were appended; what is torn goes.
    pub(super) fn restart(&mut self, at: usize) {
        let mut ledger = Ledger::empty(self.room);
        let node = &mut self.nodes[at];
        let mut rest = &node.disk.bytes[..];
        let mut read = 0;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let Some((bytes, after)) = after.split_at_checked(u32::from_le_bytes(*length) as usize) else { break };
            ledger.insert(verify(bytes, self.room).expect("what was stored verifies"));
            rest = after;
            read += 4 + bytes.len();
        }
        node.disk.bytes.truncate(read);
        node.disk.synced = read;
        let lost: Vec<EntryId> = node.acknowledged.iter().filter(|id| !ledger.contains(id)).copied().collect();
        let empty = ledger.is_empty();
        if !node.hostile && !lost.is_empty() {
            panic!("{} lost {lost:?} by a restart, which it had acknowledged", self.name(at));
        }
        self.start(at, ledger);
        self.say(|world| format!("{} starts again", world.name(at)));
        if empty {
            self.nodes[at].running = None;
        }
        self.update_links();
    }

    /// A node never knows less than it knew.
    pub(super) fn check_growth(&mut self, at: usize) {
        let Some(running) = &mut self.nodes[at].running else { return };
        let before = std::mem::replace(&mut running.len, running.ledger.len());
        if running.len < before {
            panic!("{} held {before} entries and holds {} now", self.name(at), self.ledger(at).len());
        }
    }

    fn store(&mut self, at: usize, entries: &[VerifiedEntry]) {
        if entries.is_empty() {
            return;
        }
        let unlucky = self.plan.crashes && self.nodes[at].unlucky;
        let point = if unlucky && self.faults.chance(1) { self.faults.below(3) } else { usize::MAX };
        if point == 0 {
            return self.crash(at, "before it stores what it took in");
        }
        let disk = &mut self.nodes[at].disk;
        for entry in entries {
            disk.bytes.extend(u32::try_from(entry.bytes().len()).unwrap().to_le_bytes());
            disk.bytes.extend(entry.bytes());
        }
        if point == 1 {
            return self.crash(at, "before what it stored is durable");
        }
        disk.synced = disk.bytes.len();
        let ids: Vec<EntryId> = entries.iter().map(VerifiedEntry::id).collect();
        self.nodes[at].acknowledged.extend(&ids);
        if point == 2 {
            return self.crash(at, "before it tells anybody what it stored");
        }
        self.check_growth(at);
        self.update_links();
        self.handle(at, Event::Grew { entries: ids });
    }
}
