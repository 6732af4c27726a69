//! What a Want says of the own ledger, so that the answer holds little that is known here.

use std::collections::BTreeSet;

use super::{
    limits::{HAVE_COMMON_MAX, HAVE_MAX, HAVE_SAMPLE_MAX, HAVE_SPURNED_MAX},
    peer::Peer,
    recent::Recent,
};
use crate::ledger::{EntryId, Ledger, VerifiedEntry};

/// Picks what to name. The peer ignores what it does not know, so the best names come first: heads of the peer's that
/// are known here; entries that it would send in vain, as they were refused; then our own heads. If it may not know one
/// of these, both sides have grown apart, and a sample of older entries finds the place: it is close together near the
/// end and sparse towards the beginning, so that what is sent twice is at most half of what both have added since.
///
/// `turn` chooses which heads are left out when there are too many.
pub(super) fn choose(ledger: &Ledger, peer: &Peer, spurned: &Recent, turn: usize) -> Vec<EntryId> {
    let heads = ledger.heads();
    let known_to_peer = |id: &EntryId| peer.recent.contains(id) || peer.heads.contains(id);
    let common = peer.heads.iter().filter(|id| ledger.contains(id)).take(HAVE_COMMON_MAX);
    let refused = spurned.iter().filter(|id| known_to_peer(id)).take(HAVE_SPURNED_MAX);
    let apart = !heads.iter().all(known_to_peer);
    let sample = if apart { sample(ledger.len(), ledger.entries()) } else { Vec::new() };

    let mut seen = BTreeSet::new();
    let mut chosen: Vec<EntryId> = Vec::new();
    let first = common.chain(refused).chain(&sample).copied();
    chosen.extend(first.filter(|id| seen.insert(*id)));
    let start = turn.checked_rem(heads.len()).unwrap_or(0);
    let turned = heads.iter().cycle().skip(start).take(heads.len()).copied();
    let room = HAVE_MAX.saturating_sub(chosen.len());
    chosen.extend(turned.filter(|id| seen.insert(*id)).take(room));
    chosen
}

/// Entries at the distances 1, 2, 3, 4, 6, 8, 12, 16, 24 … from the end of the order.
pub(super) fn sample<'a>(len: usize, entries: impl Iterator<Item = &'a VerifiedEntry>) -> Vec<EntryId> {
    let last = len.saturating_sub(1);
    let distances = (0..usize::BITS - 1).map(|power| 1usize << power).flat_map(|power| [power, power + power / 2]);
    let mut places: Vec<usize> = distances.take(HAVE_SAMPLE_MAX).filter_map(|back| last.checked_sub(back)).collect();
    places.sort_unstable();
    places.dedup();
    let mut places = places.into_iter().peekable();
    let wanted = entries.enumerate().filter(|(place, _)| places.next_if_eq(place).is_some());
    wanted.map(|(_, entry)| VerifiedEntry::id(entry)).collect()
}
