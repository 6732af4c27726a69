//! What the queue promises each flow, and that it loses, mixes up and invents nothing.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

mod bounds;
mod shares;
mod signals;
mod turns;

use super::*;

const SUPER: usize = 65_536;
const BULK: u64 = 1;
const PING: u64 = 1 + 64;

/// A flow, its number in it, and the bytes that it says it has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Item {
    flow: u64,
    number: u32,
    bytes: usize,
}

impl Weigh for Item {
    fn bytes(&self) -> usize {
        self.bytes
    }
}

fn queue(limits: Limits) -> FairQueue<Item> {
    FairQueue::new(limits, Arc::default())
}

fn item(flow: u64, number: u32, bytes: usize) -> Item {
    Item { flow, number, bytes }
}

fn never(item: Item) {
    panic!("lost {item:?}");
}
