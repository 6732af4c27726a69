//! What a starting helper finds of its predecessor, and what it does with it.
//!
//! There is no journal. A device that the helper made bears a mark that only root can set; its rules bear a protocol number
//! and a priority that only the helper uses; addresses and routes are the device's. So the kernel's own tables are the
//! journal: they cannot be behind what was done, be lost, or be torn by a crash.

use std::os::fd::OwnedFd;

use crate::{
    apply::{Device, Failure, Host},
    crash::crash_point,
    log,
};

/// What there is.
#[derive(Debug)]
pub enum Found {
    Nothing,
    /// The service manager had the queues.
    Device(Device),
    /// A device of this index lives by an engine that is expected to return it.
    Held(u32),
}

/// Takes the device over whose `queues` the service manager kept, or finds one that an engine keeps alive. Sweeps
/// whatever is neither.
pub fn recover(host: &mut Host, queues: Vec<OwnedFd>) -> Result<Found, Failure> {
    crash_point("recover-before");
    if !queues.is_empty() {
        match host.adopt(queues) {
            Ok(device) => {
                crash_point("recover-after-adoption");
                return Ok(Found::Device(device));
            }
            Err(setback) => log::line(format_args!("the queues that the service manager kept: {setback}")),
        }
    }
    match host.held()? {
        Some(ifindex) => Ok(Found::Held(ifindex)),
        None => {
            host.sweep()?;
            crash_point("recover-after-sweep");
            Ok(Found::Nothing)
        }
    }
}

/// Sweeps what nobody holds any more, for a service manager to run after a helper's end. A device with a holder, an engine
/// or the manager's own store, is left alone together with its rules: its holder's end takes it away, and a helper that
/// starts again takes it over.
pub fn undo(host: &mut Host) -> Result<(), Failure> {
    match host.held()? {
        Some(_) => log::line(format_args!("{} is in use: left as it is", host.config.interface)),
        None => {
            host.sweep()?;
            log::line(format_args!("nothing is left"));
        }
    }
    Ok(())
}
