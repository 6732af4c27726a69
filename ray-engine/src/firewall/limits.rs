//! The firewall's bounds. Whatever a peer sends, memory stays below their sum.

use super::Millis;

/// Flows that are remembered in total. A busy server holds some thousands.
pub const FLOWS_MAX: usize = 65_536;
/// Flows of one peer: a quarter, so that it takes several to fill the table.
pub const PEER_FLOWS_MAX: usize = FLOWS_MAX / 4;
/// What all flows may occupy, with their index and the slack of tables that grow by doubling.
pub const FLOW_MEMORY_MAX: usize = 32 << 20;
/// Flows that are looked at to find one that may go: enough that an answered one is rarely the worst of them.
pub(super) const EVICTION_SAMPLE: usize = 16;

/// Datagrams in pieces that are remembered in total, with a map of a kibibyte each.
pub const DATAGRAMS_MAX: usize = 1024;
/// Datagrams in pieces of one peer.
pub const PEER_DATAGRAMS_MAX: usize = 64;
/// How long the rest of a datagram may take: as long as hosts wait for it.
pub const DATAGRAM_TIMEOUT: Millis = 30_000;

/// Rules in force: ten times what the largest rule set is expected to hold.
pub const RULES_MAX: usize = 4096;
/// A rule's text, as the ledger carries it.
pub const RULE_TEXT_MAX: usize = 512;
/// Ports and ranges of one rule: with every other word at its longest, the text still fits.
pub const PORT_RANGES_MAX: usize = 20;

/// Answers to refused packets: a burst that a page's connections need, and a rate that reflects nothing worth having.
pub(super) const PEER_ANSWERS_BURST: u32 = 64;
pub(super) const PEER_ANSWERS_PER_SECOND: u32 = 32;
pub(super) const ANSWERS_BURST: u32 = 512;
pub(super) const ANSWERS_PER_SECOND: u32 = 256;

const _: () = assert!(PEER_FLOWS_MAX.is_power_of_two(), "tables that double waste nothing at a power of two");
const _: () = assert!(PEER_DATAGRAMS_MAX < DATAGRAMS_MAX);
const _: () = assert!(PEER_ANSWERS_BURST < ANSWERS_BURST && PEER_ANSWERS_PER_SECOND < ANSWERS_PER_SECOND);
