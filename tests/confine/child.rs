//! Makes one system call in a process of its own, under the filters of a policy.
#![allow(unsafe_code, reason = "system calls without wrappers, which may not return")]

use nix::{
    errno::Errno,
    libc,
    sys::{
        resource::{Resource, setrlimit},
        signal::Signal,
        wait::{WaitStatus, waitpid},
    },
    unistd::{ForkResult, fork},
};
use ray_confine::{
    filter::{Filters, Violation},
    policy::{Arguments, Policy},
};

/// How the child ends where the filters could not be installed. No errno has this number.
const NOT_INSTALLED: i32 = 250;

/// What became of the call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It was made; what the kernel said to its arguments.
    Made(Result<(), Errno>),
    /// The filter ended the process.
    Killed,
    /// It was made, and it was the process's last.
    Ended,
}

/// Makes the call under the filters of all `policies` together.
pub(crate) fn call(policies: &[&Policy], number: i64, arguments: &Arguments) -> Outcome {
    // SAFETY: the child makes system calls, allocates, which glibc permits after a fork, and takes no lock of ours.
    match unsafe { fork() }.expect("a child") {
        ForkResult::Child => {
            let code = in_child(policies, number, arguments);
            // SAFETY: ends the child without running what the parent has registered.
            unsafe { libc::_exit(code) }
        }
        ForkResult::Parent { child } => match waitpid(child, None).expect("the child's end") {
            WaitStatus::Exited(_, 0) => Outcome::Made(Ok(())),
            WaitStatus::Exited(_, NOT_INSTALLED) => panic!("the filters were not installed"),
            WaitStatus::Exited(_, code) => Outcome::Made(Err(Errno::from_raw(code))),
            WaitStatus::Signaled(_, Signal::SIGSYS, _) => Outcome::Killed,
            _ => Outcome::Ended,
        },
    }
}

fn in_child(policies: &[&Policy], number: i64, arguments: &Arguments) -> i32 {
    let _ = setrlimit(Resource::RLIMIT_CORE, 0, 0);
    // A call that waits for ever would be one that was let through.
    // SAFETY: takes a number.
    unsafe { libc::alarm(20) };
    let mut arguments = *arguments;
    for argument in &mut arguments {
        if *argument == crate::witness::OWN_PID {
            *argument = u64::from(std::process::id());
        }
    }
    for policy in policies {
        let installed = Filters::compile(policy, Violation::Kill).and_then(|filters| filters.install());
        if installed.is_err() {
            return NOT_INSTALLED;
        }
    }
    let [a, b, c, d, e, f] = arguments;
    // SAFETY: arguments are such that the kernel refuses them or does what ends with this process: no pointer is valid.
    let answer = unsafe { libc::syscall(number, a, b, c, d, e, f) };
    if answer == -1 { Errno::last_raw() } else { 0 }
}
