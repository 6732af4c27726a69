//! Packets for the tests of this crate.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use std::net::IpAddr;

use super::{TCP, checksum, emit};

pub(crate) const ACK: u8 = 0x10;
pub(crate) const PSH: u8 = 0x08;

/// Small, fast and the same on every run (xorshift64*).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        (self.next() >> 33) as usize % end.max(1)
    }

    pub(crate) fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.next() as u8).collect()
    }
}

pub(crate) struct Tcp<'a> {
    pub(crate) src: &'a str,
    pub(crate) dst: &'a str,
    pub(crate) seq: u32,
    pub(crate) flags: u8,
    pub(crate) payload: &'a [u8],
}

impl Tcp<'_> {
    /// A packet with a timestamp option and right checksums.
    pub(crate) fn build(&self) -> Vec<u8> {
        let mut message = vec![0u8; 32];
        message[0..2].copy_from_slice(&40_000u16.to_be_bytes());
        message[2..4].copy_from_slice(&443u16.to_be_bytes());
        message[4..8].copy_from_slice(&self.seq.to_be_bytes());
        message[8..12].copy_from_slice(&7u32.to_be_bytes());
        message[12] = 8 << 4;
        message[13] = self.flags;
        message[14..16].copy_from_slice(&512u16.to_be_bytes());
        message[20..32].copy_from_slice(&[1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]);
        message.extend_from_slice(self.payload);
        emit::packet(ip(self.src), ip(self.dst), TCP, &message, 16).unwrap()
    }
}

/// Makes the IPv4 header checksum of a changed packet right again.
pub(crate) fn mend(packet: &mut [u8]) {
    let len = usize::from(packet[0] & 0x0f) * 4;
    if packet[0] >> 4 == 4 && (20..=packet.len()).contains(&len) {
        packet[10..12].fill(0);
        let sum = checksum::of(&packet[..len]);
        packet[10..12].copy_from_slice(&sum.to_be_bytes());
    }
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

/// A TCP segment with a window of 512 and no options.
pub(crate) fn tcp_segment(
    from: (&str, u16),
    to: (&str, u16),
    flags: u8,
    seq: u32,
    ack: u32,
    payload: &[u8],
) -> Vec<u8> {
    let mut message = Vec::with_capacity(20 + payload.len());
    message.extend_from_slice(&from.1.to_be_bytes());
    message.extend_from_slice(&to.1.to_be_bytes());
    message.extend_from_slice(&seq.to_be_bytes());
    message.extend_from_slice(&ack.to_be_bytes());
    message.extend_from_slice(&[5 << 4, flags, 2, 0, 0, 0, 0, 0]);
    message.extend_from_slice(payload);
    emit::packet(ip(from.0), ip(to.0), TCP, &message, 16).unwrap()
}
