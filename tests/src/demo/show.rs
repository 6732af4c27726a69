//! The steps of the show, from an empty lab to both hosts' status.

use std::time::{Duration, Instant};

use ray_engine::ident::MAGIC_V4;
use serde_json::Value;

use super::{DemoError, DemoReport, NodeReport, Options, print_text, report::SCHEMA, steps::Steps};
use crate::{
    lab::{Lab, LabConfig, LabError, Output, Process, wait_for},
    tool::ps::ProcessInfo,
};

const NODES: [&str; 2] = ["n1", "n2"];
const NETWORK: &str = "home";
const HTTP_PORT: u16 = 8000;
/// How long two hosts may take to find each other.
const ONLINE_DEADLINE: Duration = Duration::from_secs(25);
/// How long a link may take to leave the relay.
const DIRECT_DEADLINE: Duration = Duration::from_secs(8);
/// How long a service in a node may take to listen.
const LISTEN_DEADLINE: Duration = Duration::from_secs(5);
/// Lines of each log that are shown after a failure.
const TAIL_LINES: usize = 12;

/// What one node says about the other.
#[derive(Debug, Clone)]
struct Peer {
    hostname: String,
    v4: Option<String>,
    v6: String,
    path: Option<String>,
}

/// Runs all steps in a new lab.
pub(super) fn show(options: Options, steps: &mut Steps) -> Result<DemoReport, DemoError> {
    let started = Instant::now();
    let lab = start_lab(options, steps)?;
    let result = perform(&lab, options, steps, started);
    let result = result.map_err(|error| {
        let details = [error.details, log_tails(&lab)].concat();
        DemoError { message: error.message, details }
    });
    if options.keep {
        steps.note(&format!(
            "the lab stays: ray-lab exec --name {0} n1 -- ray status; ray-lab down --name {0}",
            lab.name()
        ));
    }
    result
}

fn start_lab(options: Options, steps: &mut Steps) -> Result<Lab, DemoError> {
    steps.step("starting a lab of two hosts, a relay and a discovery server");
    let mut config = LabConfig::default();
    config.name = if options.keep { "demo".to_owned() } else { config.name.replace("test", "demo") };
    let lab = if options.keep {
        Lab::start_detached(config, &mut |detail| steps.at(detail))
    } else {
        Lab::start_with(config, &mut |detail| steps.at(detail))
    };
    let lab = lab.map_err(|error| match error {
        LabError::Start { message, log_tail } => DemoError::with_details(message, log_tail),
        other => other.into(),
    })?;
    steps.done("");
    Ok(lab)
}

fn perform(lab: &Lab, options: Options, steps: &mut Steps, started: Instant) -> Result<DemoReport, DemoError> {
    let [n1, n2] = NODES;
    steps.step("n1: ray create home");
    let created = ray(lab, n1, &["create", NETWORK])?;
    steps.done(&format!("room {}…", start(&text(&created, "room_id")?)));

    steps.step("n1: ray invite home");
    let code = text(&ray(lab, n1, &["invite", NETWORK])?, "code")?;
    steps.done(&format!("{}…", start(&code)));

    steps.step("n2: ray join");
    ray(lab, n2, &["join", &code])?;
    steps.done("");

    steps.step("both see each other");
    let deadline = |from| wait_for(ONLINE_DEADLINE, "the other host online", || online_peer(lab, from));
    let (peer, own) = (deadline(n1)?, deadline(n2)?);
    steps.done(&format!("{} and {}", own.hostname, peer.hostname));

    let v4 = peer.v4.clone().ok_or_else(|| DemoError::new("n2 has no IPv4 address in the mesh"))?;
    let ping4_ms = ping(lab, steps, n1, &v4)?;
    let ping6_ms = ping(lab, steps, n1, &peer.v6)?;
    let name = format!("{}.{NETWORK}.ray", peer.hostname);
    let dns_ok = resolve(lab, steps, &name, &peer)?;
    open(lab, steps, n2, &own.hostname)?;
    let tcp_ok = fetch(lab, steps, &name, &v4)?;
    let ray_ping_ms = ray_ping(lab, steps, &name)?;
    let path = settle(lab, steps)?;

    steps.step("who runs with which rights, from /proc");
    let nodes = [node_report(lab, n1, &own)?, node_report(lab, n2, &peer)?];
    let unprivileged = nodes.iter().all(|node| is_unprivileged(&node.engine));
    if !unprivileged {
        return Err(DemoError::new("an engine has rights that it must not have"));
    }
    steps.done("");
    if !options.json {
        show_state(lab)?;
    }

    let first = &nodes[0];
    Ok(DemoReport {
        schema: SCHEMA.to_owned(),
        ok: true,
        ping4_ms,
        ping6_ms,
        ray_ping_ms,
        dns_ok,
        tcp_ok,
        path,
        engine_uid: first.engine.uid,
        engine_caps: first.engine.cap_eff.clone(),
        helper_sockets: first.helper.sockets.clone(),
        nodes: nodes.to_vec(),
        seconds: (started.elapsed().as_secs_f64() * 100.0).round() / 100.0,
    })
}

