//! Reports for the tests of what is shown.

use nix::{errno::Errno, libc};

use super::{
    act::{Act, Defence, Kind, Needs, Process},
    judge::{Reason, Verdict},
    live::Promise,
    report::{ProcessReport, Report},
};

const KILLED: Verdict = Verdict::Refused { by: Defence::Seccomp, errno: None };

/// All that can be found, good and bad.
pub(crate) fn breached() -> Report {
    let acts = [
        (Kind::Programs, "run a program", KILLED),
        (Kind::Programs, "make data code", Verdict::Refused { by: Defence::Memory, errno: Some(Errno::EACCES) }),
        (Kind::Network, "read every packet of the host", Verdict::GotThrough { errno: Some(Errno::EINVAL) }),
        (Kind::Network, "take a TCP port of the host", Verdict::Open { needs: Needs::TCP }),
        (Kind::Files, "read /etc/sudoers", Verdict::NotJudged { reason: Reason::NotHere }),
    ];
    let promises = [("system calls are filtered", "2", true), ("no program gives it new rights", "0", false)];
    let engine = ProcessReport {
        process: Process::Engine,
        user: "rayfish".into(),
        pid: Some(4711),
        promises: promises
            .map(|(words, found, holds)| Promise { words, name: "name", holds, found: found.into() })
            .into(),
        notes: vec![],
        acts: acts.map(|(kind, words, verdict)| (act_of(kind, words), verdict)).into(),
    };
    Report { is_root: true, landlock_abi: Some(3), processes: [engine, helper(None)] }
}

/// A host in good order.
pub(crate) fn safe() -> Report {
    let engine = ProcessReport { process: Process::Engine, user: "rayfish".into(), ..helper(Some(4711)) };
    Report { is_root: true, landlock_abi: Some(7), processes: [engine, helper(Some(4712))] }
}

pub(crate) fn act(verdict: Verdict) -> (Act, Verdict) {
    (act_of(Kind::Kernel, "load a BPF program"), verdict)
}

fn helper(pid: Option<i32>) -> ProcessReport {
    ProcessReport {
        process: Process::Helper,
        user: "root".into(),
        pid,
        promises: vec![],
        notes: vec![],
        acts: vec![act(KILLED)],
    }
}

fn act_of(kind: Kind, words: &str) -> Act {
    Act::call(kind, "name", words, libc::SYS_bpf, vec![])
}
