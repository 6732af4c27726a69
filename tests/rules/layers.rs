//! Who may use whom inside a crate: the engine's layers, the purity of its lower ones, and of the helper's judging modules.

use crate::{
    rust::{CodePath, Token, module_of, paths, tokens, within_crate},
    workspace::{SourceFile, report, rust_files},
};

const ENGINE: &str = "ray-engine/src/";
const HELPER: &str = "ray-helper/src/";

/// The engine's modules from the bottom up. A module sees the rows above its own and itself, never its row's others.
const LAYERS: [&[&str]; 8] = [
    &["ident"],
    &["packet", "ledger", "dns"],
    &["route", "firewall", "sync", "queue"],
    &["plane"],
    &["tun", "mesh", "publish", "store", "host", "config", "probe", "feed", "resolver"],
    &["forward", "service"],
    &["control", "readiness"],
    &["engine"],
];

/// Layers below this number decide and do nothing else.
const PURE_BELOW: usize = 4;

/// The helper's modules that turn a request into an operation. An auditor reads them as functions of their arguments.
const HELPER_JUDGES: [&str; 3] = ["config", "gate", "policy"];

/// What these may use of the helper: each other, and values that are as pure.
const HELPER_PURE: [&str; 5] = ["config", "gate", "policy", "prefix", "limit"];

/// Files of `ray-names` that judge, choose words or count, and act on nothing.
const NAMES: &str = "ray-helper/names/src/";
const NAMES_PURE: [&str; 4] = ["config.rs", "policy.rs", "damper.rs", "resolv_conf/text/mod.rs"];

/// A path that pure code must not name, and why.
struct Ban {
    /// Consecutive segments.
    segments: &'static [&'static str],
    place: Place,
    why: &'static str,
}

enum Place {
    Start,
    Anywhere,
}

const fn ban(place: Place, segments: &'static [&'static str], why: &'static str) -> Ban {
    Ban { segments, place, why }
}

const IMPURE: [Ban; 24] = [
    ban(Place::Start, &["tokio"], "a decision does not wait"),
    ban(Place::Start, &["iroh"], "the mesh layer owns the network"),
    ban(Place::Start, &["iroh_relay"], "the mesh layer owns the network"),
    ban(Place::Start, &["tun_rs"], "the tun layer owns the device"),
    ban(Place::Start, &["nix"], "system calls are IO"),
    ban(Place::Start, &["libc"], "system calls are IO"),
    ban(Place::Start, &["ray_ipc"], "wire types are not domain types"),
    ban(Place::Start, &["tracing"], "a decision is returned, not logged"),
    ban(Place::Start, &["log"], "a decision is returned, not logged"),
    ban(Place::Start, &["std", "fs"], "the store layer owns files"),
    ban(Place::Start, &["std", "process"], "nothing here ends or starts a process"),
    ban(Place::Start, &["std", "thread"], "pure code is called from any thread and starts none"),
    ban(Place::Start, &["std", "env"], "inputs come as arguments"),
    ban(Place::Start, &["std", "os"], "descriptors are IO"),
    ban(Place::Start, &["std", "net", "*"], "names what it imports, so that sockets show"),
    ban(Place::Start, &["std", "*"], "names what it imports"),
    ban(Place::Anywhere, &["TcpStream"], "no socket"),
    ban(Place::Anywhere, &["TcpListener"], "no socket"),
    ban(Place::Anywhere, &["UdpSocket"], "no socket"),
    ban(Place::Anywhere, &["ToSocketAddrs"], "asks the system's resolver"),
    ban(Place::Anywhere, &["Instant", "now"], "time comes in as a value"),
    ban(Place::Anywhere, &["SystemTime", "now"], "time comes in as a value"),
    ban(Place::Anywhere, &["thread", "sleep"], "a decision does not wait"),
    ban(Place::Anywhere, &["thread", "spawn"], "pure code is called from any thread and starts none"),
];

const HELPER_IMPURE: [Ban; 8] = [
    ban(Place::Start, &["std", "fs"], "main reads the file and passes its text"),
    ban(Place::Start, &["std", "process"], "judging ends no process"),
    ban(Place::Start, &["std", "os"], "descriptors are IO"),
    ban(Place::Start, &["std", "*"], "names what it imports"),
    ban(Place::Start, &["nix"], "system calls belong to sys and apply"),
    ban(Place::Start, &["libc"], "system calls belong to sys and apply"),
    ban(Place::Start, &["netlink_sys"], "system calls belong to sys and apply"),
    ban(Place::Start, &["caps"], "confine owns capabilities"),
];

