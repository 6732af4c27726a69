//! What the probe knows of this host: the engine's user, its places, the live processes, the users' homes.

use std::{fs, io::ErrorKind, path::PathBuf, sync::mpsc, thread, time::Duration};

use super::{
    account::{self, Account},
    places::Places,
};

const POLICY: &str = "/etc/rayfish/helper.toml";
/// A disk that sleeps answers by then.
const HOME_PATIENCE: Duration = Duration::from_secs(3);
const PASSWD: &str = "/etc/passwd";

/// What acts are made of.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) engine: Account,
    pub(super) places: Places,
    pub(super) policy: PathBuf,
    pub(super) interface: String,
    /// Homes of users; for the judging `ray` those with keys for ssh, or whose inside is hidden from us.
    pub(super) homes: Vec<PathBuf>,
    pub(super) engine_pid: Option<i32>,
    pub(super) helper_pid: Option<i32>,
    /// A process of somebody else, where a live one is missing: the `ray` that judges.
    pub(super) stand_in: i32,
}

impl Facts {
    /// Reads them. The live processes and the places were found before; `stand_in` is the caller's choice.
    pub(super) fn gather(engine_pid: Option<i32>, helper_pid: Option<i32>, stand_in: i32, places: Places) -> Self {
        let policy = fs::read_to_string(POLICY).unwrap_or_default();
        let passwd = fs::read_to_string(PASSWD).unwrap_or_default();
        Self {
            engine: account::engine(&policy, &passwd),
            homes: account::homes(&passwd).into_iter().filter(|home| *home != places.state_dir).collect(),
            places,
            policy: PathBuf::from(POLICY),
            interface: account::setting(&policy, "interface").unwrap_or("ray0").to_owned(),
            engine_pid,
            helper_pid,
            stand_in,
        }
    }

    /// Leaves out the homes without keys. A home that does not answer stays: its child finds out, with an end.
    pub(super) fn with_keys_only(mut self) -> Self {
        self.homes.retain(|home| {
            let keys = home.join(".ssh");
            let looked = within(HOME_PATIENCE, move || fs::symlink_metadata(keys).map(drop));
            !matches!(looked, Some(Err(error)) if error.kind() == ErrorKind::NotFound)
        });
        self
    }
}

/// Looks at what might never answer, such as a mount whose server is gone; what is stuck ends with this process.
pub(super) fn within<T: Send + 'static>(patience: Duration, look: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (sender, receiver) = mpsc::channel();
    thread::Builder::new().spawn(move || sender.send(look())).ok()?;
    receiver.recv_timeout(patience).ok()
}
