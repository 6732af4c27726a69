//! Invites, joins, leaving: what the ledger decides, through the real processes.

use std::{
    thread,
    time::{Duration, SystemTime},
};

use nix::sys::signal::Signal;
use ray_tests::lab::Process;

use crate::support::{
    PATIENCE, agree, all_online, hosts, invite, member, members, memberships, network, network_in, ray, refused,
    status, try_ray, until,
};

#[test]
fn an_invite_in_two_hands_admits_one() {
    let lab = hosts(3);
    ray(&lab, "n1", &["create", "home"]);
    let code = invite(&lab, "n1", &[]);
    let (second, third) = thread::scope(|scope| {
        let second = scope.spawn(|| try_ray(&lab, "n2", &["join", &code]));
        let third = scope.spawn(|| try_ray(&lab, "n3", &["join", &code]));
        (second.join().unwrap(), third.join().unwrap())
    });
    let mut codes = [second.code(), third.code()];
    codes.sort_unstable();
    assert_eq!(codes, [0, 7], "{}{}\n{}{}", second.stdout, second.stderr, third.stdout, third.stderr);
    assert_eq!(members(&lab, "n1").len(), 2);
    let loser = if second.code() == 0 { "n3" } else { "n2" };
    assert_eq!(memberships(&lab, loser), []);
}

#[test]
fn refuses_a_wrong_a_used_and_an_expired_invite() {
    let lab = hosts(3);
    ray(&lab, "n1", &["create", "home"]);

    let code = invite(&lab, "n1", &[]);
    let mistyped = mistype(&code);
    assert_eq!(refused(&lab, "n2", &["join", &mistyped], 2)["code"], "usage");
    refused(&lab, "n2", &["join", "no-invite-at-all"], 2);

    ray(&lab, "n2", &["join", &code]);
    let error = refused(&lab, "n3", &["join", &code], 7);
    assert!(error["message"].as_str().unwrap().contains("used up"), "{error}");
    assert!(error["hint"].as_str().unwrap().contains("ray invite"), "{error}");

    let expired = ray(&lab, "n1", &["invite", "--expires", "1s"]);
    until(Duration::from_secs(10), "the invite has expired", || unix_time() >= expired["expires_at"].as_u64().unwrap());
    let error = refused(&lab, "n3", &["join", expired["code"].as_str().unwrap()], 7);
    assert!(error["message"].as_str().unwrap().contains("expired"), "{error}");

    // Of a network that has gone: nobody there knows it.
    let other = {
        ray(&lab, "n3", &["create", "short"]);
        let code = invite(&lab, "n3", &["short"]);
        ray(&lab, "n3", &["leave", "short", "-y"]);
        code
    };
    refused(&lab, "n2", &["join", &other], 7);
    assert_eq!(members(&lab, "n1").len(), 2);
}

#[test]
fn any_member_seats_a_joiner_while_the_coordinator_is_off() {
    let lab = network_in(hosts(3), 2);
    // Both members are online, so the code names both.
    let second = invite(&lab, "n1", &["--hostname", "nas"]);
    lab.node("n1").stop().unwrap();
    until(PATIENCE, "n3 joins by way of n2", || try_ray(&lab, "n3", &["join", &second]).code() == 0);
    assert_eq!(member(&lab, "n3", "nas")["me"], true, "the invite's host name is the one that counts");

    lab.node("n1").start().unwrap();
    all_online(&lab, 3);
    assert_eq!(memberships(&lab, "n1"), memberships(&lab, "n2"));
    assert_eq!(memberships(&lab, "n1"), memberships(&lab, "n3"));
}

#[test]
fn who_leaves_is_gone_everywhere_and_may_come_back_with_another_invite() {
    let lab = network(3);
    assert_eq!(refused(&lab, "n1", &["leave", "home", "-y"], 7)["code"], "refused");
    let reply = ray(&lab, "n3", &["leave", "home", "-y"]);
    assert_eq!(reply["ok"], true);
    assert_eq!(memberships(&lab, "n3"), []);
    for node in ["n1", "n2"] {
        until(PATIENCE, &format!("{node} sees n3 gone"), || members(&lab, node).len() == 2);
    }
    let code = invite(&lab, "n1", &[]);
    ray(&lab, "n3", &["join", &code]);
    all_online(&lab, 3);
}

