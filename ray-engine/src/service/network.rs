//! One network as this node holds it: its ledger, the file behind it, and the handle that its datagrams carry.

use super::{Core, Result, failure};
use crate::{
    ident::{NetworkName, PeerId, RoomId},
    ledger::{self, Action, Inserted, Ledger, VerifiedEntry},
    mesh::wire::HEADS_MAX,
    store::{LogFile, StoreError},
};

pub(super) struct Network {
    pub(super) ledger: Ledger,
    file: LogFile,
    /// What peers put on datagrams of this network on their way to us.
    pub(super) handle: u16,
}

impl Network {
    pub(super) fn name(&self) -> &NetworkName {
        &self.ledger.roster().name
    }

    pub(super) fn room(&self) -> RoomId {
        self.ledger.room()
    }

    pub(super) fn has(&self, peer: &PeerId) -> bool {
        self.ledger.roster().is_member(peer)
    }

    /// The entry by which the member itself gave up its seat, if that is the last that it said here.
    fn leave_of(&self, peer: &PeerId) -> Option<&VerifiedEntry> {
        let last = self.ledger.entries().filter(|entry| entry.author() == *peer).last()?;
        (*last.action() == Action::Leave).then_some(last)
    }

    /// As many heads as a message holds.
    pub(super) fn heads(&self) -> Vec<[u8; 32]> {
        self.ledger.heads().into_iter().map(|id| id.0).take(HEADS_MAX).collect()
    }

    /// Takes entries into the ledger and makes what became part of it durable, with one write. Whether anything did.
    fn take(&mut self, entries: Vec<VerifiedEntry>) -> std::result::Result<bool, StoreError> {
        let mut ids = Vec::new();
        for entry in entries {
            match self.ledger.insert(entry) {
                Inserted::New { entries } => ids.extend(entries),
                Inserted::Known | Inserted::Pending => {}
                Inserted::Refused(refusal) => {
                    tracing::warn!(network = %self.name(), %refusal, "not taking an entry in");
                }
            }
        }
        if ids.is_empty() {
            return Ok(false);
        }
        let bytes: Vec<&[u8]> = ids.iter().filter_map(|id| self.ledger.get(id)).map(VerifiedEntry::bytes).collect();
        self.file.append(&bytes)?;
        Ok(true)
    }
}

impl Core {
    pub(super) fn load_networks(&mut self) -> std::result::Result<(), StoreError> {
        for room in self.store.rooms()? {
            let (file, entries) = self.store.open_network(room)?;
            let network = Network { ledger: fold(room, &entries), file, handle: self.new_handle() };
            if network.has(&self.me) {
                self.networks.push(network);
            } else if network.leave_of(&self.me).is_some() {
                // Left, and stopped before the files were removed.
                self.networks.push(network);
                self.remove_network(room)?;
            } else {
                // Damaged, or written by a newer release: not ours to delete.
                tracing::error!(%room, "this node is not on the roster of a network on its disk; leaving it alone");
            }
        }
        self.sort();
        Ok(())
    }

    /// Adds a network to the disk and to the list.
    pub(super) fn add_network(
        &mut self,
        ledger: Ledger,
        network_key: Option<&[u8; 32]>,
    ) -> std::result::Result<(), StoreError> {
        let entries: Vec<&[u8]> = ledger.entries().map(VerifiedEntry::bytes).collect();
        let file = self.store.add_network(ledger.room(), network_key, &entries)?;
        let handle = self.new_handle();
        self.networks.push(Network { ledger, file, handle });
        self.sort();
        Ok(())
    }

    /// Forgets a network, but for the entry by which this node left it.
    pub(super) fn remove_network(&mut self, room: RoomId) -> std::result::Result<(), StoreError> {
        if let Some(leave) = self.network(room).and_then(|network| network.leave_of(&self.me)) {
            self.store.remember_left(room, leave.bytes())?;
        }
        self.store.remove_network(room)?;
        self.networks.retain(|network| network.room() != room);
        Ok(())
    }

    pub(super) fn network(&self, room: RoomId) -> Option<&Network> {
        self.networks.iter().find(|network| network.room() == room)
    }

    /// Takes entries in. When the disk does not, the ledger is read back from it, so that memory never runs ahead.
    pub(super) fn take_entries(
        &mut self,
        room: RoomId,
        entries: Vec<VerifiedEntry>,
    ) -> std::result::Result<bool, StoreError> {
        let Some(at) = self.networks.iter().position(|network| network.room() == room) else { return Ok(false) };
        let Some(network) = self.networks.get_mut(at) else { return Ok(false) };
        match tokio::task::block_in_place(|| network.take(entries)) {
            Ok(taken) => Ok(taken),
            Err(error) => {
                tracing::error!(%error, network = %network.name(), "storing an entry");
                let (file, entries) = self.store.open_network(room)?;
                (network.ledger, network.file) = (fold(room, &entries), file);
                Err(error)
            }
        }
    }

    /// The network that the user means: by name or room id, or the only one.
    pub(super) fn chosen(&self, named: Option<&str>) -> Result<&Network> {
        match (named, self.networks.as_slice()) {
            (None, [only]) => Ok(only),
            (None, []) => Err(failure::not_found("this node is in no network", "make one with `ray create NAME`")),
            (None, several) => {
                let names: Vec<&str> = several.iter().map(|network| network.name().as_str()).collect();
                Err(failure::not_found(
                    format!("which network? this node is in {}", names.join(", ")),
                    format!("name it, as in: ray invite {}", names.first().unwrap_or(&"NAME")),
                ))
            }
            (Some(named), networks) => {
                let found = networks.iter().find(|n| n.name().as_str() == named || n.room().to_string() == named);
                found.ok_or_else(|| {
                    failure::not_found(format!("no network {named:?} on this node"), "`ray status` lists the networks")
                })
            }
        }
    }

    fn new_handle(&mut self) -> u16 {
        self.next_handle = self.next_handle.wrapping_add(1);
        self.next_handle
    }

    fn sort(&mut self) {
        self.networks.sort_by(|a, b| (a.name(), a.room()).cmp(&(b.name(), b.room())));
    }
}

fn fold(room: RoomId, entries: &[Vec<u8>]) -> Ledger {
    let mut ledger = Ledger::empty(room);
    for bytes in entries {
        match ledger::verify(bytes, room) {
            Ok(entry) => {
                ledger.insert(entry);
            }
            Err(error) => tracing::error!(%room, %error, "skipping an entry on disk"),
        }
    }
    ledger
}
