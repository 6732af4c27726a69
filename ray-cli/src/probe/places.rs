//! Where the engine keeps its files: what its arguments say, as far as that can be believed.
//!
//! A process can rewrite its own arguments, and root's children open what they name. So an engine that was taken over
//! could lead them to any file; a place counts only where nobody but root could have put it.

use std::{
    fs::{self, Metadata},
    os::unix::fs::MetadataExt,
    path::{Component, Path, PathBuf},
};

/// The files that the engine works with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Places {
    pub(super) config: PathBuf,
    pub(super) state_dir: PathBuf,
    pub(super) socket: PathBuf,
    pub(super) helper_socket: PathBuf,
}

/// What a place is for, which decides what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Purpose {
    Config,
    StateDir,
    /// The directory of a socket.
    SocketDir,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Directory,
    File,
    Link,
    Other,
}

/// What `lstat` says of one component of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Step {
    kind: Kind,
    uid: u32,
    mode: u32,
}

const ROOT: u32 = 0;
const WRITABLE_BY_OTHERS: u32 = 0o022;
const PRIVATE: u32 = 0o700;

impl Default for Places {
    fn default() -> Self {
        Self {
            config: "/etc/rayfish/engine.toml".into(),
            state_dir: "/var/lib/rayfish".into(),
            socket: ray_ipc::control::SOCKET_PATH.into(),
            helper_socket: "/run/rayfish/helper.sock".into(),
        }
    }
}

impl Places {
    /// From the engine's arguments, with its defaults; in words, which arguments were not believed and why.
    pub(super) fn of(arguments: &[String], engine_uid: u32) -> (Self, Vec<String>) {
        let (mut places, mut notes) = (Self::default(), Vec::new());
        let options = [
            ("--config", Purpose::Config, &mut places.config),
            ("--state-dir", Purpose::StateDir, &mut places.state_dir),
            ("--socket", Purpose::SocketDir, &mut places.socket),
            ("--helper-socket", Purpose::SocketDir, &mut places.helper_socket),
        ];
        for (option, purpose, place) in options {
            let at = arguments.iter().position(|argument| argument == option);
            let Some(given) = at.and_then(|at| arguments.get(at + 1)).map(Path::new) else { continue };
            if given == place {
                continue;
            }
            match believed(given, purpose, engine_uid) {
                Ok(path) => *place = path,
                Err(reason) => notes.push(format!(
                    "{option} {} is not believed: {reason}; tried with {}",
                    given.display(),
                    place.display()
                )),
            }
        }
        (places, notes)
    }

    pub(super) fn runtime_dir(&self) -> &Path {
        self.socket.parent().unwrap_or(Path::new("/"))
    }
}

/// The path, written without detours.
fn believed(given: &Path, purpose: Purpose, engine_uid: u32) -> Result<PathBuf, &'static str> {
    let is_plain = |component| matches!(component, Component::RootDir | Component::Normal(_));
    if !given.is_absolute() || !given.components().all(is_plain) {
        return Err("it is not an absolute path");
    }
    let path: PathBuf = given.components().collect();
    let looked_at = match purpose {
        Purpose::Config | Purpose::StateDir => path.as_path(),
        Purpose::SocketDir => path.parent().ok_or("it is in no directory")?,
    };
    let mut ancestors: Vec<&Path> = looked_at.ancestors().collect();
    ancestors.reverse();
    // What could be swapped is seen before anything below it is asked for.
    let mut steps = Vec::new();
    for step in ancestors {
        judge_way(&steps)?;
        let found = fs::symlink_metadata(step).map_err(|_| "it cannot be looked at")?;
        steps.push(Step::of(&found));
    }
    judge(&steps, purpose, engine_uid)?;
    Ok(path)
}

/// Judges a path by all its components, the root directory first.
fn judge(steps: &[Step], purpose: Purpose, engine_uid: u32) -> Result<(), &'static str> {
    let Some((last, way)) = steps.split_last() else { return Err("it is empty") };
    judge_way(way)?;
    match purpose {
        Purpose::Config if last.kind != Kind::File => Err("it is not a regular file"),
        Purpose::StateDir | Purpose::SocketDir if last.kind != Kind::Directory => Err("it is not in a real directory"),
        Purpose::StateDir if last.uid != engine_uid => Err("it does not belong to the engine's user"),
        Purpose::StateDir if last.mode & 0o7777 != PRIVATE => Err("its mode is not 0700"),
        Purpose::Config if last.uid != ROOT => Err("it does not belong to root"),
        Purpose::SocketDir if ![ROOT, engine_uid].contains(&last.uid) => {
            Err("its directory belongs to neither root nor the engine's user")
        }
        Purpose::Config | Purpose::SocketDir if last.mode & WRITABLE_BY_OTHERS != 0 => Err("others can write there"),
        Purpose::Config | Purpose::StateDir | Purpose::SocketDir => Ok(()),
    }
}

