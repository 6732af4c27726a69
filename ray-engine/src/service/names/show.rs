//! How names stand, in words and for the control socket.

use std::net::IpAddr;

use ray_ipc::{
    control::{DnsConflict, DnsKeeper, DnsState, DnsUpstream, HostDns},
    names::{Backend, Report, State},
};

use crate::{
    host::{NamesState, Tun},
    ident::{MAGIC_V4, MAGIC_V6},
    resolver::UpstreamStatus,
};

/// Where the mesh's resolver answers while this device is up.
pub(super) fn servers(tun: &Tun) -> Vec<IpAddr> {
    tun.v4.map(|_| IpAddr::V4(MAGIC_V4)).into_iter().chain([IpAddr::V6(MAGIC_V6)]).collect()
}

pub(super) fn keeper(state: &NamesState) -> DnsKeeper {
    match (&state.missing, &state.report) {
        (Some(reason), _) => DnsKeeper::Missing { reason: reason.clone() },
        (None, None) => DnsKeeper::Missing { reason: "it has not answered yet".to_owned() },
        (None, Some(_)) => DnsKeeper::Connected,
    }
}

pub(super) fn host(report: &Report) -> HostDns {
    let conflicts = report
        .conflicts
        .iter()
        .map(|conflict| DnsConflict { what: conflict.what.clone(), remedy: conflict.remedy.clone() });
    HostDns {
        backend: backend_name(report.backend).to_owned(),
        why: report.why.clone(),
        state: match report.state {
            State::Unset => DnsState::Unset,
            State::Set => DnsState::Set,
            State::Waiting => DnsState::Waiting,
            State::StoodDown => DnsState::StoodDown,
        },
        set: report.set.clone(),
        conflicts: conflicts.collect(),
        resolvers: report.upstreams.clone(),
        search: report.search.clone(),
    }
}

pub(super) fn upstream(status: UpstreamStatus) -> DnsUpstream {
    DnsUpstream { address: status.address, answers: status.answers }
}

/// What a user should know while names are wanted.
pub(super) fn warnings(state: &NamesState) -> Vec<String> {
    if state.report.as_ref().is_some_and(|report| report.backend == Backend::Off) {
        // Root wants it so.
        return Vec::new();
    }
    if let Some(reason) = &state.missing {
        return vec![format!(
            "programs of this host do not find mesh names: ray-names is not running: {reason}; start it: systemctl start \
             rayfish-names, or do without: ray config set dns off"
        )];
    }
    let trouble =
        state.trouble.iter().map(|trouble| format!("programs of this host do not find mesh names: {trouble}"));
    let conflicts = state.report.iter().flat_map(|report| &report.conflicts);
    trouble.chain(conflicts.map(|conflict| format!("names: {}; {}", conflict.what, conflict.remedy))).collect()
}

/// What has become of names between two states.
pub(super) fn changes(before: &NamesState, after: &NamesState) -> Vec<String> {
    let mut changes = Vec::new();
    match (&before.missing, &after.missing) {
        (Some(_), None) => changes.push("ray-names is there".to_owned()),
        (was, Some(reason)) if was.as_ref() != Some(reason) => {
            changes.push(format!("ray-names is not there: {reason}"));
        }
        _ => {}
    }
    if let Some(trouble) = after.trouble.as_ref().filter(|trouble| before.trouble.as_ref() != Some(*trouble)) {
        changes.push(trouble.clone());
    }
    let Some(report) = &after.report else { return changes };
    let known = before.report.as_ref();
    let news = known.is_none_or(|known| (known.state, known.backend) != (report.state, report.backend));
    if news && (known.is_some() || report.state != State::Unset) {
        changes.push(deed(report));
    }
    let told = |what: &String| known.is_some_and(|known| known.conflicts.iter().any(|conflict| conflict.what == *what));
    let arisen = report.conflicts.iter().filter(|conflict| !told(&conflict.what));
    changes.extend(arisen.map(|conflict| conflict.what.clone()));
    changes
}

fn deed(report: &Report) -> String {
    let backend = backend_name(report.backend);
    match report.state {
        State::Unset => "the host's settings are its own again".to_owned(),
        State::Set => format!("the host asks the mesh's resolver (backend {backend})"),
        State::Waiting => format!("waiting for the host (backend {backend})"),
        State::StoodDown => format!("stood down for another program (backend {backend})"),
    }
}

fn backend_name(backend: Backend) -> &'static str {
    match backend {
        Backend::Off => "off",
        Backend::Resolved => "resolved",
        Backend::NetworkManager => "networkmanager",
        Backend::Resolvconf => "resolvconf",
        Backend::File => "file",
    }
}

#[cfg(test)]
mod tests {
    use ray_ipc::names::{Conflict, Mode, Wanted};

    use super::*;

    #[test]
    fn tells_each_change_once() {
        let none = NamesState::default();
        let absent = NamesState { missing: Some("no socket".to_owned()), ..none.clone() };
        assert_eq!(changes(&none, &absent), ["ray-names is not there: no socket"]);
        assert_eq!(changes(&absent, &absent), [""; 0]);
        let there = NamesState { report: Some(report(State::Unset)), ..none.clone() };
        assert_eq!(changes(&absent, &there), ["ray-names is there"]);
        assert_eq!(changes(&there, &set()), ["the host asks the mesh's resolver (backend file)"]);
        assert_eq!(changes(&set(), &set()), [""; 0]);
        assert_eq!(changes(&set(), &there), ["the host's settings are its own again"]);
        let quarrel = Conflict { what: "two writers".to_owned(), remedy: "stop one".to_owned() };
        let disturbed =
            |state| NamesState { report: Some(Report { conflicts: vec![quarrel.clone()], ..report(state) }), ..set() };
        assert_eq!(changes(&set(), &disturbed(State::Set)), ["two writers"]);
        assert_eq!(
            changes(&disturbed(State::Set), &disturbed(State::StoodDown)),
            ["stood down for another program (backend file)"]
        );
    }

    #[test]
    fn warns_of_what_keeps_names_from_programs_with_the_remedy() {
        assert_eq!(warnings(&set()), [""; 0]);
        let missing = warnings(&NamesState { missing: Some("no socket".to_owned()), ..NamesState::default() });
        assert!(
            missing[0].contains("no socket") && missing[0].contains("systemctl start rayfish-names"),
            "{missing:?}"
        );
        let off = NamesState { report: Some(Report { backend: Backend::Off, ..report(State::Unset) }), ..set() };
        assert_eq!(warnings(&NamesState { trouble: Some("root says so".to_owned()), ..off }), [""; 0]);
        let refused = warnings(&NamesState { trouble: Some("root does not".to_owned()), ..set() });
        assert!(refused[0].ends_with("root does not"), "{refused:?}");
        let quarrel = Conflict { what: "two writers".to_owned(), remedy: "stop one".to_owned() };
        let disturbed = NamesState { report: Some(Report { conflicts: vec![quarrel], ..report(State::Set) }), ..set() };
        assert_eq!(warnings(&disturbed), ["names: two writers; stop one"]);
    }

    fn set() -> NamesState {
        let asked = Some(Wanted { mode: Mode::Names, v4: true, search: Vec::new() });
        NamesState { asked, report: Some(report(State::Set)), ..NamesState::default() }
    }

    fn report(state: State) -> Report {
        Report {
            backend: Backend::File,
            why: String::new(),
            state,
            set: Vec::new(),
            conflicts: Vec::new(),
            upstreams: Vec::new(),
            search: Vec::new(),
        }
    }
}
