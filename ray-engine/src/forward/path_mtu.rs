//! Decides, for one peer, which inner packets fit one datagram and when our host is told that one does not.
//!
//! A packet that does not fit is sent in fragments all the same, so nothing depends on the host's hearing: it is told so
//! that it makes packets that cost one datagram each. What it is told lasts minutes there, while the size of a datagram
//! dips whenever the carrier tries a path; so only what holds for a while is told.

use std::net::IpAddr;

use crate::{
    firewall::Millis,
    mesh::frame,
    packet::{Parsed, icmp, ipv4, ipv6},
};

/// A smaller size counts when nothing bigger has fitted for so long. The carrier's search for what a new path takes has ended by
/// then, also over a relay on another continent.
const SHRINK_AFTER: Millis = 3000;
/// Between two words to the host about one peer and IP version.
const TOLD_EVERY: Millis = 1000;

/// What one peer's path takes.
#[derive(Debug)]
pub(super) struct PathMtu {
    /// The longest inner packet that one datagram holds: the longest of the last seconds. No bound before it is known.
    inner: u16,
    /// The longest that fits since when it is less.
    shrinking: Option<(u16, Millis)>,
    /// When that was last seen to be so.
    seen: Millis,
    told_v4: Option<Millis>,
    told_v6: Option<Millis>,
}

impl Default for PathMtu {
    fn default() -> Self {
        Self { inner: u16::MAX, shrinking: None, seen: 0, told_v4: None, told_v6: None }
    }
}

impl PathMtu {
    /// Takes note of the longest datagram that the carrier takes now. Called whenever it is known anyway, as for a batch.
    pub(super) fn observe(&mut self, datagram_max: usize, now: Millis) {
        let inner = datagram_max.min(u16::MAX.into()).saturating_sub(frame::OVERHEAD);
        let inner = u16::try_from(inner).unwrap_or(u16::MAX);
        if inner >= self.inner {
            (self.inner, self.shrinking) = (inner, None);
            return;
        }
        let (longest, since) = match self.shrinking {
            // Two dips with nothing seen between them are no long one.
            Some((longest, since)) if now.saturating_sub(self.seen) <= SHRINK_AFTER => (longest.max(inner), since),
            Some(_) | None => (inner, now),
        };
        self.seen = now;
        self.shrinking = Some((longest, since));
        if now.saturating_sub(since) >= SHRINK_AFTER {
            self.inner = longest;
            self.shrinking = (inner < longest).then_some((inner, now));
        }
    }

    /// The longest inner packet that one datagram holds.
    pub(super) fn inner(&self) -> u16 {
        self.inner
    }

