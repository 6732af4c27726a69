//! What names mean: short ones, ambiguous ones, aliases, and those that are not ours.

use super::*;
use crate::dns::{Alias, Host};

const A: u16 = 1;
const AAAA: u16 = 28;

#[test]
fn says_which_host_an_ambiguous_flat_name_means_and_which_others_it_could() {
    let found = look_up(&zone(), "alice.ray", A);
    assert_eq!((found.outcome, data(&found)), (Outcome::Found, vec!["100.64.0.9"]));
    assert_eq!(found.name.as_deref(), Some("alice.attic.ray"));
    assert_eq!(found.others, ["alice.home.ray"]);
    let found = look_up(&zone(), "NAS.ray.", AAAA);
    assert_eq!((data(&found), found.name.as_deref(), found.others.len()), (vec!["200::2"], Some("nas.home.ray"), 0));
    let full = look_up(&zone(), "alice.home.ray", A);
    assert_eq!((data(&full), full.name.as_deref(), full.others.len()), (vec!["100.64.0.3"], Some("alice.home.ray"), 0));
}

#[test]
fn says_how_a_lookup_ends_that_finds_nothing() {
    for (name, kind, outcome) in [
        ("bob.ray", A, Outcome::Missing),
        ("nas.attic.ray", A, Outcome::Missing),
        ("home.ray", A, Outcome::NoData),
        ("nas.home.ray", 16, Outcome::NoData),
        ("v6only.home.ray", A, Outcome::NoData),
        ("example.com", A, Outcome::Foreign),
        ("xray", A, Outcome::Foreign),
        ("nas", A, Outcome::Foreign),
        ("192.0.2.1", QTYPE_PTR, Outcome::Foreign),
        ("100.64.0.77", QTYPE_PTR, Outcome::Missing),
        ("a..ray", A, Outcome::NotAName),
        ("", A, Outcome::Foreign),
    ] {
        assert_eq!(look_up(&zone(), name, kind).outcome, outcome, "{name}");
    }
    assert_eq!(look_up(&zone(), &format!("{}.ray", "a".repeat(64)), A).outcome, Outcome::NotAName);
    assert_eq!(look_up(&zone(), &"a.".repeat(130), A).outcome, Outcome::NotAName);
    assert_eq!(look_up(&zone(), "esc\u{1b}[31m.ray", A).outcome, Outcome::Missing);
}

#[test]
fn an_address_leads_to_its_owner() {
    for address in ["100.64.0.2", "200::2"] {
        let found = look_up(&zone(), address, QTYPE_PTR);
        assert_eq!(data(&found), ["nas.home.ray"], "{address}");
    }
}

#[test]
fn an_alias_goes_before_flat_names_and_hides_no_full_one() {
    let zone = zone().with_aliases([alias("alice", "nas", "home"), alias("disk", "nas", "home")]);
    let found = look_up(&zone, "alice.ray", A);
    assert_eq!((data(&found), found.alias), (vec!["100.64.0.2"], true));
    assert_eq!(found.name.as_deref(), Some("nas.home.ray"));
    assert_eq!(found.others, ["alice.attic.ray", "alice.home.ray"]);
    assert_eq!(data(&look_up(&zone, "alice.home.ray", A)), ["100.64.0.3"]);
    assert_eq!(data(&look_up(&zone, "disk.ray", AAAA)), ["200::2"]);
    assert_eq!(look_up(&zone, "disk.home.ray", A).outcome, Outcome::Missing);
    assert_eq!(look_up(&zone, "disk", A).outcome, Outcome::Foreign);
}

#[test]
fn an_alias_never_answers_for_a_public_name_or_for_an_address() {
    let zone = zone().with_aliases([alias("com", "nas", "home"), alias("example", "nas", "home")]);
    for name in ["com", "example", "example.com", "www.example.com"] {
        assert_eq!(look_up(&zone, name, A).outcome, Outcome::Foreign, "{name}");
    }
    assert_eq!(data(&look_up(&zone, "100.64.0.2", QTYPE_PTR)), ["nas.home.ray"], "published names only");
}

#[test]
fn an_alias_of_a_member_that_is_gone_means_nothing() {
    let zone = zone().with_aliases([alias("disk", "bob", "home"), alias("alice", "bob", "home")]);
    assert_eq!(look_up(&zone, "disk.ray", A).outcome, Outcome::Missing);
    assert_eq!(data(&look_up(&zone, "alice.ray", A)), ["100.64.0.9"]);
}

#[test]
fn a_network_called_com_answers_for_nothing_but_names_below_ray() {
    let zone = Zone::new([host("google", "com", "100.64.0.2", "200::2")]);
    for name in ["com", "google.com", "www.google.com", "google"] {
        assert_eq!(look_up(&zone, name, A).outcome, Outcome::Foreign, "{name}");
    }
    assert_eq!(data(&look_up(&zone, "google.com.ray", A)), ["100.64.0.2"]);
}

fn data(found: &LookUp) -> Vec<&str> {
    found.records.iter().map(|record| record.data.as_str()).collect()
}

fn alias(name: &str, host: &str, network: &str) -> Alias {
    Alias { name: name.parse().unwrap(), host: host.parse().unwrap(), network: network.parse().unwrap() }
}

fn zone() -> Zone {
    let v6only = Host { v4: None, ..host("v6only", "home", "100.64.0.4", "200::4") };
    Zone::new([
        host("nas", "home", "100.64.0.2", "200::2"),
        host("alice", "home", "100.64.0.3", "200::3"),
        host("alice", "attic", "100.64.0.9", "200::9"),
        v6only,
    ])
}

fn host(host: &str, network: &str, v4: &str, v6: &str) -> Host {
    Host {
        host: host.parse().unwrap(),
        network: network.parse().unwrap(),
        v4: Some(v4.parse().unwrap()),
        v6: v6.parse().unwrap(),
    }
}
