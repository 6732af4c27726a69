//! Numbers that a policy may call by their names.

use nix::libc::{self, c_int};

/// A number of C's as the kernel compares it.
const fn bits(number: c_int) -> u32 {
    number.cast_unsigned()
}

/// What a new thread shares with the one that starts it, as glibc asks for it.
const THREAD: c_int = libc::CLONE_VM
    | libc::CLONE_FS
    | libc::CLONE_FILES
    | libc::CLONE_SIGHAND
    | libc::CLONE_THREAD
    | libc::CLONE_SYSVSEM
    | libc::CLONE_SETTLS
    | libc::CLONE_PARENT_SETTID
    | libc::CLONE_CHILD_CLEARTID;

/// The bits of a socket's type that are no flag.
const SOCK_TYPE_MASK: u32 = 0xf;

macro_rules! names {
    ($($constant:ident)*) => {
        [$((stringify!($constant), bits(libc::$constant as c_int))),*]
    };
}

#[allow(clippy::cast_possible_truncation, reason = "ioctl requests are declared wider than the kernel takes them")]
const NAMES: [(&str, u32); 34] = names! {
    AF_INET AF_INET6 AF_NETLINK AF_UNIX
    AT_EMPTY_PATH AT_STATX_DONT_SYNC
    CLONE_DETACHED
    F_DUPFD_CLOEXEC F_GETFD F_GETFL F_SETFD F_SETFL
    FIONBIO FIONREAD
    IPPROTO_IP IPPROTO_TCP IPPROTO_UDP
    NETLINK_ROUTE
    PROT_EXEC
    PR_GET_DUMPABLE PR_SET_NAME PR_SET_NO_NEW_PRIVS PR_SET_VMA
    SECCOMP_SET_MODE_FILTER
    SIOCGSKNS
    SOCK_DGRAM SOCK_STREAM
    TUNGETDEVNETNS TUNGETIFF TUNSETIFF TUNSETOFFLOAD TUNSETOWNER TUNSETPERSIST TUNSETVNETHDRSZ
};

/// A number, decimal or hexadecimal, or a name.
pub(super) fn number(text: &str) -> Option<u32> {
    match text {
        "THREAD" => return Some(bits(THREAD)),
        "SOCK_TYPE_MASK" => return Some(SOCK_TYPE_MASK),
        _ => {}
    }
    if let Some((_, number)) = NAMES.iter().find(|(name, _)| *name == text) {
        return Some(*number);
    }
    match text.strip_prefix("0x") {
        Some(digits) => u32::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The number of an error that a policy may answer with.
pub(super) fn errno(name: &str) -> Option<i32> {
    [("EPERM", libc::EPERM), ("ENOSYS", libc::ENOSYS)]
        .iter()
        .find(|(known, _)| *known == name)
        .map(|(_, number)| *number)
}
