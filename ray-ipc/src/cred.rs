//! Who is at the other end of a unix socket, on the kernel's word.

use std::{
    mem,
    os::fd::{AsFd, AsRawFd},
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{getsockopt, sockopt::PeerCredentials},
};

/// Supplementary groups that a process can have at most (the kernel's `NGROUPS_MAX`).
pub const GROUPS_MAX: usize = 65_536;
/// Groups that there is room for at the first try; few users have more.
const GROUPS_FIRST: usize = 64;

/// Credentials of the peer at the time it connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerCred {
    pub uid: u32,
    pub gid: u32,
    pub pid: i32,
}

impl PeerCred {
    /// Reads `SO_PEERCRED` of a connected unix socket.
    pub fn of(socket: &impl AsFd) -> nix::Result<Self> {
        let raw = getsockopt(socket, PeerCredentials)?;
        Ok(Self { uid: raw.uid(), gid: raw.gid(), pid: raw.pid() })
    }
}

/// The peer's supplementary groups at the time it connected (`SO_PEERGROUPS`). Its primary one is in [`PeerCred`].
pub fn groups_of(socket: &impl AsFd) -> nix::Result<Vec<u32>> {
    let mut groups = vec![0; GROUPS_FIRST];
    let needed = match read_groups(socket, &mut groups) {
        (Ok(()), count) => {
            groups.truncate(count);
            return Ok(groups);
        }
        (Err(Errno::ERANGE), needed) if needed <= GROUPS_MAX => needed,
        (Err(errno), _) => return Err(errno),
    };
    groups.resize(needed, 0);
    // What the peer had when it connected does not change any more.
    let (outcome, count) = read_groups(socket, &mut groups);
    outcome?;
    groups.truncate(count);
    Ok(groups)
}

/// Fills `groups`. How many there are comes back also where they did not fit.
fn read_groups(socket: &impl AsFd, groups: &mut [u32]) -> (nix::Result<()>, usize) {
    const EACH: usize = size_of::<libc::gid_t>();
    let mut bytes = libc::socklen_t::try_from(mem::size_of_val(groups)).unwrap_or(libc::socklen_t::MAX);
    // SAFETY: the kernel writes no more than `bytes` bytes to the slice, which is at least that long and holds integers
    // of the kernel's own width; both pointers outlive the call.
    let done = unsafe {
        libc::getsockopt(
            socket.as_fd().as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_PEERGROUPS,
            groups.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    let count = usize::try_from(bytes).unwrap_or(usize::MAX) / EACH;
    (Errno::result(done).map(drop), count)
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use nix::unistd::{getegid, geteuid, getgroups};

    use super::*;

    #[test]
    fn the_kernel_tells_the_user_and_the_groups_of_the_peer() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let cred = PeerCred::of(&ours).unwrap();
        assert_eq!((cred.uid, cred.gid), (geteuid().as_raw(), getegid().as_raw()));
        let own: Vec<u32> = getgroups().unwrap().iter().map(|gid| gid.as_raw()).collect();
        assert_eq!(groups_of(&ours).unwrap(), own);
    }

    #[test]
    fn groups_that_do_not_fit_are_counted() {
        let (ours, _theirs) = UnixStream::pair().unwrap();
        let own = getgroups().unwrap().len();
        let (outcome, count) = read_groups(&ours, &mut []);
        assert_eq!(outcome.is_err(), own > 0, "{outcome:?}");
        assert_eq!(count, own);
    }

    #[test]
    fn a_socket_without_a_peer_has_no_groups() {
        let unconnected = std::os::unix::net::UnixDatagram::unbound().unwrap();
        assert!(groups_of(&unconnected).is_err());
    }
}
