//! A numbered stream of datagrams, a thousand a second, and the count of what came of it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{ToolError, failed};

const PACE: Duration = Duration::from_millis(1);
/// A silence that is told of.
const GAP_MIN: Duration = Duration::from_millis(50);
/// The number that says that no other follows, repeated in case one is lost.
const END: u64 = u64::MAX;
const ENDS: usize = 20;
const ENDS_PACE: Duration = Duration::from_millis(50);
/// How long the others are waited for after one of them, so that none finds the port closed, which its sender would be told.
const ENDS_LAST: Duration = Duration::from_millis(500);
/// The longest silence that a count waits through.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// What was sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sent {
    pub schema: String,
    pub sent: u64,
    /// Those that the kernel did not take.
    pub refused: u64,
}

/// What came.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Counted {
    pub schema: String,
    /// Different numbers.
    pub received: u64,
    pub highest: u64,
    pub gaps: Vec<Gap>,
}

/// A silence in the stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gap {
    pub ms: u64,
    /// Numbers that were missing after it.
    pub lost: u64,
    /// The number that ended it: a thousand of them are a second of the stream.
    pub ended_by: u64,
}

/// Sends numbers from 0 until `ended` says so.
pub fn send(target: SocketAddr, ended: impl Fn() -> bool) -> Result<Sent, ToolError> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0)).map_err(failed("opening a socket"))?;
    let (started, mut number, mut refused) = (Instant::now(), 0u64, 0u64);
    while !ended() {
        refused += u64::from(socket.send_to(&number.to_be_bytes(), target).is_err());
        number += 1;
        let due = PACE.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX));
        thread::sleep(due.saturating_sub(started.elapsed()));
    }
    for _ in 0..ENDS {
        // Whether one came is seen at the other end.
        let _ = socket.send_to(&END.to_be_bytes(), target);
        thread::sleep(ENDS_PACE);
    }
    Ok(Sent { schema: "ray.lab.stream/1".to_owned(), sent: number, refused })
}

/// Counts what comes until the end of the stream.
pub fn count(address: SocketAddr, listening: impl FnOnce()) -> Result<Counted, ToolError> {
    let socket = UdpSocket::bind(address).map_err(failed(format!("listening on {address}")))?;
    socket.set_read_timeout(Some(SILENCE_MAX)).map_err(failed("bounding the wait"))?;
    listening();
    tally(&socket).map_err(failed("counting a stream"))
}

fn tally(socket: &UdpSocket) -> io::Result<Counted> {
    let mut counted = Counted { schema: "ray.lab.count/1".to_owned(), received: 0, highest: 0, gaps: Vec::new() };
    let (mut last, mut next) = (None::<Instant>, 0u64);
    loop {
        let mut bytes = [0; 8];
        if socket.recv(&mut bytes)? != bytes.len() {
            continue;
        }
        let number = u64::from_be_bytes(bytes);
        if number == END {
            socket.set_read_timeout(Some(ENDS_LAST))?;
            while socket.recv(&mut bytes).is_ok() {}
            return Ok(counted);
        }
        let silence = last.map_or(Duration::ZERO, |at| at.elapsed());
        if silence >= GAP_MIN {
            let ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
            counted.gaps.push(Gap { ms, lost: number.saturating_sub(next), ended_by: number });
        }
        last = Some(Instant::now());
        counted.received += 1;
        counted.highest = counted.highest.max(number);
        next = next.max(number.saturating_add(1));
    }
}
