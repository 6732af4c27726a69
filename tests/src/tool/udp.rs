//! One datagram, to see what the kernel says about sending it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use nix::errno::Errno;

/// Sends one datagram. On failure the name of the error, such as `EACCES`.
pub fn send(target: SocketAddr) -> Result<(), String> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let sent = UdpSocket::bind((any, 0)).and_then(|socket| socket.send_to(b"ray-lab", target));
    match sent {
        Ok(_) => Ok(()),
        Err(error) => {
            Err(error.raw_os_error().map_or_else(|| error.to_string(), |raw| format!("{:?}", Errno::from_raw(raw))))
        }
    }
}
