//! Whether a path over which packets are sent is silent: a path can die without a word, and the connection that uses it
//! notices by its idle time only. Pure.

use crate::{mesh::Heard, queue::Micros};

/// Between two looks.
pub(super) const LOOK: Micros = 100_000;
/// A path over which nothing has come for so long, while packets were sent, is silent. What is sent is acknowledged within a
/// small part of it, and a cable that is plugged in again within half of it is asked again before, by probes that double.
const SILENCE: Micros = 1_600_000;
/// The same for a path over a relay, which is a TCP connection on either side: what a pulled cable took from it is sent again
/// after up to twice as long.
const RELAY_SILENCE: Micros = 2_400_000;

/// A path that is slow to answer gets so many round trips.
const ROUND_TRIPS: Micros = 4;

/// A watch over one path, from the first packet that is sent until nothing more is.
#[derive(Debug)]
pub(super) struct Watch {
    /// What had come at the last look at which that was news, and when that was.
    heard: Heard,
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
    /// Begins before the first packet is sent, when this was heard and `sent` was sent so far.
    pub(super) fn new(heard: Heard, sent: u64, now: Micros) -> Self {
        Self { heard, since: now, sent, answered: false }
    }

    /// What a look shows on a path with this round trip.
    pub(super) fn look(&mut self, heard: Heard, sent: u64, now: Micros, round_trip: Micros) -> Seen {
        let rests = sent == self.sent;
        if heard != self.heard {
            *self = Self { answered: true, ..Self::new(heard, sent, now) };
            return if rests { Seen::Rest } else { Seen::Unclear };
        }
        if rests && self.answered {
            return Seen::Rest;
        }
        let least = if heard.directly { SILENCE } else { RELAY_SILENCE };
        let silence = least.max(ROUND_TRIPS.saturating_mul(round_trip));
        if now.saturating_sub(self.since) >= silence { Seen::Silence } else { Seen::Unclear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heard(datagrams: u64) -> Heard {
        Heard { directly: true, datagrams }
    }

    #[test]
    fn a_path_that_answers_is_watched_while_packets_are_sent_and_no_longer() {
        let mut watch = Watch::new(heard(7), 0, 0);
        for look in 1..20 {
            assert_eq!(watch.look(heard(7 + look), look, look * LOOK, 0), Seen::Unclear, "look {look}");
        }
        assert_eq!(watch.look(heard(27), 19, 20 * LOOK, 0), Seen::Rest);
    }

    #[test]
    fn a_last_packet_whose_answer_came_before_the_look_is_missed_by_nobody() {
        let mut watch = Watch::new(heard(7), 0, 0);
        assert_eq!(watch.look(heard(8), 1, LOOK, 0), Seen::Unclear);
        assert_eq!(watch.look(heard(8), 1, 2 * LOOK, 0), Seen::Rest);
    }

    #[test]
    fn a_path_with_a_long_round_trip_is_given_time() {
        let mut watch = Watch::new(heard(7), 1, 0);
        assert_eq!(watch.look(heard(7), 1, SILENCE, 1_000_000), Seen::Unclear);
        assert_eq!(watch.look(heard(7), 1, 4_000_000, 1_000_000), Seen::Silence);
    }

    #[test]
    fn silence_begins_with_the_last_word_and_not_with_the_watch() {
        let mut watch = Watch::new(heard(7), 0, 0);
        assert_eq!(watch.look(heard(8), 1, 1_000_000, 0), Seen::Unclear);
        assert_eq!(watch.look(heard(8), 9, 1_000_000 + SILENCE - 1, 0), Seen::Unclear);
        assert_eq!(watch.look(heard(8), 9, 1_000_000 + SILENCE, 0), Seen::Silence);
    }

    #[test]
    fn one_packet_without_an_answer_is_enough() {
        let mut watch = Watch::new(heard(7), 1, 0);
        assert_eq!(watch.look(heard(7), 1, SILENCE - 1, 0), Seen::Unclear);
        assert_eq!(watch.look(heard(7), 1, SILENCE, 0), Seen::Silence);
    }

    #[test]
    fn a_relay_has_time_to_send_again_what_a_pulled_cable_took() {
        let heard = Heard { directly: false, datagrams: 7 };
        let mut watch = Watch::new(heard, 1, 0);
        assert_eq!(watch.look(heard, 1, RELAY_SILENCE - 1, 0), Seen::Unclear);
        assert_eq!(watch.look(heard, 1, RELAY_SILENCE, 0), Seen::Silence);
    }

    #[test]
    fn another_kind_of_path_begins_anew() {
        let mut watch = Watch::new(heard(7), 1, 0);
        assert_eq!(watch.look(Heard { directly: false, datagrams: 7 }, 2, SILENCE, 0), Seen::Unclear);
        assert_eq!(
            watch.look(Heard { directly: false, datagrams: 7 }, 3, SILENCE + RELAY_SILENCE - 1, 0),
            Seen::Unclear
        );
    }
}
