//! A thousand datagrams a second, and the longest silence among those that come.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use super::{Silence, sleep_until, udp_socket, udp_to};

const PACE: Duration = Duration::from_millis(1);
const END: u64 = u64::MAX;
const ENDS: usize = 20;
const END_PACE: Duration = Duration::from_millis(50);

/// Sends for so long, and says that it ends.
pub(super) fn send(target: SocketAddr, span: Duration) -> io::Result<u64> {
    let socket = udp_to(target)?;
    let started = Instant::now();
    let mut number = 0u64;
    while started.elapsed() < span {
        // With the cable pulled the kernel may refuse.
        let _ = socket.send(&number.to_be_bytes());
        number += 1;
        sleep_until(started, PACE.saturating_mul(u32::try_from(number).unwrap_or(u32::MAX)));
    }
    for _ in 0..ENDS {
        let _ = socket.send(&END.to_be_bytes());
        thread::sleep(END_PACE);
    }
    Ok(number)
}

/// Receives to the end of the stream.
pub(super) fn receive(listen: SocketAddr, ready: &dyn Fn()) -> io::Result<Silence> {
    let socket = udp_socket(listen)?;
    ready();
    let (mut last, mut longest, mut received) = (None::<Instant>, Duration::ZERO, 0);
    let mut bytes = [0; 8];
    loop {
        if socket.recv(&mut bytes)? != bytes.len() {
            continue;
        }
        longest = longest.max(last.map_or(Duration::ZERO, |at| at.elapsed()));
        if u64::from_be_bytes(bytes) == END {
            return Ok(Silence { received, longest_ms: longest.as_secs_f64() * 1000.0 });
        }
        last = Some(Instant::now());
        received += 1;
    }
}
