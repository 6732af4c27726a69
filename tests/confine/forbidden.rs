//! What ends either process, whatever the arguments.

use nix::libc;

use crate::{
    child::{self, Outcome},
    policies,
};

/// Numbers of system calls end well below this.
const NUMBERS: i64 = 512;

/// Calls of the kernel's own trampolines, which it checks by itself before any filter: uretprobe and uprobe.
#[cfg(target_arch = "x86_64")]
const KERNEL_ONLY: std::ops::RangeInclusive<i64> = 335..=336;
#[cfg(not(target_arch = "x86_64"))]
const KERNEL_ONLY: std::ops::RangeInclusive<i64> = -1..=-1;

/// Attacks, by name, so that none of them comes back unseen with a line of a policy.
const FORBIDDEN: [(&str, i64); 56] = [
    ("execve", libc::SYS_execve),
    ("execveat", libc::SYS_execveat),
    ("ptrace", libc::SYS_ptrace),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("pidfd_getfd", libc::SYS_pidfd_getfd),
    ("pidfd_send_signal", libc::SYS_pidfd_send_signal),
    ("io_uring_setup", libc::SYS_io_uring_setup),
    ("io_uring_enter", libc::SYS_io_uring_enter),
    ("io_uring_register", libc::SYS_io_uring_register),
    ("bpf", libc::SYS_bpf),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("memfd_create", libc::SYS_memfd_create),
    ("unshare", libc::SYS_unshare),
    ("setns", libc::SYS_setns),
    ("mount", libc::SYS_mount),
    ("umount2", libc::SYS_umount2),
    ("move_mount", libc::SYS_move_mount),
    ("open_tree", libc::SYS_open_tree),
    ("fsopen", libc::SYS_fsopen),
    ("fsmount", libc::SYS_fsmount),
    ("pivot_root", libc::SYS_pivot_root),
    ("chroot", libc::SYS_chroot),
    ("keyctl", libc::SYS_keyctl),
    ("add_key", libc::SYS_add_key),
    ("request_key", libc::SYS_request_key),
    ("init_module", libc::SYS_init_module),
    ("finit_module", libc::SYS_finit_module),
    ("delete_module", libc::SYS_delete_module),
    ("kexec_load", libc::SYS_kexec_load),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("name_to_handle_at", libc::SYS_name_to_handle_at),
    ("personality", libc::SYS_personality),
    ("setuid", libc::SYS_setuid),
    ("setgid", libc::SYS_setgid),
    ("setreuid", libc::SYS_setreuid),
    ("setregid", libc::SYS_setregid),
    ("setresuid", libc::SYS_setresuid),
    ("setresgid", libc::SYS_setresgid),
    ("setfsuid", libc::SYS_setfsuid),
    ("setfsgid", libc::SYS_setfsgid),
    ("setgroups", libc::SYS_setgroups),
    ("capset", libc::SYS_capset),
    ("setrlimit", libc::SYS_setrlimit),
    ("sethostname", libc::SYS_sethostname),
    ("settimeofday", libc::SYS_settimeofday),
    ("clock_settime", libc::SYS_clock_settime),
    ("adjtimex", libc::SYS_adjtimex),
    ("reboot", libc::SYS_reboot),
    ("swapon", libc::SYS_swapon),
    ("syslog", libc::SYS_syslog),
    ("acct", libc::SYS_acct),
    ("quotactl", libc::SYS_quotactl),
    ("fanotify_init", libc::SYS_fanotify_init),
    ("kill", libc::SYS_kill),
];

#[test]
fn each_forbidden_call_ends_either_process() {
    for (policy_name, policy) in policies() {
        for (name, number) in FORBIDDEN {
            assert_eq!(child::call(&[&policy], number, &[u64::MAX; 6]), Outcome::Killed, "{policy_name}: {name}");
        }
    }
}

#[test]
fn every_call_without_a_line_ends_the_process() {
    for (name, policy) in policies() {
        let has_line = |number| policy.rules.iter().any(|rule| rule.number == Some(number));
        for number in (0..NUMBERS).filter(|number| !has_line(*number) && !KERNEL_ONLY.contains(number)) {
            assert_eq!(child::call(&[&policy], number, &[u64::MAX; 6]), Outcome::Killed, "{name}: call {number}");
        }
    }
}

