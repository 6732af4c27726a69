//! The helper: whether it is there, whether only the engine can reach it, and whether it holds one right and no more.

use std::path::Path;

use ray_ipc::control::HelperState;

use super::unseen;
use crate::cmd::doctor::{
    engine::Engine,
    finding::Verdict,
    look::{
        file::{self, File, Kind},
        process::{self, Rights},
    },
};

const SOCKET: &str = "/run/rayfish/helper.sock";
const NAME: &str = "ray-helper";
/// Bit 12, the one capability that it needs.
const NET_ADMIN: u64 = 1 << 12;
const RESTART: &str = "systemctl restart rayfish-helper";
/// What the owner and the engine's group need, and nobody else.
const MODE: u32 = 0o660;

pub(super) fn socket(_engine: &Engine) -> Result<Verdict, Verdict> {
    let listened = file::is_listened_at(Path::new(SOCKET)).map_err(unseen("reading /proc/net/unix"))?;
    Ok(judge_socket(file()?.as_ref(), listened))
}

fn judge_socket(file: Option<&File>, listened: bool) -> Verdict {
    let Some(file) = file else {
        return Verdict::failed(format!("there is no socket at {SOCKET}"), "systemctl start rayfish-helper");
    };
    if file.kind != Kind::Socket {
        return Verdict::failed(format!("{SOCKET} is no socket"), format!("remove it, then {RESTART}"));
    }
    if file.uid != 0 {
        return Verdict::failed(
            format!("{SOCKET} belongs to uid {}, who can pose as the helper", file.uid),
            format!("find out who made it, remove it, then {RESTART}"),
        );
    }
    if file.mode & !MODE & 0o777 != 0 {
        return Verdict::failed(
            format!("{SOCKET} has mode {:o}: it is open to more than root and the engine's group", file.mode),
            RESTART,
        );
    }
    if !listened {
        return Verdict::failed(
            format!("nobody listens at {SOCKET}"),
            "systemctl restart rayfish-helper, and see `journalctl -u rayfish-helper`",
        );
    }
    Verdict::ok(format!("{SOCKET} belongs to root and is open to group {} only", file.gid))
}

pub(super) fn reached(engine: &Engine) -> Result<Verdict, Verdict> {
    engine.helper().map(judge_reached)
}

fn judge_reached(helper: &HelperState) -> Verdict {
    match helper {
        HelperState::Connected => Verdict::ok("the engine is connected to the helper"),
        HelperState::Idle => Verdict::skipped("the engine asks the helper for nothing at the moment"),
        HelperState::Missing { reason } => Verdict::failed(
            format!("the engine does not reach the helper: {reason}"),
            "systemctl start rayfish-helper, and see `journalctl -u rayfish-helper`",
        ),
    }
}

pub(super) fn confined(_engine: &Engine) -> Result<Verdict, Verdict> {
    let Some(socket) = file()? else { return Ok(Verdict::skipped("the helper is not running")) };
    let helpers = process::named(NAME, socket.uid).map_err(unseen("looking for the helper's process"))?;
    Ok(judge_confined(&helpers))
}

fn judge_confined(helpers: &[Rights]) -> Verdict {
    let remedy = format!("reinstall the package, then {RESTART}: the program confines itself when it starts");
    let Some(first) = helpers.first() else {
        return Verdict::skipped("/proc shows no process ray-helper; as root it may");
    };
    for rights in helpers {
        let pid = rights.pid;
        let surplus = (rights.effective | rights.permitted) & !NET_ADMIN;
        if surplus != 0 {
            let found = format!("the helper (pid {pid}) holds more than CAP_NET_ADMIN: {surplus:x}");
            return Verdict::failed(found, remedy);
        }
        if !rights.filtered {
            return Verdict::failed(format!("the system calls of the helper (pid {pid}) are not filtered"), remedy);
        }
        if !rights.no_new_privs {
            return Verdict::failed(format!("the helper (pid {pid}) could gain privilege"), remedy);
        }
    }
    Verdict::ok(format!("the helper (pid {}) holds CAP_NET_ADMIN only, and its system calls are filtered", first.pid))
}

fn file() -> Result<Option<File>, Verdict> {
    File::at(Path::new(SOCKET)).map_err(unseen("looking at the helper's socket"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn a_socket_that_others_own_or_reach_or_nobody_serves_has_failed() {
        assert_eq!(judge_socket(Some(&good()), true).mark, Mark::Ok);
        assert_eq!(judge_socket(Some(&good()), false).mark, Mark::Failed);
        assert_eq!(judge_socket(None, false).mark, Mark::Failed);
        for file in [
            File { kind: Kind::Regular, ..good() },
            File { uid: 1000, ..good() },
            File { mode: 0o666, ..good() },
            File { mode: 0o664, ..good() },
        ] {
            assert_eq!(judge_socket(Some(&file), true).mark, Mark::Failed, "{file:?}");
        }
    }

    #[test]
    fn a_helper_that_holds_more_than_one_right_has_failed() {
        assert_eq!(judge_confined(&[confined_helper()]).mark, Mark::Ok);
        assert_eq!(judge_confined(&[]).mark, Mark::Skipped);
        for rights in [
            Rights { effective: 0x3000, ..confined_helper() },
            Rights { permitted: u64::MAX, ..confined_helper() },
            Rights { filtered: false, ..confined_helper() },
            Rights { no_new_privs: false, ..confined_helper() },
        ] {
            assert_eq!(judge_confined(&[confined_helper(), rights.clone()]).mark, Mark::Failed, "{rights:?}");
        }
    }

    #[test]
    fn a_helper_that_the_engine_does_not_reach_has_failed() {
        assert_eq!(judge_reached(&HelperState::Connected).mark, Mark::Ok);
        assert_eq!(judge_reached(&HelperState::Idle).mark, Mark::Skipped);
        assert_eq!(judge_reached(&HelperState::Missing { reason: "gone".into() }).mark, Mark::Failed);
    }

    fn good() -> File {
        File { path: SOCKET.into(), kind: Kind::Socket, uid: 0, gid: 977, mode: 0o660 }
    }

    fn confined_helper() -> Rights {
        let (effective, permitted) = (NET_ADMIN, NET_ADMIN);
        Rights { pid: 7, uids: vec![0; 4], effective, permitted, no_new_privs: true, filtered: true }
    }
}