/// What no part of the privileged programs does.
const HELPER_NEVER: [Ban; 15] = [
    ban(Place::Anywhere, &["process", "Command"], "a child program brings its own parser into the privileged half"),
    ban(Place::Anywhere, &["CommandExt"], "a child program brings its own parser into the privileged half"),
    ban(Place::Anywhere, &["execv"], "a child program brings its own parser into the privileged half"),
    ban(Place::Anywhere, &["execve"], "a child program brings its own parser into the privileged half"),
    ban(Place::Anywhere, &["execvp"], "a child program brings its own parser into the privileged half"),
    ban(Place::Anywhere, &["execvpe"], "a child program brings its own parser into the privileged half"),
    ban(Place::Anywhere, &["fexecve"], "a child program brings its own parser into the privileged half"),
    ban(Place::Anywhere, &["posix_spawn"], "a child program brings its own parser into the privileged half"),
    ban(Place::Anywhere, &["fork"], "one process, one state"),
    ban(Place::Anywhere, &["std", "thread"], "one thread, so that one order of events is the only one"),
    ban(Place::Anywhere, &["TcpStream"], "no IP socket"),
    ban(Place::Anywhere, &["TcpListener"], "no IP socket"),
    ban(Place::Anywhere, &["UdpSocket"], "no IP socket"),
    ban(Place::Anywhere, &["SockaddrIn"], "no IP socket"),
    ban(Place::Anywhere, &["ToSocketAddrs"], "no name is resolved"),
];

#[test]
fn engine_modules_use_lower_layers_only() {
    report("engine layers", &over(ENGINE, check_layers));
}

#[test]
fn engine_layers_that_decide_do_no_io() {
    report("purity of the engine's lower layers", &over(ENGINE, check_engine_purity));
}

#[test]
fn helper_modules_that_judge_do_no_io() {
    let files = rust_files();
    for module in HELPER_JUDGES {
        let there = |file: &SourceFile| file.path.strip_prefix(HELPER).is_some_and(|rest| module_of(rest) == [module]);
        assert!(files.iter().any(there), "ray-helper has no module {module}: this rule would check nothing");
    }
    report("purity of the helper's judging modules", &over(HELPER, check_helper_purity));
}

#[test]
fn what_judges_in_the_program_for_names_does_no_io() {
    let files = rust_files();
    for path in NAMES_PURE {
        assert!(files.iter().any(|file| file.path.strip_prefix(NAMES) == Some(path)), "{path} is not there");
    }
    let check = |path: &str, text: &str| {
        if NAMES_PURE.contains(&path) { impure(path, text, &HELPER_IMPURE) } else { Vec::new() }
    };
    report("purity of what judges in ray-names", &over(NAMES, check));
}

#[test]
fn the_helper_runs_no_program_and_opens_no_ip_socket() {
    report("what the helper never does", &over(HELPER, |path, text| impure(path, text, &HELPER_NEVER)));
}

#[test]
fn the_program_for_names_runs_no_program_and_opens_no_ip_socket() {
    // A test may stand for the program at the other end.
    let check = |path: &str, text: &str| {
        if path.ends_with("tests.rs") { Vec::new() } else { impure(path, text, &HELPER_NEVER) }
    };
    report("what ray-names never does", &over(NAMES, check));
}

fn over(prefix: &str, check: fn(&str, &str) -> Vec<String>) -> Vec<String> {
    let files = rust_files();
    let mut below = files.iter().filter_map(|file| Some((file.path.strip_prefix(prefix)?, &file.text))).peekable();
    assert!(below.peek().is_some(), "no source below {prefix}");
    below.flat_map(|(path, text)| check(path, text)).map(|line| format!("{prefix}{line}")).collect()
}

fn layer_of(module: &str) -> Option<usize> {
    LAYERS.iter().position(|row| row.contains(&module))
}

/// Violations of the layer table in one file of the engine.
fn check_layers(path: &str, text: &str) -> Vec<String> {
    let module = module_of(path);
    let code = tokens(text);
    let mut found = escapes(path, &code);
    // The crate's two roots list and start the modules; they belong to the top layer.
    let Some(own) = module.first() else { return found };
    let Some(layer) = layer_of(own) else {
        found.push(format!("{path}: module {own} is not in the layer table"));
        return found;
    };
    for used in paths(&code) {
        let Some(target) = within_crate(&module, &used) else { continue };
        let Some(other) = target.first() else { continue };
        if other == own {
            continue;
        }
        let written = used.segments.join("::");
        match layer_of(other) {
            None => found.push(format!("{path}:{}: {written} names no module of the layer table", used.line)),
            Some(its) if its >= layer => {
                let message = format!("{own} (layer {layer}) must not use {other} (layer {its})");
                found.push(format!("{path}:{}: {written}: {message}", used.line));
            }
            Some(_) => {}
        }
    }
    found
}

