//! One SOCK_SEQPACKET message with its file descriptors: send some, or receive exactly what was announced.
//!
//! Received descriptors are close-on-exec from birth. Truncated data, truncated ancillary data and control messages of
//! another kind are errors: the caller treats each as a violation and closes.

use std::{
    fmt,
    marker::PhantomData,
    mem,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixDatagram,
    },
    ptr,
};

use nix::{errno::Errno, libc};
use sendfd::SendWithFd;

use crate::limits::QUEUES_MAX;

/// Descriptors that one message may carry.
const FDS_MAX: usize = QUEUES_MAX;
/// Control data that is received: one list with room for one more, which shows a surplus as such.
#[allow(clippy::cast_possible_truncation, reason = "a few dozen bytes")]
// SAFETY: plain arithmetic on a constant.
const CONTROL_LEN: usize = unsafe { libc::CMSG_SPACE(((FDS_MAX + 1) * size_of::<RawFd>()) as u32) } as usize;

/// Why a message was not received.
#[derive(Debug)]
pub enum RecvError {
    Io(Errno),
    /// The message was longer than the buffer.
    DataTruncated,
    /// More descriptors than allowed, or some that the kernel could not install.
    FdsTruncated,
    /// A control message that is not SCM_RIGHTS.
    ForeignControl,
}

impl fmt::Display for RecvError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Io(_) => "receiving a message",
            Self::DataTruncated => "receiving a message: longer than the frame limit",
            Self::FdsTruncated => "receiving a message: more descriptors than the protocol allows",
            Self::ForeignControl => "receiving a message: control data of an unknown kind",
        })
    }
}

impl std::error::Error for RecvError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io(errno) => Some(errno),
            Self::DataTruncated | Self::FdsTruncated | Self::ForeignControl => None,
        }
    }
}

/// A received message: its bytes (the length into the caller's buffer) and its descriptors.
#[derive(Debug)]
pub struct Received {
    /// Bytes of the message; 0 means that the peer closed.
    pub len: usize,
    pub fds: Vec<OwnedFd>,
}

/// Sends `bytes` as one message with `fds` attached. A SEQPACKET socket keeps std's datagram semantics for both calls.
pub fn send(socket: &UnixDatagram, bytes: &[u8], fds: &[BorrowedFd<'_>]) -> std::io::Result<()> {
    let sent = if fds.is_empty() {
        socket.send(bytes)?
    } else {
        let raw: Vec<RawFd> = fds.iter().map(AsRawFd::as_raw_fd).collect();
        socket.send_with_fd(bytes, &raw)?
    };
    if sent == bytes.len() { Ok(()) } else { Err(std::io::ErrorKind::WriteZero.into()) }
}

/// Receives one message into `buffer`. The descriptors of one that is refused are closed.
pub fn recv(socket: &UnixDatagram, buffer: &mut [u8]) -> Result<Received, RecvError> {
    let (outcome, fds) = recv_keeping(socket, buffer);
    outcome.map(|len| Received { len, fds })
}

/// Receives one message into `buffer` from a peer that may not send descriptors.
///
/// A message with some is refused and stays in the socket: to close a descriptor is to ask the file system behind it,
/// which may never answer. Closing the socket drops them without the flush that each close of a descriptor waits for.
pub fn recv_bare(socket: &UnixDatagram, buffer: &mut [u8]) -> Result<usize, RecvError> {
    // Without room for control data, a look at the message installs nothing and tells that there is some.
    receive(socket, buffer, &mut [], libc::MSG_PEEK).and_then(|message| message.judge())?;
    receive(socket, buffer, &mut [], 0).and_then(|message| message.judge())
}

/// Receives one message into `buffer`, and gives every descriptor that it left here, also where it is refused: which of
/// them to close is for the caller to decide.
pub fn recv_keeping(socket: &UnixDatagram, buffer: &mut [u8]) -> (Result<usize, RecvError>, Vec<OwnedFd>) {
    let mut control = ControlBuffer([0; CONTROL_LEN]);
    let message = match receive(socket, buffer, &mut control.0, libc::MSG_CMSG_CLOEXEC) {
        Ok(message) => message,
        Err(error) => return (Err(error), Vec::new()),
    };
    // What the kernel has installed is ours from here on.
    let (fds, foreign) = take_descriptors(&message.header);
    let outcome = if foreign {
        Err(RecvError::ForeignControl)
    } else if fds.len() > FDS_MAX {
        Err(RecvError::FdsTruncated)
    } else {
        message.judge()
    };
    (outcome, fds)
}

/// What the kernel says of a message.
struct Message<'a> {
    header: libc::msghdr,
    len: usize,
    /// The header points to it.
    control: PhantomData<&'a mut [u8]>,
}

