//! Puts the parts of packets together, within bounds that a peer cannot move: in number, in bytes and in time.
//! Parts are copied out of their datagrams, since a slice of one byte would hold the carrier's whole buffer.

use std::collections::VecDeque;

use bytes::{Bytes, BytesMut};

use super::{BadFrame, PACKET_MAX, PARTS_MAX};
use crate::firewall::Millis;

/// Incomplete packets of a peer, oldest out. Parts travel together, so few are open at a time.
pub(super) const OPEN_MAX: usize = 32;
/// Bytes of memory of a peer's incomplete packets.
pub const HELD_MAX: usize = 64 * 1024;
/// Parts leave their host in one burst; what has not come after this long was lost.
const AGE_MAX: Millis = 2_000;

const _: () = assert!(OPEN_MAX * PACKET_MAX <= HELD_MAX);

/// One fragment frame: `handle u16 | id u32 | index u8 | count u8 | part`.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part<'a> {
    pub(super) handle: u16,
    id: u32,
    index: u8,
    count: u8,
    bytes: &'a [u8],
}

impl<'a> Part<'a> {
    /// Reads what follows the kind.
    pub(super) fn read(rest: &'a [u8]) -> Result<Self, BadFrame> {
        let (&[h0, h1, i0, i1, i2, i3, index, count], bytes) = rest.split_first_chunk().ok_or(BadFrame)?;
        let possible = (2..=PARTS_MAX).contains(&usize::from(count)) && index < count;
        if !possible || bytes.is_empty() || bytes.len() > PACKET_MAX {
            return Err(BadFrame);
        }
        Ok(Self { handle: u16::from_le_bytes([h0, h1]), id: u32::from_le_bytes([i0, i1, i2, i3]), index, count, bytes })
    }
}

#[derive(Debug, Default)]
pub(super) struct Reassembly {
    /// In the order of their first parts, so the oldest is in front. One entry for each id.
    open: VecDeque<Partial>,
    /// Memory of former packets: what was given up, then what was delivered, longest ago first. Together with `open`
    /// [`OPEN_MAX`] blocks at most.
    spare: VecDeque<BytesMut>,
    abandoned: u64,
}

#[derive(Debug)]
struct Partial {
    id: u32,
    handle: u16,
    count: u8,
    since: Millis,
    /// Where each part stands in `block`.
    parts: [Option<(usize, usize)>; PARTS_MAX],
    /// The parts, in the order in which they came. `None` when they contradicted each other: the entry stays for its time,
    /// so that later parts do not begin the packet anew.
    block: Option<BytesMut>,
}

impl Reassembly {
    /// Gives up what is too old.
    pub(super) fn expire(&mut self, now: Millis) {
        while self.open.front().is_some_and(|oldest| now.saturating_sub(oldest.since) >= AGE_MAX) {
            self.drop_oldest();
        }
    }

    /// The packet that `part` completes.
    pub(super) fn add(&mut self, part: &Part<'_>, now: Millis) -> Option<Bytes> {
        let at = self.open.iter().position(|partial| partial.id == part.id).unwrap_or_else(|| self.begin(part, now));
        let partial = self.open.get_mut(at)?;
        let block = partial.block.as_mut()?;
        let fits = partial.handle == part.handle && partial.count == part.count;
        let slot = partial.parts.get_mut(usize::from(part.index)).filter(|slot| fits && slot.is_none());
        let Some(slot) = slot.filter(|_| block.len() + part.bytes.len() <= PACKET_MAX) else {
            if let Some(block) = partial.block.take() {
                self.spare.push_front(block);
            }
            self.abandoned += 1;
            return None;
        };
        *slot = Some((block.len(), block.len() + part.bytes.len()));
        block.extend_from_slice(part.bytes);
        let came = partial.parts.iter().flatten().count();
        if came < usize::from(part.count) { None } else { self.finish(at) }
    }

    pub(super) fn abandoned(&self) -> u64 {
        self.abandoned
    }

    /// Each block has the length of the longest packet, whatever is in it.
    pub(super) fn held(&self) -> usize {
        let open = self.open.iter().filter(|partial| partial.block.is_some()).count();
        (open + self.spare.len()) * PACKET_MAX
    }

    fn begin(&mut self, part: &Part<'_>, now: Millis) -> usize {
        if self.open.len() == OPEN_MAX {
            self.drop_oldest();
        }
        let block = Some(self.block());
        let (id, handle, count) = (part.id, part.handle, part.count);
        self.open.push_back(Partial { id, handle, count, since: now, parts: [None; PARTS_MAX], block });
        self.spare.truncate(OPEN_MAX - self.open.len());
        self.open.len() - 1
    }

    /// Takes a complete packet out. Parts that came in their order need no further copy.
    fn finish(&mut self, at: usize) -> Option<Bytes> {
        let Partial { parts, block, .. } = self.open.remove(at)?;
        let mut block = block?;
        let in_order = parts.iter().flatten().is_sorted();
        if !in_order {
            let mut sorted = self.block();
            for (start, end) in parts.into_iter().flatten() {
                sorted.extend_from_slice(block.get(start..end)?);
            }
            block.clear();
            self.spare.push_back(std::mem::replace(&mut block, sorted));
        }
        let packet = block.split().freeze();
        self.spare.push_back(block);
        self.spare.truncate(OPEN_MAX - self.open.len());
        Some(packet)
    }

    fn drop_oldest(&mut self) {
        if let Some(block) = self.open.pop_front().and_then(|oldest| oldest.block) {
            self.abandoned += 1;
            self.spare.push_front(block);
        }
    }

    /// Memory for one packet: a former one's, if nobody holds that any more.
    fn block(&mut self) -> BytesMut {
        let free = self.spare.front_mut().is_some_and(|block| {
            block.clear();
            block.try_reclaim(PACKET_MAX)
        });
        let spare = if free { self.spare.pop_front() } else { None };
        spare.unwrap_or_else(|| BytesMut::with_capacity(PACKET_MAX))
    }
}
