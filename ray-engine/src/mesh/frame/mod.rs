//! Datagram frames: inner packets on their way over a link, whatever carries it. docs/wire.md is the reference.
//!
//! ```text
//! packets    0x01 | handle u16 | { length u16 | packet }…       until the end of the datagram
//! fragment   0x02 | handle u16 | id u32 | index u8 | count u8 | part
//! segments   0x03 | handle u16 | { length u16 | packet }…       checksums of TCP and UDP left to the receiver
//! control    0x04 | type u8 | body                              unknown types are ignored
//! ```
//!
//! Integers are little endian. The handle names the network, in the receiver's numbering. Small packets share a datagram
//! but none waits for another. A packet that does not fit one datagram is split into `count` parts, since the size of a
//! datagram moves up and down during a connection and a dropped packet would be a black hole for IPv6.

mod blocks;
mod control;
mod packer;
mod reassembly;
mod unpacker;

pub use self::{
    control::{Totals, control_totals},
    packer::{Packer, TooBig},
    reassembly::HELD_MAX,
    unpacker::{BadFrame, Unpacked, Unpacker},
};

const KIND_PACKETS: u8 = 0x01;
const KIND_FRAGMENT: u8 = 0x02;
const KIND_SEGMENTS: u8 = 0x03;
const KIND_CONTROL: u8 = 0x04;

/// Kind and handle.
const HEADER: usize = 3;
const LENGTH: usize = 2;
const FRAGMENT_HEADER: usize = HEADER + 6;

/// Longest inner packet: the largest MTU the settings allow, with room to spare.
pub const PACKET_MAX: usize = 2048;
/// Smallest datagram that a QUIC path offers (1200-byte packets less overhead), with room to spare.
pub const DATAGRAM_MIN: usize = 1100;
/// Largest datagram of any carrier.
const DATAGRAM_MAX: usize = 65_535;
/// What a frame adds to a packet that has a datagram to itself.
pub const OVERHEAD: usize = HEADER + LENGTH;
/// Parts of one packet. Two suffice for every path; four allow for odd sizes.
const PARTS_MAX: usize = 4;

const _: () = assert!(PARTS_MAX * (DATAGRAM_MIN - FRAGMENT_HEADER) >= PACKET_MAX);

#[cfg(test)]
mod tests;
