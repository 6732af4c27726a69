//! One flow, and what a packet does to it. Shared by all packet threads: every field that changes is atomic, and a race
//! costs no more than the order in which two packets of different threads count.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering::Relaxed};

use super::super::{Millis, rule::Direction};
use crate::packet::{TCP, UDP, tcp::Segment, tcp::WINDOW_SCALE_MAX};

/// Seconds until a silent flow is forgotten, by what it is.
mod timeout {
    /// Established TCP, also with one end closed: as long as the kernel's own tracking keeps it.
    pub(super) const ESTABLISHED: u32 = 5 * 86_400;
    /// A SYN that nobody has answered: as long as hosts repeat it.
    pub(super) const OPENING: u32 = 130;
    /// An answer that the opener has not confirmed.
    pub(super) const ANSWERED: u32 = 60;
    /// The middle of a connection that began before we looked, seen from one side only.
    pub(super) const PICKED_UP: u32 = 300;
    /// Both ends have closed: as long as the last segments may be repeated.
    pub(super) const CLOSED: u32 = 120;
    /// After a reset: what is still on its way.
    pub(super) const RESET: u32 = 10;
    /// RFC 4787 wants two minutes at least, and five for good.
    pub(super) const UDP: u32 = 120;
    pub(super) const UDP_ANSWERED: u32 = 300;
    pub(super) const ECHO: u32 = 30;
    pub(super) const OTHER: u32 = 600;
}

/// Bits of `state`.
mod bit {
    /// The host, and shifted by one the peer, has sent something.
    pub(super) const HEARD_HOST: u32 = 1;
    pub(super) const SYN_HOST: u32 = 1 << 2;
    pub(super) const ACK_HOST: u32 = 1 << 4;
    pub(super) const FIN_HOST: u32 = 1 << 6;
    /// A side has sent an ACK without a SYN.
    pub(super) const BARE_ACK_HOST: u32 = 1 << 8;
    /// The side's SYN had a window scale option.
    pub(super) const SCALES_HOST: u32 = 1 << 10;
    pub(super) const RESET: u32 = 1 << 12;
    /// `edge` holds something.
    pub(super) const EDGE: u32 = 1 << 13;
    /// `opening` holds something.
    pub(super) const OPENING: u32 = 1 << 14;
    /// The host's window scale, in four bits.
    pub(super) const SCALE_SHIFT: u32 = 16;
    pub(super) const SCALE_MASK: u32 = 0xf << SCALE_SHIFT;
}

#[derive(Debug)]
pub(in crate::firewall) struct Flow {
    protocol: u8,
    opener: Direction,
    state: AtomicU32,
    /// Seconds; written when it changes.
    seen: AtomicU32,
    generation: AtomicU32,
    /// The sequence numbers that the host takes from the peer, first and last: what it has acknowledged, and that plus
    /// its window. Before it has acknowledged anything, what the peer has sent.
    edge: AtomicU64,
    /// The host's SYN and what follows it: what the peer may acknowledge before it has said anything else.
    opening: AtomicU64,
}

/// A flow's first packet.
#[derive(Debug, Clone, Copy)]
pub(in crate::firewall) struct Begin<'a> {
    pub(in crate::firewall) opener: Direction,
    pub(in crate::firewall) protocol: u8,
    pub(in crate::firewall) segment: Option<&'a Segment>,
    pub(in crate::firewall) generation: u32,
}

/// What a packet is to its flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::firewall) enum Step {
    Pass,
    /// It opens another flow with the same addresses and ports.
    Opens,
    BadReset,
}

/// How much a flow would be missed, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Worth {
    Dead,
    Ended,
    OneSided,
    Answered,
}

impl Flow {
    pub(super) fn new(begin: &Begin<'_>, now: Millis) -> Self {
        let flow = Self {
            protocol: begin.protocol,
            opener: begin.opener,
            state: AtomicU32::new(of_side(bit::HEARD_HOST, begin.opener)),
            seen: AtomicU32::new(seconds(now)),
            generation: AtomicU32::new(begin.generation),
            edge: AtomicU64::new(0),
            opening: AtomicU64::new(0),
        };
        if let Some(segment) = begin.segment {
            flow.note(begin.opener, segment);
        }
        flow
    }

    pub(super) fn opener(&self) -> Direction {
        self.opener
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation.load(Relaxed)
    }

