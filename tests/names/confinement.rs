//! What the running process has and has not, as the kernel shows it.

use std::{fs, path::PathBuf};

use ray_tests::live_names::{LiveNames, NamesHost, names};

const NONE: &str = "0000000000000000";
const PLAIN: &[u8] = b"nameserver 192.0.2.1\n";

#[test]
fn is_roots_without_any_capability_and_can_get_none() {
    let host = NamesHost::with_list(PLAIN);
    let process = host.start();
    let status = fs::read_to_string(proc(&process).join("status")).unwrap();
    for (field, value) in [
        ("Uid", "0\t0\t0\t0"),
        ("CapInh", NONE),
        ("CapPrm", NONE),
        ("CapEff", NONE),
        ("CapBnd", NONE),
        ("CapAmb", NONE),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        ("Seccomp_filters", "4"),
        ("Threads", "1"),
    ] {
        let found = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
        assert_eq!(found, Some(value), "{field}");
    }
    assert_eq!(fs::read_link(proc(&process).join("cwd")).unwrap(), PathBuf::from("/"));
}

#[test]
fn keeps_nothing_open_that_it_does_not_need() {
    let host = NamesHost::with_list(PLAIN);
    let process = host.start();
    assert_eq!(open_files(&process).len(), 6, "three streams, signals, listener, watch: {:?}", open_files(&process));
    let mut engine = host.connect().greet();
    engine.set(names());
    assert_eq!(open_files(&process).len(), 8, "the engine and its process: {:?}", open_files(&process));
}

fn proc(process: &LiveNames<'_>) -> PathBuf {
    format!("/proc/{}", process.pid()).into()
}

fn open_files(process: &LiveNames<'_>) -> Vec<String> {
    fs::read_dir(proc(process).join("fd"))
        .unwrap()
        .map(|entry| fs::read_link(entry.unwrap().path()).unwrap().to_string_lossy().into_owned())
        .collect()
}