/// A verb of `ray` with its JSON answer.
fn ray(lab: &Lab, node: &str, args: &[&str]) -> Result<Value, DemoError> {
    let argv = [&["ray"], args, &["--json"]].concat();
    json(&argv, &lab.exec(node, &argv)?)
}

fn json(argv: &[&str], output: &Output) -> Result<Value, DemoError> {
    let said = || output.stderr.lines().chain(output.stdout.lines()).map(str::to_owned).collect();
    let verb = argv.iter().take(3).copied().collect::<Vec<_>>().join(" ");
    if output.code() != 0 {
        return Err(DemoError::with_details(format!("{verb} ended with {}", output.code()), said()));
    }
    output.json().map_err(|error| DemoError::with_details(format!("{verb} did not answer in JSON: {error}"), said()))
}

fn text(value: &Value, key: &str) -> Result<String, DemoError> {
    let text = value.get(key).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| DemoError::new(format!("the answer has no {key}: {value}")))
}

/// Enough of a long word to know it again.
fn start(word: &str) -> String {
    word.chars().take(16).collect()
}

/// The other host in a node's status, when it is online.
fn online_peer(lab: &Lab, node: &str) -> Option<Peer> {
    let status = ray(lab, node, &["status"]).ok()?;
    let network = status.get("networks")?.as_array()?.iter().find(|network| network["name"] == NETWORK)?;
    let is_online = |member: &&Value| member["me"] == false && member["state"] == "online";
    let member = network.get("members")?.as_array()?.iter().find(is_online)?;
    let field = |key: &str| member.get(key).and_then(Value::as_str).map(str::to_owned);
    Some(Peer { hostname: field("hostname")?, v4: field("v4"), v6: field("v6")?, path: field("path") })
}

fn ping(lab: &Lab, steps: &mut Steps, from: &str, address: &str) -> Result<f64, DemoError> {
    steps.step(&format!("{from}: ping {address}"));
    let argv = ["ray-lab", "tool", "ping", address, "--count", "4", "--json"];
    let report = json(&argv, &lab.exec(from, &argv)?)?;
    let best = report["min_ms"].as_f64().ok_or_else(|| DemoError::new(format!("no answer from {address}")))?;
    steps.done(&format!("{best:.2} ms"));
    Ok(best)
}

/// Whether both records of the name are the peer's addresses.
fn resolve(lab: &Lab, steps: &mut Steps, name: &str, peer: &Peer) -> Result<bool, DemoError> {
    steps.step(&format!("n1: who is {name}?"));
    let server = MAGIC_V4.to_string();
    let mut found = Vec::new();
    for (kind, expected) in [("a", peer.v4.as_deref()), ("aaaa", Some(peer.v6.as_str()))] {
        let output = lab.exec("n1", &["ray-lab", "tool", "resolve", name, kind, "--dns", &server])?;
        let records: Vec<&str> = output.stdout.lines().collect();
        if output.code() != 0 || records != expected.into_iter().collect::<Vec<_>>() {
            let message = format!("{name} {kind}: expected {}, got {records:?}", expected.unwrap_or("nothing"));
            return Err(DemoError::with_details(message, output.stderr.lines().map(str::to_owned).collect()));
        }
        found.extend(records.into_iter().map(str::to_owned));
    }
    steps.done(&found.join(", "));
    Ok(true)
}

/// Lets the other host reach the page: a fresh host lets nothing in but pings.
fn open(lab: &Lab, steps: &mut Steps, node: &str, peer: &str) -> Result<(), DemoError> {
    let port = HTTP_PORT.to_string();
    let rule = ["firewall", "add", "in", "allow", "tcp", &port, "from", peer];
    steps.step(&format!("{node}: ray {}", rule.join(" ")));
    ray(lab, node, &rule)?;
    steps.done("");
    Ok(())
}

