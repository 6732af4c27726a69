//! The bounds of every queue, and the times by which a queue is judged.

use super::Micros;

/// What an item takes beside its packet: its place in the queue, its own bookkeeping, and what the allocator adds.
/// Without it two mebibytes of one-byte packets would take a hundred times that.
pub const ITEM_OVERHEAD: usize = 256;

/// Flows of one link that are told apart. Sixty-four that are all backlogged at once is far beyond what two hosts have.
pub(super) const BUCKETS: usize = 64;

/// What a flow sends before it is the next one's turn: a quarter of a super-packet, so that flows of small packets are
/// not looked at for each packet, and a round of several flows is short.
pub(super) const QUANTUM: i64 = 16 * 1024;

/// What the smallest packet is charged in the round: it costs a sender and a wire at least this much.
pub(super) const CHARGE_MIN: usize = 64;

/// What waits for one peer while it is dialled: the first flight of several connections.
pub(super) const WAITING_PEER_BYTES: usize = 64 * 1024;
pub(super) const WAITING_BYTES: usize = 1024 * 1024;
pub(super) const WAITING_PEERS: usize = 256;
/// By then a dial has succeeded or a host has sent again: TCP after one second, and after two more.
pub(super) const WAITING_TIME: Micros = 3_000_000;

/// What the queues of all links hold together, beside the share that is each one's own: 32 that are full.
pub(super) const POOL_BYTES: usize = 64 * 1024 * 1024;
/// Two super-packets.
pub(super) const QUEUE_OWN: usize = 136 * 1024;

/// The bounds of one link's queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Memory: packets, and [`ITEM_OVERHEAD`] for each.
    pub bytes: usize,
    /// A wait that is fine.
    pub target: Micros,
    /// How long waits must stay above it before a sender is told: a round trip through most of the world.
    pub interval: Micros,
    /// A wait after which an item is not worth sending: hosts have sent it again, and a call has moved on.
    pub stale: Micros,
}

impl Default for Limits {
    /// The first two times are those of RFC 8289. Two mebibytes hold 32 super-packets: a round trip of 100 ms at 160
    /// Mbit/s, and 16 ms at a gigabit.
    fn default() -> Self {
        Self { bytes: 2 * 1024 * 1024, target: 5_000, interval: 100_000, stale: 500_000 }
    }
}

const _: () = assert!(BUCKETS == u64::BITS as usize, "sets of buckets are bit masks");
const _: () = assert!(QUEUE_OWN > 2 * (65_536 + ITEM_OVERHEAD));
const _: () = assert!(WAITING_PEER_BYTES < WAITING_BYTES);
const _: () = assert!(WAITING_PEERS * ITEM_OVERHEAD < WAITING_BYTES, "every peer may have something");
