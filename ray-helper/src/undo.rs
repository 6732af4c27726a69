//! Takes back what the helper did.
//!
//! Addresses and routes are bound to the device and go with it. The device itself is deleted by index, because an engine
//! gone wild may hold its queues open or have made it persistent. The rules are bound to nothing; they are found by the mark that only we use.

use nix::errno::Errno;

use crate::{
    apply::{Device, Failure, link, rule},
    log,
    sys::netlink::Netlink,
};

/// Removes the device, then the rules: in this order the engine's packets can never enter a tunnel of their own.
pub fn undo(netlink: &mut Netlink, device: Device) {
    match link::delete(netlink, device.ifindex()) {
        Ok(()) => {}
        // Somebody with the right to do so was faster.
        Err(Failure { errno: Errno::ENODEV, .. }) => {}
        Err(failure) => log::line(format_args!("undo: {failure}")),
    }
    drop(device);
    if let Err(failure) = rule::sweep(netlink) {
        log::line(format_args!("undo: {failure}"));
    }
}
