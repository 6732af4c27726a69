//! What the running helper has and has not, as the kernel shows it.
#![allow(unsafe_code, reason = "system calls that have no safe wrapper")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use nix::{
    fcntl::{FcntlArg, FdFlag, fcntl},
    libc,
};
use ray_tests::live_helper::LiveHelper;

const ONLY_NET_ADMIN: &str = "0000000000001000";
const NONE: &str = "0000000000000000";

#[test]
fn holds_one_capability_and_can_get_no_other() {
    let helper = LiveHelper::start("");
    let status = fs::read_to_string(proc(&helper).join("status")).unwrap();
    let expected = [
        ("CapInh", NONE),
        ("CapPrm", ONLY_NET_ADMIN),
        ("CapEff", ONLY_NET_ADMIN),
        ("CapBnd", ONLY_NET_ADMIN),
        ("CapAmb", NONE),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        // Two of its start and two more since it serves.
        ("Seccomp_filters", "4"),
        ("Threads", "1"),
    ];
    for (field, value) in expected {
        let found = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
        assert_eq!(found, Some(value), "{field}");
    }
}

#[test]
fn can_be_neither_traced_nor_dumped() {
    let helper = LiveHelper::start("");
    let limits = fs::read_to_string(proc(&helper).join("limits")).unwrap();
    let core = limits.lines().find(|line| line.starts_with("Max core file size")).unwrap();
    assert_eq!(core.split_whitespace().collect::<Vec<_>>()[4..6], ["0", "0"], "{core}");
    // A process with the same credentials, but without the capability to trace: refused only because of the flag.
    let refused = std::thread::scope(|scope| {
        let try_to_trace = || {
            let own = [caps::Capability::CAP_NET_ADMIN].into();
            caps::set(None, caps::CapSet::Effective, &own).unwrap();
            // SAFETY: attaching takes plain numbers; were it granted, the tracer's end below would detach.
            unsafe { libc::ptrace(libc::PTRACE_SEIZE, helper.pid().as_raw(), 0, 0) }
        };
        scope.spawn(try_to_trace).join().unwrap()
    });
    assert_eq!(refused, -1);
}

#[test]
fn sits_in_the_root_directory() {
    let helper = LiveHelper::start("");
    assert_eq!(fs::read_link(proc(&helper).join("cwd")).unwrap(), PathBuf::from("/"));
}

#[test]
fn has_no_socket_but_its_unix_socket_and_netlink() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let _held = client.bring_up(2);
    // The kernel lists an accepted connection where the one who connected is: in the test's own namespace.
    let own = PathBuf::from("/proc/thread-self");
    let known: BTreeSet<u64> = [(proc(&helper), "unix", 6), (proc(&helper), "netlink", 9), (own, "unix", 6)]
        .into_iter()
        .flat_map(|(process, table, column)| inodes(&process, table, column))
        .collect();
    let sockets: Vec<u64> = open_files(&helper)
        .iter()
        .filter_map(|target| target.strip_prefix("socket:[")?.strip_suffix(']')?.parse().ok())
        .collect();
    assert_eq!(sockets.len(), 3, "the listener, the engine and netlink: {sockets:?}");
    assert!(sockets.iter().all(|inode| known.contains(inode)), "{sockets:?} in {known:?}");
}

#[test]
fn keeps_nothing_open_that_it_does_not_need() {
    // Careless parents exist: this one lets every child inherit a file.
    let inherited = fs::File::open("/dev/null").unwrap();
    fcntl(&inherited, FcntlArg::F_SETFD(FdFlag::empty())).unwrap();
    let helper = LiveHelper::start("");
    let idle = open_files(&helper);
    assert_eq!(idle.len(), 6, "three streams, signals, listener, netlink: {idle:?}");
    let client = helper.connect();
    drop(client.bring_up(3));
    let busy = open_files(&helper);
    assert_eq!(busy.len(), 6 + 2 + 3, "the engine, its process and a duplicate of each queue: {busy:?}");
}

fn proc(helper: &LiveHelper) -> PathBuf {
    format!("/proc/{}", helper.pid()).into()
}

fn open_files(helper: &LiveHelper) -> Vec<String> {
    fs::read_dir(proc(helper).join("fd"))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().to_string_lossy().into_owned())
        .collect()
}

/// The socket inodes that the namespace of `process` lists in `/proc/net/<table>`.
fn inodes(process: &Path, table: &str, column: usize) -> Vec<u64> {
    fs::read_to_string(process.join("net").join(table))
        .unwrap()
        .lines()
        .filter_map(|line| line.split_whitespace().nth(column)?.parse().ok())
        .collect()
}
