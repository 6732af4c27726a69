//! Packets for peers that have no link yet, while it is dialled.
//!
//! What a host sends first is what it waits for: a SYN, a question. Losing it costs a second. But it costs memory for a
//! peer that may never answer, so little is held, and not for long.

use std::collections::{HashMap, VecDeque};

use super::{
    ITEM_OVERHEAD, Micros, Weigh,
    limits::{WAITING_BYTES, WAITING_PEER_BYTES, WAITING_PEERS, WAITING_TIME},
    lists::Entry,
};
use crate::ident::PeerId;

#[derive(Debug)]
pub struct Waiting<T> {
    peers: HashMap<PeerId, Held<T>>,
    /// Memory of all: packets, and [`ITEM_OVERHEAD`] for each.
    memory: usize,
}

#[derive(Debug)]
struct Held<T> {
    items: VecDeque<Entry<T>>,
    memory: usize,
}

impl<T: Weigh> Waiting<T> {
    /// Holds an item until the peer's link is there. `lost` gets what there is no room for: the peer's oldest, then the
    /// oldest of the peer that holds the most, or the item itself where too many peers are waited for or it alone is
    /// too large.
    pub fn hold(&mut self, peer: PeerId, item: T, now: Micros, mut lost: impl FnMut(T)) {
        let bytes = item.bytes();
        let cost = bytes.saturating_add(ITEM_OVERHEAD);
        let known = self.peers.contains_key(&peer);
        if cost > WAITING_PEER_BYTES || (!known && self.peers.len() >= WAITING_PEERS) {
            return lost(item);
        }
        let held = self.peers.entry(peer).or_insert_with(|| Held { items: VecDeque::new(), memory: 0 });
        held.items.push_back(Entry { item, bytes, since: now });
        held.memory += cost;
        self.memory += cost;
        while self.peers.get(&peer).is_some_and(|held| held.memory > WAITING_PEER_BYTES) {
            self.lose_oldest(peer, &mut lost);
        }
        while self.memory > WAITING_BYTES {
            let Some(fattest) = self.peers.iter().max_by_key(|(_, held)| held.memory).map(|(peer, _)| *peer) else {
                return;
            };
            self.lose_oldest(fattest, &mut lost);
        }
    }

    /// What waits for a peer, in the order in which it came. `lost` gets what has waited too long.
    pub fn take(&mut self, peer: &PeerId, now: Micros, mut lost: impl FnMut(T)) -> Vec<T> {
        let held = self.peers.remove(peer);
        self.memory -= held.as_ref().map_or(0, |held| held.memory);
        let mut items = held.map(|held| held.items).unwrap_or_default();
        while items.front().is_some_and(|entry| is_over(entry, now)) {
            items.pop_front().into_iter().for_each(|entry| lost(entry.item));
        }
        items.into_iter().map(|entry| entry.item).collect()
    }

    /// Gives up what has waited too long. To be called about once a second: nothing else ends the wait for a peer that
    /// never answers.
    pub fn expire(&mut self, now: Micros, mut lost: impl FnMut(T)) {
        let memory = &mut self.memory;
        self.peers.retain(|_, held| {
            while held.items.front().is_some_and(|entry| is_over(entry, now)) {
                *memory -= held.forget_oldest(&mut lost);
            }
            !held.items.is_empty()
        });
        if self.peers.is_empty() {
            self.peers.shrink_to_fit();
        }
    }

    fn lose_oldest(&mut self, peer: PeerId, lost: &mut impl FnMut(T)) {
        if let Some(held) = self.peers.get_mut(&peer) {
            self.memory -= held.forget_oldest(lost);
            if held.items.is_empty() {
                self.peers.remove(&peer);
            }
        }
    }
}

impl<T> Default for Waiting<T> {
    fn default() -> Self {
        Self { peers: HashMap::new(), memory: 0 }
    }
}

impl<T> Held<T> {
    /// Returns the memory that becomes free.
    fn forget_oldest(&mut self, lost: &mut impl FnMut(T)) -> usize {
        let Some(entry) = self.items.pop_front() else { return 0 };
        let cost = entry.bytes + ITEM_OVERHEAD;
        self.memory -= cost;
        lost(entry.item);
        cost
    }
}

fn is_over<T>(entry: &Entry<T>, now: Micros) -> bool {
    now.saturating_sub(entry.since) > WAITING_TIME
}

#[cfg(test)]
#[allow(clippy::cast_possible_truncation, reason = "test data is small")]
mod tests {
    use super::*;
    use crate::packet::samples::Random;

    /// A number, and the bytes that it says it has.
    #[derive(Debug, Clone, Copy, PartialEq, Eq)]
    struct Item(u32, usize);

    impl Weigh for Item {
        fn bytes(&self) -> usize {
            self.1
        }
    }

    #[test]
    fn gives_a_peer_its_own_packets_in_order_and_once() {
        let mut waiting = Waiting::default();
        for number in 0..10 {
            waiting.hold(peer(1), Item(number, 100), 0, never);
            waiting.hold(peer(2), Item(100 + number, 100), 0, never);
        }
        let first: Vec<u32> = waiting.take(&peer(1), 1, never).iter().map(|item| item.0).collect();
        assert_eq!(first, (0..10).collect::<Vec<_>>());
        assert_eq!(waiting.take(&peer(1), 1, never).len(), 0);
        assert_eq!(waiting.take(&peer(2), 1, never).len(), 10);
        assert_eq!((waiting.peers.is_empty(), waiting.memory), (true, 0));
    }

