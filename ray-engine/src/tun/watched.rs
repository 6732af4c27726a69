//! A queue whose readiness the runtime tells.
#![allow(unsafe_code, reason = "the runtime takes our word for the descriptor")]

use std::{io, os::fd::OwnedFd, sync::Arc};

use tokio::io::{Interest, unix::AsyncFd};

/// Within a runtime.
pub(super) fn watched(fd: Arc<OwnedFd>) -> io::Result<AsyncFd<Arc<OwnedFd>>> {
    // SAFETY: what is registered is a handle that is held until it is registered no more, and it is the same descriptor,
    // which is open for as long, whenever it is asked for.
    Ok(unsafe { AsyncFd::register_with_interest(fd, Interest::READABLE) }?)
}
