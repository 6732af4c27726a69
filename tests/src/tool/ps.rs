//! The processes of the node that this runs in: who they are, what they may do, and which sockets they hold.
//! Everything is read from `/proc`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io, process,
};

use serde::{Deserialize, Serialize};

use super::{ToolError, failed};

/// One process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProcessInfo {
    pub pid: i32,
    /// Effective.
    pub uid: u32,
    /// The five sets, as `/proc` writes them.
    pub cap_inh: String,
    pub cap_prm: String,
    pub cap_eff: String,
    pub cap_bnd: String,
    pub cap_amb: String,
    pub no_new_privs: bool,
    pub seccomp: u32,
    /// Kinds of the sockets it holds: unix, netlink, udp, tcp, raw, packet, or unknown.
    pub sockets: Vec<String>,
    pub command: String,
}

impl ProcessInfo {
    /// The program's file name.
    pub fn program(&self) -> &str {
        let path = self.command.split(' ').next().unwrap_or_default();
        path.rsplit('/').next().unwrap_or(path)
    }
}

/// All processes in the caller's network namespace but the caller.
pub fn list() -> Result<Vec<ProcessInfo>, ToolError> {
    let own = fs::read_link("/proc/self/ns/net").map_err(failed("reading the own network namespace"))?;
    let tables = socket_tables();
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").map_err(failed("reading /proc"))? {
        let name = entry.map_err(failed("reading /proc"))?.file_name();
        let Some(pid) = name.to_str().and_then(|name| name.parse::<i32>().ok()) else { continue };
        let same = fs::read_link(format!("/proc/{pid}/ns/net")).is_ok_and(|namespace| namespace == own);
        if same && u32::try_from(pid) != Ok(process::id()) {
            // One that ends meanwhile is no longer of interest.
            found.extend(read(pid, &tables).ok());
        }
    }
    found.sort_by_key(|info| info.pid);
    Ok(found)
}

fn read(pid: i32, tables: &BTreeMap<u64, &'static str>) -> io::Result<ProcessInfo> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let field = |name: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        line.map(str::trim).unwrap_or_default().to_owned()
    };
    let number = |text: &str| text.parse::<u32>().map_err(io::Error::other);
    let command = fs::read(format!("/proc/{pid}/cmdline"))?;
    let command = String::from_utf8_lossy(&command).trim_end_matches('\0').replace('\0', " ");
    Ok(ProcessInfo {
        pid,
        uid: number(field("Uid").split_whitespace().nth(1).unwrap_or_default())?,
        cap_inh: field("CapInh"),
        cap_prm: field("CapPrm"),
        cap_eff: field("CapEff"),
        cap_bnd: field("CapBnd"),
        cap_amb: field("CapAmb"),
        no_new_privs: field("NoNewPrivs") == "1",
        seccomp: number(&field("Seccomp"))?,
        sockets: sockets(pid, tables)?,
        command,
    })
}

fn sockets(pid: i32, tables: &BTreeMap<u64, &'static str>) -> io::Result<Vec<String>> {
    let mut kinds = BTreeSet::new();
    for entry in fs::read_dir(format!("/proc/{pid}/fd"))? {
        let Ok(target) = fs::read_link(entry?.path()) else { continue };
        let target = target.to_string_lossy();
        let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
        if let Some(inode) = inode {
            let kind = inode.parse().ok().and_then(|inode: u64| tables.get(&inode).copied());
            kinds.insert(kind.unwrap_or("unknown").to_owned());
        }
    }
    Ok(kinds.into_iter().collect())
}

/// Kind of each socket of the caller's network namespace by its inode.
fn socket_tables() -> BTreeMap<u64, &'static str> {
    // File, kind, and the column of the inode.
    let files = [
        ("unix", "unix", 6),
        ("netlink", "netlink", 9),
        ("packet", "packet", 8),
        ("tcp", "tcp", 9),
        ("tcp6", "tcp", 9),
        ("udp", "udp", 9),
        ("udp6", "udp", 9),
        ("raw", "raw", 9),
        ("raw6", "raw", 9),
    ];
    let mut tables = BTreeMap::new();
    for (file, kind, column) in files {
        let text = fs::read_to_string(format!("/proc/self/net/{file}")).unwrap_or_default();
        let inodes = text.lines().skip(1).filter_map(|line| line.split_whitespace().nth(column)?.parse().ok());
        tables.extend(inodes.map(|inode: u64| (inode, kind)));
    }
    tables
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsRawFd;

    use super::*;

    #[test]
    fn tells_the_kinds_of_our_own_sockets() {
        let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
        let (unix, _other) = std::os::unix::net::UnixStream::pair().unwrap();
        let tables = socket_tables();
        for (fd, kind) in [(udp.as_raw_fd(), "udp"), (unix.as_raw_fd(), "unix")] {
            let target = fs::read_link(format!("/proc/self/fd/{fd}")).unwrap();
            let target = target.to_string_lossy();
            let inode = target.trim_start_matches("socket:[").trim_end_matches(']').parse().unwrap();
            assert_eq!(tables.get(&inode), Some(&kind));
        }
    }

    #[test]
    fn reads_our_own_entry() {
        let pid = i32::try_from(process::id()).unwrap();
        let info = read(pid, &BTreeMap::new()).unwrap();
        assert_eq!((info.pid, info.uid, info.cap_eff.len()), (pid, nix::unistd::geteuid().as_raw(), 16));
    }
}
