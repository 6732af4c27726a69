//! Gives up every capability, or every one but CAP_NET_ADMIN.

use caps::{CapSet, Capability, CapsHashSet, errors::CapsError};

use crate::ConfineError;

pub(crate) fn require_net_admin() -> Result<(), ConfineError> {
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_ADMIN)? {
        Ok(())
    } else {
        Err(ConfineError::NotNetAdmin)
    }
}

/// Bounding set first: lowering it takes a capability that the other sets lose after it.
pub(crate) fn cut(keeps_net_admin: bool) -> Result<(), ConfineError> {
    let kept: CapsHashSet = keeps_net_admin.then_some(Capability::CAP_NET_ADMIN).into_iter().collect();
    if caps::has_cap(None, CapSet::Effective, Capability::CAP_SETPCAP)? {
        for capability in caps::read(None, CapSet::Bounding)? {
            if !kept.contains(&capability) {
                caps::drop(None, CapSet::Bounding, capability)?;
            }
        }
    }
    caps::clear(None, CapSet::Ambient)?;
    caps::set(None, CapSet::Effective, &kept)?;
    caps::set(None, CapSet::Permitted, &kept)?;
    caps::set(None, CapSet::Inheritable, &CapsHashSet::new())?;
    Ok(())
}

impl From<CapsError> for ConfineError {
    fn from(cause: CapsError) -> Self {
        Self::Capabilities(cause)
    }
}
