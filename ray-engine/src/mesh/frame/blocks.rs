//! Memory for datagrams: a few blocks in turn, each written anew once nobody holds a piece of it.

use std::{collections::VecDeque, mem};

use bytes::{Bytes, BytesMut};

/// A super-packet's datagrams, and more than any one datagram. Of larger blocks, allocators would ask the kernel for each.
const BLOCK: usize = 64 * 1024;
/// Blocks that are kept while the carrier holds pieces of them. With more in its queue, one is made for some 50 datagrams.
pub(super) const LENT_MAX: usize = 4;

const _: () = assert!(super::DATAGRAM_MAX <= BLOCK);

#[derive(Debug, Default)]
pub(super) struct Blocks {
    /// Without memory before the first piece.
    open: BytesMut,
    begun: bool,
    /// Written to their end; the one that the carrier has had longest in front.
    lent: VecDeque<BytesMut>,
}

impl Blocks {
    /// Begins a piece that will take `room` bytes at most. The piece before has been taken.
    pub(super) fn begin(&mut self, room: usize) {
        if self.open.try_reclaim(room) {
            return;
        }
        let returned = self.lent.front_mut().is_some_and(|block| block.try_reclaim(BLOCK));
        let next = if returned { self.lent.pop_front() } else { None };
        let full = mem::replace(&mut self.open, next.unwrap_or_else(|| BytesMut::with_capacity(BLOCK)));
        if self.begun && self.lent.len() < LENT_MAX {
            self.lent.push_back(full);
        }
        self.begun = true;
    }

    /// The piece under way.
    pub(super) fn piece(&mut self) -> &mut BytesMut {
        &mut self.open
    }

    pub(super) fn piece_len(&self) -> usize {
        self.open.len()
    }

    pub(super) fn take(&mut self) -> Bytes {
        self.open.split().freeze()
    }
}
