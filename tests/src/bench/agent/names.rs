//! Questions for one name to a DNS server, so many a second, whether or not those before were answered.

use std::{
    io,
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{RoundTrips, sleep_until, udp_to};
use crate::bench::stats;

const HEADER: [u8; 10] = [1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
const REPLY_MAX: usize = 2048;
/// How long the last answers may take.
const PATIENCE: Duration = Duration::from_millis(500);
/// Questions leave together as often as this, so that their rate costs no timer of its own each.
const TICK: Duration = Duration::from_millis(1);
/// The question's id is its number, as far as there are numbers.
const IDS: usize = 1 << 16;

/// When each question left, by its id, in nanoseconds since the start.
type Sent = Arc<Vec<AtomicU64>>;

pub(super) fn ask(server: SocketAddr, name: &str, rate: f64, span: Duration) -> io::Result<RoundTrips> {
    let socket = udp_to(server)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let sent: Sent = Arc::new((0..IDS).map(|_| AtomicU64::new(0)).collect());
    let (started, sender, leaving) = (Instant::now(), socket.try_clone()?, sent.clone());
    let question = question(name);
    let asking = thread::spawn(move || {
        let mut number: u64 = 0;
        while started.elapsed() < span {
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a rate is not negative")]
            let due = (started.elapsed().as_secs_f64() * rate) as u64;
            while number <= due {
                let id = u16::try_from(number % IDS as u64).unwrap_or_default();
                if let Some(at) = leaving.get(usize::from(id)) {
                    at.store(nanos(started), Ordering::Release);
                }
                // One that was not sent is one that is not answered.
                let _ = sender.send(&[&id.to_be_bytes()[..], &question].concat());
                number += 1;
            }
            let next = Duration::try_from_secs_f64(number as f64 / rate).unwrap_or(span);
            sleep_until(started, next.max(started.elapsed() + TICK).min(span));
        }
        number
    });
    let mut times_us = Vec::new();
    let mut reply = [0; REPLY_MAX];
    loop {
        match socket.recv(&mut reply) {
            // No error, and an answer in it.
            Ok(12..) if reply[3] & 0x0f == 0 && reply[7] > 0 => {
                let id = usize::from(u16::from_be_bytes([reply[0], reply[1]]));
                let at = sent.get(id).map_or(0, |at| at.load(Ordering::Acquire));
                times_us.push(nanos(started).saturating_sub(at) as f64 / 1e3);
            }
            Ok(_) => {}
            Err(_) if asking.is_finished() => break,
            Err(_) => {}
        }
    }
    let sent = asking.join().map_err(|_| io::Error::other("the asker panicked"))?;
    times_us.sort_by(f64::total_cmp);
    let at = |share| stats::quantile(&times_us, share).unwrap_or_default();
    Ok(RoundTrips { sent, answered: times_us.len() as u64, p50_us: at(0.5), p99_us: at(0.99), max_us: at(1.0) })
}

/// Everything of a query for an address but its id.
fn question(name: &str) -> Vec<u8> {
    let mut query = HEADER.to_vec();
    for label in name.split('.') {
        query.push(u8::try_from(label.len()).unwrap_or_default());
        query.extend_from_slice(label.as_bytes());
    }
    query.extend_from_slice(&[0, 0, 1, 0, 1]);
    query
}

fn nanos(started: Instant) -> u64 {
    u64::try_from(started.elapsed().as_nanos()).unwrap_or(u64::MAX)
}
