//! What `/proc` says of a process, which every user may read.

use std::{fs, io};

use crate::status_file::StatusFile;

/// The lines of `/proc/PID/status` that tell its rights.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cmd::doctor) struct Rights {
    pub(in crate::cmd::doctor) pid: i32,
    /// Real, effective, saved and file-system uid.
    pub(in crate::cmd::doctor) uids: Vec<u32>,
    pub(in crate::cmd::doctor) effective: u64,
    pub(in crate::cmd::doctor) permitted: u64,
    pub(in crate::cmd::doctor) no_new_privs: bool,
    /// The kernel filters its system calls.
    pub(in crate::cmd::doctor) filtered: bool,
}

/// `Seccomp:` of a process whose system calls a program filters.
const SECCOMP_FILTER: &str = "2";

/// The rights of a process; `None` where it is hidden or gone.
pub(in crate::cmd::doctor) fn rights(pid: i32) -> io::Result<Option<Rights>> {
    match fs::read_to_string(format!("/proc/{pid}/status")) {
        Ok(text) => Ok(parse(pid, &text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The processes with this name that belong to `uid` and, as far as it can be seen, work in this network namespace.
pub(in crate::cmd::doctor) fn named(name: &str, uid: u32) -> io::Result<Vec<Rights>> {
    let here = fs::read_link("/proc/self/ns/net").ok();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = entry?.file_name().to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let is_named = fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end() == name);
        // Only root may read the namespace of another user's process.
        let elsewhere =
            || fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|there| Some(&there) != here.as_ref());
        if is_named && !elsewhere() {
            found.extend(rights(pid)?.filter(|rights| rights.uids.contains(&uid)));
        }
    }
    Ok(found)
}

fn parse(pid: i32, text: &str) -> Option<Rights> {
    let status = StatusFile::parse(text);
    let filter = Some(status.field("Seccomp")).filter(|mode| !mode.is_empty())?;
    Some(Rights {
        pid,
        uids: Some(status.numbers("Uid")).filter(|uids| !uids.is_empty())?,
        effective: status.set("CapEff")?,
        permitted: status.set("CapPrm")?,
        no_new_privs: status.field("NoNewPrivs") == "1",
        filtered: filter == SECCOMP_FILTER,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATUS: &str = "Name:\tray-engine\nUid:\t977\t977\t977\t977\nCapPrm:\t0000000000001000\n\
                          CapEff:\t0000000000001000\nNoNewPrivs:\t1\nSeccomp:\t2\nSeccomp_filters:\t2\n";

    #[test]
    fn reads_the_rights_of_a_process() {
        let rights = parse(7, STATUS).unwrap();
        assert_eq!((rights.uids.as_slice(), rights.effective), (&[977; 4][..], 0x1000));
        assert!(rights.no_new_privs && rights.filtered);
        assert!(!parse(7, &STATUS.replace("Seccomp:\t2", "Seccomp:\t0")).unwrap().filtered);
    }

    #[test]
    fn an_incomplete_answer_is_none() {
        assert_eq!(parse(7, &STATUS.replace("Seccomp:\t2\n", "")), None);
    }

    #[test]
    fn finds_this_process_by_its_name() {
        let own = fs::read_to_string("/proc/self/comm").unwrap();
        let uid = nix::unistd::Uid::effective().as_raw();
        let pid = i32::try_from(std::process::id()).unwrap();
        assert!(named(own.trim_end(), uid).unwrap().iter().any(|rights| rights.pid == pid));
    }
}
