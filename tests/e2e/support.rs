//! A lab with a network in it, and the questions that tests ask of it.

use std::{net::IpAddr, time::Duration};

use ray_engine::ledger::SigningKey;
pub(crate) use ray_tests::lab::Lab;
use ray_tests::lab::{LabConfig, Output, Process, Signal, wait_until};
use serde_json::Value;

/// Joining takes discovery, a relay connection and a ledger; generous for a busy machine.
pub(crate) const PATIENCE: Duration = Duration::from_secs(45);

/// Starts a lab of `nodes` complete hosts that know nothing of each other.
pub(crate) fn hosts(nodes: u32) -> Lab {
    start(LabConfig { nodes, ..LabConfig::default() })
}

pub(crate) fn start(config: LabConfig) -> Lab {
    Lab::start(config).unwrap_or_else(|error| panic!("starting a lab: {error}"))
}

/// A lab in which `home`, founded by n1, has every node as a member, all linked with all.
pub(crate) fn network(nodes: u32) -> Lab {
    network_in(hosts(nodes), nodes)
}

pub(crate) fn network_in(lab: Lab, nodes: u32) -> Lab {
    ray(&lab, "n1", &["create", "home"]);
    if nodes > 1 {
        let code = invite(&lab, "n1", &["--uses", &(nodes - 1).to_string()]);
        for number in 2..=nodes {
            ray(&lab, &format!("n{number}"), &["join", &code]);
        }
    }
    all_online(&lab, nodes);
    lab
}

/// Waits until every node sees every other one online.
pub(crate) fn all_online(lab: &Lab, nodes: u32) {
    for number in 1..=nodes {
        let node = format!("n{number}");
        until(PATIENCE, &format!("{node} sees all {nodes} members"), || {
            members(lab, &node).iter().filter(|m| m["state"] == "online" || m["state"] == "me").count()
                == nodes as usize
        });
    }
}

/// Runs `ray … --json`, which must succeed.
pub(crate) fn ray(lab: &Lab, node: &str, args: &[&str]) -> Value {
    let output = try_ray(lab, node, args);
    assert_eq!(output.code(), 0, "ray {args:?} on {node}: {}{}", output.stdout, output.stderr);
    output.json().unwrap_or_else(|error| panic!("ray {args:?}: {error}: {}", output.stdout))
}

/// Runs `ray … --json`, which must end with this exit code and change nothing; returns the error object.
pub(crate) fn refused(lab: &Lab, node: &str, args: &[&str], code: i32) -> Value {
    let before = memberships(lab, node);
    let output = try_ray(lab, node, args);
    assert_eq!(output.code(), code, "ray {args:?} on {node}: {}{}", output.stdout, output.stderr);
    let error = output.json().unwrap_or_else(|error| panic!("ray {args:?}: {error}: {}", output.stdout));
    assert_eq!((&error["ok"], &error["exit"]), (&Value::Bool(false), &Value::from(code)));
    assert_eq!(memberships(lab, node), before, "ray {args:?} changed something");
    error
}

pub(crate) fn try_ray(lab: &Lab, node: &str, args: &[&str]) -> Output {
    let argv: Vec<&str> = ["ray", "--json"].iter().chain(args).copied().collect();
    lab.exec_within(PATIENCE, node, &argv).unwrap_or_else(|error| panic!("ray {args:?} on {node}: {error}"))
}

pub(crate) fn invite(lab: &Lab, node: &str, args: &[&str]) -> String {
    let reply = ray(lab, node, &[&["invite"], args].concat());
    reply["code"].as_str().expect("an invite has a code").to_owned()
}

pub(crate) fn status(lab: &Lab, node: &str) -> Value {
    ray(lab, node, &["status"])
}

/// Members of the node's first network.
pub(crate) fn members(lab: &Lab, node: &str) -> Vec<Value> {
    status(lab, node)["networks"][0]["members"].as_array().cloned().unwrap_or_default()
}

pub(crate) fn member(lab: &Lab, node: &str, host: &str) -> Value {
    let found = members(lab, node).into_iter().find(|member| member["hostname"] == host);
    found.unwrap_or_else(|| panic!("{node} knows no member {host}"))
}

/// A network, and each member's id, host name and address.
pub(crate) type Membership = (String, Vec<(String, String, String)>);

/// What a node is in and who else is, without anything that moves by itself.
pub(crate) fn memberships(lab: &Lab, node: &str) -> Vec<Membership> {
    let output = try_ray(lab, node, &["status"]);
    let Ok(status) = output.json() else { return Vec::new() };
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let networks = status["networks"].as_array().cloned().unwrap_or_default();
    networks
        .iter()
        .map(|network| {
            let members = network["members"].as_array().cloned().unwrap_or_default();
            let seats = members.iter().map(|m| (text(&m["endpoint_id"]), text(&m["hostname"]), text(&m["v4"])));
            (text(&network["room_id"]), seats.collect())
        })
        .collect()
}

