//! Fills datagrams of one link with packets.

use std::{
    mem,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
};

use bytes::{BufMut, Bytes};

use super::{
    BadFrame, DATAGRAM_MAX, FRAGMENT_HEADER, HEADER, KIND_FRAGMENT, KIND_PACKETS, KIND_SEGMENTS, LENGTH, PACKET_MAX,
    PARTS_MAX, Unpacked, Unpacker, blocks::Blocks,
};
use crate::packet::{self, Checksum, checksum};

/// A batch of datagrams under way. Used again and again, it asks for no memory: see [`Packer::clear`].
#[derive(Debug)]
pub struct Packer {
    datagrams: Vec<Bytes>,
    /// Length of `datagrams` together.
    finished_bytes: usize,
    blocks: Blocks,
    /// Kind and handle of the datagram under way; what stands in it is the open piece of `blocks`.
    open: Option<(u8, u16)>,
    /// Whether the receiver understands segments.
    segments: bool,
    /// The id of the link's next packet in parts.
    ids: Arc<AtomicU32>,
    /// For packets whose checksum has to be filled in first.
    scratch: Vec<u8>,
}

/// What fits no datagram of the size that is wanted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct TooBig {
    pub packets: u64,
    /// Of packets, without frames.
    pub bytes: u64,
}

impl Default for Packer {
    fn default() -> Self {
        Self::new(Arc::default(), true)
    }
}

impl Packer {
    /// `ids` numbers the packets in parts of all packers of a link; `segments` is whether its peer named
    /// [`super::super::wire::FEATURE_SEGMENTS`].
    pub fn new(ids: Arc<AtomicU32>, segments: bool) -> Self {
        Self {
            datagrams: Vec::new(),
            finished_bytes: 0,
            blocks: Blocks::default(),
            open: None,
            segments,
            ids,
            scratch: Vec::new(),
        }
    }

    /// Adds a packet for datagrams of at most `datagram_max` bytes. Whether it could be taken: empty packets, longer ones
    /// than [`PACKET_MAX`], and datagrams too small for [`PARTS_MAX`] parts, cannot. Nor can a packet that leaves its
    /// checksum to others and is not a whole TCP or UDP packet, where that checksum has to be filled in here.
    #[must_use]
    pub fn push(&mut self, handle: u16, packet: &[u8], checksum: Checksum, datagram_max: usize) -> bool {
        let datagram_max = datagram_max.min(DATAGRAM_MAX);
        let Some(length) = u16::try_from(packet.len()).ok().filter(|_| (1..=PACKET_MAX).contains(&packet.len())) else {
            return false;
        };
        let fits = HEADER + LENGTH + packet.len() <= datagram_max;
        match checksum {
            Checksum::Left if fits && self.segments => {
                self.push_whole((KIND_SEGMENTS, handle), length, packet, datagram_max)
            }
            Checksum::Left => return self.push_completed(handle, packet, datagram_max),
            Checksum::Complete if fits => self.push_whole((KIND_PACKETS, handle), length, packet, datagram_max),
            Checksum::Complete => return self.push_fragments(handle, packet, datagram_max),
        }
        true
    }

    /// The datagrams so far.
    pub fn finished(&mut self) -> &[Bytes] {
        self.close_open();
        &self.datagrams
    }

    /// Bytes of the datagrams so far, the one under way included.
    pub fn bytes(&self) -> usize {
        self.finished_bytes + self.blocks.piece_len()
    }

    /// Forgets the datagrams. Their memory is written anew when the carrier has let go of them.
    pub fn clear(&mut self) {
        self.close_open();
        self.datagrams.clear();
        self.finished_bytes = 0;
    }

    /// Packs the packets anew for smaller datagrams; those of them that do not fit these are gone.
    pub fn repack(&mut self, datagram_max: usize) -> Result<TooBig, BadFrame> {
        let mut smaller = Self::new(self.ids.clone(), self.segments);
        let (mut unpacker, mut too_big) = (Unpacker::default(), TooBig::default());
        for datagram in self.finished() {
            // The parts of a packet follow each other, so time does not matter.
            unpacker.unpack(datagram, 0, |unpacked| match unpacked {
                Unpacked::Packet { handle, checksum, bytes } => {
                    if !smaller.push(handle, &bytes, checksum, datagram_max) {
                        too_big.packets += 1;
                        too_big.bytes += bytes.len() as u64;
                    }
                }
                Unpacked::Totals(_) => {}
            })?;
        }
        *self = smaller;
        Ok(too_big)
    }

    fn push_whole(&mut self, head: (u8, u16), length: u16, packet: &[u8], datagram_max: usize) {
        let fits = self.blocks.piece_len() + LENGTH + packet.len() <= datagram_max;
        if self.open != Some(head) || !fits {
            self.begin(head, datagram_max);
        }
        let piece = self.blocks.piece();
        piece.put_u16_le(length);
        piece.put_slice(packet);
    }

    fn push_completed(&mut self, handle: u16, packet: &[u8], datagram_max: usize) -> bool {
        let mut scratch = mem::take(&mut self.scratch);
        scratch.clear();
        scratch.extend_from_slice(packet);
        let layout = packet::parse(packet).map(|parsed| parsed.layout());
        let pushed = layout.is_ok_and(|layout| checksum::complete(&mut scratch, &layout))
            && self.push(handle, &scratch, Checksum::Complete, datagram_max);
        self.scratch = scratch;
        pushed
    }

    fn push_fragments(&mut self, handle: u16, packet: &[u8], datagram_max: usize) -> bool {
        let Some(part_max) = datagram_max.checked_sub(FRAGMENT_HEADER).filter(|room| *room > 0) else { return false };
        let count = packet.len().div_ceil(part_max);
        let Some(count_field) = u8::try_from(count).ok().filter(|_| count <= PARTS_MAX) else { return false };
        let id = self.ids.fetch_add(1, Ordering::Relaxed);
        // Parts of equal size: a run of equal datagrams leaves the host as one GSO send.
        for (index, part) in (0..count_field).zip(packet.chunks(packet.len().div_ceil(count))) {
            self.begin((KIND_FRAGMENT, handle), FRAGMENT_HEADER + part.len());
            let piece = self.blocks.piece();
            piece.put_u32_le(id);
            piece.put_u8(index);
            piece.put_u8(count_field);
            piece.put_slice(part);
        }
        self.close_open();
        true
    }

    fn begin(&mut self, head: (u8, u16), room: usize) {
        self.close_open();
        self.blocks.begin(room);
        self.open = Some(head);
        let piece = self.blocks.piece();
        piece.put_u8(head.0);
        piece.put_u16_le(head.1);
    }

    fn close_open(&mut self) {
        if self.open.take().is_some() {
            let datagram = self.blocks.take();
            self.finished_bytes += datagram.len();
            self.datagrams.push(datagram);
        }
    }
}
