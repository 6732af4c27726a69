//! TCP writes of every size over one connection.

use std::{
    collections::BTreeSet,
    io::{self, Read, Write},
    net::TcpStream,
};

use super::{
    Sized,
    content::{Voice, content},
};

/// Exchanges one write of each size; the first that has no answer ends it.
pub(super) fn exchange_each(stream: &mut TcpStream, sizes: &BTreeSet<usize>) -> Sized {
    let mut sized = Sized { sent: sizes.len(), ..Sized::default() };
    for &size in sizes {
        let Ok(right) = exchange(stream, size) else {
            // A connection that has stood still says nothing about what comes behind.
            sized.missing.insert(size);
            break;
        };
        sized.arrived += 1;
        if !right {
            sized.damaged.insert(size);
        }
    }
    sized
}

/// Whether the answer to a write of this length is right.
pub(super) fn exchange(stream: &mut TcpStream, len: usize) -> io::Result<bool> {
    // One write each for the length and the content: the latter goes out as a segment of its own.
    stream.write_all(&(len as u64).to_be_bytes())?;
    stream.write_all(&content(Voice::Asks, len as u64, len))?;
    let mut heard = vec![0; len];
    stream.read_exact(&mut heard)?;
    Ok(heard == content(Voice::Answers, len as u64, len))
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, TcpListener},
        thread,
    };

    use super::*;
    use crate::tool::sizes::{content::answer, socket::read_number};

    #[test]
    fn a_damaged_write_is_told_from_one_without_an_answer_which_ends_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut far, _) = listener.accept().unwrap();
        thread::spawn(move || {
            for number in 1..=4u64 {
                let mut heard = vec![0; usize::try_from(read_number(&mut far).unwrap()).unwrap()];
                far.read_exact(&mut heard).unwrap();
                let mut reply = answer(heard.len() as u64, &heard);
                reply[0] ^= u8::from(number == 2);
                if number < 4 {
                    far.write_all(&reply).unwrap();
                }
            }
        });
        let sized = exchange_each(&mut stream, &(10..20).collect());
        assert_eq!((sized.sent, sized.arrived), (10, 3));
        assert_eq!((sized.damaged, sized.missing), (BTreeSet::from([11]), BTreeSet::from([13])));
    }
}
