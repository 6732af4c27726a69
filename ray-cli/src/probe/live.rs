//! The live processes: which they are, and whether the kernel holds them to what they promise.

use std::{
    fs::{self, File, Metadata},
    os::{fd::AsRawFd, unix::fs::MetadataExt},
    path::{Path, PathBuf},
};

use super::{act::Process, facts::Facts};
use crate::status_file::StatusFile;

/// CAP_NET_ADMIN as the kernel prints a set that holds nothing else.
const NET_ADMIN: &str = "0000000000001000";
const NONE: &str = "0000000000000000";
/// `IFF_PERSIST` of the TUN driver.
const PERSISTENT: u32 = 0x0800;

/// Any user can give a process of its own any name.
const STRANGERS_TOLD: usize = 3;

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

/// A live process, held by its directory in `/proc`: of a later process of the same id it shows nothing.
#[derive(Debug)]
pub(super) struct Live {
    pub(super) pid: i32,
    directory: File,
    /// Its mount namespace, where that is not ours.
    pub(super) view: Option<File>,
    pub(super) groups: Vec<u32>,
    pub(super) arguments: Vec<String>,
}

/// What there is of one process on this host.
#[derive(Debug, Default)]
pub(super) struct Found {
    pub(super) live: Option<Live>,
    /// All of them, where several run and none is chosen.
    pub(super) several: Vec<i32>,
    /// Those of its name that are not it, and why.
    pub(super) notes: Vec<String>,
}

/// What tells a process from an impostor.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Seen {
    uids: Vec<u32>,
    /// Namespaces that it does not share with us.
    foreign: Vec<&'static str>,
    program: Option<String>,
    executable: Option<Executable>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Executable {
    uid: u32,
    mode: u32,
    device: u64,
    inode: u64,
}

/// The process that serves this host: no other user's process, and no container's, can pass for it.
pub(super) fn find(process: Process, engine_uid: u32) -> Found {
    let installed = installed(process);
    let uid = match process {
        Process::Engine => engine_uid,
        Process::Helper => 0,
    };
    let (mut ours, mut strangers) = (Vec::new(), Vec::new());
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    for pid in entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok()) {
        let Ok(directory) = File::open(format!("/proc/{pid}")) else { continue };
        let live = Live { pid, directory, view: None, groups: Vec::new(), arguments: Vec::new() };
        if fs::read_to_string(live.path("comm")).unwrap_or_default().trim_end() != process.program() {
            continue;
        }
        match judge(&live.seen(), process, uid, &installed).and_then(|()| live.opened()) {
            Ok(live) => ours.push(live),
            Err(reason) => strangers.push((pid, reason)),
        }
    }
    if ours.len() > 1 {
        return Found { several: ours.iter().map(|live| live.pid).collect(), ..Found::default() };
    }
    let live = ours.pop();
    let mut notes = Vec::new();
    if live.is_none() {
        let told = strangers.iter().take(STRANGERS_TOLD);
        notes.extend(
            told.map(|(pid, reason)| format!("process {pid} is not taken for the {}: {reason}", process.name())),
        );
        if let Some(more @ 1..) = strangers.len().checked_sub(STRANGERS_TOLD) {
            notes.push(format!("nor are {more} more of that name"));
        }
    }
    Found { live, several: Vec::new(), notes }
}

fn judge(seen: &Seen, process: Process, uid: u32, installed: &[Executable]) -> Result<(), &'static str> {
    let Some(executable) = seen.executable else { return Err("its program cannot be looked at") };
    if seen.uids.is_empty() || seen.uids.iter().any(|found| *found != uid) {
        Err("it runs as another user")
    } else if !seen.foreign.is_empty() {
        Err("it is in another namespace of users, networks or processes")
    } else if seen.program.as_deref() != Some(process.program()) {
        Err("its program has another name, or was replaced since it started")
    } else if executable.uid != 0 || executable.mode & 0o022 != 0 {
        Err("its program is not root's alone")
    } else if !installed.contains(&executable) {
        Err("its program is not the one that is installed")
    } else {
        Ok(())
    }
}

/// The programs that root would start, wherever a package puts them.
fn installed(process: Process) -> Vec<Executable> {
    let own = fs::read_link("/proc/self/exe").ok();
    let own = own.as_deref().and_then(Path::parent);
    let mut directories = vec![PathBuf::from("/usr/libexec/rayfish"), PathBuf::from("/usr/lib/rayfish")];
    directories.extend(own.map(Path::to_path_buf));
    // As the package for Nix lays them out.
    directories.extend(own.map(|own| own.join("../libexec/rayfish")));
    let found = directories.iter().filter_map(|directory| fs::metadata(directory.join(process.program())).ok());
    found.map(|found| Executable::of(&found)).collect()
}

