//! The firewall of one host: what it lets in, what the refused learn, and that changes count at once.

use ray_tests::lab::{LabConfig, Process};

use crate::{
    firewall_reach::{
        ANSWER, Held, SILENCE, Verdict, answers, drops, firewall, lines, next_line, reach, serve, verdicts,
    },
    support::{
        PATIENCE, address, all_online, invite, member, network, network_in, pings, ray, refused, start, status, tool,
        until,
    },
};

const PORT: u16 = 7001;

#[test]
fn a_fresh_installation_answers_pings_and_its_own_flows_and_lets_nothing_else_in() {
    let lab = network(2);
    let _servers = [serve(&lab, "n1", &[PORT]), serve(&lab, "n2", &[PORT])];
    let shown = firewall(&lab, "n2", &["show"]);
    assert_eq!((&shown["on"], &shown["reject"]), (&true.into(), &false.into()), "{shown}");
    assert_eq!((&shown["default_in"], &shown["default_out"]), (&"deny".into(), &"allow".into()), "{shown}");
    let rules: Vec<_> = shown["rules"].as_array().unwrap().iter().map(|rule| rule["rule"].clone()).collect();
    assert_eq!(rules, ["in allow icmp"]);

    let (own, theirs) = (cells(&lab, "n2", "n1"), cells(&lab, "n1", "n2"));
    let told = reach(&lab, "n1", SILENCE, &theirs);
    for told in told {
        let expected = if told.cell.starts_with("icmp") { Verdict::Answered } else { Verdict::Silent };
        assert_eq!(told.verdict, expected, "{told:?}");
    }
    assert!(drops(&lab, "n2", "firewall_default_in") >= 4, "each protocol of each family once");

    // What n2 begins is answered, though its own rules let n1 begin nothing.
    firewall(&lab, "n1", &["default", "in", "allow", "--yes"]);
    assert_eq!(verdicts(&lab, "n2", ANSWER, &own), [Verdict::Answered; 6]);
}

#[test]
fn the_refused_fail_at_once_when_they_are_told_and_wait_in_vain_when_not() {
    let lab = network(2);
    let (v4, v6) = (address(&lab, "n1", "n2", "v4"), address(&lab, "n1", "n2", "v6"));
    let mut pages: Vec<_> = [format!("{v4}:8000"), format!("[{v6}]:8000")]
        .iter()
        .map(|address| lab.node("n2").spawn(&["ray-lab", "tool", "http-serve", address]).unwrap())
        .collect();
    for page in &mut pages {
        assert!(next_line(&mut lines(page)).starts_with("listening"));
    }
    let url = format!("http://{v4}:8000/");
    let silent = tool(&lab, "n1", &["http-get", &url, "--timeout", "2"]);
    assert!(silent.code() == 1 && silent.stderr.contains("timed out"), "{silent:?}");

    firewall(&lab, "n2", &["reject", "on"]);
    for url in [&url, &format!("http://[{v6}]:8000/")] {
        let told = tool(&lab, "n1", &["http-get", url, "--timeout", "20"]);
        assert!(told.code() == 1 && told.stderr.contains("refused"), "{told:?}");
    }
    let udp = [format!("udp/{v4}:9"), format!("udp/[{v6}]:9")];
    let errors: Vec<_> = reach(&lab, "n1", ANSWER, &udp).into_iter().map(|told| told.error.unwrap()).collect();
    assert_eq!(errors, ["EHOSTUNREACH", "EACCES"], "administratively prohibited, as the kernel tells it");

    // Programs of this host are told likewise.
    firewall(&lab, "n1", &["reject", "on"]);
    firewall(&lab, "n1", &["add", "out", "deny", "any", "to", "n2"]);
    let out = [format!("tcp/{v4}:8000"), format!("udp/[{v6}]:9"), format!("icmp/{v4}")];
    assert_eq!(verdicts(&lab, "n1", ANSWER, &out), [Verdict::Refused; 3]);
    assert!(drops(&lab, "n1", "firewall_rule") >= 3);
    let error = refused(&lab, "n1", &["ping", "n2", "-c", "1"], 7);
    assert!(error["message"].as_str().unwrap().contains("own firewall"), "{error}");

    firewall(&lab, "n1", &["remove", "out", "deny", "any", "to", "n2"]);
    firewall(&lab, "n2", &["add", "in", "allow", "tcp", "8000"]);
    assert_eq!(tool(&lab, "n1", &["http-get", &url]).stdout, "hello from n2\n");
}