/// Ways around a scanner of paths.
fn escapes(path: &str, code: &[Token]) -> Vec<String> {
    let mut found = Vec::new();
    for (at, token) in code.iter().enumerate() {
        let next = |ahead: usize| code.get(at + ahead).map_or("", |token| token.text.as_str());
        let way = match (token.text.as_str(), next(1), next(2)) {
            ("include", "!", _) => "include! hides code from the layer check",
            ("#", "[", "path") => "a path attribute hides a file from the layer check",
            ("extern", "crate", _) => "extern crate renames a crate past the layer check",
            _ => continue,
        };
        found.push(format!("{path}:{}: {way}", token.line));
    }
    found
}

fn check_engine_purity(path: &str, text: &str) -> Vec<String> {
    let module = module_of(path);
    let pure = module.first().and_then(|own| layer_of(own)).is_some_and(|layer| layer < PURE_BELOW);
    if pure { [impure(path, text, &IMPURE), hidden_clocks(path, text)].concat() } else { Vec::new() }
}

fn check_helper_purity(path: &str, text: &str) -> Vec<String> {
    let module = module_of(path);
    if !module.first().is_some_and(|own| HELPER_PURE.contains(&own.as_str())) {
        return Vec::new();
    }
    let mut found = impure(path, text, &HELPER_IMPURE);
    for used in paths(&tokens(text)) {
        let target = within_crate(&module, &used).unwrap_or_default();
        if target.first().is_some_and(|other| !HELPER_PURE.contains(&other.as_str())) {
            let written = used.segments.join("::");
            found.push(format!("{path}:{}: {written}: a judging module uses nothing that acts", used.line));
        }
    }
    found
}

fn impure(path: &str, text: &str, bans: &[Ban]) -> Vec<String> {
    let mut found = Vec::new();
    for used in paths(&tokens(text)) {
        if let Some(ban) = bans.iter().find(|ban| ban.hits(&used)) {
            found.push(format!("{path}:{}: {}: {}", used.line, used.segments.join("::"), ban.why));
        }
    }
    found
}

/// Ways to read a clock that name none.
fn hidden_clocks(path: &str, text: &str) -> Vec<String> {
    let code = tokens(text);
    let clock = |used: &CodePath| used.segments.last().is_some_and(|last| last == "Instant" || last == "SystemTime");
    let renamed = paths(&code).into_iter().filter(|used| used.renamed && clock(used));
    let asked = code.windows(2).filter(|pair| pair[0].text == "." && pair[1].text == "elapsed");
    let lines = renamed.map(|used| used.line).chain(asked.map(|pair| pair[1].line));
    lines.map(|line| format!("{path}:{line}: reads a clock; time comes in as a value")).collect()
}

impl Ban {
    fn hits(&self, path: &CodePath) -> bool {
        match self.place {
            Place::Start => starts(&path.segments, self.segments),
            Place::Anywhere => path.segments.windows(self.segments.len()).any(|part| starts(part, self.segments)),
        }
    }
}

