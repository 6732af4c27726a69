//! Names on this host: whether the program that keeps its DNS settings is there, confined, and has done what is wanted.

use ray_ipc::control::{DnsKeeper, DnsMode, DnsReply, DnsState};

use super::unseen;
use crate::cmd::doctor::{
    engine::Engine,
    finding::Verdict,
    look::process::{self, Rights},
};

const NAME: &str = "ray-names";
const ROOT: u32 = 0;
const START: &str = "systemctl start rayfish-names, and see `journalctl -u rayfish-names`";
const WITHOUT: &str = "or do without: ray config set dns off";

pub(super) fn reached(engine: &Engine) -> Result<Verdict, Verdict> {
    engine.names().map(judge_reached)
}

fn judge_reached(names: &DnsReply) -> Verdict {
    match &names.keeper {
        DnsKeeper::Connected => Verdict::ok("the engine is connected to ray-names"),
        DnsKeeper::Missing { .. } if names.mode == DnsMode::Off => off(),
        DnsKeeper::Missing { reason } => Verdict::warning(
            format!("the engine does not reach ray-names, so programs do not find mesh names: {reason}"),
            format!("{START}; {WITHOUT}"),
        ),
    }
}

pub(super) fn confined(_engine: &Engine) -> Result<Verdict, Verdict> {
    let keepers = process::named(NAME, ROOT).map_err(unseen("looking for the process of ray-names"))?;
    Ok(judge_confined(&keepers))
}

fn judge_confined(keepers: &[Rights]) -> Verdict {
    let remedy =
        "reinstall the package, then systemctl restart rayfish-names: the program confines itself when it starts";
    let Some(first) = keepers.first() else {
        return Verdict::skipped("/proc shows no process ray-names; as root it may");
    };
    for Rights { pid, effective, permitted, filtered, no_new_privs, .. } in keepers {
        if effective | permitted != 0 {
            return Verdict::failed(
                format!("ray-names (pid {pid}) holds capabilities: {:x}", effective | permitted),
                remedy,
            );
        }
        if !filtered {
            return Verdict::failed(format!("the system calls of ray-names (pid {pid}) are not filtered"), remedy);
        }
        if !no_new_privs {
            return Verdict::failed(format!("ray-names (pid {pid}) could gain privilege"), remedy);
        }
    }
    Verdict::ok(format!("ray-names (pid {}) holds no capability, and its system calls are filtered", first.pid))
}

pub(super) fn set(engine: &Engine) -> Result<Verdict, Verdict> {
    engine.tun()?;
    engine.names().map(judge_set)
}

fn judge_set(names: &DnsReply) -> Verdict {
    if names.mode == DnsMode::Off {
        return off();
    }
    if names.host.as_ref().is_some_and(|host| host.backend == "off") {
        return Verdict::skipped("root keeps this host's DNS settings as they are: backend in names.toml");
    }
    if let Some(trouble) = &names.trouble {
        return Verdict::failed(
            format!("this host's DNS settings are not as wanted: {trouble}"),
            format!("see `ray dns status`, and `journalctl -u rayfish-names`; {WITHOUT}"),
        );
    }
    let Some(host) = &names.host else { return Verdict::skipped("ray-names has not said how it stands") };
    let backend = &host.backend;
    match host.state {
        DnsState::Set => Verdict::ok(format!("this host asks the engine's resolver (backend {backend})")),
        DnsState::Waiting | DnsState::Unset => Verdict::warning(
            format!("this host does not ask the engine's resolver yet (backend {backend})"),
            "wait a moment, then see: ray dns status",
        ),
        DnsState::StoodDown => Verdict::warning(
            format!("ray-names leaves this host's settings to another program (backend {backend})"),
            format!("do as `ray dns status` says; {WITHOUT}"),
        ),
    }
}

pub(super) fn conflicts(engine: &Engine) -> Result<Verdict, Verdict> {
    engine.names().map(judge_conflicts)
}

