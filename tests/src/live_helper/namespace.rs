//! A network namespace that lives as long as its handle.

use std::{
    fs::File,
    os::fd::{AsRawFd, RawFd},
    thread,
};

use netlink_packet_core::{NLM_F_ACK, NLM_F_REQUEST, NetlinkHeader, NetlinkMessage, NetlinkPayload};
use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkFlags, LinkMessage},
};
use netlink_sys::{Socket, SocketAddr, protocols::NETLINK_ROUTE};
use nix::{
    libc,
    sched::{CloneFlags, setns, unshare},
};

/// The loopback device's index in every namespace.
pub const LOOPBACK: u32 = 1;

/// A handle of a network namespace.
#[derive(Debug)]
pub struct Namespace {
    file: File,
}

impl Namespace {
    /// Makes a namespace whose loopback is up.
    ///
    /// # Panics
    /// Where that is not permitted.
    pub fn new() -> Self {
        let file = on_a_thread(|| {
            unshare(CloneFlags::CLONE_NEWNET).expect("making a network namespace; the helper's tests need root");
            File::open("/proc/thread-self/ns/net").expect("opening the namespace")
        });
        let namespace = Self { file };
        let mut loopback = LinkMessage::default();
        loopback.header.index = LOOPBACK;
        loopback.header.flags = LinkFlags::Up;
        loopback.header.change_mask = LinkFlags::Up;
        namespace.change(RouteNetlinkMessage::SetLink(loopback), 0);
        namespace
    }

    /// Runs `act` on a thread inside.
    pub fn enter<T: Send>(&self, act: impl FnOnce() -> T + Send) -> T {
        on_a_thread(|| {
            setns(&self.file, CloneFlags::CLONE_NEWNET).expect("entering the namespace");
            act()
        })
    }

    /// Runs `act` on a thread inside, as an unprivileged user.
    pub fn enter_as<T: Send>(&self, uid: u32, act: impl FnOnce() -> T + Send) -> T {
        self.enter(|| {
            become_user(uid, uid);
            act()
        })
    }

    /// Makes one change to the network inside, with root's rights.
    pub fn change(&self, message: RouteNetlinkMessage, flags: u16) {
        self.enter(|| {
            let mut header = NetlinkHeader::default();
            header.flags = NLM_F_REQUEST | NLM_F_ACK | flags;
            let mut request = NetlinkMessage::new(header, NetlinkPayload::InnerMessage(message));
            request.finalize();
            let mut bytes = vec![0; request.buffer_len()];
            request.serialize(&mut bytes);
            let socket = Socket::new(NETLINK_ROUTE).expect("opening netlink");
            socket.connect(&SocketAddr::new(0, 0)).expect("connecting netlink");
            socket.send(&bytes, 0).expect("sending to netlink");
            let mut answer = Vec::with_capacity(64 * 1024);
            socket.recv(&mut answer, 0).expect("reading from netlink");
            let answer = NetlinkMessage::<RouteNetlinkMessage>::deserialize(&answer).expect("an answer");
            let NetlinkPayload::Error(error) = answer.payload else { panic!("not an acknowledgement: {answer:?}") };
            assert_eq!(error.raw_code(), 0, "netlink: {}", error.to_io());
        });
    }
}

impl Default for Namespace {
    fn default() -> Self {
        Self::new()
    }
}

impl AsRawFd for Namespace {
    fn as_raw_fd(&self) -> RawFd {
        self.file.as_raw_fd()
    }
}

/// Runs `act` on a thread of its own: namespaces and users belong to threads, and go away with this one.
pub(crate) fn on_a_thread<T: Send>(act: impl FnOnce() -> T + Send) -> T {
    thread::scope(|scope| match scope.spawn(act).join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    })
}

/// Makes the calling thread an unprivileged user's, for good. The C library would change all threads.
pub(crate) fn become_user(uid: u32, gid: u32) {
    let no_groups: *const libc::gid_t = std::ptr::null();
    // SAFETY: the calls take plain numbers and an empty list, and change the calling thread only.
    let outcomes = unsafe {
        [
            libc::syscall(libc::SYS_setgroups, 0, no_groups),
            libc::syscall(libc::SYS_setresgid, gid, gid, gid),
            libc::syscall(libc::SYS_setresuid, uid, uid, uid),
        ]
    };
    assert_eq!(outcomes, [0, 0, 0], "becoming uid {uid}: {}", std::io::Error::last_os_error());
}
