//! Datagrams in pieces: the first piece holds what rules look at, so the rest follows it or does not pass.

use std::{collections::HashMap, net::IpAddr, sync::Mutex, sync::PoisonError};

use super::{
    Millis, Party,
    keyed::Keyed,
    limits::{DATAGRAM_TIMEOUT, DATAGRAMS_MAX, PEER_DATAGRAMS_MAX},
    rule::Direction,
    verdict::Denied,
};
use crate::packet::{Layout, Piece};

/// Words of a map with a bit for each eight bytes of a datagram.
const MAP: usize = 8192 / 64;

#[derive(Debug, Default)]
pub(super) struct Fragments(Mutex<HashMap<Key, Datagram, Keyed>>);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    party: Party,
    direction: Direction,
    src: IpAddr,
    dst: IpAddr,
    /// Two datagrams with one identifier are told apart by it in IPv4 alone; in IPv6 later pieces need not say it.
    protocol: Option<u8>,
    id: u32,
}

/// A datagram whose first piece has passed.
#[derive(Debug)]
struct Datagram {
    generation: u32,
    began: Millis,
    /// Which of its bytes have passed.
    map: Box<[u64; MAP]>,
    passed: u32,
    /// Known from the last piece.
    len: Option<u32>,
}

impl Fragments {
    /// Takes note of a first piece that has passed.
    pub(super) fn admit(
        &self,
        party: &Party,
        direction: Direction,
        layout: &Layout,
        piece: Piece,
        generation: u32,
        now: Millis,
    ) -> Result<(), Denied> {
        let mut datagrams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key::of(party, direction, layout, piece);
        if let Some(old) = datagrams.remove(&key)
            && old.is_awaited(generation, now)
        {
            // The rest of either has no first piece any more.
            return Err(Denied::OverlappingPiece);
        }
        make_room(&mut datagrams, party, now);
        let mut datagram = Datagram { generation, began: now, map: Box::new([0; MAP]), passed: 0, len: None };
        datagram.take(piece)?;
        datagrams.insert(key, datagram);
        Ok(())
    }

    /// Judges a later piece.
    pub(super) fn follow(
        &self,
        party: &Party,
        direction: Direction,
        layout: &Layout,
        piece: Piece,
        generation: u32,
        now: Millis,
    ) -> Result<(), Denied> {
        let mut datagrams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = Key::of(party, direction, layout, piece);
        let datagram = datagrams.get_mut(&key).filter(|datagram| datagram.is_awaited(generation, now));
        let taken = datagram.ok_or(Denied::LonePiece)?.take(piece);
        // Complete, or spoilt: hosts give up a datagram whose pieces contradict each other.
        if !matches!(taken, Ok(false)) {
            datagrams.remove(&key);
        }
        taken.map(|_| ())
    }

    pub(super) fn sweep(&self, now: Millis) {
        let mut datagrams = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        datagrams.retain(|_, datagram| datagram.is_recent(now));
        datagrams.shrink_to(DATAGRAMS_MAX / 8);
    }

    pub(super) fn len(&self) -> usize {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

impl Key {
    fn of(party: &Party, direction: Direction, layout: &Layout, piece: Piece) -> Self {
        let protocol = layout.src.is_ipv4().then_some(layout.protocol);
        Self { party: *party, direction, src: layout.src, dst: layout.dst, protocol, id: piece.id }
    }
}

impl Datagram {
    fn is_recent(&self, now: Millis) -> bool {
        now.saturating_sub(self.began) < DATAGRAM_TIMEOUT
    }

    /// Pieces of a datagram that was judged under other rules are not worth another judgement.
    fn is_awaited(&self, generation: u32, now: Millis) -> bool {
        self.is_recent(now) && self.generation == generation
    }

    /// Whether the datagram is complete with it.
    fn take(&mut self, piece: Piece) -> Result<bool, Denied> {
        let (start, end) = (u32::from(piece.start), u32::from(piece.end));
        if self.len.is_some_and(|len| end > len || !piece.more) {
            return Err(Denied::OverlappingPiece);
        }
        for unit in start..end {
            let word = self.map.get_mut((unit / 64) as usize).ok_or(Denied::OverlappingPiece)?;
            if *word & 1 << (unit % 64) != 0 {
                return Err(Denied::OverlappingPiece);
            }
            *word |= 1 << (unit % 64);
        }
        self.passed += end - start;
        if !piece.more {
            // Nothing that has passed may lie behind the end.
            let behind = self.map.iter().enumerate().skip((end / 64) as usize).any(|(at, word)| {
                let before = if at == (end / 64) as usize { (1 << (end % 64)) - 1 } else { 0 };
                *word & !before != 0
            });
            if behind {
                return Err(Denied::OverlappingPiece);
            }
            self.len = Some(end);
        }
        Ok(self.len == Some(self.passed))
    }
}

/// Lets the oldest go: of the peer's own at its bound, of all at the bound of all, where the peer with the most pays.
fn make_room(datagrams: &mut HashMap<Key, Datagram, Keyed>, party: &Party, now: Millis) {
    if datagrams.len() >= PEER_DATAGRAMS_MAX {
        let own = datagrams.keys().filter(|key| key.party.peer == party.peer).count();
        if own >= PEER_DATAGRAMS_MAX {
            remove_oldest(datagrams, |key| key.party.peer == party.peer);
        }
    }
    if datagrams.len() >= DATAGRAMS_MAX {
        datagrams.retain(|_, datagram| datagram.is_recent(now));
    }
    if datagrams.len() >= DATAGRAMS_MAX {
        let mut counts = HashMap::new();
        for key in datagrams.keys() {
            *counts.entry(key.party.peer).or_insert(0usize) += 1;
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        remove_oldest(datagrams, |key| most.is_some_and(|(peer, _)| key.party.peer == peer));
    }
}

fn remove_oldest(datagrams: &mut HashMap<Key, Datagram, Keyed>, of: impl Fn(&Key) -> bool) {
    let oldest = datagrams.iter().filter(|(key, _)| of(key)).min_by_key(|(_, datagram)| datagram.began);
    if let Some(key) = oldest.map(|(key, _)| *key) {
        datagrams.remove(&key);
    }
}

#[cfg(test)]
mod tests;