    pub(super) fn set_generation(&self, generation: u32) {
        self.generation.store(generation, Relaxed);
    }

    pub(super) fn is_alive(&self, now: Millis) -> bool {
        self.idle(now) < self.timeout()
    }

    pub(super) fn idle(&self, now: Millis) -> u32 {
        seconds(now).saturating_sub(self.seen.load(Relaxed))
    }

    pub(super) fn worth(&self, now: Millis) -> Worth {
        let state = self.state.load(Relaxed);
        let fins = both(bit::FIN_HOST);
        if !self.is_alive(now) {
            Worth::Dead
        } else if state & bit::RESET != 0 || state & fins == fins {
            Worth::Ended
        } else if match self.protocol {
            TCP => self.is_established(state),
            _ => state & both(bit::HEARD_HOST) == both(bit::HEARD_HOST),
        } {
            Worth::Answered
        } else {
            Worth::OneSided
        }
    }

    /// Judges a packet that `sent` sent, and takes note of it if it passes.
    pub(super) fn pass(&self, sent: Direction, segment: Option<&Segment>, now: Millis) -> Step {
        let state = self.state.load(Relaxed);
        if let Some(segment) = segment {
            if segment.flags.rst {
                // The host may end what is its own; who it tells checks for itself.
                if sent == Direction::In && !self.reset_fits(state, segment) {
                    return Step::BadReset;
                }
                self.add(state, bit::RESET);
            } else {
                if segment.flags.syn && !segment.flags.ack && !self.is_opening(state) {
                    return Step::Opens;
                }
                self.note(sent, segment);
                if state & bit::RESET != 0 && sent == Direction::Out {
                    // It has not ended for the host: the reset was not exact, and the host asks back.
                    self.state.fetch_and(!bit::RESET, Relaxed);
                }
            }
        } else {
            self.add(state, of_side(bit::HEARD_HOST, sent));
        }
        let second = seconds(now);
        if self.seen.load(Relaxed) != second {
            self.seen.store(second, Relaxed);
        }
        Step::Pass
    }

    /// Whether a SYN still belongs to the flow's opening: repeated, or from the other side at the same time.
    fn is_opening(&self, state: u32) -> bool {
        let began_with_syn = state & of_side(bit::SYN_HOST, self.opener) != 0;
        let ended = state & (bit::RESET | both(bit::FIN_HOST)) != 0;
        began_with_syn && !ended && !self.is_established(state)
    }

    fn is_established(&self, state: u32) -> bool {
        state & of_side(bit::BARE_ACK_HOST, self.opener) != 0
            && state & of_side(bit::ACK_HOST, self.opener.opposite()) != 0
    }

    /// RFC 9293, 3.10.7: a reset counts within the window, or in answer to a SYN if it acknowledges that.
    fn reset_fits(&self, state: u32, segment: &Segment) -> bool {
        if state & bit::EDGE != 0 {
            let (first, last) = halves(self.edge.load(Relaxed));
            return segment.seq.wrapping_sub(first) <= last.wrapping_sub(first);
        }
        if state & bit::OPENING != 0 {
            let (syn, next) = halves(self.opening.load(Relaxed));
            let acknowledged = segment.ack.wrapping_sub(syn);
            return segment.flags.ack && acknowledged > 0 && acknowledged <= next.wrapping_sub(syn);
        }
        false
    }

    fn note(&self, sent: Direction, segment: &Segment) {
        let mut state = self.state.load(Relaxed);
        let mut found = of_side(bit::HEARD_HOST, sent);
        for (has, host_bit) in [
            (segment.flags.syn, bit::SYN_HOST),
            (segment.flags.ack, bit::ACK_HOST),
            (segment.flags.fin, bit::FIN_HOST),
            (segment.flags.ack && !segment.flags.syn, bit::BARE_ACK_HOST),
            (segment.window_scale.is_some(), bit::SCALES_HOST),
        ] {
            if has {
                found |= of_side(host_bit, sent);
            }
        }
        match sent {
            Direction::Out => {
                if segment.flags.syn {
                    let scale = u32::from(segment.window_scale.unwrap_or(0)) << bit::SCALE_SHIFT;
                    if state & bit::SCALE_MASK != scale {
                        self.state.fetch_and(!bit::SCALE_MASK, Relaxed);
                        found |= scale;
                    }
                    if !segment.flags.ack {
                        self.opening.store(whole(segment.seq, segment.end()), Relaxed);
                        found |= bit::OPENING;
                    }
                }
                if segment.flags.ack {
                    state |= found;
                    found |= self.widen(state, segment);
                }
            }
            Direction::In if state & bit::ACK_HOST == 0 => {
                let first = if segment.flags.syn { segment.seq.wrapping_add(1) } else { segment.seq };
                let edge = match state & bit::EDGE {
                    0 => whole(first, segment.end()),
                    _ if segment.flags.syn => whole(first, segment.end()),
                    _ => {
                        let (first, last) = halves(self.edge.load(Relaxed));
                        whole(first, farther(first, last, segment.end()))
                    }
                };
                self.edge.store(edge, Relaxed);
                found |= bit::EDGE;
            }
            Direction::In => {}
        }
        self.add(state & !found, found);
    }