/// Whether nobody but root can swap what lies below.
fn judge_way(way: &[Step]) -> Result<(), &'static str> {
    let is_roots =
        |step: &Step| step.kind == Kind::Directory && step.uid == ROOT && step.mode & WRITABLE_BY_OTHERS == 0;
    if way.iter().all(is_roots) { Ok(()) } else { Err("the way to it is not root's alone") }
}

impl Step {
    fn of(found: &Metadata) -> Self {
        let file_type = found.file_type();
        let kind = match () {
            () if file_type.is_dir() => Kind::Directory,
            () if file_type.is_file() => Kind::File,
            () if file_type.is_symlink() => Kind::Link,
            () => Kind::Other,
        };
        Self { kind, uid: found.uid(), mode: found.mode() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ENGINE: u32 = 977;
    const USER: u32 = 1000;
    const TOP: Step = Step { kind: Kind::Directory, uid: ROOT, mode: 0o755 };

    #[test]
    fn believes_what_only_root_or_the_engine_could_have_made() {
        assert_eq!(end(Purpose::Config, Kind::File, ROOT, 0o644), Ok(()));
        assert_eq!(end(Purpose::StateDir, Kind::Directory, ENGINE, 0o700), Ok(()));
        assert_eq!(end(Purpose::SocketDir, Kind::Directory, ENGINE, 0o755), Ok(()));
        assert_eq!(end(Purpose::SocketDir, Kind::Directory, ROOT, 0o755), Ok(()));
    }

    #[test]
    fn does_not_believe_in_devices_pipes_or_links() {
        for kind in [Kind::Other, Kind::Link] {
            assert!(end(Purpose::Config, kind, ROOT, 0o600).is_err(), "{kind:?}");
            assert!(end(Purpose::StateDir, kind, ENGINE, 0o700).is_err(), "{kind:?}");
            assert!(end(Purpose::SocketDir, kind, ROOT, 0o755).is_err(), "{kind:?}");
        }
        assert!(end(Purpose::Config, Kind::Directory, ROOT, 0o755).is_err());
        assert!(end(Purpose::SocketDir, Kind::File, ROOT, 0o644).is_err());
    }

    #[test]
    fn does_not_believe_in_what_others_own_or_write() {
        assert!(end(Purpose::Config, Kind::File, ENGINE, 0o644).is_err());
        assert!(end(Purpose::Config, Kind::File, ROOT, 0o664).is_err());
        assert!(end(Purpose::SocketDir, Kind::Directory, USER, 0o755).is_err());
        assert!(end(Purpose::SocketDir, Kind::Directory, ROOT, 0o1777).is_err());
        assert!(end(Purpose::StateDir, Kind::Directory, ROOT, 0o700).is_err());
        assert!(end(Purpose::StateDir, Kind::Directory, ENGINE, 0o750).is_err());
    }

    #[test]
    fn does_not_believe_in_a_way_that_somebody_else_can_change() {
        let last = Step { kind: Kind::File, uid: ROOT, mode: 0o644 };
        for middle in [
            Step { uid: ENGINE, ..TOP },
            Step { mode: 0o1777, ..TOP },
            Step { mode: 0o775, ..TOP },
            Step { kind: Kind::Link, ..TOP },
        ] {
            assert!(judge(&[TOP, middle, last], Purpose::Config, ENGINE).is_err(), "{middle:?}");
        }
        assert!(judge(&[], Purpose::Config, ENGINE).is_err());
    }

    #[test]
    fn a_place_that_is_not_believed_leaves_the_default_and_says_so() {
        let arguments =
            ["ray-engine", "--config", "/dev/watchdog", "--state-dir", "../x", "--socket", "/proc/self/fd/y"];
        let (places, notes) = Places::of(&arguments.map(str::to_owned), ENGINE);
        assert_eq!(places, Places::default());
        assert_eq!(notes.len(), 3, "{notes:?}");
        assert!(notes[1].contains("--state-dir ../x is not believed: it is not an absolute path"), "{notes:?}");
    }

    #[test]
    fn the_defaults_need_no_belief() {
        let arguments = ["ray-engine", "--config", "/etc/rayfish/engine.toml"].map(str::to_owned);
        assert_eq!(Places::of(&arguments, ENGINE), (Places::default(), vec![]));
        assert_eq!(Places::of(&[], ENGINE), (Places::default(), vec![]));
    }

    fn end(purpose: Purpose, kind: Kind, uid: u32, mode: u32) -> Result<(), &'static str> {
        judge(&[TOP, TOP, Step { kind, uid, mode }], purpose, ENGINE)
    }
}
