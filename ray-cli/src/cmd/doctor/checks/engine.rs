//! The engine: whether it answers, whether it is as powerless as it shall be, and what it has to say.

use ray_ipc::control::{ConfinementStatus, HelperState, StatusReply};

use super::unseen;
use crate::{
    client::RELEASE,
    cmd::doctor::{
        engine::{Engine, State, Trouble},
        finding::Verdict,
        look::{
            kernel::{self, Version},
            process::{self, Rights},
        },
    },
};

const RESTART: &str = "systemctl restart rayfish-engine";
/// The first kernel with Landlock, and the first that confines the engine in all that it asks for.
const LANDLOCK: Version = Version(5, 13);
const WHOLE: Version = Version(6, 12);

pub(super) fn socket(engine: &Engine) -> Result<Verdict, Verdict> {
    Ok(match &engine.state {
        State::Answers(_) | State::Reserved(..) => {
            let uid = engine.process()?.uid;
            Verdict::ok(format!("the engine answers at {} as uid {uid}", engine.socket.display()))
        }
        State::Silent(trouble) if trouble.is_version => {
            Verdict::ok(format!("an engine answers at {}", engine.socket.display()))
        }
        State::Silent(trouble) => Verdict::failed(trouble.message.clone(), trouble.remedy.clone()),
    })
}

pub(super) fn version(engine: &Engine) -> Result<Verdict, Verdict> {
    match &engine.state {
        State::Silent(Trouble { is_version: true, message, remedy }) => {
            Ok(Verdict::failed(message.clone(), remedy.clone()))
        }
        State::Answers(_) | State::Reserved(..) | State::Silent(_) => {
            Ok(judge_version(&engine.status()?.engine.release, RELEASE))
        }
    }
}

fn judge_version(engine: &str, own: &str) -> Verdict {
    if engine == own {
        return Verdict::ok(format!("the engine and this ray are {own}"));
    }
    Verdict::warning(
        format!("the engine is {engine}, this ray {own}"),
        format!("{RESTART}, which runs what is installed"),
    )
}

pub(super) fn privilege(engine: &Engine) -> Result<Verdict, Verdict> {
    rights(engine).map(|rights| judge_privilege(&rights))
}

fn judge_privilege(rights: &Rights) -> Verdict {
    let remedy = "run it as user rayfish without capabilities: see `systemctl cat rayfish-engine`";
    if rights.uids.contains(&0) {
        return Verdict::failed(format!("the engine (pid {}) runs as root", rights.pid), remedy);
    }
    if rights.effective != 0 || rights.permitted != 0 {
        let held = rights.effective | rights.permitted;
        return Verdict::failed(format!("the engine (pid {}) holds capabilities: {held:x}", rights.pid), remedy);
    }
    Verdict::ok(format!("the engine (pid {}) is not root and holds no capability", rights.pid))
}

pub(super) fn confined(engine: &Engine) -> Result<Verdict, Verdict> {
    rights(engine).map(|rights| judge_confined(&rights))
}

fn judge_confined(rights: &Rights) -> Verdict {
    let remedy =
        "reinstall the package, then systemctl restart rayfish-engine: the program confines itself when it starts";
    match (rights.filtered, rights.no_new_privs) {
        (true, true) => Verdict::ok("the engine's system calls are filtered, and it can gain no privilege"),
        (false, _) => Verdict::failed("the engine's system calls are not filtered", remedy),
        (true, false) => Verdict::failed("the engine could gain privilege by running a set-uid program", remedy),
    }
}

pub(super) fn landlock(engine: &Engine) -> Result<Verdict, Verdict> {
    Ok(judge_landlock(&engine.status()?.confinement, kernel::version()))
}

fn judge_landlock(confinement: &ConfinementStatus, kernel: Option<Version>) -> Verdict {
    if confinement.missing.is_empty() {
        let abi = confinement.landlock_abi.unwrap_or_default();
        return Verdict::ok(format!("the engine is confined to its files (Landlock {abi})"));
    }
    let running = kernel.map_or_else(String::new, |kernel| format!(" by Linux {kernel}"));
    let found = format!("the engine is not fully confined{running}: {}", confinement.missing.join("; "));
    let has_landlock = kernel.is_none_or(|kernel| kernel >= LANDLOCK);
    Verdict::warning(
        found,
        if confinement.landlock_abi.is_none() && has_landlock {
            "add landlock to the kernel's lsm= parameter (see /sys/kernel/security/lsm) and reboot".to_owned()
        } else {
            format!("run Linux {WHOLE} or newer, and the engine without RAY_SECCOMP; everything else works")
        },
    )
}

pub(super) fn tunnel(engine: &Engine) -> Result<Verdict, Verdict> {
    Ok(judge_tunnel(engine.status()?))
}

fn judge_tunnel(status: &StatusReply) -> Verdict {
    match (&status.tun, status.wanted_up, &status.helper) {
        (_, false, _) => Verdict::skipped("the tunnel is down because `ray down` was said; `ray up` brings it up"),
        (Some(tun), true, _) => {
            let offload = if tun.offload { "" } else { " without offload" };
            Verdict::ok(format!("the tunnel is up on {}{offload}", tun.ifname))
        }
        (None, true, HelperState::Missing { reason }) => Verdict::failed(
            format!("the tunnel is wanted and not up, for there is no helper: {reason}"),
            "systemctl start rayfish-helper; the tunnel then comes up by itself",
        ),
        (None, true, HelperState::Connected | HelperState::Idle) => {
            let told = status.warnings.iter().find(|warning| warning.starts_with("the tunnel is wanted"));
            let words = told.map_or("the tunnel is wanted and not up yet", String::as_str);
            Verdict::failed(words, "see /etc/rayfish/helper.toml and `journalctl -u rayfish-helper`, then `ray up`")
        }
    }
}

