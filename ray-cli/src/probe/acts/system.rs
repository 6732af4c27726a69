//! Calls that neither process has a use for: running programs, changing the kernel, other namespaces, other identities.

use nix::{
    errno::Errno,
    libc::{
        self, AT_FDCWD, CLONE_FS, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWUSER, MAP_ANONYMOUS, MAP_PRIVATE, PROT_EXEC,
        PROT_READ, PROT_WRITE, SIGCHLD,
    },
};

use super::{
    super::act::{Act, Arg, Defence, Kind, Ready},
    plain,
};

const PAGE: i64 = 4096;
const NO_FD: i64 = -1;
/// An address that belongs to nobody, for where null means something.
const NOWHERE: i64 = 1;
/// Bits that mean nothing, so that the kernel refuses the call once it has let the caller through.
const NO_SUCH_FLAGS: i64 = 0x7000_0000;

/// Running programs, starting processes, and making code out of data.
pub(super) fn programs() -> Vec<Act> {
    let code = |name, words, number, arguments: Vec<Arg>| {
        Act::call(Kind::Programs, name, words, number, arguments).defended_by(Defence::Memory)
    };
    let anonymous = i64::from(MAP_PRIVATE | MAP_ANONYMOUS);
    let map = |protection: i32| -> Vec<Arg> {
        vec![0.into(), PAGE.into(), protection.into(), anonymous.into(), NO_FD.into(), 0.into()]
    };
    let protect = |protection: i32| -> Vec<Arg> { vec![Ready::Page.into(), PAGE.into(), protection.into()] };
    let mut acts = plain(
        Kind::Programs,
        &[
            ("execve", "run a program", libc::SYS_execve, &[0, 0, 0]),
            ("execveat", "run a program from a descriptor", libc::SYS_execveat, &[NO_FD, 0, 0, 0, 0]),
            ("fork", "start a process", libc::SYS_clone, &[SIGCHLD as i64, 0, 0, 0, 0]),
            ("userfaultfd", "take over page faults", libc::SYS_userfaultfd, &[0]),
            ("memfd_secret", "hide memory from the kernel", libc::SYS_memfd_secret, &[0]),
            ("personality", "switch off address randomisation", libc::SYS_personality, &[0x0004_0000]),
            ("remap_file_pages", "rearrange mapped pages", libc::SYS_remap_file_pages, &[NOWHERE, 0, 0, 0, 0]),
        ],
    );
    acts.push(
        Act::call(Kind::Programs, "clone3", "start a process the new way", libc::SYS_clone3, vec![0.into(), 0.into()])
            .refused_with(&[Errno::ENOSYS, Errno::EPERM])
            .defended_by(Defence::Seccomp),
    );
    acts.extend([
        code("mmap_wx", "map memory to write and to execute", libc::SYS_mmap, map(PROT_READ | PROT_WRITE | PROT_EXEC)),
        code("mmap_x", "map memory to execute", libc::SYS_mmap, map(PROT_READ | PROT_EXEC)),
        code("mprotect_wx", "make data writable code", libc::SYS_mprotect, protect(PROT_READ | PROT_WRITE | PROT_EXEC)),
        code("mprotect_x", "make data code", libc::SYS_mprotect, protect(PROT_READ | PROT_EXEC)),
        code(
            "pkey_mprotect_x",
            "make data code by another call",
            libc::SYS_pkey_mprotect,
            [protect(PROT_READ | PROT_EXEC), vec![NO_FD.into()]].concat(),
        ),
    ]);
    acts
}

