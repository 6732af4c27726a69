//! Synchronous requests to the kernel's routing socket.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};

use netlink_packet_core::{
    NLM_F_ACK, NLM_F_DUMP, NLM_F_DUMP_INTR, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload,
};
use netlink_packet_route::RouteNetlinkMessage;
use nix::{
    errno::Errno,
    libc,
    sys::{
        socket::{
            AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, bind, connect, recvfrom, send,
            setsockopt, socket,
            sockopt::{ReceiveTimeout, SetBool},
        },
        time::{TimeVal, TimeValLike},
    },
};

/// One datagram of a dump; the kernel never makes them longer than 32 KiB.
const DATAGRAM_MAX: usize = 64 * 1024;
/// The kernel answers at once. This only keeps a fault of its from stopping the helper for ever.
const ANSWER_S_MAX: i64 = 2;
/// A dump during which the table changed is asked for again; a table that never rests is given up.
const DUMP_TRIES: usize = 10;
const KERNEL_PORT: u32 = 0;

/// Makes the kernel apply a dump's filters, so that a host with a full routing table is not read through for our few
/// routes.
#[derive(Debug, Clone, Copy)]
struct StrictCheck;
nix::setsockopt_impl!(StrictCheck, libc::SOL_NETLINK, libc::NETLINK_GET_STRICT_CHK, bool, SetBool);

/// The routing socket of the network namespace that the helper started in.
#[derive(Debug)]
pub struct Netlink {
    socket: OwnedFd,
    sequence: u32,
}

impl Netlink {
    pub fn open() -> Result<Self, Errno> {
        let route = SockProtocol::NetlinkRoute;
        let socket = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, route)?;
        // The kernel chooses a port where none is named.
        bind(socket.as_raw_fd(), &NetlinkAddr::new(0, 0))?;
        connect(socket.as_raw_fd(), &NetlinkAddr::new(KERNEL_PORT, 0))?;
        setsockopt(&socket, StrictCheck, &true)?;
        setsockopt(&socket, ReceiveTimeout, &TimeVal::seconds(ANSWER_S_MAX))?;
        Ok(Self { socket, sequence: 0 })
    }

    /// Sends a change with `flags` besides the usual, and waits for its acknowledgement.
    pub fn change(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<(), Errno> {
        self.request(message, NLM_F_ACK | flags).map(drop)
    }

    /// Asks for one object.
    pub fn get(&mut self, message: RouteNetlinkMessage) -> Result<Option<RouteNetlinkMessage>, Errno> {
        self.request(message, NLM_F_ACK).map(|answers| answers.into_iter().next())
    }

    /// Asks for all objects that `message` describes.
    pub fn dump(&mut self, message: &RouteNetlinkMessage) -> Result<Vec<RouteNetlinkMessage>, Errno> {
        for _ in 0..DUMP_TRIES {
            match self.request(message.clone(), NLM_F_DUMP) {
                Err(Errno::EINTR) => {}
                outcome => return outcome,
            }
        }
        Err(Errno::EINTR)
    }

    fn request(&mut self, message: RouteNetlinkMessage, flags: u16) -> Result<Vec<RouteNetlinkMessage>, Errno> {
        self.sequence = self.sequence.wrapping_add(1);
        let mut header = NetlinkHeader::default();
        header.flags = NLM_F_REQUEST | flags;
        header.sequence_number = self.sequence;
        let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
        request.finalize();
        let mut bytes = vec![0; request.buffer_len()];
        request.serialize(&mut bytes);
        send(self.socket.as_raw_fd(), &bytes, MsgFlags::empty())?;
        self.collect()
    }

    /// Reads datagrams until the answer to the last request is whole.
    fn collect(&self) -> Result<Vec<RouteNetlinkMessage>, Errno> {
        let mut answers = Vec::new();
        let mut interrupted = false;
        let mut datagram = vec![0; DATAGRAM_MAX];
        loop {
            let (len, sender) = recvfrom::<NetlinkAddr>(self.socket.as_raw_fd(), &mut datagram)?;
            if sender.is_none_or(|sender| sender.pid() != KERNEL_PORT) {
                continue;
            }
            let mut rest = datagram.get(..len).unwrap_or_default();
            while !rest.is_empty() {
                let message = NetlinkMessage::<RouteNetlinkMessage>::deserialize(rest).map_err(|_| Errno::EBADMSG)?;
                let len = usize::try_from(message.header.length).map_err(|_| Errno::EBADMSG)?.next_multiple_of(4);
                rest = rest.get(len..).unwrap_or_default();
                if message.header.sequence_number != self.sequence {
                    continue;
                }
                interrupted |= message.header.flags & NLM_F_DUMP_INTR != 0;
                match message.payload {
                    NetlinkPayload::InnerMessage(answer) => answers.push(answer),
                    NetlinkPayload::Done(done) if done.code < 0 => {
                        return Err(Errno::from_raw(done.code.saturating_neg()));
                    }
                    NetlinkPayload::Done(_) if interrupted => return Err(Errno::EINTR),
                    NetlinkPayload::Done(_) => return Ok(answers),
                    NetlinkPayload::Error(error) => match error.raw_code() {
                        0 => return Ok(answers),
                        code => return Err(Errno::from_raw(code.saturating_neg())),
                    },
                    NetlinkPayload::Noop => {}
                    // A part of the answer was lost, and so is the whole.
                    NetlinkPayload::Overrun(_) => return Err(Errno::ENOBUFS),
                    _ => return Err(Errno::EBADMSG),
                }
            }
        }
    }
}

impl AsFd for Netlink {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.socket.as_fd()
    }
}
