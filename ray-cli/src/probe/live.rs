//! The live processes: which they are, and whether the kernel holds them to what they promise.

use std::{collections::BTreeMap, fs, os::unix::fs::MetadataExt, path::Path};

use super::{act::Process, facts::Facts};

/// CAP_NET_ADMIN as the kernel prints a set that holds nothing else.
const NET_ADMIN: &str = "0000000000001000";
const NONE: &str = "0000000000000000";
/// `IFF_PERSIST` of the TUN driver.
const PERSISTENT: u32 = 0x0800;

/// Something that must be so for as long as the process runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Promise {
    pub(crate) words: &'static str,
    /// Stable name for `--json`.
    pub(crate) name: &'static str,
    pub(crate) holds: bool,
    /// What is there instead.
    pub(crate) found: String,
}

/// The process that serves this host: of this name, of the right user, and in our own namespaces, so that no other
/// user's process can pass for it.
pub(super) fn find(process: Process, engine_uid: u32) -> Option<i32> {
    let entries = fs::read_dir("/proc").ok()?.flatten();
    let mut pids: Vec<i32> = entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    pids.sort_unstable();
    pids.into_iter().find(|pid| is(*pid, process, engine_uid))
}

/// Every promise of the process with this id.
pub(super) fn promises(process: Process, pid: i32, facts: &Facts) -> Vec<Promise> {
    let status = Status::of(pid);
    let mut promises = Vec::new();
    let mut check = |name, words, found: String, holds: bool| promises.push(Promise { words, name, holds, found });
    let equals = |field: &str, expected: &str| {
        let found = status.field(field);
        let holds = found == expected;
        (found, holds)
    };
    let (found, holds) = equals("Seccomp", "2");
    check("seccomp", "system calls are filtered", found, holds);
    let (found, holds) = equals("NoNewPrivs", "1");
    check("no_new_privs", "no program gives it new rights", found, holds);
    let (kept, words) = match process {
        Process::Engine => (NONE, "holds no capability and can get none"),
        Process::Helper => (NET_ADMIN, "holds CAP_NET_ADMIN and can get no other capability"),
    };
    let sets = [("CapEff", kept), ("CapPrm", kept), ("CapBnd", kept), ("CapInh", NONE), ("CapAmb", NONE)];
    let wrong: Vec<String> = sets
        .iter()
        .filter(|(set, expected)| status.field(set) != *expected)
        .map(|(set, _)| format!("{set} {}", status.field(set)))
        .collect();
    check("capabilities", words, if wrong.is_empty() { kept.to_owned() } else { wrong.join(", ") }, wrong.is_empty());
    let uids = status.field("Uid");
    match process {
        Process::Engine => {
            let holds = uids.split_whitespace().all(|uid| uid.parse() == Ok(facts.engine.uid));
            check("user", "runs as the engine's user alone", uids, holds);
            let groups = format!("{} {}", status.field("Gid"), status.field("Groups"));
            let holds = groups.split_whitespace().all(|gid| gid != "0");
            check("groups", "is not in root's group", groups, holds);
            // The kernel gives the files of a process that cannot be dumped to root.
            if let Ok(memory) = fs::metadata(format!("/proc/{pid}/mem")) {
                check("dumpable", "can be neither traced nor dumped", memory.uid().to_string(), memory.uid() == 0);
            }
        }
        Process::Helper => {
            let device = Path::new("/sys/class/net").join(&facts.interface);
            if let Some((owner, flags)) = owner_and_flags(&device) {
                check("device_owner", "the device belongs to root", owner.clone(), owner == "0");
                let found = format!("flags {flags:#x}");
                check("device_persistent", "the device ends with its holders", found, flags & PERSISTENT == 0);
            }
        }
    }
    promises
}

/// Supplementary groups of a live process.
pub(super) fn groups(pid: i32) -> Vec<u32> {
    Status::of(pid).field("Groups").split_whitespace().filter_map(|gid| gid.parse().ok()).collect()
}

fn is(pid: i32, process: Process, engine_uid: u32) -> bool {
    let comm = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
    if comm.trim_end() != process.program() {
        return false;
    }
    let uid = match process {
        Process::Engine => engine_uid,
        Process::Helper => 0,
    };
    let uids = Status::of(pid).field("Uid");
    let runs_as = !uids.is_empty() && uids.split_whitespace().all(|found| found.parse() == Ok(uid));
    runs_as && ["user", "net"].iter().all(|kind| shares_namespace(pid, kind))
}

/// Only root may look, and nobody else is told of a live process.
fn shares_namespace(pid: i32, kind: &str) -> bool {
    let of = |pid: &str| fs::read_link(format!("/proc/{pid}/ns/{kind}")).ok();
    of("self").is_some_and(|ours| Some(ours) == of(&pid.to_string()))
}

fn owner_and_flags(device: &Path) -> Option<(String, u32)> {
    let owner = fs::read_to_string(device.join("owner")).ok()?;
    let flags = fs::read_to_string(device.join("tun_flags")).ok()?;
    let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).ok()?;
    Some((owner.trim().to_owned(), flags))
}

/// `/proc/PID/status`.
#[derive(Debug, Default)]
struct Status(BTreeMap<String, String>);

impl Status {
    fn of(pid: i32) -> Self {
        Self::parse(&fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default())
    }

    fn parse(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        Self(fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    /// A field that is not there is as good as a broken promise.
    fn field(&self, name: &str) -> String {
        self.0.get(name).cloned().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_of_a_process() {
        let status = Status::parse("Name:\tray-engine\nUid:\t977\t977\t977\t977\nSeccomp:\t2\n");
        assert_eq!(status.field("Seccomp"), "2");
        assert_eq!(status.field("Uid"), "977\t977\t977\t977");
        assert_eq!(status.field("NoNewPrivs"), "");
    }

    #[test]
    fn a_process_of_another_name_or_user_is_not_taken_for_ours() {
        let own = std::process::id().cast_signed();
        assert!(!is(own, Process::Engine, 977));
        assert!(!is(own, Process::Helper, 977));
    }
}