#[test]
fn who_comes_back_to_members_that_did_not_hear_of_its_leaving_stays() {
    let lab = network(3);
    let code = invite(&lab, "n1", &[]);
    // n3 hears that n2 leaves, n1 does not; then n1 alone lets n2 in again.
    lab.kill("n1", Process::Engine, Signal::SIGKILL).unwrap();
    ray(&lab, "n2", &["leave", "home", "-y"]);
    until(PATIENCE, "n3 sees n2 gone", || members(&lab, "n3").len() == 2);
    lab.node("n3").stop().unwrap();
    lab.start_process("n1", Some(Process::Engine)).unwrap();
    ray(&lab, "n2", &["join", &code]);
    lab.node("n3").start().unwrap();
    all_online(&lab, 3);
    assert_eq!(memberships(&lab, "n1"), memberships(&lab, "n2"));
    assert_eq!(memberships(&lab, "n1"), memberships(&lab, "n3"));
}

#[test]
fn who_left_unheard_is_dialled_at_leisure_and_seen_no_more() {
    let lab = network(2);
    lab.link_down("n1").unwrap();
    ray(&lab, "n2", &["leave", "home", "-y"]);
    // n1 sees it gone before the cable is back, so that it cannot hear of it late.
    until(PATIENCE, "n1 sees n2 offline", || member(&lab, "n1", "n2")["state"] == "offline");
    lab.link_up("n1").unwrap();
    let last_seen = || member(&lab, "n1", "n2")["last_seen_s"].as_u64().unwrap_or_default();
    let sent = || lab.exec("n1", &["cat", "/sys/class/net/eth0/statistics/tx_packets"]).unwrap().stdout;
    let packets = || sent().trim().parse::<u64>().unwrap();
    let start = last_seen();
    until(PATIENCE, "some time has passed with the cable in", || last_seen() >= start + 3);
    let before = packets();
    until(PATIENCE, "more time has passed", || last_seen() >= start + 13);
    // A dial costs a few dozen packets and its back-off grows to 8 s; a loop without one sends thousands.
    assert!(packets() - before < 1000, "{} packets", packets() - before);
    assert_eq!(member(&lab, "n1", "n2")["state"], "offline");
}

#[test]
fn a_node_that_was_away_catches_up_over_several_answers() {
    let lab = network_in(hosts(3), 2);
    lab.stop_process("n2", Some(Process::Engine)).unwrap();
    // More than one answer holds.
    let many = "for i in $(seq 520); do ray invite home -q > /dev/null || exit 1; done";
    let minted = lab.exec_within(PATIENCE * 4, "n1", &["sh", "-c", many]).unwrap();
    assert_eq!(minted.code(), 0, "{}", minted.stderr);
    lab.start_process("n2", Some(Process::Engine)).unwrap();
    all_online(&lab, 2);
    // n2 can let somebody in by the last invite only when it holds everything that this rests on.
    let code = invite(&lab, "n1", &[]);
    agree(&lab, &["n1", "n2"], "home");
    lab.node("n1").stop().unwrap();
    ray(&lab, "n3", &["join", &code]);
    assert_eq!(members(&lab, "n3").len(), 3);
}

#[test]
fn a_join_refused_for_its_name_uses_nothing_up() {
    let lab = hosts(3);
    ray(&lab, "n1", &["create", "home"]);
    ray(&lab, "n2", &["create", "home"]);
    let code = invite(&lab, "n1", &[]);
    refused(&lab, "n2", &["join", &code], 7);
    assert_eq!(members(&lab, "n1").len(), 1);
    ray(&lab, "n3", &["join", &code]);
}

#[test]
fn names_that_collide_get_a_suffix_that_all_agree_on() {
    let lab = hosts(3);
    ray(&lab, "n1", &["create", "home", "--hostname", "box"]);
    let code = invite(&lab, "n1", &["--uses", "2"]);
    assert_eq!(ray(&lab, "n2", &["join", &code, "--hostname", "box"])["hostname"], "box-2");
    assert_eq!(ray(&lab, "n3", &["join", &code, "--hostname", "box"])["hostname"], "box-3");
    all_online(&lab, 3);
    assert_eq!(memberships(&lab, "n1"), memberships(&lab, "n3"));
    assert_eq!(status(&lab, "n2")["networks"][0]["hostname"], "box-2");
}

fn unix_time() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs()
}

/// Changes one character in the middle.
fn mistype(code: &str) -> String {
    let mut text: Vec<char> = code.chars().collect();
    let at = text.len() / 2;
    text[at] = if text[at] == 'a' { 'b' } else { 'a' };
    text.into_iter().collect()
}