fn starts(segments: &[String], with: &[&str]) -> bool {
    segments.len() >= with.len() && segments.iter().zip(with).all(|(a, b)| a == b)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_path_to_a_higher_layer() {
        for text in [
            "use crate::plane::Snapshot;",
            "use crate::{ident::PeerId, plane::{Snapshot}};",
            "fn f() { crate::service::join() }",
            "use super::super::plane;",
            "mod tests { use super::super::super::plane::X; }",
        ] {
            assert_eq!(check_layers("route/table.rs", text).len(), 1, "{text}");
        }
    }

    #[test]
    fn refuses_a_sibling_of_the_same_layer() {
        assert_eq!(check_layers("forward/egress.rs", "use crate::service::Network;").len(), 1);
        assert_eq!(check_layers("service/mod.rs", "use crate::forward::Egress;").len(), 1);
        assert_eq!(check_layers("dns/zone.rs", "use crate::ledger::Roster;").len(), 1);
        assert_eq!(check_layers("mesh/link.rs", "use crate::tun::Queue;").len(), 1);
    }

    #[test]
    fn allows_lower_layers_and_the_own_directory() {
        let text = "use crate::{ident::PeerId, plane::Routed}; use super::frame; use self::x::Y; use std::fs; // crate::service";
        assert_eq!(check_layers("mesh/link.rs", text), [""; 0]);
        assert_eq!(check_layers("mesh/link/tests.rs", "use super::super::frame; use crate::mesh::X;"), [""; 0]);
        assert_eq!(check_layers("engine.rs", "use crate::{control, forward, service, tun};"), [""; 0]);
        assert_eq!(check_layers("lib.rs", "pub mod ident; mod engine; use crate::engine::run;"), [""; 0]);
    }

    #[test]
    fn refuses_a_directory_that_the_table_does_not_know() {
        assert_eq!(check_layers("telemetry/mod.rs", "").len(), 1);
        assert_eq!(check_layers("clock.rs", "").len(), 1);
    }

    #[test]
    fn refuses_names_taken_from_the_crate_root() {
        assert_eq!(check_layers("mesh/link.rs", "use crate::Snapshot;").len(), 1);
        assert_eq!(check_layers("mesh/link.rs", "use crate::*;").len(), 1);
    }

    #[test]
    fn refuses_ways_around_the_scanner() {
        let text = "#[path = \"../service/mod.rs\"] mod a; include!(\"b.rs\"); extern crate tokio as t;";
        assert_eq!(check_layers("mesh/link.rs", text).len(), 3);
    }

    #[test]
    fn refuses_io_in_a_pure_layer() {
        for text in [
            "use tokio::sync::mpsc;",
            "use iroh::EndpointId;",
            "use ray_ipc::control::Reply;",
            "use std::{collections::BTreeMap, fs};",
            "fn f() { std::process::exit(1) }",
            "use std::thread;",
            "use std::net::{IpAddr, UdpSocket};",
            "use std::net; fn f() { net::TcpStream::connect(x) }",
            "fn f() { tracing::info!(\"x\") }",
            "use std::time::Instant; fn f() { Instant::now() }",
            "fn f() { std::time::SystemTime::now() }",
            "use std::time::Instant as I;",
            "fn f(start: std::time::Instant) { start.elapsed() }",
        ] {
            assert_eq!(check_engine_purity("plane/outbound.rs", text).len(), 1, "{text}");
            assert_eq!(check_engine_purity("mesh/outbound.rs", text).len(), 0, "{text}");
        }
    }

    #[test]
    fn allows_pure_code_in_a_pure_layer() {
        let text = "use std::net::{IpAddr, Ipv4Addr}; use blake3::Hasher; use super::x; // tokio::spawn\nconst A: &str = \"std::fs\";";
        assert_eq!(check_engine_purity("ledger/entry.rs", text), [""; 0]);
    }

    #[test]
    fn refuses_io_where_the_helper_judges() {
        for text in ["use crate::sys::tun;", "use crate::apply;", "use std::fs;", "fn f() { std::process::abort() }"] {
            assert_eq!(check_helper_purity("policy/mod.rs", text).len(), 1, "{text}");
            assert_eq!(check_helper_purity("config.rs", text).len(), 1, "{text}");
            assert_eq!(check_helper_purity("apply/mod.rs", text).len(), 0, "{text}");
        }
        assert_eq!(check_helper_purity("gate.rs", "use super::sys::x;").len(), 1);
        assert_eq!(check_helper_purity("gate.rs", "use crate::Everything;").len(), 1);
    }

    #[test]
    fn refuses_programs_threads_and_ip_sockets_in_the_helper() {
        for text in [
            "use std::process::Command;",
            "use std::process; fn f() { process::Command::new(x) }",
            "use nix::unistd::{execv, getuid};",
            "use std::os::unix::process::CommandExt;",
            "use std::net::UdpSocket;",
            "use std::thread;",
        ] {
            assert_eq!(impure("sys/tun.rs", text, &HELPER_NEVER).len(), 1, "{text}");
        }
        assert_eq!(impure("args.rs", "use crate::args::Command; use std::net::IpAddr;", &HELPER_NEVER), [""; 0]);
    }

    #[test]
    fn allows_judging_modules_to_use_each_other() {
        let text =
            "use ray_ipc::helper::HelperRequest; use crate::{config::Config, policy::op::Op}; use super::config;";
        assert_eq!(check_helper_purity("policy/mod.rs", text), [""; 0]);
    }
}