/// What a node knows of a network that it is in, by the network's name.
pub(crate) fn known(lab: &Lab, node: &str, network: &str) -> Value {
    let networks = status(lab, node)["networks"].as_array().cloned().unwrap_or_default();
    networks.into_iter().find(|known| known["name"] == network).unwrap_or_default()
}

/// A member: id, host name, address, and whether it coordinates.
pub(crate) type Seat = (String, String, String, bool);

/// The roster of a network as a node has it, by id; empty where it does not have the network.
pub(crate) fn roster(lab: &Lab, node: &str, network: &str) -> Vec<Seat> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let members = known(lab, node, network)["members"].as_array().cloned().unwrap_or_default();
    let seat = |m: &Value| (text(&m["endpoint_id"]), text(&m["hostname"]), text(&m["v4"]), m["coordinator"] == true);
    let mut seats: Vec<Seat> = members.iter().map(seat).collect();
    seats.sort();
    seats
}

/// Waits until all these nodes have the same history of a network; the roster that it gives.
pub(crate) fn agree(lab: &Lab, nodes: &[&str], network: &str) -> Vec<Seat> {
    let entries = |node: &str| known(lab, node, network)["entries"].as_u64();
    let what = format!("{nodes:?} agree on {network}");
    until(PATIENCE, &what, || {
        let first = entries(nodes[0]);
        first.is_some() && nodes.iter().all(|node| entries(node) == first)
    });
    let mut rosters: Vec<Vec<Seat>> = Vec::new();
    until(PATIENCE, &what, || {
        rosters = nodes.iter().map(|node| roster(lab, node, network)).collect();
        !rosters[0].is_empty() && rosters.iter().all(|other| *other == rosters[0])
    });
    rosters.swap_remove(0)
}

/// The host names of a roster, in their order.
pub(crate) fn names(roster: &[Seat]) -> Vec<&str> {
    let mut names: Vec<&str> = roster.iter().map(|(_, name, ..)| name.as_str()).collect();
    names.sort_unstable();
    names
}

/// How many entries of a kind a node's history of a network has, by their effect.
pub(crate) fn told(lab: &Lab, node: &str, network: &str, action: &str) -> Vec<Value> {
    let log = ray(lab, node, &["log", network, "--limit", "0"]);
    let entries = log["entries"].as_array().cloned().unwrap_or_default();
    entries.into_iter().filter(|entry| entry["action"] == action).collect()
}

pub(crate) fn id(lab: &Lab, node: &str) -> String {
    status(lab, node)["engine"]["endpoint_id"].as_str().expect("an engine has an id").to_owned()
}

/// The id of a node that does not exist.
pub(crate) fn phantom(number: u8) -> String {
    let key = SigningKey::from_bytes(&[number; 32]);
    data_encoding::HEXLOWER.encode(key.verifying_key().as_bytes())
}

/// A file of the engine's state; empty where there is none.
pub(crate) fn state_file(lab: &Lab, node: &str, path: &str) -> Vec<u8> {
    let read = format!("od -An -v -tx1 /var/lib/rayfish/{path} | tr -d ' \\n'");
    let hex = lab.exec(node, &["sh", "-c", &read]).expect("od runs").stdout;
    data_encoding::HEXLOWER.decode(hex.trim().as_bytes()).expect("od writes hex")
}

/// Ends a node's engine as a power cut does, and starts it again.
pub(crate) fn crash(lab: &Lab, node: &str) {
    lab.kill(node, Process::Engine, Signal::SIGKILL).unwrap();
    lab.start_process(node, Some(Process::Engine)).unwrap();
}

/// The mesh address of `host` as `node` knows it.
pub(crate) fn address(lab: &Lab, node: &str, host: &str, family: &str) -> String {
    let address = member(lab, node, host)[family].as_str().expect("an address").to_owned();
    assert!(address.parse::<IpAddr>().is_ok());
    address
}

/// Whether an echo request out of the node's own kernel is answered.
pub(crate) fn pings(lab: &Lab, node: &str, address: &str) -> bool {
    tool(lab, node, &["ping", address, "-c", "1"]).code() == 0
}

/// Lets members reach a TCP port of the node: a fresh host lets nothing in but pings.
pub(crate) fn open(lab: &Lab, node: &str, port: u16) {
    ray(lab, node, &["firewall", "add", "in", "allow", "tcp", &port.to_string()]);
}

/// Runs one of the lab's own tools in a node.
pub(crate) fn tool(lab: &Lab, node: &str, args: &[&str]) -> Output {
    let argv: Vec<&str> = ["ray-lab", "tool"].iter().chain(args).copied().collect();
    lab.exec_within(PATIENCE, node, &argv).unwrap_or_else(|error| panic!("{args:?} on {node}: {error}"))
}

pub(crate) fn until(deadline: Duration, what: &str, condition: impl FnMut() -> bool) {
    wait_until(deadline, what, condition).unwrap_or_else(|error| panic!("{error}"));
}