#[test]
fn a_transfer_whose_sender_has_closed_completes_under_default_deny() {
    let lab = network(2);
    // n2 has begun and closed; what comes then comes in.
    firewall(&lab, "n1", &["add", "in", "allow", "tcp", "7001", "from", "n2"]);
    for family in ["v4", "v6"] {
        let n1 = address(&lab, "n2", "n1", family);
        let target = if family == "v4" { format!("{n1}:7001") } else { format!("[{n1}]:7001") };
        let argv = ["ray-lab", "tool", "tcp-sink", &target, "--answer", "4194304"];
        let mut sink = lab.node("n1").spawn(&argv).unwrap();
        let listening = &mut std::io::BufReader::new(sink.stderr.take().unwrap());
        assert!(next_line(listening).starts_with("listening"));
        let sent = tool(&lab, "n2", &["tcp-send", &target, "100000", "--answer", "4194304"]);
        assert_eq!(sent.code(), 0, "{family}: {}", sent.stderr);
        assert!(sink.wait(PATIENCE).unwrap().success());
    }
    assert_eq!(drops(&lab, "n2", "firewall_default_in"), 0);
}

#[test]
fn a_new_deny_cuts_the_connection_that_is_open_and_no_other() {
    let lab = network(3);
    let _server = serve(&lab, "n2", &[PORT]);
    firewall(&lab, "n2", &["add", "in", "allow", "tcp", "7001"]);
    let target = format!("{}:{PORT}", address(&lab, "n1", "n2", "v4"));
    let (cut, other) = (Held::open(&lab, "n1", &target), Held::open(&lab, "n3", &target));
    let added = firewall(&lab, "n2", &["add", "in", "deny", "tcp", "7001", "from", "n1"]);
    assert_eq!(added["rules"].as_array().unwrap().len(), 3, "{added}");

    // n1's kernel sends again and again what is not confirmed.
    until(PATIENCE, "the connection is refused", || drops(&lab, "n2", "firewall_rule") > 0);
    let (echoes, seen) = (cut.echoes(), drops(&lab, "n2", "firewall_rule"));
    until(PATIENCE, "it is refused again", || drops(&lab, "n2", "firewall_rule") > seen);
    assert_eq!(cut.echoes(), echoes, "something passed after the rule was there");
    other.assert_lives();

    firewall(&lab, "n2", &["reject", "on"]);
    assert!(["ECONNRESET", "ECONNREFUSED"].contains(&cut.error().as_str()));
    other.assert_lives();

    // A rule of its own for n3, and then none for anybody.
    firewall(&lab, "n2", &["add", "in", "allow", "tcp", "7001", "from", "n3"]);
    firewall(&lab, "n2", &["remove", "in", "allow", "tcp", "7001"]);
    other.assert_lives();
    firewall(&lab, "n2", &["remove", "in", "allow", "tcp", "7001", "from", "n3"]);
    assert!(["ECONNRESET", "ECONNREFUSED"].contains(&other.error().as_str()));
}

#[test]
fn a_rule_that_expires_cuts_what_it_let_in() {
    let lab = network(2);
    let _server = serve(&lab, "n2", &[PORT]);
    firewall(&lab, "n2", &["reject", "on"]);
    firewall(&lab, "n2", &["add", "in", "allow", "tcp", "7001", "from", "n1", "--expires", "3s"]);
    let held = Held::open(&lab, "n1", &format!("{}:{PORT}", address(&lab, "n1", "n2", "v4")));
    assert!(["ECONNRESET", "ECONNREFUSED"].contains(&held.error().as_str()));
    assert!(!answers(&lab, "n1", &format!("tcp/{}:{PORT}", address(&lab, "n1", "n2", "v4"))));
}

#[test]
fn while_it_is_off_everything_passes_and_no_connection_of_the_hosts_own_is_cut_by_turning_it_on() {
    let lab = network(2);
    let _servers = [serve(&lab, "n1", &[PORT]), serve(&lab, "n2", &[PORT])];
    assert_eq!(refused(&lab, "n2", &["firewall", "off"], 2)["code"], "usage", "nobody is asked, so it must be said");
    firewall(&lab, "n2", &["off", "--yes"]);
    firewall(&lab, "n1", &["add", "in", "allow", "tcp", "7001"]);
    assert_eq!(verdicts(&lab, "n1", ANSWER, &cells(&lab, "n1", "n2")), [Verdict::Answered; 6]);
    let own = Held::open(&lab, "n2", &format!("{}:{PORT}", address(&lab, "n2", "n1", "v4")));
    let let_in = Held::open(&lab, "n1", &format!("{}:{PORT}", address(&lab, "n1", "n2", "v4")));
    firewall(&lab, "n2", &["reject", "on"]);
    firewall(&lab, "n2", &["on"]);
    assert!(["ECONNRESET", "ECONNREFUSED"].contains(&let_in.error().as_str()));
    own.assert_lives();
}

