//! Numbers of the system calls that a policy may name.

use nix::libc;

/// Names with their numbers here.
type Table = &'static [(&'static str, i64)];

macro_rules! table {
    ($($constant:ident)*) => {
        &[$((stringify!($constant), libc::$constant)),*]
    };
}

/// The number of a call here: `None` for a name that no policy may use, `Some(None)` where this architecture lacks it.
pub(super) fn number(name: &str) -> Option<Option<i64>> {
    let of = |table: Table| table.iter().find(|(known, _)| known.strip_prefix("SYS_") == Some(name));
    match of(EVERYWHERE).or_else(|| of(HERE)) {
        Some((_, number)) => Some(Some(*number)),
        None => X86_64_ONLY.contains(&name).then_some(None),
    }
}

const EVERYWHERE: Table = table! {
    SYS_accept4 SYS_bind SYS_brk SYS_capget SYS_capset SYS_clock_gettime SYS_clock_nanosleep SYS_clone SYS_clone3
    SYS_close SYS_close_range SYS_connect SYS_dup SYS_epoll_create1 SYS_epoll_ctl SYS_epoll_pwait SYS_eventfd2 SYS_exit
    SYS_exit_group SYS_faccessat SYS_faccessat2 SYS_fchmod SYS_fchmodat SYS_fchown SYS_fchownat SYS_fcntl SYS_fdatasync
    SYS_flock SYS_fstat SYS_fsync SYS_ftruncate SYS_futex SYS_getcwd SYS_getdents64 SYS_getegid SYS_geteuid SYS_getgid
    SYS_getpeername SYS_getpid SYS_getrandom SYS_getsockname SYS_getsockopt SYS_gettid SYS_getuid SYS_inotify_add_watch SYS_inotify_init1
    SYS_inotify_rm_watch SYS_ioctl SYS_kill
    SYS_linkat SYS_listen SYS_lseek SYS_madvise SYS_membarrier SYS_mkdirat SYS_mlock SYS_mmap SYS_mprotect SYS_mremap
    SYS_munmap SYS_newfstatat SYS_openat SYS_openat2 SYS_pidfd_open SYS_pipe2 SYS_ppoll SYS_prctl SYS_pread64
    SYS_prlimit64 SYS_pwrite64 SYS_read SYS_readlinkat SYS_readv SYS_recvfrom SYS_recvmmsg SYS_recvmsg SYS_renameat
    SYS_renameat2 SYS_restart_syscall SYS_rseq SYS_rt_sigaction SYS_rt_sigprocmask SYS_rt_sigreturn
    SYS_sched_getaffinity SYS_sched_yield SYS_seccomp SYS_sendmmsg SYS_sendmsg SYS_sendto SYS_set_robust_list
    SYS_setsockopt SYS_shutdown SYS_sigaltstack SYS_signalfd4 SYS_socket SYS_socketpair SYS_statx SYS_sysinfo
    SYS_tgkill SYS_timerfd_create SYS_timerfd_settime SYS_umask SYS_uname SYS_unlinkat SYS_write SYS_writev
};

/// The older forms, which newer architectures never had.
#[cfg(target_arch = "x86_64")]
const HERE: Table = table! {
    SYS_access SYS_chmod SYS_epoll_wait SYS_link SYS_mkdir SYS_open SYS_poll SYS_readlink SYS_rename SYS_rmdir SYS_unlink
};
#[cfg(not(target_arch = "x86_64"))]
const HERE: Table = &[];

/// The names of the older forms, so that one policy is valid everywhere.
const X86_64_ONLY: [&str; 11] =
    ["access", "chmod", "epoll_wait", "link", "mkdir", "open", "poll", "readlink", "rename", "rmdir", "unlink"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_the_older_forms_on_every_architecture() {
        for name in X86_64_ONLY {
            assert_eq!(number(name).unwrap().is_some(), cfg!(target_arch = "x86_64"), "{name}");
        }
        assert_eq!(HERE.len(), if cfg!(target_arch = "x86_64") { X86_64_ONLY.len() } else { 0 });
    }

    #[test]
    fn knows_no_call_that_neither_process_may_ever_make() {
        for name in ["execve", "ptrace", "io_uring_setup", "setuid", "mount", "bpf", "SYS_read", ""] {
            assert_eq!(number(name), None, "{name}");
        }
    }
}
