//! A numbered stream of datagrams, a thousand a second, and the count of what came of it.

mod numbers;

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use self::numbers::Numbers;
pub use self::numbers::{Hole, Missing};
use super::{ToolError, failed};

const PACE: Duration = Duration::from_millis(1);
/// A silence that is told of.
const GAP_MIN: Duration = Duration::from_millis(50);
/// In place of a number: none follows, and behind it stands how many there were. Repeated in case one is lost.
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
    pub missing: Missing,
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
    let end = [END.to_be_bytes(), number.to_be_bytes()].concat();
    for _ in 0..ENDS {
        // Whether one came is seen at the other end.
        let _ = socket.send_to(&end, target);
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
    let (mut numbers, mut received, mut highest, mut gaps) = (Numbers::default(), 0, 0, Vec::new());
    let mut last = None::<Instant>;
    loop {
        let number = match hear(socket)? {
            Heard::Number(number) => number,
            Heard::End(sent) => {
                numbers.expect(sent);
                socket.set_read_timeout(Some(ENDS_LAST))?;
                while hear(socket).is_ok() {}
                let missing = numbers.missing();
                return Ok(Counted { schema: "ray.lab.count/1".to_owned(), received, highest, missing, gaps });
            }
            Heard::Other => continue,
        };
        let silence = last.map_or(Duration::ZERO, |at| at.elapsed());
        if silence >= GAP_MIN {
            let ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
            gaps.push(Gap { ms, lost: number.saturating_sub(numbers.next()), ended_by: number });
        }
        last = Some(Instant::now());
        received += u64::from(numbers.take(number));
        highest = highest.max(number);
    }
}

/// What a datagram says.
enum Heard {
    Number(u64),
    /// None follows of so many.
    End(u64),
    Other,
}

fn hear(socket: &UdpSocket) -> io::Result<Heard> {
    let mut bytes = [0; 16];
    let len = socket.recv(&mut bytes)?;
    let words = bytes.get(..len).unwrap_or_default().as_chunks::<8>();
    Ok(match words {
        ([number], []) => Heard::Number(u64::from_be_bytes(*number)),
        ([end, sent], []) if u64::from_be_bytes(*end) == END => Heard::End(u64::from_be_bytes(*sent)),
        _ => Heard::Other,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_what_was_lost_in_the_middle_and_at_the_end_and_counts_none_twice() {
        let counted = counted(&[&[0], &[1], &[4], &[4], &[3], &[END, 7], &[END, 7]]);
        assert_eq!((counted.received, counted.highest), (4, 4));
        let holes = vec![Hole { first: 2, last: 2 }, Hole { first: 5, last: 6 }];
        assert_eq!(counted.missing, Missing { count: 3, holes, unlisted: 0 });
    }

    #[test]
    fn a_whole_stream_lacks_nothing() {
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = far.local_addr().unwrap();
        let counting = thread::spawn(move || tally(&far).unwrap());
        let started = Instant::now();
        let sent = send(target, || started.elapsed() > Duration::from_millis(50)).unwrap();
        let counted = counting.join().unwrap();
        assert_eq!((counted.received, counted.missing), (sent.sent, Missing::default()));
    }

    /// What is counted of datagrams with these words.
    fn counted(datagrams: &[&[u64]]) -> Counted {
        let near = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        for words in datagrams {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_be_bytes()).collect();
            near.send_to(&bytes, far.local_addr().unwrap()).unwrap();
        }
        tally(&far).unwrap()
    }
}
