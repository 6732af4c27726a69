//! Round trips of small datagrams, each sent when it is due whether or not the one before was answered.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use super::{RoundTrips, sleep_until, udp_socket, udp_to};
use crate::bench::stats;

/// number u64 | nanoseconds since the start u64
const LEN: usize = 16;
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_millis(500);
const SERVED_MAX: Duration = Duration::from_secs(3600);

/// Answers for as long as the agent lives.
pub(super) fn serve(listen: SocketAddr, ready: &dyn Fn()) -> io::Result<()> {
    let socket = udp_socket(listen)?;
    socket.set_read_timeout(Some(SERVED_MAX))?;
    ready();
    let mut datagram = [0; 2048];
    loop {
        let (len, from) = socket.recv_from(&mut datagram)?;
        // A lost answer counts as one at the other end.
        let _ = socket.send_to(datagram.get(..len).unwrap_or_default(), from);
    }
}

/// Asks `count` times, once every `pace`.
pub(super) fn ask(target: SocketAddr, count: u32, pace: Duration) -> io::Result<RoundTrips> {
    let socket = udp_to(target)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let started = Instant::now();
    let sender = socket.try_clone()?;
    let asking = thread::spawn(move || {
        for number in 0..count {
            sleep_until(started, pace * number);
            let at = u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX);
            let mut datagram = [0; LEN];
            datagram[..8].copy_from_slice(&u64::from(number).to_be_bytes());
            datagram[8..].copy_from_slice(&at.to_be_bytes());
            // One that was not sent is one that is not answered.
            let _ = sender.send(&datagram);
        }
    });
    let mut times_us = Vec::new();
    let mut datagram = [0; LEN];
    // A refusal by ICMP is a lost answer too.
    while !asking.is_finished() || times_us.len() < count as usize {
        match socket.recv(&mut datagram) {
            Ok(LEN) => {
                let (_, at) = datagram.split_at(8);
                let at = Duration::from_nanos(at.try_into().map_or(0, u64::from_be_bytes));
                times_us.push(started.elapsed().saturating_sub(at).as_secs_f64() * 1e6);
            }
            Ok(_) => {}
            Err(_) if asking.is_finished() => break,
            Err(_) => {}
        }
    }
    // A panic of the asker shows as answers that are missing.
    let _ = asking.join();
    times_us.sort_by(f64::total_cmp);
    let at = |share| stats::quantile(&times_us, share).unwrap_or_default();
    Ok(RoundTrips {
        sent: count.into(),
        answered: times_us.len() as u64,
        p50_us: at(0.5),
        p99_us: at(0.99),
        max_us: at(1.0),
    })
}
