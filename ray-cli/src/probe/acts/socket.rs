//! Sockets of other families than the process needs, and other uses of those that it has.

use nix::libc::{
    self, AF_ALG, AF_BLUETOOTH, AF_CAN, AF_INET, AF_INET6, AF_KEY, AF_NETLINK, AF_PACKET, AF_TIPC, AF_UNIX, AF_VSOCK,
    AF_XDP, IPPROTO_ICMP, IPPROTO_RAW, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET, SOCK_STREAM,
};

use super::super::{
    act::{Access, Act, Arg, Defence, Kind, Needs, Process, Ready},
    facts::Facts,
};

/// What D-Bus and the service manager listen at, where they are.
const BUSES: [(&str, &str, &str); 2] = [
    ("dbus", "reach the system's message bus", "/run/dbus/system_bus_socket"),
    ("systemd", "reach the service manager", "/run/systemd/private"),
];

pub(super) fn all(process: Process, facts: &Facts) -> Vec<Act> {
    let mut acts: Vec<Act> = [
        ("packet", "read every packet of the host", AF_PACKET, SOCK_RAW, 0x0300),
        ("packet_dgram", "read every packet without its frame", AF_PACKET, SOCK_DGRAM, 0x0300),
        ("raw4", "make IPv4 packets by hand", AF_INET, SOCK_RAW, IPPROTO_RAW),
        ("raw6", "make IPv6 packets by hand", AF_INET6, SOCK_RAW, IPPROTO_RAW),
        ("icmp", "make ICMP packets by hand", AF_INET, SOCK_RAW, IPPROTO_ICMP),
        ("alg", "use the kernel's cryptography", AF_ALG, SOCK_SEQPACKET, 0),
        ("vsock", "talk to the hypervisor", AF_VSOCK, SOCK_STREAM, 0),
        ("xdp", "take packets off the card", AF_XDP, SOCK_RAW, 0),
        ("key", "manage IPsec keys", AF_KEY, SOCK_RAW, 2),
        ("bluetooth", "use Bluetooth", AF_BLUETOOTH, SOCK_RAW, 1),
        ("can", "use a CAN bus", AF_CAN, SOCK_RAW, 1),
        ("tipc", "use TIPC", AF_TIPC, SOCK_STREAM, 0),
        ("netfilter", "change the host's firewall", AF_NETLINK, SOCK_RAW, libc::NETLINK_NETFILTER),
        ("audit", "reach the audit system", AF_NETLINK, SOCK_RAW, libc::NETLINK_AUDIT),
        ("xfrm", "change the host's IPsec", AF_NETLINK, SOCK_RAW, libc::NETLINK_XFRM),
        ("uevent", "hear of the host's devices", AF_NETLINK, SOCK_RAW, libc::NETLINK_KOBJECT_UEVENT),
        ("generic", "reach the kernel's other services", AF_NETLINK, SOCK_RAW, libc::NETLINK_GENERIC),
        ("diag", "list everybody's sockets", AF_NETLINK, SOCK_RAW, libc::NETLINK_INET_DIAG),
    ]
    .map(socket)
    .into();
    match process {
        Process::Engine => acts.push(listen()),
        Process::Helper => acts.extend(
            [
                ("tcp4", "reach the network by TCP", AF_INET, SOCK_STREAM, 0),
                ("tcp6", "reach the network by TCP over IPv6", AF_INET6, SOCK_STREAM, 0),
                ("udp4", "reach the network by UDP", AF_INET, SOCK_DGRAM, 0),
                ("udp6", "reach the network by UDP over IPv6", AF_INET6, SOCK_DGRAM, 0),
            ]
            .map(socket),
        ),
    }
    acts.push(
        connect("abstract", "reach another process by an abstract socket", abstract_name(facts.stand_in))
            .defended_by(Defence::Landlock)
            .needing(Needs::ABSTRACT_SOCKETS),
    );
    acts.extend(BUSES.map(|(name, words, path)| {
        connect(name, words, path.as_bytes().to_vec()).on(path, Access::Write).needing(Needs::SOCKETS_BY_PATH)
    }));
    acts
}

/// Where the judging `ray` listens, as the kernel spells a name that is no path.
pub(in crate::probe) fn abstract_name(pid: i32) -> Vec<u8> {
    [b"\0".as_slice(), format!("ray-sandbox-{pid}").as_bytes()].concat()
}

fn socket((name, words, family, kind, protocol): (&str, &str, i32, i32, i32)) -> Act {
    let arguments = vec![family.into(), (kind | libc::SOCK_CLOEXEC).into(), protocol.into()];
    Act::call(Kind::Network, name, words, libc::SYS_socket, arguments)
}

/// Any port of the IPv6 loopback.
fn listen() -> Act {
    let mut address = vec![0; size_of::<libc::sockaddr_in6>()];
    address[..2].copy_from_slice(&family(AF_INET6));
    address[23] = 1;
    let length = i64::try_from(address.len()).unwrap_or_default();
    let arguments: Vec<Arg> = vec![Ready::TcpSocket.into(), address.into(), length.into()];
    Act::call(Kind::Network, "listen", "take a TCP port of the host", libc::SYS_bind, arguments)
        .defended_by(Defence::Landlock)
        .needing(Needs::TCP)
}

fn connect(name: &str, words: &str, address: Vec<u8>) -> Act {
    let address = [family(AF_UNIX).as_slice(), &address].concat();
    let length = i64::try_from(address.len()).unwrap_or_default();
    let arguments: Vec<Arg> = vec![Ready::UnixSocket.into(), address.into(), length.into()];
    Act::call(Kind::Network, name, words, libc::SYS_connect, arguments)
}

fn family(family: i32) -> [u8; 2] {
    u16::try_from(family).unwrap_or_default().to_ne_bytes()
}
