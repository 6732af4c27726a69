//! One trial of datagrams: a paced sender, and the count of those that arrive.

use std::{
    io,
    net::SocketAddr,
    thread,
    time::{Duration, Instant},
};

use super::{Counted, Sent, sleep_until, udp_socket, udp_to};

/// trial u32 | number u64, big endian.
const HEAD_LEN: usize = 12;
/// The number that says that no other follows, repeated in case one is lost.
const END: u64 = u64::MAX;
const ENDS: usize = 10;
const END_PACE: Duration = Duration::from_millis(5);
/// After such a silence in the middle of a trial there is nothing left on the way.
const SILENCE: Duration = Duration::from_millis(300);
/// Before it: the whole trial may have been lost.
const SILENCE_AT_FIRST: Duration = Duration::from_secs(3);
/// Bursts a second at most: what is sent at once stays far below every queue on the way.
const BURSTS: f64 = 5000.0;
/// A sender that the scheduler held up leaves the rest out: to catch up it would have to send in bursts.
const BEHIND_MAX: Duration = Duration::from_millis(4);

/// Counts the datagrams of this trial until its end.
pub(super) fn receive(listen: SocketAddr, trial: u32, ready: &dyn Fn()) -> io::Result<Counted> {
    let socket = udp_socket(listen)?;
    ready();
    socket.set_read_timeout(Some(SILENCE_AT_FIRST))?;
    let mut datagram = [0; 2048];
    let mut received = 0;
    loop {
        let len = match socket.recv(&mut datagram) {
            Ok(len) => len,
            Err(error) if is_timeout(&error) => break,
            Err(error) => return Err(error),
        };
        match head(datagram.get(..len).unwrap_or_default()) {
            Some((seen, END)) if seen == trial => break,
            Some((seen, _)) if seen == trial => {
                if received == 0 {
                    socket.set_read_timeout(Some(SILENCE))?;
                }
                received += 1;
            }
            // A late one of the trial before.
            Some(_) | None => {}
        }
    }
    Ok(Counted { received })
}

/// Sends datagrams of `len` bytes for so long, `rate` a second.
pub(super) fn send(target: SocketAddr, trial: u32, len: usize, rate: Option<f64>, span: Duration) -> io::Result<Sent> {
    let socket = udp_to(target)?;
    let mut datagram = vec![0x72; len.max(HEAD_LEN)];
    let (mut sent, mut refused) = (0u64, 0u64);
    let mut put = |number: u64| {
        write_head(&mut datagram, trial, number);
        match socket.send(&datagram) {
            Ok(_) => sent += 1,
            Err(_) => refused += 1,
        }
    };
    let started = Instant::now();
    let pace = rate.map(|rate| Pace::of(rate, span));
    let (mut number, mut left_out) = (0, Duration::ZERO);
    while started.elapsed() < span {
        let burst = pace.as_ref().map_or(32, |pace| pace.burst);
        for _ in 0..burst {
            put(number);
            number += 1;
        }
        if let Some(pace) = &pace {
            let due = pace.gap.mul_f64(number_of(number / u64::from(pace.burst))) + left_out;
            let behind = started.elapsed().saturating_sub(due);
            if behind > BEHIND_MAX {
                left_out += behind;
            }
            sleep_until(started, due);
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    for _ in 0..ENDS {
        thread::sleep(END_PACE);
        write_head(&mut datagram, trial, END);
        // Whether one came is seen at the other end.
        let _ = socket.send(&datagram);
    }
    Ok(Sent { sent, refused, seconds })
}

/// How many datagrams at once, and how long from one burst to the next.
struct Pace {
    burst: u32,
    gap: Duration,
}

impl Pace {
    fn of(rate: f64, span: Duration) -> Self {
        let burst = (1..=64).find(|burst| f64::from(*burst) * BURSTS >= rate).unwrap_or(64);
        let gap = Duration::try_from_secs_f64(f64::from(burst) / rate.max(1.0)).unwrap_or(span);
        Self { burst, gap }
    }
}

fn head(datagram: &[u8]) -> Option<(u32, u64)> {
    let (trial, rest) = datagram.split_first_chunk()?;
    let (number, _) = rest.split_first_chunk()?;
    Some((u32::from_be_bytes(*trial), u64::from_be_bytes(*number)))
}

fn write_head(datagram: &mut [u8], trial: u32, number: u64) {
    if let Some((first, rest)) = datagram.split_first_chunk_mut() {
        *first = trial.to_be_bytes();
        if let Some((second, _)) = rest.split_first_chunk_mut() {
            *second = number.to_be_bytes();
        }
    }
}

fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn number_of(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_as_it_was_written_and_a_short_datagram_has_none() {
        let mut datagram = [0; HEAD_LEN];
        write_head(&mut datagram, 7, END);
        assert_eq!(head(&datagram), Some((7, END)));
        assert_eq!(head(&datagram[..HEAD_LEN - 1]), None);
    }

    #[test]
    fn keeps_bursts_small_and_the_rate_exact() {
        for rate in [10.0, 999.0, 5000.0, 60_000.0, 310_000.0] {
            let pace = Pace::of(rate, Duration::from_secs(1));
            assert!(pace.burst <= 64);
            let exact = f64::from(pace.burst) / pace.gap.as_secs_f64();
            assert!((exact / rate - 1.0).abs() < 0.01, "{rate}: {exact}");
        }
    }
}