/// Loading code into the kernel and looking into it.
pub(super) fn kernel() -> Vec<Act> {
    let acts = plain(
        Kind::Kernel,
        &[
            ("init_module", "load a kernel module", libc::SYS_init_module, &[0, 0, 0]),
            ("finit_module", "load a kernel module from a file", libc::SYS_finit_module, &[NO_FD, 0, 0]),
            ("delete_module", "unload a kernel module", libc::SYS_delete_module, &[0, 0]),
            ("kexec_load", "load another kernel", libc::SYS_kexec_load, &[0, 0, 0, NO_SUCH_FLAGS]),
            (
                "kexec_file_load",
                "load another kernel from a file",
                libc::SYS_kexec_file_load,
                &[NO_FD, NO_FD, 0, 0, NO_SUCH_FLAGS],
            ),
            ("bpf", "load a BPF program", libc::SYS_bpf, &[0xffff, 0, 0]),
            ("perf_event_open", "count events of the processor", libc::SYS_perf_event_open, &[0, 0, -1, -1, 0]),
            ("io_uring_setup", "set up io_uring", libc::SYS_io_uring_setup, &[1, 0]),
            ("io_uring_enter", "submit to io_uring", libc::SYS_io_uring_enter, &[NO_FD, 0, 0, 0, 0, 0]),
            ("io_uring_register", "register with io_uring", libc::SYS_io_uring_register, &[NO_FD, 0, 0, 0]),
            ("syslog", "read the kernel's log", libc::SYS_syslog, &[10, 0, 0]),
            ("fanotify_init", "watch the whole file system", libc::SYS_fanotify_init, &[0, 0]),
            ("open_by_handle_at", "open a file by handle", libc::SYS_open_by_handle_at, &[AT_FDCWD as i64, 0, 0]),
            (
                "name_to_handle_at",
                "ask for the handle of a file",
                libc::SYS_name_to_handle_at,
                &[AT_FDCWD as i64, 0, 0, 0, 0],
            ),
            ("seccomp", "replace the filter of system calls", libc::SYS_seccomp, &[0, 1, 0]),
            ("prctl_seccomp", "switch the filter of system calls off", libc::SYS_prctl, &[22, 0, 0, 0, 0]),
        ],
    );
    #[cfg(target_arch = "x86_64")]
    let acts = [
        acts,
        plain(
            Kind::Kernel,
            &[
                ("iopl", "reach the hardware's ports", libc::SYS_iopl, &[3]),
                ("ioperm", "reach one of the hardware's ports", libc::SYS_ioperm, &[0x80, 1, 1]),
                ("modify_ldt", "change the segment table", libc::SYS_modify_ldt, &[0x7f, 0, 0]),
            ],
        ),
    ]
    .concat();
    acts
}

/// Leaving the namespaces that it was started in, and mounting.
pub(super) fn namespaces() -> Vec<Act> {
    plain(
        Kind::Namespaces,
        &[
            ("unshare_user", "make a user namespace", libc::SYS_unshare, &[CLONE_NEWUSER as i64]),
            ("unshare_net", "make a network namespace", libc::SYS_unshare, &[CLONE_NEWNET as i64]),
            ("unshare_mount", "make a mount namespace", libc::SYS_unshare, &[CLONE_NEWNS as i64]),
            // Together these mean nothing, so that no process comes of it.
            (
                "clone_user",
                "start a process in a user namespace",
                libc::SYS_clone,
                &[(CLONE_NEWUSER | CLONE_FS) as i64, 0, 0, 0, 0],
            ),
            ("setns", "enter another namespace", libc::SYS_setns, &[NO_FD, 0]),
            ("mount", "mount a file system", libc::SYS_mount, &[0, 0, 0, 0, 0]),
            ("umount", "unmount a file system", libc::SYS_umount2, &[0, 0]),
            ("pivot_root", "change the root of all", libc::SYS_pivot_root, &[0, 0]),
            ("chroot", "change its root", libc::SYS_chroot, &[0]),
            ("fsopen", "open a file system to mount", libc::SYS_fsopen, &[0, 0]),
            ("fsmount", "mount an open file system", libc::SYS_fsmount, &[NO_FD, 0, 0]),
            ("fspick", "change a mounted file system", libc::SYS_fspick, &[AT_FDCWD as i64, 0, 0]),
            ("open_tree", "copy a mount", libc::SYS_open_tree, &[AT_FDCWD as i64, 0, 1]),
            ("move_mount", "move a mount", libc::SYS_move_mount, &[NO_FD, 0, NO_FD, 0, 0]),
            ("mount_setattr", "make a mount writable", libc::SYS_mount_setattr, &[NO_FD, 0, 0, 0, 0]),
        ],
    )
}

