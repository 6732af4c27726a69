//! Files: who could change settings, sockets, keys and programs.

use std::path::Path;

use super::unseen;
use crate::cmd::doctor::{
    engine::Engine,
    finding::Verdict,
    look::file::{File, existing},
};

const SETTINGS: [&str; 3] = ["/etc/rayfish", "/etc/rayfish/engine.toml", "/etc/rayfish/helper.toml"];
const RUNTIME: &str = "/run/rayfish";
const STATE: &str = "/var/lib/rayfish";
const PROGRAMS: [&str; 4] =
    ["/usr/libexec/rayfish", "/usr/libexec/rayfish/ray-helper", "/usr/libexec/rayfish/ray-engine", "/usr/bin/ray"];
/// Everybody but the owner.
const OTHERS: u32 = 0o077;

pub(super) fn settings(_engine: &Engine) -> Result<Verdict, Verdict> {
    of_root("settings", &SETTINGS)
}

pub(super) fn programs(_engine: &Engine) -> Result<Verdict, Verdict> {
    of_root("programs", &PROGRAMS)
}

fn of_root(what: &str, paths: &[&str]) -> Result<Verdict, Verdict> {
    let paths: Vec<&Path> = paths.iter().map(Path::new).collect();
    let files = existing(&paths).map_err(unseen("looking at files"))?;
    Ok(judge_of_root(what, paths.first().copied().unwrap_or(Path::new("/")), &files))
}

fn judge_of_root(what: &str, place: &Path, files: &[File]) -> Verdict {
    if files.is_empty() {
        return Verdict::skipped(format!("there are no {what} in {}", place.display()));
    }
    match files.iter().find_map(|file| fault(file, 0)) {
        Some((found, remedy)) => Verdict::failed(found, remedy),
        None => Verdict::ok(format!("only root can change the {what} in {}", place.display())),
    }
}

pub(super) fn runtime(engine: &Engine) -> Result<Verdict, Verdict> {
    // Where anybody could have put the socket, nobody who listens there is asked who the engine is.
    let uid = engine.process().ok().map(|process| process.uid);
    let look = |path: &Path| File::at(path).map_err(unseen("looking at directories"));
    let shared = look(Path::new(RUNTIME))?;
    let own = engine.socket.parent().map(look).transpose()?.flatten();
    Ok(judge_runtime(shared.as_ref(), own.as_ref(), uid))
}

/// The directory of both sockets belongs to root; that of the control socket to the engine, whoever that is.
fn judge_runtime(shared: Option<&File>, own: Option<&File>, engine: Option<u32>) -> Verdict {
    let faults = [shared.and_then(|file| fault(file, 0)), own.and_then(|file| fault(file, engine.unwrap_or(file.uid)))];
    match faults.into_iter().flatten().next() {
        Some((found, remedy)) => Verdict::failed(found, remedy),
        None => Verdict::ok("nobody else can put a socket where those of helper and engine are"),
    }
}

pub(super) fn state(engine: &Engine) -> Result<Verdict, Verdict> {
    let uid = engine.process()?.uid;
    let file = File::at(Path::new(STATE)).map_err(unseen("looking at the engine's state"))?;
    Ok(judge_state(file.as_ref(), uid))
}

fn judge_state(file: Option<&File>, engine: u32) -> Verdict {
    let Some(file) = file else {
        return Verdict::skipped(format!("there is no {STATE}: the engine keeps its state elsewhere"));
    };
    if let Some((found, remedy)) = fault(file, engine) {
        return Verdict::failed(found, remedy);
    }
    if file.mode & OTHERS != 0 {
        let found = format!("{STATE} has mode {:o}: others can look at the engine's keys and networks", file.mode);
        return Verdict::failed(found, format!("chmod 0700 {STATE}"));
    }
    Verdict::ok(format!("{STATE} is closed to all but the engine"))
}

/// What is wrong with a file that only `owner` should be able to change, and the remedy.
fn fault(file: &File, owner: u32) -> Option<(String, String)> {
    let path = file.path.display();
    if file.uid != owner {
        return Some((format!("{path} belongs to uid {}, not {owner}", file.uid), format!("chown {owner} {path}")));
    }
    if !file.is_kept() {
        let found = format!("{path} has mode {:o}: others than its owner can change it", file.mode);
        return Some((found, format!("chmod go-w {path}")));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::{Mark, look::file::Kind};

    #[test]
    fn settings_that_others_can_change_have_failed() {
        let judge = |file| judge_of_root("settings", Path::new("/etc/rayfish"), &[good(), file]);
        assert_eq!(judge(good()).mark, Mark::Ok);
        for file in [
            File { uid: 1000, ..good() },
            File { mode: 0o646, ..good() },
            File { mode: 0o664, ..good() },
            File { mode: 0o777, ..good() },
        ] {
            assert_eq!(judge(file.clone()).mark, Mark::Failed, "{file:?}");
        }
        assert_eq!(
            judge(File { mode: 0o646, ..good() }).remedy.as_deref(),
            Some("chmod go-w /etc/rayfish/helper.toml")
        );
        assert_eq!(judge_of_root("settings", Path::new("/etc/rayfish"), &[]).mark, Mark::Skipped);
    }

    #[test]
    fn the_directories_of_the_sockets_have_one_owner_each() {
        let (shared, own) = (directory(0, 0o755), directory(977, 0o755));
        assert_eq!(judge_runtime(Some(&shared), Some(&own), Some(977)).mark, Mark::Ok);
        assert_eq!(judge_runtime(Some(&directory(0, 0o777)), Some(&own), Some(977)).mark, Mark::Failed);
        assert_eq!(judge_runtime(Some(&shared), Some(&directory(1000, 0o755)), Some(977)).mark, Mark::Failed);
        assert_eq!(judge_runtime(Some(&shared), Some(&directory(977, 0o757)), Some(977)).mark, Mark::Failed);
        assert_eq!(judge_runtime(Some(&directory(0, 0o777)), Some(&own), None).mark, Mark::Failed);
        assert_eq!(judge_runtime(Some(&shared), Some(&directory(977, 0o757)), None).mark, Mark::Failed);
        assert_eq!(judge_runtime(Some(&shared), Some(&own), None).mark, Mark::Ok);
    }

    #[test]
    fn the_state_is_closed_to_all_but_the_engine() {
        assert_eq!(judge_state(Some(&directory(977, 0o700)), 977).mark, Mark::Ok);
        assert_eq!(judge_state(Some(&directory(977, 0o750)), 977).mark, Mark::Failed);
        assert_eq!(judge_state(Some(&directory(0, 0o700)), 977).mark, Mark::Failed);
        assert_eq!(judge_state(None, 977).mark, Mark::Skipped);
    }

    fn good() -> File {
        File { path: "/etc/rayfish/helper.toml".into(), kind: Kind::Regular, uid: 0, gid: 0, mode: 0o644 }
    }

    fn directory(uid: u32, mode: u32) -> File {
        File { path: "/run/rayfish".into(), kind: Kind::Directory, uid, gid: uid, mode }
    }
}
