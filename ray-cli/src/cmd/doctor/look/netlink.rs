//! Questions to the kernel's netlink sockets, as far as any user may ask, and the attributes of the answers.

use std::{
    io,
    os::fd::{AsRawFd, OwnedFd},
};

use nix::{
    errno::Errno,
    sys::{
        socket::{
            AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket,
            sockopt::ReceiveTimeout,
        },
        time::{TimeVal, TimeValLike},
    },
};

/// The kernel answers at once.
const ANSWER_S_MAX: i64 = 1;
/// One datagram of an answer; the kernel never makes them longer than 32 KiB.
const DATAGRAM_MAX: usize = 64 * 1024;
/// Length, type, flags, sequence number, port.
const HEADER: usize = 16;
/// Length and type of an attribute.
const ATTRIBUTE_HEADER: usize = 4;
/// Two bits of an attribute's type are flags.
const ATTRIBUTE_TYPE: u16 = 0x3fff;
const REQUEST: u16 = 0x1;
const DUMP: u16 = 0x300;
const ERROR: u16 = 2;
const DONE: u16 = 3;

/// Asks for all objects that `request` describes, and gives the body of each.
pub(super) fn dump(protocol: SockProtocol, kind: u16, request: &[u8]) -> io::Result<Vec<Vec<u8>>> {
    let socket: OwnedFd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, protocol)?;
    setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(ANSWER_S_MAX))?;
    send(socket.as_raw_fd(), &message(kind, request), MsgFlags::empty())?;
    let mut bodies = Vec::new();
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        let length = recv(socket.as_raw_fd(), &mut buffer, MsgFlags::empty())?;
        let mut rest = buffer.get(..length).unwrap_or_default();
        if rest.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        while let Some((kind, body, next)) = split(rest) {
            match kind {
                DONE => return Ok(bodies),
                ERROR => return Err(error(body)),
                _ => bodies.push(body.to_vec()),
            }
            rest = next;
        }
    }
}

/// The attributes in `bytes`, by type.
pub(super) fn attributes(bytes: &[u8]) -> Vec<(u16, &[u8])> {
    let mut found = Vec::new();
    let mut rest = bytes;
    while let (Some(length), Some(kind)) = (u16_at(rest, 0), u16_at(rest, 2)) {
        let Some(value) = rest.get(ATTRIBUTE_HEADER..usize::from(length)) else { break };
        found.push((kind & ATTRIBUTE_TYPE, value));
        rest = rest.get(aligned(usize::from(length))..).unwrap_or_default();
    }
    found
}

pub(super) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|chunk| u32::from_ne_bytes(*chunk))
}

fn u16_at(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..)?.first_chunk().map(|chunk| u16::from_ne_bytes(*chunk))
}

fn message(kind: u16, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(HEADER + body.len()).unwrap_or(u32::MAX);
    let mut bytes = Vec::with_capacity(HEADER + body.len());
    bytes.extend(length.to_ne_bytes());
    bytes.extend(kind.to_ne_bytes());
    bytes.extend((REQUEST | DUMP).to_ne_bytes());
    bytes.extend([0; 8]);
    bytes.extend(body);
    bytes
}

/// The first message: its type, its body, and what follows it.
fn split(bytes: &[u8]) -> Option<(u16, &[u8], &[u8])> {
    let length = usize::try_from(u32_at(bytes, 0)?).ok()?;
    let body = bytes.get(HEADER..length)?;
    Some((u16_at(bytes, 4)?, body, bytes.get(aligned(length)..).unwrap_or_default()))
}

fn error(body: &[u8]) -> io::Error {
    let code = u32_at(body, 0).map_or(0, u32::cast_signed);
    io::Error::from(Errno::from_raw(code.saturating_neg()))
}

fn aligned(length: usize) -> usize {
    length.next_multiple_of(4)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_attributes_and_stops_at_what_is_cut_off() {
        let mut bytes = Vec::new();
        for (kind, value) in [(1u16, &[9u8, 8][..]), (0x8000 | 7, &[1, 2, 3, 4])] {
            bytes.extend(u16::try_from(4 + value.len()).unwrap().to_ne_bytes());
            bytes.extend(kind.to_ne_bytes());
            bytes.extend(value);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        assert_eq!(attributes(&bytes), [(1, &[9u8, 8][..]), (7, &[1, 2, 3, 4])]);
        assert_eq!(attributes(&bytes[..bytes.len() - 1]).len(), 1);
        assert_eq!(attributes(&[0; 64]), []);
    }

    #[test]
    fn takes_messages_apart() {
        let bytes = [message(7, &[1, 2, 3]), vec![0], message(8, &[])].concat();
        let (kind, body, rest) = split(&bytes).unwrap();
        assert_eq!((kind, body), (7, &[1u8, 2, 3][..]));
        let (kind, body, rest) = split(rest).unwrap();
        assert_eq!((kind, body, split(rest)), (8, &[][..], None));
    }
}
