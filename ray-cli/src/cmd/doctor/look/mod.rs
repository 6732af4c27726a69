//! The facts of this host: what the kernel and the file system say, unjudged.

pub(super) mod adjtimex;
pub(super) mod file;
pub(super) mod interface;
pub(super) mod kernel;
pub(super) mod netlink;
pub(super) mod process;
pub(super) mod route;
pub(super) mod rule;
pub(super) mod udp;
