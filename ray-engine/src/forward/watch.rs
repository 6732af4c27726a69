//! Whether a path over which packets are sent is silent: a direct path can die without a word, and the connection that
//! uses it notices by its idle time only. Pure.

use crate::queue::Micros;

/// Between two looks.
pub(super) const LOOK: Micros = 100_000;
/// A path over which nothing has come for so long, while packets were sent, is silent. What is sent is acknowledged within a
/// small part of it, and a cable that is plugged in again within half of it is asked again before, by probes that double.
const SILENCE: Micros = 1_600_000;

/// A path that is slow to answer gets so many round trips.
const ROUND_TRIPS: Micros = 4;

/// A watch over one path, from the first packet that is sent until nothing more is.
#[derive(Debug)]
pub(super) struct Watch {
    /// Datagrams that had come at the last look at which that was news, and when that was.
    heard: u64,
    since: Micros,
    /// What had been sent then.
    sent: u64,
    /// Something has come since the watch began, so that nothing need be missing if nothing more is sent.
    answered: bool,
}

/// What a look has shown.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// Nothing is sent any more.
    Rest,
    /// Look again.
    Unclear,
    Silence,
}

impl Watch {
    /// Begins before the first packet is sent, when `heard` datagrams have come and `sent` was sent so far.
    pub(super) fn new(heard: u64, sent: u64, now: Micros) -> Self {
        Self { heard, since: now, sent, answered: false }
    }

    /// What a look shows on a path with this round trip.
    pub(super) fn look(&mut self, heard: u64, sent: u64, now: Micros, round_trip: Micros) -> Seen {
        let rests = sent == self.sent;
        if heard != self.heard {
            *self = Self { answered: true, ..Self::new(heard, sent, now) };
            return if rests { Seen::Rest } else { Seen::Unclear };
        }
        if rests && self.answered {
            return Seen::Rest;
        }
        let silence = SILENCE.max(ROUND_TRIPS.saturating_mul(round_trip));
        if now.saturating_sub(self.since) >= silence { Seen::Silence } else { Seen::Unclear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_answers_is_watched_while_packets_are_sent_and_no_longer() {
        let mut watch = Watch::new(7, 0, 0);
        for look in 1..20 {
            assert_eq!(watch.look(7 + look, look, look * LOOK, 0), Seen::Unclear, "look {look}");
        }
        assert_eq!(watch.look(27, 19, 20 * LOOK, 0), Seen::Rest);
    }

    #[test]
    fn a_last_packet_whose_answer_came_before_the_look_is_missed_by_nobody() {
        let mut watch = Watch::new(7, 0, 0);
        assert_eq!(watch.look(8, 1, LOOK, 0), Seen::Unclear);
        assert_eq!(watch.look(8, 1, 2 * LOOK, 0), Seen::Rest);
    }

    #[test]
    fn a_path_with_a_long_round_trip_is_given_time() {
        let mut watch = Watch::new(7, 1, 0);
        assert_eq!(watch.look(7, 1, SILENCE, 1_000_000), Seen::Unclear);
        assert_eq!(watch.look(7, 1, 4_000_000, 1_000_000), Seen::Silence);
    }

    #[test]
    fn silence_begins_with_the_last_word_and_not_with_the_watch() {
        let mut watch = Watch::new(7, 0, 0);
        assert_eq!(watch.look(8, 1, 1_000_000, 0), Seen::Unclear);
        assert_eq!(watch.look(8, 9, 1_000_000 + SILENCE - 1, 0), Seen::Unclear);
        assert_eq!(watch.look(8, 9, 1_000_000 + SILENCE, 0), Seen::Silence);
    }

    #[test]
    fn one_packet_without_an_answer_is_enough() {
        let mut watch = Watch::new(7, 1, 0);
        assert_eq!(watch.look(7, 1, SILENCE - 1, 0), Seen::Unclear);
        assert_eq!(watch.look(7, 1, SILENCE, 0), Seen::Silence);
    }
}