    #[test]
    fn a_peers_oldest_make_room_for_its_newest() {
        let mut waiting = Waiting::default();
        let mut lost = Vec::new();
        let fits = (WAITING_PEER_BYTES / (1000 + ITEM_OVERHEAD)) as u32;
        for number in 0..fits + 3 {
            waiting.hold(peer(1), Item(number, 1000), 0, |item| lost.push(item.0));
        }
        assert_eq!(lost, [0, 1, 2]);
        assert_eq!(
            waiting.take(&peer(1), 0, never).iter().map(|item| item.0).collect::<Vec<_>>(),
            (3..fits + 3).collect::<Vec<_>>()
        );
    }

    #[test]
    fn refuses_what_alone_is_more_than_a_peers_share() {
        let mut waiting = Waiting::default();
        for bytes in [WAITING_PEER_BYTES - ITEM_OVERHEAD + 1, WAITING_PEER_BYTES, usize::MAX] {
            let mut lost = Vec::new();
            waiting.hold(peer(1), Item(0, bytes), 0, |item| lost.push(item));
            assert_eq!((lost.len(), waiting.memory), (1, 0));
            assert!(waiting.peers.is_empty());
        }
        waiting.hold(peer(1), Item(0, WAITING_PEER_BYTES - ITEM_OVERHEAD), 0, never);
        assert_eq!(waiting.memory, WAITING_PEER_BYTES);
    }

    #[test]
    fn at_the_bound_of_all_the_peer_with_the_most_pays() {
        let mut waiting = Waiting::default();
        let mut lost = Vec::new();
        for number in 0..1024 {
            for fat in 0..16 {
                waiting.hold(peer(fat), Item(number, 0), 0, |item| lost.push(item));
            }
        }
        assert_eq!(waiting.memory, WAITING_BYTES);
        lost.clear();
        for _ in 0..10 {
            waiting.hold(peer(99), Item(7777, 84), 0, |item| lost.push(item));
        }
        assert!(!lost.is_empty() && lost.iter().all(|item| item.0 != 7777), "{lost:?}");
        assert!(waiting.memory <= WAITING_BYTES);
        assert_eq!(waiting.take(&peer(99), 0, never).len(), 10);
    }

    #[test]
    fn waits_for_so_many_peers_and_for_no_more() {
        let mut waiting = Waiting::default();
        for number in 0..WAITING_PEERS {
            waiting.hold(peer(number), Item(1, 40), 0, never);
        }
        let mut lost = 0;
        waiting.hold(peer(WAITING_PEERS), Item(2, 40), 0, |_| lost += 1);
        assert_eq!(lost, 1);
        waiting.hold(peer(3), Item(3, 40), 0, never);
        assert_eq!(waiting.take(&peer(0), 0, never).len(), 1);
        waiting.hold(peer(WAITING_PEERS), Item(2, 40), 0, never);
        assert_eq!(waiting.peers.len(), WAITING_PEERS);
    }

    #[test]
    fn nothing_waits_longer_than_its_time() {
        let mut waiting = Waiting::default();
        for second in 0..5 {
            waiting.hold(peer(1), Item(second, 40), u64::from(second) * 1_000_000, never);
        }
        waiting.hold(peer(2), Item(9, 40), 0, never);
        let mut lost = Vec::new();
        waiting.expire(WAITING_TIME, never);
        waiting.expire(WAITING_TIME + 1, |item| lost.push(item.0));
        lost.sort_unstable();
        assert_eq!(lost, [0, 9]);
        let mut late = Vec::new();
        let taken: Vec<u32> =
            waiting.take(&peer(1), 5_500_000, |item| late.push(item.0)).iter().map(|item| item.0).collect();
        assert_eq!((late, taken), (vec![1, 2], vec![3, 4]));
        assert_eq!((waiting.peers.is_empty(), waiting.memory), (true, 0));
    }

    #[test]
    fn every_packet_is_held_taken_or_lost_and_no_bound_is_passed() {
        let mut random = Random::new(5);
        let mut waiting = Waiting::default();
        let (mut given, mut lost, mut taken, mut now) = (0, 0, 0, 0);
        for number in 0..10_000 {
            now += random.next() % 3_000;
            let whose = peer(random.below(400));
            match random.below(60) {
                0 => waiting.expire(now, |_| lost += 1),
                1..10 => {
                    let before = waiting.memory;
                    let items: Vec<Item> = waiting.take(&whose, now, |_| lost += 1);
                    assert!(items.is_sorted_by_key(|item| item.0), "in order");
                    taken += items.len();
                    assert!(waiting.memory <= before);
                }
                _ => {
                    let bytes = if random.below(4) == 0 { random.below(70_000) } else { random.below(1500) };
                    waiting.hold(whose, Item(number, bytes), now, |_| lost += 1);
                    given += 1;
                }
            }
            let count: usize = waiting.peers.values().map(|held| held.items.len()).sum();
            assert_eq!(given, count + taken + lost);
            let weigh = |held: &Held<Item>| held.items.iter().map(|entry| entry.item.1 + ITEM_OVERHEAD).sum::<usize>();
            assert!(waiting.peers.values().all(|held| held.memory == weigh(held) && held.memory <= WAITING_PEER_BYTES));
            assert_eq!(waiting.memory, waiting.peers.values().map(weigh).sum::<usize>());
            assert!(waiting.memory <= WAITING_BYTES && waiting.peers.len() <= WAITING_PEERS);
        }
        assert!(taken > 500 && lost > 500, "{taken} {lost}");
    }

    fn peer(number: usize) -> PeerId {
        let mut id = [0; 32];
        id[..8].copy_from_slice(&(number as u64).to_le_bytes());
        PeerId(id)
    }

    fn never(item: Item) {
        panic!("lost {item:?}");
    }
}
