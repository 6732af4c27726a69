//! The TCP header, as far as a firewall follows a connection.

use std::net::IpAddr;

use super::{Flow, Fragment, Parsed, TCP, emit};

/// Of a header without options.
pub(crate) const HEADER_MIN: usize = 20;
/// What its length field can say.
pub(crate) const HEADER_MAX: usize = 60;
pub(crate) const FLAGS_AT: usize = 13;
pub(crate) const CHECKSUM_AT: usize = 16;

pub(crate) const FIN: u8 = 0x01;
pub(super) const SYN: u8 = 0x02;
const RST: u8 = 0x04;
pub(crate) const PSH: u8 = 0x08;
pub(crate) const ACK: u8 = 0x10;
pub(super) const ECE: u8 = 0x40;
pub(crate) const CWR: u8 = 0x80;

pub(super) const OPTION_END: u8 = 0;
pub(super) const OPTION_NOP: u8 = 1;
const OPTION_WINDOW_SCALE: u8 = 3;
/// RFC 7323: a larger shift counts as this one.
pub const WINDOW_SCALE_MAX: u8 = 14;

/// One segment's place in its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    pub flags: Flags,
    pub seq: u32,
    pub ack: u32,
    /// As the header has it: not scaled.
    pub window: u16,
    /// Only a SYN says it.
    pub window_scale: Option<u8>,
    /// Sequence numbers that it takes: payload, SYN and FIN.
    pub len: u32,
}

/// The four flags that open, answer and end connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Flags {
    pub syn: bool,
    pub ack: bool,
    pub fin: bool,
    pub rst: bool,
}

impl Flags {
    pub(super) fn read(bits: u8) -> Self {
        Self { syn: bits & SYN != 0, ack: bits & ACK != 0, fin: bits & FIN != 0, rst: bits & RST != 0 }
    }

    /// Whether any TCP sends them together. The others exist to confuse: hosts differ in what they make of them.
    pub(super) fn possible(self) -> bool {
        match self {
            Self { syn: true, ack: _, fin, rst } => !fin && !rst,
            Self { syn: false, ack: _, fin, rst: true } => !fin,
            Self { syn: false, ack, fin: _, rst: false } => ack,
        }
    }
}

impl Segment {
    /// The first sequence number behind it.
    pub fn end(&self) -> u32 {
        self.seq.wrapping_add(self.len)
    }
}

/// The length that a header says it has.
pub(crate) fn header_len(header: &[u8; HEADER_MIN]) -> usize {
    usize::from(header[12] >> 4) * 4
}

/// `None` where the packet is not TCP or does not hold the TCP header. A first fragment counts as what it holds.
pub fn segment_of(parsed: &Parsed<'_>) -> Option<Segment> {
    if parsed.protocol() != TCP || parsed.layout.fragment == Fragment::Later {
        return None;
    }
    let transport = parsed.transport();
    let fixed = transport.first_chunk()?;
    let (header, payload) = transport.split_at_checked(header_len(fixed))?;
    let flags = Flags::read(fixed[FLAGS_AT]);
    let word = |at: usize| u32::from_be_bytes(std::array::from_fn(|i| fixed.get(at + i).copied().unwrap_or_default()));
    let payload_len = u32::try_from(payload.len()).ok()?;
    Some(Segment {
        flags,
        seq: word(4),
        ack: word(8),
        window: u16::from_be_bytes([fixed[14], fixed[15]]),
        window_scale: if flags.syn { window_scale(header.get(HEADER_MIN..).unwrap_or_default()) } else { None },
        len: payload_len + u32::from(flags.syn) + u32::from(flags.fin),
    })
}

/// The reset that answers a segment for a connection that there is not (RFC 9293, 3.10.7.1), as a whole IP packet. `flow`
/// is that of the segment.
pub fn reset(src: IpAddr, dst: IpAddr, flow: Flow, segment: &Segment) -> Option<Vec<u8>> {
    let (seq, ack, flags) = if segment.flags.ack { (segment.ack, 0, RST) } else { (0, segment.end(), RST | ACK) };
    let mut header = Vec::with_capacity(HEADER_MIN);
    header.extend_from_slice(&flow.dst_port.to_be_bytes());
    header.extend_from_slice(&flow.src_port.to_be_bytes());
    header.extend_from_slice(&seq.to_be_bytes());
    header.extend_from_slice(&ack.to_be_bytes());
    header.extend_from_slice(&[5 << 4, flags, 0, 0, 0, 0, 0, 0]);
    emit::packet(src, dst, TCP, &header, CHECKSUM_AT)
}

/// Options that lie about their length end the search, as in every stack.
fn window_scale(mut options: &[u8]) -> Option<u8> {
    while let Some((&kind, rest)) = options.split_first() {
        match (kind, rest) {
            (OPTION_END, _) => return None,
            (OPTION_NOP, _) => options = rest,
            (OPTION_WINDOW_SCALE, [3, shift, ..]) => return Some((*shift).min(WINDOW_SCALE_MAX)),
            (_, [len, ..]) if *len >= 2 => options = options.get(usize::from(*len)..)?,
            _ => return None,
        }
    }
    None
}
