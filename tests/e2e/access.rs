//! Who may do what on a host: processes of real users and groups at the real control socket.

use std::{
    io::{BufRead, BufReader},
    thread,
    time::Instant,
};

use ray_tests::lab::{Lab, LabConfig, Process};
use serde_json::Value;

use crate::support::{PATIENCE, hosts, ray, start, status, tool, until};

const SOCKET: &str = "/run/rayfish/engine/ray.sock";

/// Users of the node, each in a group of its own name and number besides these.
const USERS: [(&str, u32, &str); 6] = [
    ("bob", 60101, ""),
    ("carol", 60102, "deck"),
    ("dave", 60103, ""),
    ("erin", 60104, "crew"),
    ("frank", 60105, "watch"),
    ("grace", 60106, ""),
];
const GROUPS: [(&str, u32); 3] = [("deck", 60201), ("crew", 60202), ("watch", 60203)];

const SETTINGS: &str = "\
readers = [\"@60203\", \"nobody\", \"@nogroup\"]
users = [\"dave\", \"@crew\", 65534]
admins = [60101, \"@deck\", \"nobody\"]
";

/// Who asks, and the level that the settings give.
const ACTORS: [(&str, &str); 9] = [
    ("root", "admin"),
    ("bob", "admin"),
    ("carol", "admin"),
    ("dave", "use"),
    ("erin", "use"),
    ("frank", "read"),
    ("grace", "none"),
    ("alice", "none"),
    ("nobody", "none"),
];

/// A request of each level, that changes nothing when it is repeated.
const REQUESTS: [(&str, &[&str]); 7] = [
    ("none", &["version"]),
    ("none", &["whoami"]),
    ("read", &["status"]),
    ("read", &["firewall", "show"]),
    ("use", &["up"]),
    ("admin", &["firewall", "reject", "off"]),
    ("admin", &["hostname", "n1"]),
];

#[test]
fn each_user_may_do_exactly_what_the_settings_say() {
    let lab = crewed(SETTINGS);
    ray(&lab, "n1", &["create", "home"]);
    for (who, level) in ACTORS {
        for (needed, request) in REQUESTS {
            let output = as_user(&lab, who, request);
            if rank(level) >= rank(needed) {
                assert_eq!(output["ok"], true, "{who}: ray {request:?}: {output}");
                continue;
            }
            assert_eq!((&output["code"], &output["exit"]), (&"not_permitted".into(), &4.into()), "{who}: {request:?}");
            let message = output["message"].as_str().unwrap_or_default();
            assert!(message.contains(who) && message.ends_with(&format!("needs {needed}")), "{message}");
        }
        let told = as_user(&lab, who, &["whoami"]);
        assert_eq!((&told["level"], &told["user"]), (&level.into(), &who.into()), "{told}");
        assert_eq!(told["foreign"], who == "nobody", "{told}");
    }
    let carol = as_user(&lab, "carol", &["whoami"]);
    assert_eq!(carol["granted"], serde_json::json!({"key": "admins", "entry": "@deck"}));
    assert_eq!(carol["groups"][1]["gid"], 60201, "a supplementary group: {carol}");
}

#[test]
fn a_group_counts_as_it_was_at_the_connect() {
    let lab = crewed(SETTINGS);
    // The user alone says nothing: here the same one comes without the group.
    let told = tool(&lab, "n1", &["caller-turn", SOCKET, "60102"]).json().unwrap();
    assert_eq!((&told[1]["level"], &told[1]["uid"]), (&"none".into(), &60102.into()), "{told}");
}

#[test]
fn a_connection_keeps_the_level_of_whoever_made_it() {
    let lab = crewed(SETTINGS);
    let told = tool(&lab, "n1", &["caller-turn", SOCKET, "60106"]).json().unwrap();
    assert_eq!((&told[0]["level"], &told[0]["uid"]), (&"admin".into(), &0.into()), "made by root: {told}");
    assert_eq!((&told[1]["level"], &told[1]["uid"]), (&"none".into(), &60106.into()), "made afterwards: {told}");
}

#[test]
fn an_entry_that_names_nobody_is_warned_of_and_keeps_nobody_from_the_network() {
    let lab = crewed("admins = [\"mallory\"]\nusers = [\"@deck\"]\n");
    let warnings = status(&lab, "n1")["warnings"].to_string();
    assert!(warnings.contains("mallory") && warnings.contains("no local user"), "{warnings}");
    assert_eq!(as_user(&lab, "carol", &["whoami"])["level"], "use");
    assert_eq!(as_user(&lab, "alice", &["whoami"])["level"], "read", "everybody, by default");
    assert!(lab.logs("n1", Process::Engine).unwrap().contains("mallory"));
}

#[test]
fn nobody_else_reads_the_state() {
    let lab = hosts(1);
    ray(&lab, "n1", &["create", "home"]);
    ray(&lab, "n1", &["firewall", "add", "in", "allow", "tcp", "22"]);
    let list = ["find", "/var/lib/rayfish", "-printf", "%y %m %u %p\\n"];
    let found = lab.exec("n1", &list).unwrap().stdout;
    assert!(found.lines().count() > 5, "{found}");
    for line in found.lines() {
        let [kind, mode, owner, path] = line.splitn(4, ' ').collect::<Vec<_>>()[..] else { panic!("{line}") };
        let expected = if kind == "d" { "700" } else { "600" };
        assert_eq!((mode, owner), (expected, "rayfish"), "{line}");
        for how in ["cat", "ls"] {
            let tried = lab.exec_as("n1", "alice", &[how, path]).unwrap();
            assert!(tried.code() != 0 && tried.stderr.contains("Permission denied"), "{how} {path}: {tried:?}");
        }
        let write = format!("echo x >> {path}");
        assert_ne!(lab.exec_as("n1", "alice", &["sh", "-c", &write]).unwrap().code(), 0, "{path}");
    }
}

#[test]
fn nobody_else_takes_the_place_of_the_control_socket() {
    let lab = hosts(1);
    for attempt in [format!("rm -f {SOCKET}"), format!("mv {SOCKET} /tmp/x"), "touch /run/rayfish/engine/x".to_owned()]
    {
        let tried = lab.exec_as("n1", "alice", &["sh", "-c", &attempt]).unwrap();
        assert!(tried.code() != 0 && tried.stderr.contains("Permission denied"), "{attempt}: {tried:?}");
    }
    assert_eq!(status(&lab, "n1")["schema"], "ray.status/1");
}

#[test]
fn a_user_who_calls_without_end_and_never_listens_shuts_nobody_out() {
    const CALLS: u64 = 10_000;
    // Turned away, they are through in seconds; served, each would take as long as the engine waits for it to listen.
    let (started, deadline) = (Instant::now(), 4 * PATIENCE);
    let lab = hosts(1);
    let mut crowd = lab.spawn("n1", Some("alice"), &["ray-lab", "tool", "caller-crowd", SOCKET]).unwrap();
    let mut counts = BufReader::new(crowd.stdout.take().unwrap()).lines();
    let mut called = || counts.next().unwrap().unwrap().parse::<u64>().unwrap();
    called();
    // While they are at it: root and another user are answered, whatever the crowd holds by then.
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            for _ in 0..20 {
                assert_eq!(ray(&lab, "n1", &["status"])["ok"], true);
                assert_eq!(as_user(&lab, "rayfish", &["status"])["ok"], true);
            }
        });
        while called() < CALLS {
            assert!(started.elapsed() < deadline, "the crowd is served instead of turned away");
        }
        asking.join().unwrap();
    });
    drop(crowd);
    until(PATIENCE, "alice is answered again", || as_user(&lab, "alice", &["status"])["ok"] == true);
}

