//! Whether a privileged program is confined, as the kernel shows it rather than as the calls before said.

use std::{
    env, fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use nix::sys::prctl;

use crate::ConfineError;

/// CAP_NET_ADMIN alone, as the kernel writes it.
const ONLY_NET_ADMIN: &str = "0000000000001000";
const NONE: &str = "0000000000000000";

/// What a program is to have.
#[derive(Debug)]
pub(crate) struct Expected {
    /// Capabilities in effect, permitted and in the bounding set.
    capabilities: &'static str,
    /// How the targets of its descriptors begin at the end of its start, besides the three standard streams.
    descriptors: &'static [&'static str],
}

/// A queue that an earlier helper opened shows the path without the mount that went with that helper's own view of files.
pub(crate) const HELPER: Expected = Expected {
    capabilities: ONLY_NET_ADMIN,
    descriptors: &["socket:[", "anon_inode:[signalfd]", "/dev/net/tun", "/net/tun"],
};

#[cfg(feature = "names")]
pub(crate) const NAMES: Expected =
    Expected { capabilities: NONE, descriptors: &["socket:[", "anon_inode:[signalfd]", "anon_inode:inotify"] };

const STREAMS: u32 = 3;

/// Where programs lie that belong to the system. One elsewhere is being worked on.
const INSTALLED: &str = "/usr";
const OTHERS_WRITE: u32 = 0o022;

/// What is there.
#[derive(Debug)]
struct Seen {
    status: String,
    is_dumpable: bool,
    directory: PathBuf,
    /// How many variables.
    environment: usize,
    /// Number and target.
    descriptors: Vec<(u32, String)>,
    /// The program and the directories above it, each with owner and mode.
    program: Vec<(PathBuf, u32, u32)>,
}

pub(crate) fn check(expected: &Expected) -> Result<(), ConfineError> {
    let wrong = judge(&look()?, expected);
    if wrong.is_empty() { Ok(()) } else { Err(ConfineError::NotConfined { what: wrong.join("; ") }) }
}

fn look() -> Result<Seen, ConfineError> {
    let fail = |what| move |cause| ConfineError::Inspection { what, cause };
    Ok(Seen {
        status: fs::read_to_string("/proc/self/status").map_err(fail("/proc/self/status"))?,
        is_dumpable: prctl::get_dumpable().map_err(|errno| fail("the dumpable flag")(errno.into()))?,
        directory: env::current_dir().map_err(fail("the working directory"))?,
        environment: env::vars_os().count(),
        descriptors: descriptors().map_err(fail("/proc/self/fd"))?,
        program: program().map_err(fail("the owner of the program"))?,
    })
}

fn descriptors() -> io::Result<Vec<(u32, String)>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc/self/fd")? {
        let entry = entry?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok()).unwrap_or(u32::MAX);
        match fs::read_link(entry.path()) {
            Ok(target) => found.push((number, target.to_string_lossy().into_owned())),
            // One that is gone again is none.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    // The one that the list itself was read through.
    let own = format!("/proc/{}/fd", std::process::id());
    found.retain(|(_, target)| *target != own);
    Ok(found)
}

fn program() -> io::Result<Vec<(PathBuf, u32, u32)>> {
    let path = fs::read_link("/proc/self/exe")?;
    if !path.starts_with(INSTALLED) {
        return Ok(Vec::new());
    }
    let look = |path: &Path| fs::metadata(path).map(|found| (path.to_path_buf(), found.uid(), found.mode()));
    path.ancestors().map(look).collect()
}

/// Lines of `/proc/self/status` and what they must say.
fn status(capabilities: &'static str) -> [(&'static str, &'static str); 8] {
    [
        ("CapInh", NONE),
        ("CapPrm", capabilities),
        ("CapEff", capabilities),
        ("CapBnd", capabilities),
        ("CapAmb", NONE),
        ("NoNewPrivs", "1"),
        ("Seccomp", "2"),
        ("Threads", "1"),
    ]
}

/// What is not as it must be, one clause each.
fn judge(seen: &Seen, wanted: &Expected) -> Vec<String> {
    let mut wrong = Vec::new();
    for (field, expected) in status(wanted.capabilities) {
        let found = seen.status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(":\t"));
        if found != Some(expected) {
            wrong.push(format!("{field} is {}, not {expected}", found.unwrap_or("not shown")));
        }
    }
    if seen.is_dumpable {
        wrong.push("the process can be dumped".to_owned());
    }
    if seen.directory != Path::new("/") {
        wrong.push(format!("the working directory is {}", seen.directory.display()));
    }
    if seen.environment != 0 {
        wrong.push(format!("the environment has {} variables", seen.environment));
    }
    for (number, target) in seen.descriptors.iter().filter(|(number, _)| *number >= STREAMS) {
        if !wanted.descriptors.iter().any(|known| target.starts_with(known)) {
            wrong.push(format!("descriptor {number} is {target}"));
        }
    }
    for (path, uid, mode) in &seen.program {
        if *uid != 0 || mode & OTHERS_WRITE != 0 {
            wrong.push(format!("{} can be changed by others than root", path.display()));
        }
    }
    wrong
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_nothing_wrong_with_a_confined_helper() {
        assert_eq!(judge(&confined(), &HELPER), [""; 0]);
    }

    #[test]
    fn finds_each_part_of_the_confinement_that_is_missing() {
        for (field, expected) in status(ONLY_NET_ADMIN) {
            let line = format!("{field}:\t{expected}\n");
            let mut seen = confined();
            seen.status = seen.status.replace(&line, "");
            assert_eq!(judge(&seen, &HELPER), [format!("{field} is not shown, not {expected}")]);
            seen.status.push_str(&format!("{field}:\t00000000a80425fb\n"));
            assert_eq!(judge(&seen, &HELPER).len(), 1, "{field}");
        }
        let flaws: [fn(&mut Seen); 8] = [
            |seen| seen.is_dumpable = true,
            |seen| seen.directory = "/root".into(),
            |seen| seen.environment = 1,
            |seen| seen.descriptors.push((9, "/etc/shadow".to_owned())),
            |seen| seen.descriptors.push((9, "pipe:[7]".to_owned())),
            |seen| seen.program[0].1 = 1000,
            |seen| seen.program[1].2 = 0o040_775,
            |seen| seen.program[2].2 = 0o040_757,
        ];
        for flaw in flaws {
            let mut seen = confined();
            flaw(&mut seen);
            assert_eq!(judge(&seen, &HELPER).len(), 1, "{seen:?}");
        }
    }

    fn confined() -> Seen {
        let status = status(ONLY_NET_ADMIN).map(|(field, value)| format!("{field}:\t{value}\n"));
        let file = |path: &str, mode| (PathBuf::from(path), 0, mode);
        Seen {
            status: format!("Name:\tray-helper\n{}", status.concat()),
            is_dumpable: false,
            directory: "/".into(),
            environment: 0,
            descriptors: [
                (0, "/dev/null"),
                (2, "pipe:[1]"),
                (3, "socket:[4]"),
                (4, "anon_inode:[signalfd]"),
                (5, "/net/tun"),
            ]
            .map(|(number, target)| (number, target.to_owned()))
            .to_vec(),
            program: vec![file("/usr/x/ray-helper", 0o100_755), file("/usr/x", 0o040_755), file("/usr", 0o040_755)],
        }
    }
}