/// The second table of calls that x86-64 kernels have, by the same entry.
#[cfg(target_arch = "x86_64")]
#[test]
fn the_other_table_of_calls_ends_the_process() {
    const X32: i64 = 0x4000_0000;
    for (name, policy) in policies() {
        for number in [libc::SYS_read, libc::SYS_openat, libc::SYS_exit_group, 520] {
            assert_eq!(child::call(&[&policy], X32 | number, &[u64::MAX; 6]), Outcome::Killed, "{name}: {number}");
        }
    }
}

#[test]
fn no_socket_can_be_made_but_those_that_are_named() {
    let socket = |family: i32, kind: i32, protocol: i32| {
        let [family, kind, protocol] = [family, kind, protocol].map(|number| u64::from(number.unsigned_abs()));
        [family, kind, protocol, 0, 0, 0]
    };
    let nobody = [
        ("packet", socket(libc::AF_PACKET, libc::SOCK_RAW, 0)),
        ("kernel ciphers", socket(libc::AF_ALG, libc::SOCK_SEQPACKET, 0)),
        ("virtual machines", socket(libc::AF_VSOCK, libc::SOCK_STREAM, 0)),
        ("raw IPv4", socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_RAW)),
        ("raw IPv6", socket(libc::AF_INET6, libc::SOCK_RAW, libc::IPPROTO_ICMPV6)),
        ("ping", socket(libc::AF_INET, libc::SOCK_DGRAM, libc::IPPROTO_ICMP)),
        ("SCTP", socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_SCTP)),
        ("MPTCP", socket(libc::AF_INET, libc::SOCK_STREAM, libc::IPPROTO_MPTCP)),
        ("netfilter", socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_NETFILTER)),
        ("audit", socket(libc::AF_NETLINK, libc::SOCK_RAW, libc::NETLINK_AUDIT)),
        ("bluetooth", socket(libc::AF_BLUETOOTH, libc::SOCK_RAW, 1)),
    ];
    let engine_only = [
        ("UDP", socket(libc::AF_INET, libc::SOCK_DGRAM, 0)),
        ("TCP", socket(libc::AF_INET, libc::SOCK_STREAM, 0)),
        ("UDP over IPv6", socket(libc::AF_INET6, libc::SOCK_DGRAM, 0)),
        ("TCP over IPv6", socket(libc::AF_INET6, libc::SOCK_STREAM, 0)),
    ];
    for (policy_name, policy) in policies() {
        for (name, arguments) in nobody {
            let outcome = child::call(&[&policy], libc::SYS_socket, &arguments);
            assert_eq!(outcome, Outcome::Killed, "{policy_name}: {name}");
        }
        for (name, arguments) in engine_only {
            let is_killed = child::call(&[&policy], libc::SYS_socket, &arguments) == Outcome::Killed;
            assert_eq!(is_killed, policy_name != "engine", "{policy_name}: {name}");
        }
    }
}

/// What a bare descriptor of a TUN queue, a terminal or a socket would permit.
#[test]
fn a_request_to_a_device_that_is_not_needed_is_refused_with_an_error() {
    let never = [
        ("TUNSETQUEUE", libc::TUNSETQUEUE),
        ("TUNSETGROUP", libc::TUNSETGROUP),
        ("TUNSETDEBUG", libc::TUNSETDEBUG),
        ("TIOCSTI", libc::TIOCSTI),
        ("SIOCSIFFLAGS", libc::SIOCSIFFLAGS),
    ];
    let never_by_the_engine =
        [("TUNSETPERSIST", libc::TUNSETPERSIST), ("TUNSETOWNER", libc::TUNSETOWNER), ("TUNSETIFF", libc::TUNSETIFF)];
    for (policy_name, policy) in policies() {
        let engine_only = never_by_the_engine.iter().filter(|_| policy_name == "engine");
        for (name, request) in never.iter().chain(engine_only) {
            let arguments = [u64::MAX, *request, 0, 0, 0, 0];
            let outcome = child::call(&[&policy], libc::SYS_ioctl, &arguments);
            assert_eq!(outcome, Outcome::Made(Err(nix::errno::Errno::EPERM)), "{policy_name}: {name}");
        }
    }
}
