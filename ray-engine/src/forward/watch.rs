//! Whether a path over which packets are sent is silent: a direct path can die without a word, and the connection that
//! uses it notices by its idle time only. Pure.

use crate::queue::Micros;

/// Between two looks.
pub(super) const LOOK: Micros = 100_000;
/// A path over which nothing has come for so long, while packets were sent, is silent. What is sent is acknowledged within a
/// small part of it, and a cable that is plugged in again within half of it is asked again before, by probes that double.
const SILENCE: Micros = 1_600_000;

/// A watch over one path, from the first packet that is sent until nothing more is.
#[derive(Debug)]
pub(super) struct Watch {
    /// Datagrams that had come at the last look at which that was news, and when that was.
    heard: u64,
    since: Micros,
    /// What had been sent then.
    sent: u64,
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
        Self { heard, since: now, sent }
    }

    /// What a look shows.
    pub(super) fn look(&mut self, heard: u64, sent: u64, now: Micros) -> Seen {
        if heard != self.heard {
            let rests = sent == self.sent;
            *self = Self::new(heard, sent, now);
            return if rests { Seen::Rest } else { Seen::Unclear };
        }
        if now.saturating_sub(self.since) >= SILENCE { Seen::Silence } else { Seen::Unclear }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_answers_is_watched_while_packets_are_sent_and_no_longer() {
        let mut watch = Watch::new(7, 0, 0);
        for look in 1..20 {
            assert_eq!(watch.look(7 + look, look, look * LOOK), Seen::Unclear, "look {look}");
        }
        assert_eq!(watch.look(27, 19, 20 * LOOK), Seen::Rest);
    }

    #[test]
    fn silence_begins_with_the_last_word_and_not_with_the_watch() {
        let mut watch = Watch::new(7, 0, 0);
        assert_eq!(watch.look(8, 1, 1_000_000), Seen::Unclear);
        assert_eq!(watch.look(8, 9, 1_000_000 + SILENCE - 1), Seen::Unclear);
        assert_eq!(watch.look(8, 9, 1_000_000 + SILENCE), Seen::Silence);
    }

    #[test]
    fn one_packet_without_an_answer_is_enough() {
        let mut watch = Watch::new(7, 1, 0);
        assert_eq!(watch.look(7, 1, SILENCE - 1), Seen::Unclear);
        assert_eq!(watch.look(7, 1, SILENCE), Seen::Silence);
    }
}
