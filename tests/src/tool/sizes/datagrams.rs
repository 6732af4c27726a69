//! Datagrams of every size, until each has arrived or none of several attempts has brought it.

use std::{
    collections::BTreeSet,
    io,
    net::{SocketAddr, UdpSocket},
    time::Duration,
};

use super::{
    Sized,
    content::{Voice, content},
    socket::{DATAGRAM_MAX, open},
};

/// Datagrams that wait for their answer at a time: no queue on the way overflows by these.
const WINDOW: usize = 16;
/// After so long without an answer, those that wait for one are lost for this round.
const ANSWER_MAX: Duration = Duration::from_secs(1);
/// Rounds for what was lost before; what is lost in all of them is lost for its size.
const ROUNDS: usize = 4;

pub(super) fn exchange(target: SocketAddr, sizes: &BTreeSet<usize>) -> io::Result<Sized> {
    let socket = open(target)?;
    socket.set_read_timeout(Some(ANSWER_MAX))?;
    let mut sized = Sized { sent: sizes.len(), missing: sizes.clone(), ..Sized::default() };
    for round in 0..ROUNDS {
        let wanted: Vec<usize> = sized.missing.iter().copied().collect();
        if round > 0 {
            sized.repeated = sized.repeated.max(wanted.len());
        }
        let (mut unsent, mut waiting, mut highest) = (wanted.into_iter().peekable(), BTreeSet::new(), 0);
        while unsent.peek().is_some() || !waiting.is_empty() {
            while waiting.len() < WINDOW
                && let Some(size) = unsent.next()
            {
                // The kernel may refuse one to say that it learnt of a smaller MTU; there is a next round.
                let _ = socket.send_to(&content(Voice::Asks, size as u64, size), target);
                waiting.insert(size);
            }
            let Some((size, right)) = hear(&socket)? else {
                waiting.clear();
                continue;
            };
            waiting.remove(&size);
            if !right {
                sized.damaged.insert(size);
            }
            // A second answer to one that was sent again says nothing about order.
            if sized.missing.remove(&size) {
                sized.arrived += 1;
                sized.reordered += usize::from(size < highest);
                highest = highest.max(size);
            }
        }
    }
    Ok(sized)
}

/// The size of the next answer and whether it is right; `None` when there was none for long enough.
fn hear(socket: &UdpSocket) -> io::Result<Option<(usize, bool)>> {
    let mut buffer = vec![0; DATAGRAM_MAX];
    match socket.recv_from(&mut buffer) {
        Ok((len, _)) => Ok(Some((len, buffer.get(..len) == Some(&content(Voice::Answers, len as u64, len))))),
        Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::{net::Ipv4Addr, thread};

    use super::*;
    use crate::tool::sizes::content::answer;

    #[test]
    fn tells_damaged_sizes_from_missing_ones_and_both_from_late_ones() {
        let far = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let target = far.local_addr().unwrap();
        // Size 3 never arrives, 5 only at the second time, 7 is damaged on its way, 9 on its way back, 11 comes behind 12.
        thread::spawn(move || {
            let (mut buffer, mut fives, mut held) = (vec![0; 100], 0, None);
            while let Ok((len, from)) = far.recv_from(&mut buffer) {
                if len == 3 || (len == 5 && std::mem::replace(&mut fives, 1) == 0) {
                    continue;
                }
                buffer[0] ^= u8::from(len == 7);
                let mut reply = answer(len as u64, &buffer[..len]);
                reply[0] ^= u8::from(len == 9);
                if len == 11 && held.is_none() {
                    held = Some(reply);
                    continue;
                }
                far.send_to(&reply, from).unwrap();
                if len == 12
                    && let Some(held) = &held
                {
                    far.send_to(held, from).unwrap();
                }
            }
        });
        let sized = exchange(target, &(1..=20).collect()).unwrap();
        assert_eq!(sized.missing, BTreeSet::from([3]));
        assert_eq!(sized.damaged, BTreeSet::from([7, 9]));
        assert_eq!((sized.sent, sized.arrived, sized.repeated, sized.reordered), (20, 19, 2, 1));
    }
}