pub(super) fn notices(engine: &Engine) -> Result<Verdict, Verdict> {
    Ok(judge_notices(&engine.status()?.warnings))
}

fn judge_notices(warnings: &[String]) -> Verdict {
    match warnings {
        [] => Verdict::ok("the engine warns of nothing"),
        some => Verdict::warning(format!("the engine warns: {}", some.join("; ")), "see `ray status`"),
    }
}

fn rights(engine: &Engine) -> Result<Rights, Verdict> {
    let pid = engine.process()?.pid;
    let hidden = || Verdict::skipped(format!("/proc does not show the engine (pid {pid}): needs root"));
    process::rights(pid).map_err(unseen("reading the engine's rights"))?.ok_or_else(hidden)
}

#[cfg(test)]
mod tests {
    use ray_ipc::control::{EngineInfo, TunStatus};

    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn an_engine_of_another_release_is_a_warning() {
        assert_eq!(judge_version("0.1.0", "0.1.0").mark, Mark::Ok);
        assert_eq!(judge_version("0.1.0", "0.2.0").mark, Mark::Warning);
    }

    #[test]
    fn an_engine_with_any_privilege_has_failed() {
        assert_eq!(judge_privilege(&powerless()).mark, Mark::Ok);
        for rights in [
            Rights { uids: vec![977, 0, 977, 977], ..powerless() },
            Rights { effective: 0x1000, ..powerless() },
            Rights { permitted: 1, ..powerless() },
        ] {
            assert_eq!(judge_privilege(&rights).mark, Mark::Failed, "{rights:?}");
        }
    }

    #[test]
    fn an_engine_that_is_not_confined_has_failed() {
        assert_eq!(judge_confined(&powerless()).mark, Mark::Ok);
        assert_eq!(judge_confined(&Rights { filtered: false, ..powerless() }).mark, Mark::Failed);
        assert_eq!(judge_confined(&Rights { no_new_privs: false, ..powerless() }).mark, Mark::Failed);
    }

    #[test]
    fn a_kernel_that_cannot_confine_is_a_warning_with_the_remedy() {
        let judge = |landlock_abi, missing: &[&str], kernel| {
            let missing = missing.iter().map(ToString::to_string).collect();
            judge_landlock(&ConfinementStatus { landlock_abi, missing }, Some(kernel))
        };
        assert_eq!(judge(Some(6), &[], Version(6, 18)).mark, Mark::Ok);
        let old = judge(None, &["no Landlock"], Version(5, 10));
        assert!(old.mark == Mark::Warning && old.remedy.unwrap().contains("6.12") && old.found.contains("no Landlock"));
        let disabled = judge(None, &["no Landlock"], Version(6, 18));
        assert!(disabled.mark == Mark::Warning && disabled.remedy.unwrap().contains("lsm="));
        let part = judge(Some(3), &["old Landlock", "memory"], Version(6, 2));
        assert!(part.mark == Mark::Warning && part.remedy.unwrap().contains("6.12"));
        assert!(part.found.ends_with("old Landlock; memory"));
    }

    #[test]
    fn what_the_engine_warns_of_is_a_warning() {
        assert_eq!(judge_notices(&[]).mark, Mark::Ok);
        assert!(judge_notices(&["a".into(), "b".into()]).found.contains("a; b"));
    }

    #[test]
    fn a_tunnel_that_is_wanted_and_not_up_has_failed_with_the_reason() {
        let missing = HelperState::Missing { reason: "nobody listens".into() };
        assert_eq!(judge_tunnel(&status(true, HelperState::Connected, true)).mark, Mark::Ok);
        assert_eq!(judge_tunnel(&status(false, HelperState::Idle, false)).mark, Mark::Skipped);
        let verdict = judge_tunnel(&status(true, missing, false));
        assert!(verdict.mark == Mark::Failed && verdict.found.contains("nobody listens"), "{verdict:?}");
        let warnings = vec!["the tunnel is wanted but not up: refused".to_owned()];
        let verdict = judge_tunnel(&StatusReply { warnings, ..status(true, HelperState::Connected, false) });
        assert!(verdict.mark == Mark::Failed && verdict.found.contains("refused"), "{verdict:?}");
    }

    fn status(wanted_up: bool, helper: HelperState, is_up: bool) -> StatusReply {
        let engine = EngineInfo { release: RELEASE.into(), endpoint_id: "1".repeat(64), pid: 7, uid: 977 };
        let v6 = "200::9".parse().unwrap();
        let tun = TunStatus { ifname: "ray0".into(), mtu: 1280, queues: 1, offload: true, v4: None, v6 };
        StatusReply {
            engine,
            helper,
            wanted_up,
            tun: is_up.then_some(tun),
            underlay: vec![],
            confinement: ConfinementStatus { landlock_abi: Some(6), missing: vec![] },
            networks: vec![],
            drops: vec![],
            waiting: vec![],
            warnings: vec![],
        }
    }

    fn powerless() -> Rights {
        Rights { pid: 7, uids: vec![977; 4], effective: 0, permitted: 0, no_new_privs: true, filtered: true }
    }
}
