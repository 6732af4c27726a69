//! The buffers that UDP sockets of this host have, as the kernel counts them.

use std::io;

use nix::{libc, sys::socket::SockProtocol};

use super::netlink::{attributes, dump, u32_at};

/// Buffer sizes of one socket in bytes. The kernel doubles what was asked for, to cover its own bookkeeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cmd::doctor) struct Buffers {
    pub(in crate::cmd::doctor) port: u16,
    pub(in crate::cmd::doctor) uid: u32,
    pub(in crate::cmd::doctor) receive: u32,
    pub(in crate::cmd::doctor) send: u32,
}

const SOCK_DIAG_BY_FAMILY: u16 = 20;
/// The attribute that tells the memory of a socket, and the bit that asks for it.
const MEMORY: u16 = 7;
const ASK_MEMORY: u8 = 1 << (MEMORY - 1);
/// Family, protocol, attributes, padding, states, and the 48 bytes of a socket's identity.
const REQUEST: usize = 56;
const ALL_STATES: [u8; 4] = [0xff; 4];
/// Of an answer: its fixed part, and where in it the port (in network order) and the owner stand.
const ANSWER: usize = 72;
const PORT_AT: usize = 4;
const UID_AT: usize = 64;
/// Places in the memory attribute.
const RECEIVE_AT: usize = 4;
const SEND_AT: usize = 12;

/// Those of all UDP sockets in this network namespace.
pub(in crate::cmd::doctor) fn buffers() -> io::Result<Vec<Buffers>> {
    let mut found = Vec::new();
    for family in [libc::AF_INET, libc::AF_INET6] {
        let mut request = [0; REQUEST];
        request[0] = u8::try_from(family).unwrap_or_default();
        request[1] = u8::try_from(libc::IPPROTO_UDP).unwrap_or_default();
        request[2] = ASK_MEMORY;
        request[4..8].copy_from_slice(&ALL_STATES);
        let sockets = dump(SockProtocol::NetlinkSockDiag, SOCK_DIAG_BY_FAMILY, &request)?;
        found.extend(sockets.iter().filter_map(|body| parse(body)));
    }
    Ok(found)
}

fn parse(body: &[u8]) -> Option<Buffers> {
    let (fixed, rest) = body.split_at_checked(ANSWER)?;
    let attributes = attributes(rest);
    let (_, memory) = attributes.iter().find(|(kind, _)| *kind == MEMORY)?;
    Some(Buffers {
        port: u16::from_be_bytes(*fixed.get(PORT_AT..)?.first_chunk()?),
        uid: u32_at(fixed, UID_AT)?,
        receive: u32_at(memory, RECEIVE_AT)?,
        send: u32_at(memory, SEND_AT)?,
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    #[test]
    fn finds_a_socket_with_its_owner_and_buffers() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let port = socket.local_addr().unwrap().port();
        let found = buffers().unwrap().into_iter().find(|buffers| buffers.port == port).unwrap();
        assert_eq!(found.uid, nix::unistd::Uid::effective().as_raw());
        let receive = nix::sys::socket::getsockopt(&socket, nix::sys::socket::sockopt::RcvBuf).unwrap();
        assert_eq!(usize::try_from(found.receive).unwrap(), receive);
    }
}
