//! Settings of names, and what the engine says and does about them: refusals, search domains, the way down, its own lookups.

use std::time::{Duration, Instant};

use ray_tests::lab::{Process, Signal};

use crate::{
    crash::runs,
    names_hosts::{Host, Keeper, MEMBER, PUBLIC},
    support::{PATIENCE, ray, refused, status, try_ray, until},
};

const OURS: &str = "nameserver 100.100.100.53";
/// A public name of the lab's relay that no test looks up.
const RELAY: &str = "v4.example.test";

#[test]
fn a_mode_that_root_forbids_is_refused_and_not_kept() {
    let host = Host::new(Keeper::File);
    host.await_set();
    let error = refused(&host.lab, "n1", &["config", "set", "dns", "full"], 7);
    assert!(error["message"].as_str().unwrap().contains("names.toml"), "{error}");
    let kept = ray(&host.lab, "n1", &["config", "get", "dns"])["setting"].clone();
    assert_eq!((&kept["value"], &kept["from"]), (&"names".into(), &"default".into()), "{kept}");
    until(PATIENCE, "names are as before", || {
        let told = ray(&host.lab, "n1", &["dns", "status"]);
        told["trouble"].is_null() && told["host"]["state"] == "set"
    });
    assert!(host.finds(MEMBER) && host.finds(PUBLIC));
}

#[test]
fn a_mode_that_root_allows_is_in_force_and_outlives_a_restart() {
    let host = Host::with(Keeper::File, "full = \"allow\"\n", "");
    host.await_set();
    assert_eq!(ray(&host.lab, "n1", &["config", "set", "dns", "full"])["in_force"], true);
    host.lab.kill("n1", Process::Engine, Signal::SIGKILL).unwrap();
    host.lab.start_process("n1", Some(Process::Engine)).unwrap();
    host.await_set();
    assert_eq!(ray(&host.lab, "n1", &["dns", "status"])["mode"], "full");
    assert!(host.finds(PUBLIC));
    assert_eq!(ray(&host.lab, "n1", &["config", "set", "dns", "off"])["in_force"], true);
    assert_eq!(host.settings(), host.before, "given back before the command ends");
    assert_eq!(ray(&host.lab, "n1", &["config", "unset", "dns"])["in_force"], true);
    host.await_set();
}

#[test]
fn hosts_are_found_by_their_bare_name_while_search_is_on() {
    let host = Host::new(Keeper::File);
    host.await_set();
    assert!(!host.finds("n2"));
    assert_eq!(ray(&host.lab, "n1", &["config", "set", "search", "on"])["in_force"], true);
    until(PATIENCE, "n2 is found", || host.finds("n2"));
    let text = host.sh("cat /etc/resolv.conf");
    assert!(text.contains("search corp.test home.ray\n"), "the host's own domains come first: {text}");
    ray(&host.lab, "n1", &["create", "attic"]);
    until(PATIENCE, "a network that came is searched", || {
        host.sh("cat /etc/resolv.conf").contains(" attic.ray home.ray")
    });
    ray(&host.lab, "n1", &["config", "set", "search", "off"]);
    until(PATIENCE, "n2 is not found", || !host.finds("n2"));
    assert!(host.finds(MEMBER));
}

#[test]
fn down_has_given_the_settings_back_when_it_ends() {
    let host = Host::new(Keeper::File);
    for _ in 0..3 {
        host.await_set();
        let began = Instant::now();
        ray(&host.lab, "n1", &["down"]);
        let took = began.elapsed();
        assert_eq!(host.settings(), host.before);
        assert!(took < Duration::from_secs(3), "{took:?}");
        assert!(!host.finds(MEMBER) && host.finds(PUBLIC));
        ray(&host.lab, "n1", &["up"]);
    }
}

