//! Every bound of the exchange of entries, in one place, with the relations between them checked at compile time.

use super::Millis;
use crate::ledger::limits::{
    ANSWER_ENTRIES_MAX, ENTRIES_MAX, ENTRY_BYTES_MAX, PENDING_BYTES_MAX, PENDING_ENTRIES_MAX, WANTED_MAX,
};

/// Heads in one message, and heads that are remembered of a peer. A ledger has a few, and many only when very many
/// members act in the same moment; of more than these a message names others each time.
pub const HEADS_MAX: usize = 512;
/// Ids under `have` in one Want.
pub const HAVE_MAX: usize = 512;
/// Ids of missing parents in one Want: all that a ledger says to want at a time.
pub const IDS_MAX: usize = 256;
/// Entries that are sent without having been asked for. More are announced, so that whoever has them already is not
/// sent them once by each peer.
pub const PUSH_ENTRIES_MAX: usize = 32;
/// Linked members up to which others' entries are passed on unasked. In a larger mesh nearly everybody hears the author
/// itself, and the rest hears the heads.
pub const RELAY_PEERS_MAX: usize = 16;
/// Linked members of one network. Far above what one endpoint holds open.
pub const PEERS_MAX: usize = 1024;
/// Unanswered Wants to all peers together.
pub const OPEN_MAX: usize = 4;

/// What came within this is announced together.
pub const ANNOUNCE_DELAY: Millis = 300;
/// Heads are told again after this, in case that a message was lost.
pub const REPEAT_HEADS: Millis = 60_000;
/// A Want that was not answered for so long has failed. The largest answer takes half of it at 2 Mbit/s.
pub const ANSWER_TIMEOUT: Millis = 10_000;
/// A Want that was not answered for so long no longer keeps others from being asked for the same.
pub const HEDGE_DELAY: Millis = 3_000;
/// Between Wants to two peers, as the first answer mostly serves both needs.
pub const STAGGER: Millis = 1_000;
/// The caller takes entries in at once; if it has not told within this that the ledger grew, it did not.
pub const SETTLE: Millis = 100;
/// How long a peer is not asked after a first failure; it doubles with each.
pub const REST_MIN: Millis = 2_000;
/// A peer that always fails costs one Want in this time.
pub const REST_MAX: Millis = 60_000;
/// A peer that had nothing is not asked for the same before this, unless it announces other heads.
pub const BARREN: Millis = 60_000;
/// A missing parent is asked of peers that did not mention it after this.
pub const INQUIRE_DELAY: Millis = 1_000;
/// And of each of them once in this time: nobody may have it, and then everybody is asked.
pub const INQUIRE_INTERVAL: Millis = 10_000;

/// Answers of each side while a former member hands in. What goes beyond is for the next time.
pub const HEARING_ANSWERS_MAX: usize = 16;
/// Bytes that are taken on trial while a former member hands in; as much as may wait for parents.
pub const HEARING_BYTES_MAX: usize = PENDING_BYTES_MAX;
/// Heads that a former member names at first. They are hints, and who is nobody yet is not listened to for long.
pub const HEARING_HEADS_MAX: usize = 64;

/// Large answers that a peer may still send after its Wants timed out or were served by others.
pub(super) const CREDIT_MAX: u8 = 4;
/// Entries that a peer is known to have, the latest, so that they are not sent back to it.
pub(super) const RECENT_MAX: usize = 2 * PUSH_ENTRIES_MAX;
/// Entries that the ledger refused, the latest, so that nobody is asked for them again.
pub(super) const SPURNED_MAX: usize = 1024;

/// How much one peer may have of something: at once, and on average.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) burst: u64,
    pub(super) per_second: u64,
}

/// Wants answered: the longest ledger in one go, and then some.
pub(super) const WANTS: Rate = Rate { burst: 512, per_second: 4 };
/// Bytes of answers. A link's queue holds what is sent until the peer has read it, so the burst bounds memory too.
pub(super) const ANSWER_BYTES: Rate = Rate { burst: 8 * 1024 * 1024, per_second: 1024 * 1024 };
/// Unknown entries taken unasked: each costs a signature check. A burst serves a script that mints many invites.
pub(super) const PUSHED_ENTRIES: Rate = Rate { burst: 256, per_second: 8 };
/// Announcements heard. A busy peer makes one each [`ANNOUNCE_DELAY`].
pub(super) const ANNOUNCEMENTS: Rate = Rate { burst: 64, per_second: 4 };
/// For how long the budget of a peer that is gone is remembered, so that linking again does not refill it.
pub(super) const BUDGET_MEMORY: Millis = 180_000;

/// `have`: heads of the peer that are known here.
pub(super) const HAVE_COMMON_MAX: usize = 128;
/// `have`: entries that were refused.
pub(super) const HAVE_SPURNED_MAX: usize = 64;
/// `have`: older entries. Two for each doubling of the distance from the end of the longest ledger.
pub(super) const HAVE_SAMPLE_MAX: usize = 2 * (ENTRIES_MAX.ilog2() as usize + 1);

const _: () = assert!(IDS_MAX >= WANTED_MAX && IDS_MAX <= ANSWER_ENTRIES_MAX);
const _: () = assert!(PUSH_ENTRIES_MAX < ANSWER_ENTRIES_MAX && ANSWER_ENTRIES_MAX <= PENDING_ENTRIES_MAX);
const _: () = assert!(HAVE_COMMON_MAX + HAVE_SPURNED_MAX + HAVE_SAMPLE_MAX <= HAVE_MAX / 2);
const _: () = assert!(HEARING_HEADS_MAX + HAVE_SAMPLE_MAX <= HAVE_MAX / 2);
const _: () = assert!(ANSWER_BYTES.burst >= (ANSWER_ENTRIES_MAX * ENTRY_BYTES_MAX) as u64);
const _: () = assert!(WANTS.burst >= (ENTRIES_MAX / ANSWER_ENTRIES_MAX) as u64);
const _: () = assert!(REPEAT_HEADS / ANNOUNCE_DELAY >= 1 && 1000 / ANNOUNCE_DELAY < ANNOUNCEMENTS.per_second);
const _: () = assert!(STAGGER < HEDGE_DELAY && HEDGE_DELAY < ANSWER_TIMEOUT);
const _: () = assert!(WANTS.burst / WANTS.per_second * 1000 <= BUDGET_MEMORY);
const _: () = assert!(PUSHED_ENTRIES.burst / PUSHED_ENTRIES.per_second * 1000 <= BUDGET_MEMORY);
