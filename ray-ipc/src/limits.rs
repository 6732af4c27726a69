//! Every bound of the two protocols, in one place, with the relations between them checked at compile time.

/// One helper message. SEQPACKET keeps message borders, so a longer one is seen as truncated and is a violation.
pub const HELPER_FRAME_MAX: usize = 32 * 1024;
/// One message to or from `ray-names`.
pub const NAMES_FRAME_MAX: usize = 8 * 1024;
/// Search domains in one `ReplaceDns`: the C library takes six, and some are the host's own.
pub const SEARCH_MAX: usize = 4;
/// Queues of one TUN device. Eight saturate any host that one engine can feed.
pub const QUEUES_MAX: usize = 8;
/// Routes in one `ReplaceRoutes`; the policy file may lower it.
pub const ROUTES_MAX: usize = 1024;
/// Encoded size of one route: address family tag (4), address (16), prefix length (1).
pub const ROUTE_LEN_MAX: usize = 21;

/// One control message in either direction. A status of a full roster must fit.
pub const CONTROL_FRAME_MAX: usize = 8 * 1024 * 1024;
/// One control request. Requests are small; only replies grow with the roster.
pub const CONTROL_REQUEST_MAX: usize = 16 * 1024;
/// Echo requests in one `ping`.
pub const PING_COUNT_MAX: u32 = 100_000;

const _: () = assert!(ROUTES_MAX * ROUTE_LEN_MAX + 64 <= HELPER_FRAME_MAX);
const _: () = assert!(CONTROL_REQUEST_MAX < CONTROL_FRAME_MAX);