impl Message<'_> {
    /// Its length, if it came whole.
    fn judge(&self) -> Result<usize, RecvError> {
        if self.header.msg_flags & libc::MSG_CTRUNC != 0 {
            return Err(RecvError::FdsTruncated);
        }
        if self.header.msg_flags & libc::MSG_TRUNC != 0 {
            return Err(RecvError::DataTruncated);
        }
        Ok(self.len)
    }
}

fn receive<'a>(
    socket: &UnixDatagram,
    buffer: &mut [u8],
    control: &'a mut [u8],
    flags: libc::c_int,
) -> Result<Message<'a>, RecvError> {
    let mut data = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all-zero is a valid msghdr: no name, no data, no control.
    let mut header: libc::msghdr = unsafe { mem::zeroed() };
    header.msg_iov = &raw mut data;
    header.msg_iovlen = 1;
    if !control.is_empty() {
        header.msg_control = control.as_mut_ptr().cast();
        header.msg_controllen = control.len();
    }
    // SAFETY: the two buffers that the header points to outlive the call and are as long as it says.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut header, flags) };
    let len = usize::try_from(Errno::result(len).map_err(RecvError::Io)?).unwrap_or(0);
    // The vector ends here; nobody reads it again.
    (header.msg_iov, header.msg_iovlen) = (ptr::null_mut(), 0);
    Ok(Message { header, len, control: PhantomData })
}

/// The descriptors in a received message, and whether it holds control data of another kind. Walked by hand, because a
/// truncated list must be walked too: the kernel installs as many descriptors as fit before it says that some did not.
fn take_descriptors(message: &libc::msghdr) -> (Vec<OwnedFd>, bool) {
    let (mut fds, mut foreign) = (Vec::new(), false);
    // SAFETY: the kernel has filled the control buffer and set its length in the header.
    let mut part = unsafe { libc::CMSG_FIRSTHDR(message) };
    // SAFETY: the macros return null or a header inside the control buffer.
    while let Some(header) = unsafe { part.as_ref() } {
        if (header.cmsg_level, header.cmsg_type) == (libc::SOL_SOCKET, libc::SCM_RIGHTS) {
            // SAFETY: plain arithmetic.
            let payload = header.cmsg_len.saturating_sub(unsafe { libc::CMSG_LEN(0) } as usize);
            // SAFETY: `part` is a header inside the control buffer.
            let first: *const RawFd = unsafe { libc::CMSG_DATA(part) }.cast();
            for at in 0..payload / size_of::<RawFd>() {
                // SAFETY: the header's length covers this many descriptors, which need not be aligned. The kernel has just
                // installed them for us and nobody else knows their numbers.
                fds.push(unsafe { OwnedFd::from_raw_fd(first.add(at).read_unaligned()) });
            }
        } else {
            foreign = true;
        }
        // SAFETY: as for the first.
        part = unsafe { libc::CMSG_NXTHDR(message, part) };
    }
    (fds, foreign)
}

