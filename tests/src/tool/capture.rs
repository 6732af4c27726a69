//! Looks at every frame of one interface for packets that may never be there: from or to a mesh address, in the clear.

use std::{
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    os::fd::AsRawFd,
};

use nix::{
    errno::Errno,
    net::if_::if_nametoindex,
    sys::{
        socket::{
            AddressFamily, LinkAddr, SockFlag, SockProtocol, SockType, recvfrom, setsockopt, socket,
            sockopt::{RcvBuf, ReceiveTimeout},
        },
        time::{TimeVal, TimeValLike},
    },
};
use serde::{Deserialize, Serialize};

use super::{ToolError, failed};

const ETHERNET_HEADER: usize = 14;
const IPV4: [u8; 2] = [0x08, 0x00];
const IPV6: [u8; 2] = [0x86, 0xdd];
/// Between two looks whether to end.
const PAUSE_MS: i64 = 100;
const BUFFER: usize = 32 * 1024 * 1024;

/// What was seen.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub frames: u64,
    /// Packets from or to a mesh address, as `source > destination`.
    pub mesh: Vec<String>,
}

/// Watches `interface` until `ended` says so.
pub fn watch(interface: &str, ended: impl Fn() -> bool, watching: impl FnOnce()) -> Result<Report, ToolError> {
    let index = if_nametoindex(interface).map_err(failed(format!("looking for {interface}")))?;
    let socket = socket(AddressFamily::Packet, SockType::Raw, SockFlag::SOCK_CLOEXEC, SockProtocol::EthAll)
        .map_err(failed("opening a packet socket (needs root)"))?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::milliseconds(PAUSE_MS)).map_err(failed("bounding the wait"))?;
    // Where the limit forbids it, the default has to do.
    let _ = setsockopt(&socket, RcvBuf, &BUFFER);
    watching();
    let mut report = Report { schema: "ray.lab.capture/1".to_owned(), frames: 0, mesh: Vec::new() };
    let mut frame = vec![0; 128];
    while !ended() {
        match recvfrom::<LinkAddr>(socket.as_raw_fd(), &mut frame) {
            Ok((len, from)) if from.is_some_and(|from| u32::try_from(from.ifindex()) == Ok(index)) => {
                report.frames += 1;
                if let Some((source, destination)) = ends(frame.get(..len.min(frame.len())).unwrap_or_default())
                    && (is_mesh(source) || is_mesh(destination))
                {
                    report.mesh.push(format!("{source} > {destination}"));
                }
            }
            Ok(_) | Err(Errno::EAGAIN | Errno::EINTR) => {}
            Err(errno) => return Err(failed("reading frames")(errno)),
        }
    }
    Ok(report)
}

fn ends(frame: &[u8]) -> Option<(IpAddr, IpAddr)> {
    let packet = frame.get(ETHERNET_HEADER..)?;
    let v4 = |at: usize| Some(Ipv4Addr::from(<[u8; 4]>::try_from(packet.get(at..at + 4)?).ok()?).into());
    let v6 = |at: usize| Some(Ipv6Addr::from(<[u8; 16]>::try_from(packet.get(at..at + 16)?).ok()?).into());
    match <[u8; 2]>::try_from(frame.get(12..14)?).ok()? {
        IPV4 => Some((v4(12)?, v4(16)?)),
        IPV6 => Some((v6(8)?, v6(24)?)),
        _ => None,
    }
}

fn is_mesh(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 100 && v4.octets()[1] & 0xc0 == 64,
        IpAddr::V6(v6) => v6.octets()[0] & 0xfe == 2,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_mesh_addresses_from_others() {
        for (address, mesh) in
            [("100.64.0.1", true), ("100.127.9.9", true), ("100.128.0.1", false), ("10.77.0.11", false)]
        {
            assert_eq!(is_mesh(address.parse().unwrap()), mesh, "{address}");
        }
        for (address, mesh) in [("200::1", true), ("3ff::1", true), ("fd77::11", false), ("fe80::1", false)] {
            assert_eq!(is_mesh(address.parse().unwrap()), mesh, "{address}");
        }
    }

    #[test]
    fn reads_both_ends_of_a_packet() {
        let mut frame = vec![0; 34];
        frame[12..14].copy_from_slice(&IPV4);
        frame[26..30].copy_from_slice(&[100, 64, 0, 1]);
        frame[30..34].copy_from_slice(&[10, 0, 0, 1]);
        assert_eq!(ends(&frame), Some((Ipv4Addr::new(100, 64, 0, 1).into(), Ipv4Addr::new(10, 0, 0, 1).into())));
        assert_eq!(ends(&frame[..33]), None);
    }
}