#[test]
fn what_a_member_must_not_send_is_dropped_and_counted_under_its_own_reason() {
    let lab = network_in(start(LabConfig { nodes: 3, ..LabConfig::default() }), 3);
    // The victim is in a second network, which the sender is not in.
    ray(&lab, "n1", &["create", "work"]);
    let code = invite(&lab, "n1", &["work"]);
    ray(&lab, "n2", &["join", &code]);
    let _server = serve(&lab, "n1", &[PORT]);
    firewall(&lab, "n1", &["add", "in", "allow", "tcp", "7001", "from", "n2"]);
    let (own, theirs, other) =
        (address(&lab, "n1", "n3", "v4"), address(&lab, "n3", "n1", "v4"), address(&lab, "n1", "n2", "v4"));
    let held = Held::open(&lab, "n2", &format!("{theirs}:{PORT}"));
    let victim = status(&lab, "n1")["engine"]["endpoint_id"].as_str().unwrap().to_owned();
    lab.stop_process("n3", Some(Process::Engine)).unwrap();
    let before = status(&lab, "n1")["drops"].clone();
    let rogue = tool(&lab, "n3", &["rogue", "/var/lib/rayfish/identity.key", &victim, &own, &theirs, &other]);
    assert_eq!(rogue.code(), 0, "{}", rogue.stderr);

    let sent: Vec<String> = serde_json::from_value(rogue.json().unwrap()["sent"].clone()).unwrap();
    let mut reasons = sent.clone();
    reasons.sort();
    reasons.dedup();
    assert!(reasons.len() >= 18, "{reasons:?}");
    for reason in &reasons {
        let kinds = sent.iter().filter(|kind| *kind == reason).count() as u64;
        let counted = || drops(&lab, "n1", reason) - before[reason].as_u64().unwrap_or_default();
        until(PATIENCE, &format!("{reason} is counted"), || counted() >= kinds);
    }
    let after = status(&lab, "n1")["drops"].clone();
    for (reason, count) in after.as_object().unwrap() {
        assert!(reasons.contains(reason) || before[reason] == *count, "{reason}: {count}, of nothing that was sent");
    }
    held.assert_lives();
    assert!(pings(&lab, "n2", &theirs));
}

#[test]
fn defaults_and_settings_outlive_a_restart_like_rules() {
    let lab = network(2);
    let _server = serve(&lab, "n2", &[PORT]);
    firewall(&lab, "n2", &["add", "in", "allow", "udp", "7001", "from", "n1"]);
    firewall(&lab, "n2", &["add", "out", "deny", "tcp", "25,100-200"]);
    firewall(&lab, "n2", &["default", "in", "allow", "--yes"]);
    firewall(&lab, "n2", &["reject", "on"]);
    let before = firewall(&lab, "n2", &["show"]);
    restart(&lab);
    assert_eq!(firewall(&lab, "n2", &["show"]), before);
    assert_eq!(verdicts(&lab, "n1", ANSWER, &cells(&lab, "n1", "n2")), [Verdict::Answered; 6]);
}

/// TCP, UDP and an echo, by both families.
fn cells(lab: &ray_tests::lab::Lab, from: &str, to: &str) -> Vec<String> {
    let (v4, v6) = (address(lab, from, to, "v4"), address(lab, from, to, "v6"));
    let of =
        |socket: String, address: &str| [format!("tcp/{socket}"), format!("udp/{socket}"), format!("icmp/{address}")];
    [of(format!("{v4}:{PORT}"), &v4), of(format!("[{v6}]:{PORT}"), &v6)].concat()
}

/// Starts n2's engine anew.
fn restart(lab: &ray_tests::lab::Lab) {
    lab.stop_process("n2", Some(Process::Engine)).unwrap();
    lab.start_process("n2", Some(Process::Engine)).unwrap();
    until(PATIENCE, "n1 sees n2", || member(lab, "n1", "n2")["state"] == "online");
    all_online(lab, 2);
}