/// Room for one list of descriptors, aligned as its header has to be.
#[repr(C, align(8))]
struct ControlBuffer([u8; CONTROL_LEN]);

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::{
        fcntl::{FcntlArg, FdFlag, OFlag, fcntl},
        sys::socket::{AddressFamily, SockFlag, SockType, socketpair},
        unistd::{pipe2, read},
    };

    use super::*;

    #[test]
    fn receives_descriptors_closed_on_exec() {
        let (left, right) = pair();
        send(&left, b"queues", &[left.as_fd(), right.as_fd()]).unwrap();
        let mut buffer = [0u8; 16];
        let received = recv(&right, &mut buffer).unwrap();
        assert_eq!(&buffer[..received.len], b"queues");
        assert_eq!(received.fds.len(), 2);
        for fd in received.fds {
            let flags = FdFlag::from_bits_truncate(fcntl(&fd, FcntlArg::F_GETFD).unwrap());
            assert!(flags.contains(FdFlag::FD_CLOEXEC));
        }
    }

    #[test]
    fn refuses_more_descriptors_than_the_protocol_allows() {
        let (left, right) = pair();
        send(&left, b"x", &[left.as_fd(); FDS_MAX + 1]).unwrap();
        assert!(matches!(recv(&right, &mut [0u8; 16]), Err(RecvError::FdsTruncated)));
        send(&left, b"x", &[left.as_fd(); FDS_MAX + 9]).unwrap();
        assert!(matches!(recv(&right, &mut [0u8; 16]), Err(RecvError::FdsTruncated)));
    }

    #[test]
    fn keeps_no_descriptor_of_a_message_that_it_refuses() {
        for count in [FDS_MAX + 1, FDS_MAX + 2, FDS_MAX + 9, 200] {
            let (left, right) = pair();
            let (reader, writer) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
            send(&left, b"x", &vec![writer.as_fd(); count]).unwrap();
            drop(writer);
            assert!(matches!(recv(&right, &mut [0u8; 16]), Err(RecvError::FdsTruncated)));
            // The end of the pipe shows that nobody holds its other end.
            assert_eq!(read(&reader, &mut [0u8; 1]), Ok(0), "{count} descriptors");
        }
    }

    #[test]
    fn a_bare_receive_leaves_descriptors_in_the_socket() {
        let (left, right) = pair();
        send(&left, b"bare", &[]).unwrap();
        assert_eq!(recv_bare(&right, &mut [0u8; 16]).unwrap(), 4);
        let (reader, writer) = pipe2(OFlag::O_NONBLOCK | OFlag::O_CLOEXEC).unwrap();
        send(&left, b"x", &[writer.as_fd()]).unwrap();
        drop(writer);
        assert!(matches!(recv_bare(&right, &mut [0u8; 16]), Err(RecvError::FdsTruncated)));
        assert_eq!(read(&reader, &mut [0u8; 1]), Err(Errno::EAGAIN), "the message holds it");
        drop(right);
        assert_eq!(read(&reader, &mut [0u8; 1]), Ok(0));
    }

    #[test]
    fn a_keeping_receive_gives_the_descriptors_of_a_message_that_it_refuses() {
        let (left, right) = pair();
        send(&left, b"x", &[left.as_fd(); FDS_MAX + 9]).unwrap();
        let (outcome, fds) = recv_keeping(&right, &mut [0u8; 16]);
        assert!(matches!(outcome, Err(RecvError::FdsTruncated)));
        assert!(fds.len() > FDS_MAX);
        send(&left, &[0u8; 17], &[left.as_fd()]).unwrap();
        let (outcome, fds) = recv_keeping(&right, &mut [0u8; 16]);
        assert!(matches!(outcome, Err(RecvError::DataTruncated)));
        assert_eq!(fds.len(), 1);
    }

    #[test]
    fn refuses_a_message_longer_than_the_buffer() {
        let (left, right) = pair();
        send(&left, &[0u8; 17], &[]).unwrap();
        assert!(matches!(recv(&right, &mut [0u8; 16]), Err(RecvError::DataTruncated)));
    }

    fn pair() -> (UnixDatagram, UnixDatagram) {
        let (left, right) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, SockFlag::SOCK_CLOEXEC).unwrap();
        (left.into(), right.into())
    }
}