    /// The size to tell the host with [`icmp::too_big`], if it is to be told now that `packet` does not fit. `len` is the
    /// longest packet that is made of it: for a super-packet, that of a segment with its headers.
    pub(super) fn too_big(&mut self, packet: &Parsed<'_>, len: usize, now: Millis) -> Option<u16> {
        // A host heeds nothing below what every link takes.
        let (mtu, told) = match packet.src() {
            IpAddr::V4(_) => (self.inner.max(ipv4::MTU_MIN), &mut self.told_v4),
            IpAddr::V6(_) => (self.inner.max(ipv6::MTU_MIN), &mut self.told_v6),
        };
        if len <= usize::from(mtu) {
            return None;
        }
        // Others do not ask; they leave fragments to us.
        let asks = packet.is_unfragmentable();
        let due = told.is_none_or(|at| now.saturating_sub(at) >= TOLD_EVERY);
        if !asks || !due || icmp::is_unanswerable(packet) {
            return None;
        }
        *told = Some(now);
        Some(mtu)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::packet::{
        parse,
        samples::{ACK, Tcp, mend, tcp_segment},
        udp,
    };

    const V4: (&str, &str) = ("100.80.0.1", "100.80.0.2");
    const V6: (&str, &str) = ("fd5a::1", "fd5a::2");

    #[test]
    fn knows_no_bound_before_one_has_held_for_a_while() {
        let mut path = PathMtu::default();
        assert_eq!(path.inner(), u16::MAX);
        path.observe(1362, 0);
        path.observe(1414, 1200);
        path.observe(1414, 2997);
        assert_eq!(path.inner(), u16::MAX);
        path.observe(1414, 3000);
        assert_eq!(path.inner(), 1409, "what fitted last, not what the first moment allowed");
    }

    #[test]
    fn a_short_dip_changes_nothing() {
        let mut path = settled(1414);
        path.observe(1162, 15000);
        path.observe(1162, 17700);
        path.observe(1414, 17850);
        path.observe(1162, 18300);
        assert_eq!(path.inner(), 1409);
        path.observe(1162, 21297);
        assert_eq!(path.inner(), 1409, "each dip begins its own time");
        path.observe(1162, 21300);
        assert_eq!(path.inner(), 1157);
    }

    #[test]
    fn growth_counts_at_once() {
        let mut path = settled(1162);
        path.observe(1414, 15000);
        assert_eq!(path.inner(), 1409);
    }

    #[test]
    fn of_several_smaller_sizes_the_longest_of_the_second_counts_first() {
        let mut path = settled(1414);
        path.observe(1300, 15000);
        path.observe(1162, 16500);
        path.observe(1162, 18000);
        assert_eq!(path.inner(), 1295);
        path.observe(1162, 20997);
        assert_eq!(path.inner(), 1295);
        path.observe(1162, 21000);
        assert_eq!(path.inner(), 1157);
    }

    #[test]
    fn takes_any_size_that_a_carrier_says() {
        let mut path = settled(0);
        assert_eq!(path.inner(), 0);
        path.observe(usize::MAX, 18000);
        assert_eq!(path.inner(), u16::MAX - 5);
    }

    #[test]
    fn tells_what_fits_once_a_second_for_each_family() {
        let mut path = settled(1362);
        let (v4, v6) = (segment(V4, 1400), segment(V6, 1400));
        let (v4, v6) = (parse(&v4).unwrap(), parse(&v6).unwrap());
        assert_eq!(path.too_big(&v4, 1357, 5000), None, "it fits");
        assert_eq!(path.too_big(&v4, 1358, 5000), Some(1357));
        assert_eq!(path.too_big(&v4, 1400, 5999), None);
        assert_eq!(path.too_big(&v6, 1400, 5999), Some(1357), "the other family has its own second");
        assert_eq!(path.too_big(&v4, 1400, 6000), Some(1357));
        assert_eq!(path.too_big(&v6, 1400, 6998), None);
    }

    #[test]
    fn tells_no_size_below_what_every_link_takes() {
        let mut path = settled(400);
        let (v4, v6) = (segment(V4, 1400), segment(V6, 1400));
        let (v4, v6) = (parse(&v4).unwrap(), parse(&v6).unwrap());
        assert_eq!(path.too_big(&v6, 1280, 5000), None);
        assert_eq!(path.too_big(&v6, 1281, 5000), Some(1280));
        assert_eq!(path.too_big(&v4, 576, 5000), None);
        assert_eq!(path.too_big(&v4, 577, 5000), Some(576));
    }

    #[test]
    fn tells_nobody_who_lets_others_fragment_and_answers_no_error() {
        let mut path = settled(1162);
        let mut may_fragment = segment(V4, 1400);
        may_fragment[6] = 0;
        mend(&mut may_fragment);
        assert_eq!(path.too_big(&parse(&may_fragment).unwrap(), 1400, 5000), None);
        for addresses in [V4, V6] {
            let (src, dst) = (format!("{}:1", bracket(addresses.0)), format!("{}:2", bracket(addresses.1)));
            let datagram = udp::build(src.parse().unwrap(), dst.parse().unwrap(), &[1; 1300]).unwrap();
            let parsed = parse(&datagram).unwrap();
            let error = icmp::too_big(&parsed, 1280, parsed.dst()).unwrap();
            assert_eq!(path.too_big(&parse(&error).unwrap(), 1400, 5000), None);
            assert!(path.too_big(&parsed, 1400, 5000).is_some(), "the refusals above used up no second");
        }
    }

    #[test]
    fn tells_of_a_super_packet_by_its_segments() {
        let mut path = settled(1414);
        let whole = Tcp { src: V4.0, dst: V4.1, seq: 1, flags: ACK, payload: &[7; 40_000] }.build();
        let parsed = parse(&whole).unwrap();
        assert_eq!(path.too_big(&parsed, 1400, 5000), None);
        assert_eq!(path.too_big(&parsed, 1420, 5000), Some(1409));
    }

    fn settled(datagram_max: usize) -> PathMtu {
        let mut path = PathMtu::default();
        path.observe(datagram_max, 0);
        path.observe(datagram_max, SHRINK_AFTER);
        path
    }

    fn segment(addresses: (&str, &str), len: usize) -> Vec<u8> {
        let headers = if addresses == V4 { 40 } else { 60 };
        tcp_segment((addresses.0, 1), (addresses.1, 2), ACK, 0, 0, &vec![0; len - headers])
    }

    fn bracket(address: &str) -> String {
        if address.contains(':') { format!("[{address}]") } else { address.to_owned() }
    }
}
