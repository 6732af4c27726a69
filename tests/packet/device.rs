//! Makes TUN devices in the calling thread's network namespace. Plain ioctls, so that the tests share no code with the
//! helper.
#![allow(unsafe_code, reason = "ioctl on a TUN device")]

use std::{
    fs::File,
    io, mem,
    net::{Ipv4Addr, Ipv6Addr, UdpSocket},
    os::fd::{AsRawFd, OwnedFd},
    thread::yield_now,
    time::{Duration, Instant},
};

use nix::{
    errno::Errno,
    libc::{self, c_int, c_ulong, c_void},
    sched::{CloneFlags, unshare as nix_unshare},
    sys::socket::{AddressFamily, SockFlag, SockType, socket},
};

/// What the helper opens.
pub(crate) const VNET: c_int = libc::IFF_TUN | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE;

const TUNSETIFF: c_ulong = 0x4004_54ca;
const NAME: &[u8] = b"ray0\0";

#[repr(C)]
struct In6Ifreq {
    address: libc::in6_addr,
    prefix_len: u32,
    index: c_int,
}

/// Moves this thread into a network namespace of its own. Tests that need it run as root.
pub(crate) fn unshare() {
    nix_unshare(CloneFlags::CLONE_NEWNET).expect("a network namespace needs root");
}

pub(crate) fn open_tun(flags: c_int) -> OwnedFd {
    let fd: OwnedFd = File::options().read(true).write(true).open("/dev/net/tun").expect("/dev/net/tun").into();
    let mut request = request();
    request.ifr_ifru.ifru_flags = flags as i16;
    control(&fd, TUNSETIFF, &mut request).expect("TUNSETIFF");
    fd
}

/// Gives the device its addresses, with the mesh prefixes on-link, and brings it up.
pub(crate) fn configure(v4: &str, v6: &str, mtu: u16) {
    let v4_socket = control_socket(AddressFamily::Inet);
    let v6_socket = control_socket(AddressFamily::Inet6);

    let mut with_mtu = request();
    with_mtu.ifr_ifru.ifru_mtu = c_int::from(mtu);
    control(&v4_socket, libc::SIOCSIFMTU, &mut with_mtu).expect("SIOCSIFMTU");

    let mut flags = request();
    control(&v4_socket, libc::SIOCGIFFLAGS, &mut flags).expect("SIOCGIFFLAGS");
    // SAFETY: SIOCGIFFLAGS filled the flags.
    flags.ifr_ifru.ifru_flags = unsafe { flags.ifr_ifru.ifru_flags } | libc::IFF_UP as i16;
    control(&v4_socket, libc::SIOCSIFFLAGS, &mut flags).expect("SIOCSIFFLAGS");

    for (call, address) in [(libc::SIOCSIFADDR, v4), (libc::SIOCSIFNETMASK, "255.192.0.0")] {
        let mut with_address = request();
        with_address.ifr_ifru.ifru_addr = socket_address(address.parse().unwrap());
        control(&v4_socket, call, &mut with_address).expect("IPv4 address");
    }

    let mut index = request();
    control(&v4_socket, libc::SIOCGIFINDEX, &mut index).expect("SIOCGIFINDEX");
    let address = v6.parse::<Ipv6Addr>().unwrap().octets();
    let mut with_address = In6Ifreq {
        address: libc::in6_addr { s6_addr: address },
        prefix_len: 7,
        // SAFETY: SIOCGIFINDEX filled the index.
        index: unsafe { index.ifr_ifru.ifru_ifindex },
    };
    control(&v6_socket, libc::SIOCSIFADDR, &mut with_address).expect("IPv6 address");

    // The kernel finds out by a worker that there is nobody to ask whether the address is taken.
    let deadline = Instant::now() + Duration::from_secs(20);
    while UdpSocket::bind((Ipv6Addr::from(address), 0)).is_err() {
        assert!(Instant::now() < deadline, "the IPv6 address stays tentative");
        yield_now();
    }
}

fn control_socket(family: AddressFamily) -> OwnedFd {
    socket(family, SockType::Datagram, SockFlag::SOCK_CLOEXEC, None).expect("control socket")
}

fn request() -> libc::ifreq {
    // SAFETY: `ifreq` is plain data, for which all zero is a value.
    let mut request: libc::ifreq = unsafe { mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(NAME) {
        *to = *from as libc::c_char;
    }
    request
}

fn socket_address(address: Ipv4Addr) -> libc::sockaddr {
    let mut data = [0; 14];
    for (to, from) in data[2..].iter_mut().zip(address.octets()) {
        *to = from as libc::c_char;
    }
    libc::sockaddr { sa_family: libc::AF_INET as u16, sa_data: data }
}

fn control<T>(fd: &OwnedFd, call: c_ulong, argument: &mut T) -> io::Result<()> {
    let argument: *mut T = argument;
    // SAFETY: each call of this file reads or writes at most the structure that it is given here.
    Errno::result(unsafe { libc::ioctl(fd.as_raw_fd(), call, argument.cast::<c_void>()) })?;
    Ok(())
}
