//! The files, sockets and processes that the engine reaches, as rules of the kernel's Landlock.

use std::{
    fs,
    path::{Path, PathBuf},
};

use landlock::{
    ABI, Access, AccessFs, AccessNet, CompatLevel, Compatible, LandlockStatus, PathBeneath, PathFd, Ruleset,
    RulesetAttr, RulesetCreatedAttr, RulesetError, Scope,
};

use crate::{ConfineError, engine::Places};

/// The interface that the rules are written for and tested with. Kernels with less apply what they know.
const ABI: ABI = ABI::V6;

const RESOLV_CONF: &str = "/etc/resolv.conf";
/// A chain of links that is longer leads nowhere; the kernel itself follows 40.
const LINKS_MAX: usize = 8;

/// What may be read besides the engine's own places, and why.
const READ: [(&str, &str); 13] = [
    ("/etc/hosts", "names that the administrator gave to addresses"),
    ("/etc/passwd", "users that the settings name"),
    ("/etc/group", "groups that the settings name"),
    ("/etc/ssl", "authorities that the host trusts"),
    ("/etc/pki", "authorities that the host trusts"),
    ("/etc/ca-certificates", "authorities that the host trusts"),
    ("/usr/share/ca-certificates", "what links in /etc/ssl point to"),
    ("/proc/self", "own memory map and status, routes of the own network namespace"),
    ("/sys/class/net", "which interfaces there are"),
    ("/sys/devices", "what links in /sys/class/net point to"),
    ("/sys/fs/cgroup", "how many processors the engine may use"),
    ("/run/systemd/netif", "which interfaces the host manages"),
    ("/run/systemd/resolve", "name servers, where systemd-resolved writes them"),
];

/// Applies the rules. Returns the version of the interface that the kernel has, or `None` without one.
pub(crate) fn restrict(places: &Places<'_>) -> Result<Option<u8>, ConfineError> {
    let status = rules(places).map_err(ConfineError::Files)?;
    match status {
        LandlockStatus::Available { effective_abi, kernel_abi } => {
            let abi = kernel_abi.unwrap_or(effective_abi as i32);
            Ok(Some(u8::try_from(abi).unwrap_or(u8::MAX)))
        }
        LandlockStatus::NotEnabled | LandlockStatus::NotImplemented => Ok(None),
    }
}

fn rules(places: &Places<'_>) -> Result<LandlockStatus, RulesetError> {
    let read = AccessFs::ReadFile | AccessFs::ReadDir;
    let keep = read
        | AccessFs::WriteFile
        | AccessFs::Truncate
        | AccessFs::MakeReg
        | AccessFs::MakeDir
        | AccessFs::RemoveFile
        | AccessFs::RemoveDir;
    let make_socket = AccessFs::MakeSock | AccessFs::RemoveFile;

    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(ABI))?
        // No rule follows: no TCP port is ever bound. Connecting stays free, because relays are anywhere.
        .handle_access(AccessNet::BindTcp)?
        .scope(Scope::from_all(ABI))?
        .create()?;
    let own = [(places.state_dir, keep), (places.runtime_dir, make_socket), (places.config, read)];
    let system = READ.iter().map(|(path, _)| (Path::new(path), read));
    let name_servers = resolver_files();
    let name_servers = name_servers.iter().map(|path| (path.as_path(), AccessFs::ReadFile.into()));
    for (path, access) in own.into_iter().chain(system).chain(name_servers) {
        // What is not there cannot be opened either.
        if let Ok(opened) = PathFd::new(path) {
            let access = if path.is_dir() { access } else { access & AccessFs::from_file(ABI) };
            ruleset = ruleset.add_rule(PathBeneath::new(opened, access))?;
        }
    }
    Ok(ruleset.restrict_self()?.landlock)
}

/// Directories in which the list of name servers lies. It is replaced, not rewritten, when the host changes networks, and a
/// rule for the file itself would hold for the old one only.
fn resolver_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut path = PathBuf::from(RESOLV_CONF);
    for _ in 0..LINKS_MAX {
        let Ok(target) = fs::read_link(&path) else { break };
        path = path.parent().unwrap_or(Path::new("/")).join(target);
    }
    found.extend(path.parent().map(Path::to_path_buf));
    found
}
