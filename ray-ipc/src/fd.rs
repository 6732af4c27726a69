//! One SOCK_SEQPACKET message with its file descriptors: send some, or receive exactly what was announced.
//!
//! Received descriptors are close-on-exec from birth. Truncated data, truncated ancillary data and control messages of
//! another kind are errors: the caller treats each as a violation and closes.

use std::{
    fmt, mem,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixDatagram,
    },
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

/// Receives one message into `buffer`.
pub fn recv(socket: &UnixDatagram, buffer: &mut [u8]) -> Result<Received, RecvError> {
    let mut control = ControlBuffer([0; CONTROL_LEN]);
    let mut data = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    // SAFETY: all-zero is a valid msghdr: no name, no data, no control.
    let mut message: libc::msghdr = unsafe { mem::zeroed() };
    message.msg_iov = &raw mut data;
    message.msg_iovlen = 1;
    message.msg_control = control.0.as_mut_ptr().cast();
    message.msg_controllen = CONTROL_LEN;
    // SAFETY: the two buffers that the header points to outlive the call and are as long as it says.
    let len = unsafe { libc::recvmsg(socket.as_raw_fd(), &raw mut message, libc::MSG_CMSG_CLOEXEC) };
    let len = usize::try_from(Errno::result(len).map_err(RecvError::Io)?).unwrap_or(0);

    // What the kernel has installed is ours from here on, also in a message that is refused below: dropped, it is closed.
    let (fds, foreign) = take_descriptors(&message);
    if foreign {
        return Err(RecvError::ForeignControl);
    }
    if message.msg_flags & libc::MSG_CTRUNC != 0 || fds.len() > FDS_MAX {
        return Err(RecvError::FdsTruncated);
    }
    if message.msg_flags & libc::MSG_TRUNC != 0 {
        return Err(RecvError::DataTruncated);
    }
    Ok(Received { len, fds })
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
