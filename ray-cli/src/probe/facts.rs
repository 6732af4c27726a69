//! What the probe knows of this host: the engine's user, its places, the live processes, the users' homes.

use std::{
    fs,
    io::ErrorKind,
    os::unix::process::parent_id,
    path::{Path, PathBuf},
};

use super::{
    account::{self, Account},
    act::Process,
};

const POLICY: &str = "/etc/rayfish/helper.toml";
const PASSWD: &str = "/etc/passwd";

/// The files that the engine works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) config: PathBuf,
    pub(super) state_dir: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) helper_socket: PathBuf,
}

/// What acts are made of.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) engine: Account,
    pub(super) places: Places,
    pub(super) policy: PathBuf,
    pub(super) interface: String,
    /// Homes with keys for ssh, or whose inside is hidden from us.
    pub(super) homes: Vec<PathBuf>,
    pub(super) engine_pid: Option<i32>,
    pub(super) helper_pid: Option<i32>,
    /// A process of somebody else, where a live one is missing: the `ray` that judges.
    pub(super) stand_in: i32,
}

impl Facts {
    /// Reads them. The live processes were found before; `stand_in` is the caller's choice.
    pub(super) fn gather(engine_pid: Option<i32>, helper_pid: Option<i32>, stand_in: i32) -> Self {
        let policy = fs::read_to_string(POLICY).unwrap_or_default();
        let passwd = fs::read_to_string(PASSWD).unwrap_or_default();
        let places = Places::of(&engine_pid.map(command_line).unwrap_or_default());
        let keeps_keys = |home: &PathBuf| {
            let looked = fs::symlink_metadata(home.join(".ssh"));
            *home != places.state_dir && !looked.is_err_and(|error| error.kind() == ErrorKind::NotFound)
        };
        let homes = account::homes(&passwd).into_iter().filter(keeps_keys).collect();
        Self {
            engine: account::engine(&policy, &passwd),
            places,
            policy: PathBuf::from(POLICY),
            interface: account::setting(&policy, "interface").unwrap_or("ray0").to_owned(),
            homes,
            engine_pid,
            helper_pid,
            stand_in,
        }
    }

    /// The same as the judging `ray` gathers them, seen from its child.
    pub(super) fn of_parent(engine_pid: Option<i32>, helper_pid: Option<i32>) -> Self {
        Self::gather(engine_pid, helper_pid, parent_id().cast_signed())
    }

    pub(super) fn live(&self, process: Process) -> Option<i32> {
        match process {
            Process::Engine => self.engine_pid,
            Process::Helper => self.helper_pid,
        }
    }
}

impl Places {
    /// From the engine's arguments, with its defaults.
    fn of(arguments: &[String]) -> Self {
        let value = |option: &str, default: &str| {
            let at = arguments.iter().position(|argument| argument == option);
            PathBuf::from(at.and_then(|at| arguments.get(at + 1)).map_or(default, String::as_str))
        };
        Self {
            config: value("--config", "/etc/rayfish/engine.toml"),
            state_dir: value("--state-dir", "/var/lib/rayfish"),
            socket: value("--socket", ray_ipc::control::SOCKET_PATH),
            helper_socket: value("--helper-socket", "/run/rayfish/helper.sock"),
        }
    }

    pub(super) fn runtime_dir(&self) -> &Path {
        self.socket.parent().unwrap_or(Path::new("/"))
    }
}

fn command_line(pid: i32) -> Vec<String> {
    let text = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
    text.split(|byte| *byte == 0).map(|word| String::from_utf8_lossy(word).into_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_the_places_that_the_live_engine_was_given() {
        let arguments = ["ray-engine", "--state-dir", "/srv/state", "--socket", "/run/x/y.sock"].map(str::to_owned);
        let places = Places::of(&arguments);
        assert_eq!(places.state_dir, Path::new("/srv/state"));
        assert_eq!(places.runtime_dir(), Path::new("/run/x"));
        assert_eq!(places.config, Path::new("/etc/rayfish/engine.toml"));
    }
}
