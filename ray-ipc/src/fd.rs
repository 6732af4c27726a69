//! One SOCK_SEQPACKET message with its file descriptors: send some, or receive exactly what was announced.
//!
//! Received descriptors are close-on-exec from birth. Truncated data, truncated ancillary data and control messages of
//! another kind are errors: the caller treats each as a violation and closes.

use std::{
    fmt,
    io::IoSliceMut,
    os::{
        fd::{AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd},
        unix::net::UnixDatagram,
    },
};

use nix::{
    cmsg_space,
    errno::Errno,
    sys::socket::{ControlMessageOwned, MsgFlags, RecvMsg, UnixAddr, recvmsg},
};
use sendfd::SendWithFd;

use crate::limits::QUEUES_MAX;

/// Descriptors that one message may carry; room for one more shows a surplus as such.
const FDS_MAX: usize = QUEUES_MAX;

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
    let mut control = cmsg_space!([RawFd; FDS_MAX + 1]);
    let mut data = [IoSliceMut::new(buffer)];
    let message: RecvMsg<'_, '_, UnixAddr> =
        recvmsg(socket.as_raw_fd(), &mut data, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)
            .map_err(RecvError::Io)?;
    let (len, flags) = (message.bytes, message.flags);

    let mut fds = Vec::new();
    let mut foreign = false;
    for part in message.cmsgs().map_err(|_| RecvError::FdsTruncated)? {
        if let ControlMessageOwned::ScmRights(raw) = part {
            // SAFETY: the kernel has just installed these descriptors for us and nobody else knows their numbers.
            fds.extend(raw.into_iter().map(|fd| unsafe { OwnedFd::from_raw_fd(fd) }));
        } else {
            foreign = true;
        }
    }
    // The descriptors are owned by now, so each early return below closes them.
    if foreign {
        return Err(RecvError::ForeignControl);
    }
    if flags.contains(MsgFlags::MSG_CTRUNC) || fds.len() > FDS_MAX {
        return Err(RecvError::FdsTruncated);
    }
    if flags.contains(MsgFlags::MSG_TRUNC) {
        return Err(RecvError::DataTruncated);
    }
    Ok(Received { len, fds })
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use nix::{
        fcntl::{FcntlArg, FdFlag, fcntl},
        sys::socket::{AddressFamily, SockFlag, SockType, socketpair},
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