#[test]
fn a_keeper_that_is_stuck_holds_the_way_down_up_for_a_second_and_no_longer() {
    let host = Host::new(Keeper::File);
    host.await_set();
    let keeper = host.sh("pidof ray-names");
    host.sh(&format!("kill -STOP {keeper}"));
    let began = Instant::now();
    ray(&host.lab, "n1", &["down"]);
    let took = began.elapsed();
    assert!(took >= Duration::from_millis(900) && took < Duration::from_secs(4), "{took:?}");
    assert!(status(&host.lab, "n1")["tun"].is_null());
    host.sh(&format!("kill -CONT {keeper}"));
    host.await_settings(&host.before).unwrap_or_else(|found| panic!("{found}"));
}

#[test]
fn a_tunnel_that_is_set_up_anew_keeps_its_names() {
    let host = Host::new(Keeper::File);
    host.await_set();
    let events = || ray(&host.lab, "n1", &["dns", "status"])["events"].as_array().unwrap().len();
    let before = events();
    ray(&host.lab, "n1", &["config", "set", "mtu", "1300"]);
    assert_eq!(events(), before, "{}", ray(&host.lab, "n1", &["dns", "status"]));
    assert!(host.sh("cat /etc/resolv.conf").contains(OURS) && host.finds(MEMBER));
}

#[test]
fn a_keeper_that_is_gone_is_told_and_asked_again_when_it_is_back() {
    let host = Host::new(Keeper::File);
    host.await_set();
    host.lab.kill("n1", Process::Names, Signal::SIGKILL).unwrap();
    until(PATIENCE, "the engine misses it", || {
        ray(&host.lab, "n1", &["dns", "status"])["keeper"]["state"] == "missing"
    });
    let warned = status(&host.lab, "n1")["warnings"].to_string();
    assert!(warned.contains("systemctl start rayfish-names"), "{warned}");
    let text = try_ray(&host.lab, "n1", &["doctor"]).json().unwrap()["checks"].to_string();
    assert!(text.contains("names.reached") && text.contains("does not reach ray-names"), "{text}");
    // What it had set is still there, and the engine goes on answering.
    assert!(host.finds(MEMBER) && host.finds(PUBLIC));
    host.lab.start_process("n1", Some(Process::Names)).unwrap();
    until(PATIENCE, "it is asked again", || {
        let told = ray(&host.lab, "n1", &["dns", "status"]);
        told["keeper"]["state"] == "connected" && told["host"]["state"] == "set"
    });
    assert!(!status(&host.lab, "n1")["warnings"].to_string().contains("names"));
    let events = ray(&host.lab, "n1", &["dns", "status"])["events"].to_string();
    for told in ["the host asks the mesh's resolver", "ray-names is not there", "ray-names is there"] {
        assert!(events.contains(told), "{told}: {events}");
    }
}

#[test]
fn the_engine_finds_its_relay_by_name_whatever_stands_in_the_hosts_list() {
    let host = Host::with(Keeper::File, "", &format!("relays = [\"http://{RELAY}:3340/\"]\n"));
    host.await_set();
    let lookups = || host.asked().iter().filter(|line| line.contains(RELAY)).count();
    assert!(lookups() > 0);
    // Nobody undoes anything: the next engine finds itself first in the list.
    host.lab.kill("n1", Process::Names, Signal::SIGKILL).unwrap();
    host.lab.kill("n1", Process::Engine, Signal::SIGKILL).unwrap();
    assert!(host.sh("cat /etc/resolv.conf").contains(OURS));
    let before = lookups();
    host.lab.start_process("n1", Some(Process::Engine)).unwrap();
    until(PATIENCE, "n1 is back", || runs(&host.lab, "n1"));
    until(PATIENCE, "the relay is looked up again", || lookups() > before);
    host.lab.start_process("n1", Some(Process::Names)).unwrap();
    until(PATIENCE, "names are set again", || ray(&host.lab, "n1", &["dns", "status"])["host"]["state"] == "set");
    // The resolvers that the engine is told of are the host's own, not itself.
    let told = ray(&host.lab, "n1", &["dns", "status"]);
    assert_eq!(told["host"]["resolvers"], serde_json::json!(["10.77.0.1:53"]), "{told}");
}
