//! Every bound of the ledger, in one place, with the relations between them checked at compile time.

use crate::ident::CollisionIndex;

/// Parents of one entry. An author names all heads that it knows; more than a few mean a flood, and the rest is joined
/// by later entries.
pub const PARENTS_MAX: usize = 16;
/// The body of an action. The largest one of today has less than 600 bytes; the rest is room for later ones.
pub const ACTION_BYTES_MAX: usize = 1024;
/// One signed entry. An action of any size fits beside any number of parents.
pub const ENTRY_BYTES_MAX: usize = 2048;
/// Entries of one ledger. Room for every member to join and leave several times, for the invites and the checkpoints.
pub const ENTRIES_MAX: usize = 131_072;
/// The last of them are for coordinators: members who fill a ledger can still be removed from it.
pub const ENTRIES_RESERVED: usize = 16_384;
/// Entries of an author that is no coordinator, over the life of a network. A member writes when it comes, goes, lets
/// somebody in or changes its name.
pub const MEMBER_ENTRIES_MAX: u64 = 1024;
/// Entries of any author in an hour by its own clock. More than a person types, and than a script needs.
pub const AUTHOR_ENTRIES_PER_HOUR: u64 = 1024;
/// What is called an hour above.
pub const AUTHOR_HOUR_S: u64 = 3600;
/// Members of one network.
pub const MEMBERS_MAX: usize = 10_000;
/// Coordinators of one network. People who decide, not machines that serve.
pub const COORDINATORS_MAX: usize = 64;
/// Invites that were ever minted in one network. Two for each member.
pub const INVITES_MAX: usize = 20_000;
/// Groups that have members. A firewall that needs more is beyond reading.
pub const GROUPS_MAX: usize = 256;
/// Suggested firewall rules.
pub const SUGGESTIONS_MAX: usize = 256;
/// How far after an invite's expiry an entry may still use it, by the clock of the member that signs. Clocks differ.
pub const EXPIRY_TOLERANCE_S: u64 = 600;
/// How far after an invite's expiry a checkpoint may come before an entry that uses the invite. A member that let somebody in
/// while it was cut off has a day to tell a coordinator.
pub const CHECKPOINT_TOLERANCE_S: u64 = 24 * 3600;
/// Entries that wait for a parent. Several answers may arrive out of order.
pub const PENDING_ENTRIES_MAX: usize = 4096;
/// Bytes of the entries that wait for a parent. Entries of the usual size meet the bound above first.
pub const PENDING_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Missing parents that are asked for at a time.
pub const WANTED_MAX: usize = 256;
/// Third entries with one counter, and what their author built on them, that wait for somebody else to build on them. Nobody
/// honest makes one; two whole chains of a plain member fit.
pub const FORKS_ASIDE_MAX: usize = 2048;
/// Entries of one answer to a peer that lacks some.
pub const ANSWER_ENTRIES_MAX: usize = 500;
/// IPv4 candidates that are tried for one member. In a full network one of 400 is held, so 64 held in a row do not
/// happen; a member without IPv4 still has IPv6.
pub const V4_CANDIDATES_MAX: CollisionIndex = 64;
/// Endpoint ids in an invite code. Each adds 52 characters to it.
pub const INVITE_SEATS_MAX: usize = 4;

/// Pasts whose evaluation is kept. Enough for the sides of a split and for what happens at the same time.
pub(super) const VIEWS_MAX: usize = 24;
/// Version, network, author, counter, time, number of parents.
pub(super) const HEAD_BYTES: usize = 1 + 32 + 32 + 8 + 8 + 1;
/// Tag and length of an action.
pub(super) const ACTION_HEAD_BYTES: usize = 2 + 4;
pub(super) const SIGNATURE_BYTES: usize = 64;
/// Ledgers index their entries by `u32`.
pub(super) type Index = u32;

const _: () =
    assert!(HEAD_BYTES + 32 * PARENTS_MAX + ACTION_HEAD_BYTES + ACTION_BYTES_MAX + SIGNATURE_BYTES <= ENTRY_BYTES_MAX);
const _: () = assert!(PARENTS_MAX <= u8::MAX as usize);
const _: () = assert!(ENTRIES_MAX <= Index::MAX as usize);
const _: () = assert!(8 * MEMBERS_MAX + INVITES_MAX <= ENTRIES_MAX - ENTRIES_RESERVED);
const _: () = assert!(PENDING_ENTRIES_MAX >= 2 * ANSWER_ENTRIES_MAX);
const _: () = assert!(PENDING_BYTES_MAX >= ANSWER_ENTRIES_MAX * ENTRY_BYTES_MAX);
// A member's hostname may carry a suffix up to the number of members, and suffixes have five digits.
const _: () = assert!(MEMBERS_MAX < 99_999);
