//! Bursts of numbered datagrams, each with one call: what is answered of them, and in which order.

use std::{
    io,
    net::{SocketAddr, UdpSocket},
    thread,
    time::Duration,
};

use nix::sys::socket::{setsockopt, sockopt::UdpGsoSegment};
use serde::{Deserialize, Serialize};

use super::{
    NUMBER_LEN,
    content::{Voice, content},
    socket::{DATAGRAM_MAX, open},
};
use crate::tool::{ToolError, failed};

/// Between two bursts: far below what any way here takes.
const BURST_PACE: Duration = Duration::from_millis(20);
/// After the last burst.
const LAST_ANSWERS: Duration = Duration::from_millis(500);

/// What became of a stream of bursts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Bursts {
    pub schema: String,
    pub sent: u64,
    pub answered: u64,
    pub damaged: u64,
    pub reordered: u64,
}

/// Sends `count` bursts of so many numbered datagrams of `size` bytes each, each burst with one call.
pub fn bursts(target: SocketAddr, count: u64, segments: u64, size: usize) -> Result<Bursts, ToolError> {
    let burst_len = usize::try_from(segments).unwrap_or(usize::MAX).saturating_mul(size);
    if size < NUMBER_LEN || segments == 0 || burst_len > DATAGRAM_MAX {
        return Err(ToolError::new(format!("a burst has up to {DATAGRAM_MAX} bytes, a datagram {NUMBER_LEN} or more")));
    }
    let target = SocketAddr::new(target.ip(), target.port().saturating_add(1));
    exchange(target, count, segments, size).map_err(failed(format!("sending bursts to {target}")))
}

fn exchange(target: SocketAddr, count: u64, segments: u64, size: usize) -> io::Result<Bursts> {
    let socket = open(target)?;
    if segments > 1 {
        setsockopt(&socket, UdpGsoSegment, &i32::try_from(size).map_err(io::Error::other)?)?;
    }
    socket.set_read_timeout(Some(LAST_ANSWERS))?;
    let listener = socket.try_clone()?;
    let heard = thread::spawn(move || hear(&listener, count.saturating_mul(segments), size));
    let mut sent = 0;
    for _ in 0..count {
        let mut burst = Vec::new();
        for number in sent..sent + segments {
            burst.extend_from_slice(&number.to_be_bytes());
            burst.extend_from_slice(&content(Voice::Asks, number, size - NUMBER_LEN));
        }
        socket.send_to(&burst, target)?;
        sent += segments;
        thread::sleep(BURST_PACE);
    }
    let heard = heard.join().map_err(|_| io::Error::other("a thread died"))??;
    Ok(Bursts { schema: "ray.lab.bursts/1".to_owned(), sent, ..heard })
}

fn hear(socket: &UdpSocket, expected: u64, size: usize) -> io::Result<Bursts> {
    let (mut bursts, mut highest, mut buffer) = (Bursts::default(), None, vec![0; DATAGRAM_MAX]);
    while bursts.answered < expected {
        let len = match socket.recv_from(&mut buffer) {
            Ok((len, _)) => len,
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => break,
            Err(error) => return Err(error),
        };
        let Some((number, rest)) = buffer.get(..len).and_then(<[u8]>::split_first_chunk::<NUMBER_LEN>) else {
            bursts.damaged += 1;
            continue;
        };
        let number = u64::from_be_bytes(*number);
        bursts.answered += 1;
        bursts.damaged += u64::from(rest != content(Voice::Answers, number, size - NUMBER_LEN));
        bursts.reordered += u64::from(highest.is_some_and(|highest| number < highest));
        highest = highest.max(Some(number));
    }
    Ok(bursts)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;
    use crate::tool::sizes::serve::answer_numbered;

    #[test]
    fn a_burst_shows_what_was_lost_of_it_and_in_which_order_it_came() {
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = far.local_addr().unwrap();
        thread::spawn(move || {
            let (mut buffer, mut held) = (vec![0; 100], None);
            while let Ok((len, from)) = far.recv_from(&mut buffer) {
                let reply = answer_numbered(&buffer[..len]).unwrap();
                match u64::from_be_bytes(*reply.first_chunk().unwrap()) {
                    2 => {}
                    4 => held = Some(reply),
                    5 => {
                        far.send_to(&reply, from).unwrap();
                        far.send_to(held.as_deref().unwrap(), from).unwrap();
                    }
                    _ => drop(far.send_to(&reply, from).unwrap()),
                }
            }
        });
        let bursts = exchange(target, 1, 10, 50).unwrap();
        assert_eq!((bursts.sent, bursts.answered, bursts.damaged, bursts.reordered), (10, 9, 0, 1));
    }
}