/// Whether n1 gets the page that n2 serves on its mesh address, by name.
fn fetch(lab: &Lab, steps: &mut Steps, name: &str, address: &str) -> Result<bool, DemoError> {
    let url = format!("http://{name}:{HTTP_PORT}/");
    steps.step(&format!("n1: GET {url}"));
    // Lives until it is dropped at the end of this function.
    let _server = lab.spawn("n2", None, &["ray-lab", "tool", "http-serve", &format!("{address}:{HTTP_PORT}")])?;
    let server = MAGIC_V4.to_string();
    let argv = ["ray-lab", "tool", "http-get", &url, "--dns", &server];
    let mut last = String::new();
    let got = wait_for(LISTEN_DEADLINE, "the page", || match lab.exec("n1", &argv) {
        Ok(output) if output.code() == 0 => Some(output.stdout),
        Ok(output) => {
            last = output.stderr;
            None
        }
        Err(_) => None,
    });
    let page = got.map_err(|error| DemoError::with_details(error.to_string(), vec![last]))?;
    if page.trim() != "hello from n2" {
        return Err(DemoError::new(format!("the page says {page:?}")));
    }
    steps.done(page.trim());
    Ok(true)
}

fn ray_ping(lab: &Lab, steps: &mut Steps, name: &str) -> Result<Option<f64>, DemoError> {
    steps.step(&format!("n1: ray ping {name}"));
    let answer = ray(lab, "n1", &["ping", name, "--count", "3", "--interval", "0.2"])?;
    let best = answer["summary"]["min_ms"].as_f64();
    let path = answer["summary"]["path"].as_str().unwrap_or("unknown");
    steps.done(&format!("{:.2} ms, {path}", best.unwrap_or_default()));
    Ok(best)
}

/// How n1 reaches n2, after giving the link time to leave the relay.
fn settle(lab: &Lab, steps: &mut Steps) -> Result<Option<String>, DemoError> {
    steps.step("the path between them");
    let mut path = None;
    // A path that stays on the relay is an outcome, not a failure: it is reported.
    let _ = wait_for(DIRECT_DEADLINE, "a direct path", || {
        path = online_peer(lab, "n1").and_then(|peer| peer.path);
        (path.as_deref() == Some("direct")).then_some(())
    });
    steps.done(path.as_deref().unwrap_or("unknown"));
    Ok(path)
}

fn node_report(lab: &Lab, node: &str, own: &Peer) -> Result<NodeReport, DemoError> {
    let list = processes(lab, node)?;
    let find = |program: &str| {
        let found = list.iter().find(|info| info.program() == program).cloned();
        found.ok_or_else(|| DemoError::new(format!("no {program} runs on {node}")))
    };
    let (helper, engine) = (find("ray-helper")?, find("ray-engine")?);
    Ok(NodeReport { name: node.to_owned(), v4: own.v4.clone(), v6: own.v6.clone(), helper, engine })
}

fn processes(lab: &Lab, node: &str) -> Result<Vec<ProcessInfo>, DemoError> {
    let argv = ["ray-lab", "tool", "ps", "--json"];
    let value = json(&argv, &lab.exec(node, &argv)?)?;
    let list = value.get("processes").cloned().unwrap_or_default();
    serde_json::from_value(list).map_err(|error| DemoError::new(format!("reading the processes of {node}: {error}")))
}

fn is_unprivileged(info: &ProcessInfo) -> bool {
    let sets = [&info.cap_eff, &info.cap_prm, &info.cap_inh, &info.cap_bnd, &info.cap_amb];
    info.uid != 0 && sets.iter().all(|set| set.bytes().all(|digit| digit == b'0'))
}

/// What a user of either host would see.
fn show_state(lab: &Lab) -> Result<(), DemoError> {
    for node in NODES {
        print_text(&format!("\n── {node}: ray status"));
        print_text(lab.exec(node, &["ray", "status"])?.stdout.trim_end());
        print_text(&format!("\n── {node}: processes"));
        print_text(lab.exec(node, &["ray-lab", "tool", "ps"])?.stdout.trim_end());
    }
    Ok(())
}

fn log_tails(lab: &Lab) -> Vec<String> {
    let mut lines = Vec::new();
    for node in NODES {
        for process in [Process::Helper, Process::Names, Process::Engine] {
            let log = lab.logs(node, process).unwrap_or_default();
            let all: Vec<&str> = log.lines().collect();
            lines.push(format!("── log of {node}'s {}, last lines", process.name()));
            lines.extend(all.iter().skip(all.len().saturating_sub(TAIL_LINES)).map(|line| (*line).to_owned()));
        }
    }
    lines
}