fn judge_conflicts(names: &DnsReply) -> Verdict {
    let conflicts = names.host.as_ref().map(|host| host.conflicts.as_slice()).unwrap_or_default();
    match conflicts {
        [] => Verdict::ok("no other program is in the way of names"),
        [one] => Verdict::warning(one.what.clone(), one.remedy.clone()),
        [first, others @ ..] => {
            Verdict::warning(format!("{}, and {} more", first.what, others.len()), "see all: ray dns status")
        }
    }
}

fn off() -> Verdict {
    Verdict::skipped("names are off on this host: ray config get dns")
}

#[cfg(test)]
mod tests {
    use ray_ipc::control::{DnsConflict, HostDns};

    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn a_keeper_that_is_not_there_is_told_unless_names_are_off() {
        assert_eq!(judge_reached(&good()).mark, Mark::Ok);
        let missing = DnsReply { keeper: DnsKeeper::Missing { reason: "gone".into() }, ..good() };
        let verdict = judge_reached(&missing);
        assert_eq!(verdict.mark, Mark::Warning);
        assert!(verdict.remedy.unwrap().contains("systemctl start rayfish-names"));
        assert_eq!(judge_reached(&DnsReply { mode: DnsMode::Off, ..missing }).mark, Mark::Skipped);
    }

    #[test]
    fn a_keeper_that_holds_any_capability_has_failed() {
        assert_eq!(judge_confined(&[confined_keeper()]).mark, Mark::Ok);
        assert_eq!(judge_confined(&[]).mark, Mark::Skipped);
        for rights in [
            Rights { effective: 1 << 12, ..confined_keeper() },
            Rights { permitted: 1, ..confined_keeper() },
            Rights { filtered: false, ..confined_keeper() },
            Rights { no_new_privs: false, ..confined_keeper() },
        ] {
            assert_eq!(judge_confined(&[confined_keeper(), rights.clone()]).mark, Mark::Failed, "{rights:?}");
        }
    }

    #[test]
    fn settings_that_are_not_as_wanted_are_told() {
        let at = |state| DnsReply { host: Some(HostDns { state, ..host() }), ..good() };
        assert_eq!(judge_set(&at(DnsState::Set)).mark, Mark::Ok);
        for state in [DnsState::Unset, DnsState::Waiting, DnsState::StoodDown] {
            assert_eq!(judge_set(&at(state)).mark, Mark::Warning, "{state:?}");
        }
        assert_eq!(judge_set(&DnsReply { trouble: Some("refused".into()), ..good() }).mark, Mark::Failed);
        let off = DnsReply { host: Some(HostDns { backend: "off".into(), ..host() }), ..good() };
        assert_eq!(judge_set(&off).mark, Mark::Skipped);
        assert_eq!(judge_set(&DnsReply { mode: DnsMode::Off, ..good() }).mark, Mark::Skipped);
    }

    #[test]
    fn each_conflict_is_told_with_its_remedy() {
        let conflict = |what: &str| DnsConflict { what: what.into(), remedy: "stop one".into() };
        let with = |conflicts| DnsReply { host: Some(HostDns { conflicts, ..host() }), ..good() };
        assert_eq!(judge_conflicts(&with(vec![])).mark, Mark::Ok);
        let one = judge_conflicts(&with(vec![conflict("two writers")]));
        assert_eq!((one.found.as_str(), one.remedy.as_deref()), ("two writers", Some("stop one")));
        let several = judge_conflicts(&with(vec![conflict("a"), conflict("b"), conflict("c")]));
        assert_eq!(several.found, "a, and 2 more");
    }

    fn good() -> DnsReply {
        DnsReply {
            mode: DnsMode::Names,
            search: false,
            keeper: DnsKeeper::Connected,
            host: Some(host()),
            trouble: None,
            answers: vec![],
            upstreams: vec![],
            forwards: false,
            events: vec![],
        }
    }

    fn host() -> HostDns {
        HostDns {
            backend: "file".into(),
            why: String::new(),
            state: DnsState::Set,
            set: vec![],
            conflicts: vec![],
            resolvers: vec![],
            search: vec![],
        }
    }

    fn confined_keeper() -> Rights {
        Rights { pid: 8, uids: vec![0; 4], effective: 0, permitted: 0, no_new_privs: true, filtered: true }
    }
}
