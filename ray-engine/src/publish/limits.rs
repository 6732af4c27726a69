//! Every bound of publication, in one place, with the relations between them checked at compile time.

use std::time::Duration;

use crate::ledger::limits::MEMBERS_MAX;

/// Members that a record names. One that answers is enough; six make it likely that one does.
pub const SEEDS_MAX: usize = 6;
/// A DNS packet that the DHT and pkarr relays take.
pub const PACKET_LEN_MAX: usize = 1000;
/// A record is refused when it was issued longer ago: whoever publishes does so every half hour.
pub const RECORD_AGE_S_MAX: u64 = 7 * 24 * 3600;
/// A record is refused when it was issued later than this from now: that far clocks may differ, daylight-saving mistakes
/// included.
pub const RECORD_AHEAD_S_MAX: u64 = 2 * 3600;
/// A sealed ledger. Each of all members may have eight entries of the usual size; a ledger with more is not published, and
/// its record names seeds only.
pub const BLOB_LEN_MAX: usize = 32 * 1024 * 1024;
/// What an entry takes in a blob when it has one parent and a usual host name: 360 to 400 bytes.
const ENTRY_LEN_USUAL: usize = 400;

/// A request's body on a pkarr relay: signature, timestamp, packet.
pub(super) const PAYLOAD_LEN_MAX: usize = 64 + 8 + PACKET_LEN_MAX;
/// Places that a record is put to and looked up at: each is asked.
pub(super) const RELAYS_MAX: usize = 16;
/// Nodes to enter the DHT by.
pub(super) const BOOTSTRAP_MAX: usize = 16;
/// An HTTP request to a pkarr relay, connecting included.
pub(super) const RELAY_TIMEOUT: Duration = Duration::from_secs(10);
/// Entering the DHT, walking to the nodes next to the key, and asking or telling them.
pub(super) const DHT_TIMEOUT: Duration = Duration::from_secs(30);
/// Visits to the DHT at once. Each has a thread and a socket while it lasts.
pub(super) const DHT_VISITS_MAX: usize = 2;

/// Members who fetch at once. One more is turned away and comes again.
pub(super) const READERS_MAX: usize = 8;
/// Requests of one connection. A reader needs one; a connection that is reused needs a few.
pub(super) const REQUESTS_MAX: usize = 16;
/// The longest blob at 300 kbit/s takes about this long.
pub(super) const SERVE_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// How long a connection may ask for nothing.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(10);

const _: () = assert!(8 * MEMBERS_MAX * ENTRY_LEN_USUAL <= BLOB_LEN_MAX);
const _: () = assert!(BLOB_LEN_MAX <= u32::MAX as usize);
const _: () = assert!(SEEDS_MAX <= u8::MAX as usize);