    /// Moves the edge to what the host acknowledges with this segment.
    fn widen(&self, state: u32, segment: &Segment) -> u32 {
        let shift = match (state & bit::SYN_HOST != 0, state & both(bit::SCALES_HOST) == both(bit::SCALES_HOST)) {
            _ if segment.flags.syn => 0,
            (true, true) => (state & bit::SCALE_MASK) >> bit::SCALE_SHIFT,
            (true, false) => 0,
            // The connection began before we looked.
            (false, _) => u32::from(WINDOW_SCALE_MAX),
        };
        let last = segment.ack.wrapping_add(u32::from(segment.window) << shift);
        // What the peer sent before the host's first ACK does not count any more.
        let (edge, known) =
            (self.edge.load(Relaxed), state & bit::EDGE != 0 && self.state.load(Relaxed) & bit::ACK_HOST != 0);
        let (old_first, old_last) = halves(edge);
        let edge_now = if !known {
            whole(segment.ack, last)
        } else if ahead(segment.ack, old_first).is_some() {
            whole(segment.ack, farther(segment.ack, last, old_last))
        } else {
            edge
        };
        if edge_now != edge || !known {
            self.edge.store(edge_now, Relaxed);
        }
        bit::EDGE
    }

    fn timeout(&self) -> u32 {
        let state = self.state.load(Relaxed);
        let answered = state & both(bit::HEARD_HOST) == both(bit::HEARD_HOST);
        let fins = both(bit::FIN_HOST);
        match self.protocol {
            TCP if state & bit::RESET != 0 => timeout::RESET,
            TCP if state & fins == fins => timeout::CLOSED,
            TCP if self.is_established(state) => timeout::ESTABLISHED,
            TCP if state & both(bit::SYN_HOST) == 0 => timeout::PICKED_UP,
            TCP if answered => timeout::ANSWERED,
            TCP => timeout::OPENING,
            UDP if answered => timeout::UDP_ANSWERED,
            UDP => timeout::UDP,
            crate::packet::ICMP | crate::packet::ICMPV6 => timeout::ECHO,
            _ => timeout::OTHER,
        }
    }

    /// Sets bits, without a write when they are set.
    fn add(&self, state: u32, bits: u32) {
        if state & bits != bits || self.state.load(Relaxed) & bits != bits {
            self.state.fetch_or(bits, Relaxed);
        }
    }
}

/// A bit of the host's for the side that sends in this direction.
fn of_side(host_bit: u32, sent: Direction) -> u32 {
    match sent {
        Direction::Out => host_bit,
        Direction::In => host_bit << 1,
    }
}

fn both(host_bit: u32) -> u32 {
    host_bit | host_bit << 1
}

/// Flows of 136 years are not a concern.
fn seconds(now: Millis) -> u32 {
    u32::try_from(now / 1000).unwrap_or(u32::MAX)
}

fn whole(first: u32, last: u32) -> u64 {
    u64::from(first) << 32 | u64::from(last)
}

#[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
fn halves(whole: u64) -> (u32, u32) {
    ((whole >> 32) as u32, whole as u32)
}

/// How far `number` is ahead of `first`; `None` if it is behind. Sequence numbers wrap around: ahead is less than half the
/// circle.
fn ahead(number: u32, first: u32) -> Option<u32> {
    let ahead = number.wrapping_sub(first);
    (ahead < 1 << 31).then_some(ahead)
}

/// `last`, or `other` if that is farther ahead of `first`.
fn farther(first: u32, last: u32, other: u32) -> u32 {
    if ahead(other, first) > ahead(last, first) { other } else { last }
}