/// Becoming somebody else, or more than it is.
pub(super) fn identity() -> Vec<Act> {
    let mut acts = plain(
        Kind::Identity,
        &[
            ("setuid", "become root", libc::SYS_setuid, &[0]),
            ("setreuid", "become root by another call", libc::SYS_setreuid, &[0, 0]),
            ("setresuid", "become root by a third call", libc::SYS_setresuid, &[0, 0, 0]),
            ("setgid", "enter root's group", libc::SYS_setgid, &[0]),
            ("setregid", "enter root's group by another call", libc::SYS_setregid, &[0, 0]),
            ("setresgid", "enter root's group by a third call", libc::SYS_setresgid, &[0, 0, 0]),
            ("setgroups", "change its groups", libc::SYS_setgroups, &[0, 0]),
            ("setfsuid", "use files as somebody else", libc::SYS_setfsuid, &[0]),
            ("setfsgid", "use files as another group", libc::SYS_setfsgid, &[0]),
            ("ambient", "raise an ambient capability", libc::SYS_prctl, &[47, 2, 12, 0, 0]),
            ("securebits", "change how root gets capabilities", libc::SYS_prctl, &[28, 0, 0, 0, 0]),
            ("dumpable", "make itself traceable", libc::SYS_prctl, &[4, 1, 0, 0, 0]),
            ("ptracer", "choose who may trace it", libc::SYS_prctl, &[0x5961_6d61, -1, 0, 0, 0]),
        ],
    );
    // Version 3, this process; then both halves of the three sets, all bits of them.
    let header: Vec<u8> = [0x2008_0522u32, 0].iter().flat_map(|word| word.to_ne_bytes()).collect();
    acts.push(Act::call(
        Kind::Identity,
        "capset",
        "gain every capability",
        libc::SYS_capset,
        vec![header.into(), vec![0xff; 24].into()],
    ));
    acts
}

/// What belongs to the whole host.
pub(super) fn host() -> Vec<Act> {
    let mut acts = plain(
        Kind::Host,
        &[
            ("settimeofday", "set the clock", libc::SYS_settimeofday, &[0, 0]),
            ("clock_settime", "set the clock by another call", libc::SYS_clock_settime, &[0, 0]),
            ("clock_adjtime", "adjust the clock", libc::SYS_clock_adjtime, &[0, 0]),
            ("adjtimex", "adjust the clock by another call", libc::SYS_adjtimex, &[0]),
            ("sethostname", "rename the host", libc::SYS_sethostname, &[0, -1]),
            ("setdomainname", "rename the host's domain", libc::SYS_setdomainname, &[0, -1]),
            ("reboot", "restart the host", libc::SYS_reboot, &[0, 0, 0, 0]),
            ("swapon", "add swap space", libc::SYS_swapon, &[NOWHERE, 0]),
            ("swapoff", "remove swap space", libc::SYS_swapoff, &[NOWHERE]),
            ("acct", "switch process accounting", libc::SYS_acct, &[NOWHERE]),
            ("quotactl", "change disk quotas", libc::SYS_quotactl, &[0, 0, 0, 0]),
            ("add_key", "put a key into the kernel", libc::SYS_add_key, &[0, 0, 0, 0, 0]),
            ("request_key", "ask the kernel for a key", libc::SYS_request_key, &[0, 0, 0, 0]),
            ("keyctl", "manage the kernel's keys", libc::SYS_keyctl, &[0xffff, 0, 0, 0, 0]),
            ("setpriority", "run before all others", libc::SYS_setpriority, &[0, 0, -20]),
            ("mlockall", "keep all its memory from being swapped", libc::SYS_mlockall, &[1]),
        ],
    );
    // SCHED_FIFO, lowest priority of it.
    let priority: Vec<u8> = 1i32.to_ne_bytes().to_vec();
    acts.push(Act::call(
        Kind::Host,
        "realtime",
        "run in real time",
        libc::SYS_sched_setscheduler,
        vec![0.into(), 1.into(), priority.into()],
    ));
    let unlimited = vec![0xff; 16];
    acts.push(
        Act::call(
            Kind::Host,
            "core_dumps",
            "allow itself core dumps",
            libc::SYS_prlimit64,
            vec![0.into(), i64::from(libc::RLIMIT_CORE).into(), unlimited.into(), 0.into()],
        )
        .defended_by(Defence::Limit),
    );
    acts
}