impl Executable {
    fn of(found: &Metadata) -> Self {
        Self { uid: found.uid(), mode: found.mode(), device: found.dev(), inode: found.ino() }
    }
}

impl Live {
    fn path(&self, name: &str) -> PathBuf {
        PathBuf::from(format!("/proc/self/fd/{}/{name}", self.directory.as_raw_fd()))
    }

    fn status(&self) -> StatusFile {
        StatusFile::parse(&fs::read_to_string(self.path("status")).unwrap_or_default())
    }

    fn seen(&self) -> Seen {
        let uids = self.status().numbers("Uid");
        let is_foreign = |kind: &&str| {
            let ours = fs::read_link(format!("/proc/self/ns/{kind}")).ok();
            ours.is_none() || ours != fs::read_link(self.path(&format!("ns/{kind}"))).ok()
        };
        let link = fs::read_link(self.path("exe")).ok();
        let program = link.as_deref().and_then(Path::file_name).map(|name| name.to_string_lossy().into_owned());
        Seen {
            uids,
            foreign: ["user", "net", "pid"].into_iter().filter(is_foreign).collect(),
            program,
            executable: fs::metadata(self.path("exe")).ok().map(|found| Executable::of(&found)),
        }
    }

    /// With all that the children need of it.
    fn opened(mut self) -> Result<Self, &'static str> {
        let ours = fs::metadata("/proc/self/ns/mnt").map_err(|_| "our own view cannot be looked at")?;
        let view = File::open(self.path("ns/mnt")).map_err(|_| "its view of the files cannot be opened")?;
        let theirs = view.metadata().map_err(|_| "its view of the files cannot be looked at")?;
        self.view = (ours.ino() != theirs.ino()).then_some(view);
        self.groups = self.status().numbers("Groups");
        let text = fs::read(self.path("cmdline")).unwrap_or_default();
        self.arguments = text.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect();
        Ok(self)
    }
}

/// Every promise of the process with this id.
pub(super) fn promises(process: Process, live: &Live, facts: &Facts) -> Vec<Promise> {
    let status = live.status();
    let mut promises = Vec::new();
    let mut check = |name, words, found: String, holds: bool| promises.push(Promise { words, name, holds, found });
    let equals = |field: &str, expected: &str| {
        let found = status.field(field).to_owned();
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
    let uids = status.field("Uid").to_owned();
    match process {
        Process::Engine => {
            let holds = uids.split_whitespace().all(|uid| uid.parse() == Ok(facts.engine.uid));
            check("user", "runs as the engine's user alone", uids, holds);
            let groups = format!("{} {}", status.field("Gid"), status.field("Groups"));
            let holds = groups.split_whitespace().all(|gid| gid != "0");
            check("groups", "is not in root's group", groups, holds);
            // The kernel gives the files of a process that cannot be dumped to root.
            if let Ok(memory) = fs::metadata(live.path("mem")) {
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

fn owner_and_flags(device: &Path) -> Option<(String, u32)> {
    let owner = fs::read_to_string(device.join("owner")).ok()?;
    let flags = fs::read_to_string(device.join("tun_flags")).ok()?;
    let flags = u32::from_str_radix(flags.trim().trim_start_matches("0x"), 16).ok()?;
    Some((owner.trim().to_owned(), flags))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_impostor_is_not_taken_for_the_helper() {
        let program = Executable { uid: 0, mode: 0o100_755, device: 1, inode: 2 };
        let ours =
            Seen { uids: vec![0; 4], foreign: vec![], program: Some("ray-helper".into()), executable: Some(program) };
        let taken = |seen: &Seen| judge(seen, Process::Helper, 0, &[program]).is_ok();
        assert!(taken(&ours));
        assert!(!taken(&Seen { uids: vec![0, 977, 0, 0], ..ours.clone() }));
        assert!(!taken(&Seen { uids: vec![], ..ours.clone() }));
        assert!(!taken(&Seen { foreign: vec!["pid"], ..ours.clone() }));
        assert!(!taken(&Seen { program: Some("ray-helper (deleted)".into()), ..ours.clone() }));
        assert!(!taken(&Seen { executable: None, ..ours.clone() }));
        for other in [Executable { inode: 3, ..program }, Executable { device: 3, ..program }] {
            assert!(!taken(&Seen { executable: Some(other), ..ours.clone() }));
        }
        for loose in [Executable { uid: 1000, ..program }, Executable { mode: 0o100_775, ..program }] {
            let seen = Seen { executable: Some(loose), ..ours.clone() };
            assert!(judge(&seen, Process::Helper, 0, &[loose]).is_err());
        }
    }
}
