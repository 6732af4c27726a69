//! Acts against other processes: the helper, the engine, and the first process of all.

use nix::libc;

use super::{
    super::{
        act::{Access, Act, Arg, Kind, Process},
        facts::Facts,
    },
    plain,
};

const PTRACE_TRACEME: i64 = 0;
const PTRACE_SEIZE: i64 = 0x4206;

pub(super) fn all(process: Process, facts: &Facts) -> Vec<Act> {
    let (other, pid) = match process {
        Process::Engine => ("the helper", facts.helper_pid),
        Process::Helper => ("the engine", facts.engine_pid),
    };
    // The judging `ray` belongs to somebody else too.
    let pid = i64::from(pid.unwrap_or(facts.stand_in));
    let to = |what: &str| format!("{what} {other}");
    let (signal, thread, queue, trace, limits, processors) = (
        to("signal"),
        to("signal a thread of"),
        to("queue a signal to"),
        to("trace"),
        to("read the limits of"),
        to("move"),
    );
    let (read, write, open, compare) =
        (to("read memory of"), to("write memory of"), to("take a handle of"), to("compare itself with"));
    let mut acts = plain(
        Kind::Processes,
        &[
            ("kill", &signal, libc::SYS_kill, &[pid, 0]),
            ("tgkill", &thread, libc::SYS_tgkill, &[pid, pid, 0]),
            ("rt_sigqueueinfo", &queue, libc::SYS_rt_sigqueueinfo, &[pid, 0, 0]),
            ("kill_all", "signal every process", libc::SYS_kill, &[-1, 0]),
            // With an address, which means nothing, nobody is stopped by it.
            ("ptrace", &trace, libc::SYS_ptrace, &[PTRACE_SEIZE, pid, 1, 0]),
            ("ptrace_me", "have itself traced", libc::SYS_ptrace, &[PTRACE_TRACEME, 0, 0, 0]),
            ("process_vm_readv", &read, libc::SYS_process_vm_readv, &[pid, 0, 0, 0, 0, 0]),
            ("process_vm_writev", &write, libc::SYS_process_vm_writev, &[pid, 0, 0, 0, 0, 0]),
            ("pidfd_open", &open, libc::SYS_pidfd_open, &[pid, 0]),
            ("pidfd_getfd", "take a descriptor of another process", libc::SYS_pidfd_getfd, &[-1, 0, 0]),
            ("pidfd_send_signal", "signal through a handle", libc::SYS_pidfd_send_signal, &[-1, 0, 0, 0]),
            ("process_madvise", "drop memory of another process", libc::SYS_process_madvise, &[-1, 0, 0, 0, 0]),
            ("kcmp", &compare, libc::SYS_kcmp, &[pid, pid, 0, 0, 0]),
            ("prlimit", &limits, libc::SYS_prlimit64, &[pid, 7, 0, 0]),
            ("sched_setaffinity", &processors, libc::SYS_sched_setaffinity, &[pid, 0, 0]),
        ],
    );
    for (name, words, path) in [
        ("memory_of_first", "open the memory of process 1".to_owned(), "/proc/1/mem".to_owned()),
        ("memory", to("open the memory of"), format!("/proc/{pid}/mem")),
        ("environment", to("read the environment of"), format!("/proc/{pid}/environ")),
        ("files", to("read the open files of"), format!("/proc/{pid}/fd")),
    ] {
        let arguments: Vec<Arg> =
            vec![libc::AT_FDCWD.into(), path.as_str().into(), (libc::O_RDONLY | libc::O_CLOEXEC).into(), 0.into()];
        acts.push(Act::call(Kind::Processes, name, &words, libc::SYS_openat, arguments).on(path, Access::Read));
    }
    acts
}
