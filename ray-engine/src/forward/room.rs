//! How much of a peer's traffic may wait inside its carrier, where no flow can overtake another: as little as keeps the
//! carrier busy. Pure; the idea is that of Linux's byte queue limits (lib/dynamic_queue_limits.c): a carrier that ran dry
//! while packets waited is given more, one that is never near to it is given less.

use crate::{mesh::CARRIER_MAX, queue::Micros};

/// 13 ms at 10 Mbit/s.
const MIN: usize = 16 * 1024;
/// What 4 Gbit/s take in between two looks, with some to spare.
const MAX: usize = 1152 * 1024;
const INITIAL: usize = 128 * 1024;
/// The surplus of this much time is what can be missed.
const WATCHED: Micros = 30_000;

/// What a super-packet is cut into at least when it waits, in bytes, so that others get between.
pub(super) const PART_MIN: usize = 16 * 1024;
/// What carriers of all sizes are to hold parts of at once, so that some come between others inside too.
const PARTS: usize = 16;

// What is given to a carrier in one burst may exceed its room by a part, and frames take some bytes.
const _: () = assert!(MAX + MAX / PARTS + 64 * 1024 < CARRIER_MAX);

#[derive(Debug)]
pub(super) struct Room {
    limit: usize,
    /// Whether packets were left waiting at the last look.
    pressed: bool,
    /// The least that the carrier still held at a look, and since when.
    surplus: Option<(usize, Micros)>,
}

impl Default for Room {
    fn default() -> Self {
        Self { limit: INITIAL, pressed: false, surplus: None }
    }
}

impl Room {
    /// Bytes that the carrier may be given now that it holds `held`.
    pub(super) fn look(&mut self, held: usize, now: Micros) -> usize {
        if self.pressed {
            self.adapt(held, now);
        }
        self.limit.saturating_sub(held)
    }

    /// What a super-packet is cut into when it waits: the faster the carrier, the less time a long part takes, and the less work
    /// it is at both ends.
    pub(super) fn part(&self) -> usize {
        (self.limit / PARTS).max(PART_MIN)
    }

    /// Whether packets are left waiting after what was given.
    pub(super) fn leave(&mut self, waiting: bool) {
        self.pressed = waiting;
        if !waiting {
            self.surplus = None;
        }
    }

    fn adapt(&mut self, held: usize, now: Micros) {
        if held == 0 {
            self.limit = (self.limit + self.limit / 2).min(MAX);
            self.surplus = None;
            return;
        }
        let (least, since) = match self.surplus {
            Some((least, since)) => (least.min(held), since),
            None => (held, now),
        };
        self.surplus = Some((least, since));
        if now.saturating_sub(since) >= WATCHED {
            // Half of it, so that a slower look finds something left.
            self.limit = self.limit.saturating_sub(least / 2).max(MIN);
            self.surplus = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_fast_and_slow_carriers_busy_with_little_in_them() {
        for (bytes_per_ms, most_ms) in [(1250, 14), (12_500, 3), (125_000, 3), (375_000, 3)] {
            let (mut room, mut held, mut starved, mut longest) = (Room::default(), 0usize, 0, 0);
            for ms in 0..2000u64 {
                held += room.look(held, ms * 1000);
                room.leave(true);
                if ms >= 1000 {
                    starved += u32::from(held < bytes_per_ms);
                    longest = longest.max(held / bytes_per_ms);
                }
                held = held.saturating_sub(bytes_per_ms);
            }
            assert!(starved <= 20, "{bytes_per_ms} bytes a ms: dry {starved} times in a thousand");
            assert!(longest <= most_ms, "{bytes_per_ms} bytes a ms: up to {longest} ms inside");
        }
    }

    #[test]
    fn a_slow_carrier_gets_short_parts_and_a_fast_one_whole_packets() {
        assert_eq!(Room { limit: MIN, ..Room::default() }.part(), PART_MIN);
        assert_eq!(Room::default().part(), PART_MIN);
        assert!(Room { limit: MAX, ..Room::default() }.part() > 64 * 1024);
    }

    #[test]
    fn learns_nothing_while_nothing_waits() {
        let mut room = Room::default();
        for ms in 0..1000 {
            assert_eq!(room.look(0, ms * 1000), INITIAL);
            room.leave(false);
        }
    }

    #[test]
    fn gives_nothing_to_a_carrier_that_holds_its_share() {
        assert_eq!(Room::default().look(INITIAL + 1, 0), 0);
    }
}
