//! What a descriptor of the tunnel device would allow, and other requests to drivers.

use std::ffi::c_short;

use nix::libc::{self, IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TUN, IFF_VNET_HDR, IFNAMSIZ};

use super::super::{
    act::{Act, Arg, Defence, Kind, Process, Ready},
    ready::DEVICE,
};

const IFF_DETACH_QUEUE: i32 = 0x0400;
/// Puts a character into a terminal's input, as if it had been typed there.
const TIOCSTI: u64 = 0x5412;
const SIOCSIFFLAGS: u64 = 0x8914;
const SIOCADDRT: u64 = 0x890B;
const SIOCSIFADDR: u64 = 0x8916;
const SIOCSIFHWADDR: u64 = 0x8924;
const SIOCBRADDBR: u64 = 0x89a0;

pub(super) fn all(process: Process) -> Vec<Act> {
    let mut acts = vec![
        request("terminal", "type into a terminal", Ready::File, TIOCSTI, 0.into()),
        request("link_flags", "switch an interface off", Ready::UnixSocket, SIOCSIFFLAGS, 0.into()),
        request("add_route", "add a route the old way", Ready::UnixSocket, SIOCADDRT, 0.into()),
        request("add_address", "add an address the old way", Ready::UnixSocket, SIOCSIFADDR, 0.into()),
        request("hardware_address", "change a hardware address", Ready::UnixSocket, SIOCSIFHWADDR, 0.into()),
        request("add_bridge", "make a bridge", Ready::UnixSocket, SIOCBRADDBR, 0.into()),
        request("filter", "put a packet filter on the device", Ready::Queue, libc::TUNATTACHFILTER, 0.into()),
        request("steering", "put a BPF program on the device", Ready::Queue, libc::TUNSETSTEERINGEBPF, 0.into()),
        request("link_type", "change the device's link type", Ready::Queue, libc::TUNSETLINK, 1.into()),
        request("group", "give the device to a group", Ready::Queue, libc::TUNSETGROUP, 0.into()),
    ];
    if process == Process::Engine {
        acts.extend([
            request("persist", "make the device outlive everybody", Ready::Queue, libc::TUNSETPERSIST, 1.into()),
            request("owner", "give the device to another user", Ready::Queue, libc::TUNSETOWNER, 0.into()),
            request("carrier", "unplug the device", Ready::Queue, libc::TUNSETCARRIER, 0.into()),
            request("send_buffer", "change the device's buffer", Ready::Queue, libc::TUNSETSNDBUF, 0.into()),
            request("detach", "detach its queue", Ready::Queue, libc::TUNSETQUEUE, name_and_flags(IFF_DETACH_QUEUE)),
            request("attach", "attach to the device by its name", Ready::FreshQueue, libc::TUNSETIFF, queue_of(DEVICE)),
            request("create", "make a device of its own", Ready::FreshQueue, libc::TUNSETIFF, queue_of("rayown0")),
        ]);
    }
    acts
}

fn request(name: &str, words: &str, on: Ready, request: u64, argument: Arg) -> Act {
    let arguments = vec![on.into(), request.cast_signed().into(), argument];
    Act::call(Kind::Device, name, words, libc::SYS_ioctl, arguments).defended_by(Defence::Seccomp)
}

/// The queue that `name_and_flags` asks for, of the device with this name.
fn queue_of(name: &str) -> Arg {
    let Arg::Bytes(mut request) = name_and_flags(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE) else {
        return Arg::Number(0);
    };
    request[..name.len()].copy_from_slice(name.as_bytes());
    Arg::Bytes(request)
}

/// `struct ifreq` without a name.
fn name_and_flags(flags: i32) -> Arg {
    let mut request = vec![0; size_of::<libc::ifreq>()];
    let flags = u16::try_from(flags).unwrap_or_default();
    request[IFNAMSIZ..IFNAMSIZ + size_of::<c_short>()].copy_from_slice(&flags.to_ne_bytes());
    Arg::Bytes(request)
}
