//! Which members a record names: those that can be expected to answer, and not the same ones each time.

use super::limits::SEEDS_MAX;
use crate::ident::PeerId;

/// Seen within this time counts as there.
const RECENT_S: u64 = 24 * 3600;

/// A member that could be named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    pub peer: PeerId,
    pub coordinator: bool,
    /// Seconds since it was last linked; 0 for now and for the publisher itself, `None` for never.
    pub seen_s: Option<u64>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    Here,
    Recent,
    /// A coordinator that was not seen for long: it may well publish from elsewhere.
    Coordinator,
}

/// At most six members. Those that are linked come first, then those seen within a day, in both cases coordinators before
/// others; coordinators that were not seen fill up. `dice` decides among equals.
pub fn choose(candidates: &[Candidate], dice: [u8; 32]) -> Vec<PeerId> {
    let mut ranked: Vec<_> = candidates
        .iter()
        .filter_map(|candidate| {
            Some((rank(candidate)?, !candidate.coordinator, lot(&candidate.peer, dice), candidate.peer))
        })
        .collect();
    ranked.sort_unstable();
    let mut seeds = Vec::with_capacity(SEEDS_MAX);
    for (_, _, _, peer) in ranked {
        if seeds.len() < SEEDS_MAX && !seeds.contains(&peer) {
            seeds.push(peer);
        }
    }
    seeds
}

fn rank(candidate: &Candidate) -> Option<Rank> {
    match candidate.seen_s {
        Some(0) => Some(Rank::Here),
        Some(1..=RECENT_S) => Some(Rank::Recent),
        Some(_) | None => candidate.coordinator.then_some(Rank::Coordinator),
    }
}

fn lot(peer: &PeerId, dice: [u8; 32]) -> [u8; 32] {
    *blake3::keyed_hash(&dice, &peer.0).as_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_who_is_here_before_who_was_and_coordinators_before_others() {
        let all = [
            candidate(1, false, None),
            candidate(2, true, Some(RECENT_S + 1)),
            candidate(3, false, Some(60)),
            candidate(4, true, Some(60)),
            candidate(5, false, Some(0)),
            candidate(6, true, Some(0)),
        ];
        assert_eq!(choose(&all, [7; 32]), [6, 5, 4, 3, 2].map(peer));
    }

    #[test]
    fn names_six_of_many_and_others_another_time() {
        let all: Vec<_> = (0..100).map(|number| candidate(number, true, Some(0))).collect();
        let (first, second) = (choose(&all, [1; 32]), choose(&all, [2; 32]));
        assert_eq!((first.len(), second.len()), (6, 6));
        assert_ne!(first, second);
        assert_eq!(choose(&all, [1; 32]), first);
    }

    #[test]
    fn names_nobody_who_was_never_seen_and_coordinates_nothing() {
        assert!(choose(&[candidate(1, false, None), candidate(2, false, Some(RECENT_S + 1))], [0; 32]).is_empty());
    }

    #[test]
    fn names_nobody_twice() {
        assert_eq!(choose(&[candidate(1, true, Some(0)); 3], [0; 32]), [peer(1)]);
    }

    fn candidate(number: u8, coordinator: bool, seen_s: Option<u64>) -> Candidate {
        Candidate { peer: peer(number), coordinator, seen_s }
    }

    fn peer(number: u8) -> PeerId {
        PeerId([number; 32])
    }
}
