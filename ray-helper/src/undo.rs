//! Takes back what the helper did.
//!
//! Addresses and routes are bound to the device and go with it. The device itself is deleted by index, because an engine
//! gone wild may hold its queues open or have made it persistent. The rules are bound to nothing; they are found by the mark that only we use.

use nix::errno::Errno;

use crate::{
    apply::{Failure, link, rule},
    crash::crash_point,
    log,
    sys::netlink::Netlink,
};

/// Removes the device `ifindex`, then the rules: in this order the engine's packets can never enter a tunnel of their own.
pub fn undo(netlink: &mut Netlink, ifindex: u32) {
    match link::delete(netlink, ifindex) {
        Ok(()) => {}
        // Somebody with the right to do so was faster.
        Err(Failure { errno: Errno::ENODEV, .. }) => {}
        Err(failure) => log::line(format_args!("undo: {failure}")),
    }
    crash_point("undo-after-device");
    if let Err(failure) = rule::sweep(netlink) {
        log::line(format_args!("undo: {failure}"));
    }
    crash_point("undo-after-rules");
}