/// A host with these users and settings.
fn crewed(settings: &str) -> Lab {
    let mut config = LabConfig { nodes: 1, ..LabConfig::default() };
    config.node("n1").engine_toml = settings.to_owned();
    config.node("n1").engine = false;
    let lab = start(config);
    let mut lines = String::new();
    for (name, id, _) in USERS {
        lines.push_str(&format!(
            "echo {name}:x:{id}:{id}::/:/bin/sh >> /etc/passwd; echo {name}:x:{id}: >> /etc/group\n"
        ));
    }
    for (group, gid) in GROUPS {
        let members: Vec<&str> = USERS.iter().filter(|(_, _, of)| *of == group).map(|(name, ..)| *name).collect();
        lines.push_str(&format!("echo {group}:x:{gid}:{} >> /etc/group\n", members.join(",")));
    }
    let made = lab.exec("n1", &["sh", "-c", &lines]).unwrap();
    assert_eq!(made.code(), 0, "{made:?}");
    lab.start_process("n1", Some(Process::Engine)).unwrap();
    lab
}

/// What `ray … --json` prints for a user of the host.
fn as_user(lab: &Lab, user: &str, args: &[&str]) -> Value {
    let argv: Vec<&str> = ["ray", "--json"].iter().chain(args).copied().collect();
    let output = lab.exec_as("n1", user, &argv).unwrap();
    output.json().unwrap_or_else(|error| panic!("{user}: ray {args:?}: {error}: {output:?}"))
}

fn rank(level: &str) -> Option<usize> {
    ["none", "read", "use", "admin"].iter().position(|name| *name == level)
}
