//! ICMP echo by a raw socket: what the kernel's own stack says about the way to an address.

use std::{
    io,
    net::{IpAddr, SocketAddr, UdpSocket},
    process,
    time::{Duration, Instant},
};

use nix::sys::socket::{AddressFamily, SockFlag, SockProtocol, SockType, socket};
use serde::{Deserialize, Serialize};

use super::{ToolError, failed};

const PAYLOAD: [u8; 32] = *b"ray-lab ray-lab ray-lab ray-lab ";
const ECHO_V4: (u8, u8) = (8, 0);
const ECHO_V6: (u8, u8) = (128, 129);
/// Larger than any answer to our own payload.
const ANSWER_LEN_MAX: usize = 2048;

/// What a series of echo requests found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub target: IpAddr,
    pub sent: u16,
    pub received: u16,
    /// Of the answers that came.
    pub min_ms: Option<f64>,
    pub avg_ms: Option<f64>,
    pub max_ms: Option<f64>,
}

/// Sends `count` echo requests, each after the answer to the one before or `timeout`.
pub fn ping(target: IpAddr, count: u16, timeout: Duration) -> Result<Report, ToolError> {
    let socket = open(target).map_err(failed("opening a raw ICMP socket (needs root)"))?;
    let mut times = Vec::new();
    for sequence in 1..=count {
        if let Some(time) = probe(&socket, target, sequence, timeout)? {
            times.push(time.as_secs_f64() * 1000.0);
        }
    }
    let average = (!times.is_empty()).then(|| times.iter().sum::<f64>() / f64::from(u32::from(length(&times))));
    Ok(Report {
        schema: "ray.lab.ping/1".to_owned(),
        target,
        sent: count,
        received: length(&times),
        min_ms: times.iter().copied().reduce(f64::min),
        avg_ms: average,
        max_ms: times.iter().copied().reduce(f64::max),
    })
}

fn length(times: &[f64]) -> u16 {
    u16::try_from(times.len()).unwrap_or(u16::MAX)
}

fn open(target: IpAddr) -> io::Result<UdpSocket> {
    let (family, protocol) = match target {
        IpAddr::V4(_) => (AddressFamily::Inet, SockProtocol::Icmp),
        IpAddr::V6(_) => (AddressFamily::Inet6, SockProtocol::IcmpV6),
    };
    let socket = socket(family, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    // std has no type for raw sockets; a UDP socket's calls are the same.
    let socket = UdpSocket::from(socket);
    // Connected, it only gets what that address sends, and errors about it.
    socket.connect(SocketAddr::new(target, 0))?;
    Ok(socket)
}

fn probe(socket: &UdpSocket, target: IpAddr, sequence: u16, timeout: Duration) -> Result<Option<Duration>, ToolError> {
    let started = Instant::now();
    socket.send(&request(target, sequence)).map_err(failed(format!("sending to {target}")))?;
    let mut buffer = [0; ANSWER_LEN_MAX];
    loop {
        let left = timeout.saturating_sub(started.elapsed());
        if left.is_zero() {
            return Ok(None);
        }
        socket.set_read_timeout(Some(left)).map_err(failed("bounding the wait"))?;
        match socket.recv(&mut buffer) {
            Ok(len) if is_answer(target, sequence, buffer.get(..len).unwrap_or_default()) => {
                return Ok(Some(started.elapsed()));
            }
            Ok(_) => {}
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            // Unreachable right now: as good as no answer.
            Err(error)
                if matches!(error.kind(), io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(failed(format!("waiting for {target}"))(error)),
        }
    }
}

fn request(target: IpAddr, sequence: u16) -> Vec<u8> {
    let kind = if target.is_ipv4() { ECHO_V4.0 } else { ECHO_V6.0 };
    let mut bytes = vec![kind, 0, 0, 0];
    bytes.extend_from_slice(&identifier().to_be_bytes());
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&PAYLOAD);
    // For IPv6 the kernel fills it in.
    if let (true, Some(field)) = (target.is_ipv4(), bytes.get_mut(2..4)) {
        field.fill(0);
        let sum = checksum(&bytes);
        if let Some(field) = bytes.get_mut(2..4) {
            field.copy_from_slice(&sum.to_be_bytes());
        }
    }
    bytes
}

/// IPv4 raw sockets deliver the IP header too.
fn is_answer(target: IpAddr, sequence: u16, bytes: &[u8]) -> bool {
    let (kind, message) = match target {
        IpAddr::V4(_) => {
            let header = bytes.first().map_or(0, |first| usize::from(first & 0xf) * 4);
            (ECHO_V4.1, bytes.get(header..).unwrap_or_default())
        }
        IpAddr::V6(_) => (ECHO_V6.1, bytes),
    };
    message.first() == Some(&kind)
        && message.get(4..6) == Some(&identifier().to_be_bytes())
        && message.get(6..8) == Some(&sequence.to_be_bytes())
        && message.get(8..) == Some(&PAYLOAD)
}

fn identifier() -> u16 {
    u16::try_from(process::id() & 0xffff).unwrap_or_default()
}

pub(super) fn checksum(bytes: &[u8]) -> u16 {
    let mut sum: u32 =
        bytes.chunks(2).map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |b| u32::from(*b))).sum();
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    !u16::try_from(sum).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn checks_the_sum_of_a_request_to_zero() {
        assert_eq!(checksum(&request(TARGET, 7)), 0);
    }

    #[test]
    fn refuses_an_answer_to_another_request() {
        let mut packet = vec![0x45; 20];
        packet.extend(request(TARGET, 7));
        assert!(!is_answer(TARGET, 7, &packet), "a request is no answer");
        packet[20] = 0;
        assert!(is_answer(TARGET, 7, &packet));
        assert!(!is_answer(TARGET, 8, &packet));
        packet.truncate(30);
        assert!(!is_answer(TARGET, 7, &packet));
    }
}
