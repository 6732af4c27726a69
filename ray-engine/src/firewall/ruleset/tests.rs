//! Which rule decides.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use super::*;
use crate::{
    firewall::rule::{parse, parse_bytes},
    ident::{PeerId, RoomId},
    ledger::{EntryId, UserKey},
};

#[test]
fn an_empty_rule_set_denies_what_comes_in() {
    let set = set(&[]);
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Any] {
        assert_eq!(set.decide(&ALICE, Direction::In, protocol, Some(22)).action(), Action::Deny);
        assert_eq!(set.decide(&ALICE, Direction::Out, protocol, Some(22)).action(), Action::Allow);
    }
    let nothing = Ruleset::default();
    assert_eq!(nothing.decide(&ALICE, Direction::Out, Protocol::Tcp, Some(22)), Decision::Stranger);
}

#[test]
fn a_fresh_installation_answers_pings_and_nothing_else() {
    let set = Ruleset::compile(seeded(), Posture::default(), members(), NOW);
    assert_eq!(set.decide(&ALICE, Direction::In, Protocol::Icmp, None).action(), Action::Allow);
    for protocol in [Protocol::Tcp, Protocol::Udp, Protocol::Any] {
        assert_eq!(set.decide(&ALICE, Direction::In, protocol, Some(22)).action(), Action::Deny);
    }
}

#[test]
fn the_narrowest_peer_decides_wherever_its_rule_stands() {
    let narrow_to_wide = ["from alice", "from user:anna", "from group:admins on home", ""];
    for (narrow, wide) in pairs(&narrow_to_wide) {
        for (first, second) in [("allow", "deny"), ("deny", "allow")] {
            let texts = [format!("in {first} tcp 22 {narrow}"), format!("in {second} tcp 22 {wide}")];
            for order in [[0, 1], [1, 0]] {
                let set = set(&order.map(|at: usize| texts[at].as_str()));
                let expected = if first == "allow" { Action::Allow } else { Action::Deny };
                assert_eq!(tcp(&set, &ALICE, 22), expected, "{texts:?} {order:?}");
            }
        }
    }
}

#[test]
fn among_equals_a_deny_decides_whatever_ports_and_networks_say() {
    for peer in ["from alice", "from user:anna", "from group:admins on home", ""] {
        for (allow, deny) in [
            (format!("in allow tcp 22 {peer}"), format!("in deny any {peer}")),
            (format!("in allow any {peer}"), format!("in deny tcp 20-30 {peer}")),
            (format!("in allow tcp 22,80 {peer}"), format!("in deny tcp 1-22,99 {peer}")),
        ] {
            assert_eq!(tcp(&set(&[&allow, &deny]), &ALICE, 22), Action::Deny, "{allow} / {deny}");
            assert_eq!(tcp(&set(&[&deny, &allow]), &ALICE, 22), Action::Deny, "{deny} / {allow}");
        }
    }
    assert_eq!(tcp(&set(&["in allow tcp 22 on home", "in deny tcp 22"]), &ALICE, 22), Action::Deny);
}

#[test]
fn a_rule_selects_its_network_protocol_ports_and_direction_only() {
    let set = set(&["in allow tcp 22,8000-8010 from alice on home", "out deny udp 53 to alice"]);
    for (port, action) in [(22, true), (21, false), (8000, true), (8005, true), (8010, true), (8011, false)] {
        assert_eq!(tcp(&set, &ALICE, port) == Action::Allow, action, "{port}");
    }
    assert_eq!(tcp(&set, &ALICE_AT_WORK, 22), Action::Deny);
    assert_eq!(tcp(&set, &BOB, 22), Action::Deny);
    assert_eq!(set.decide(&ALICE, Direction::In, Protocol::Udp, Some(22)).action(), Action::Deny);
    assert_eq!(set.decide(&ALICE, Direction::Out, Protocol::Udp, Some(53)).action(), Action::Deny);
    assert_eq!(set.decide(&ALICE, Direction::Out, Protocol::Udp, Some(54)).action(), Action::Allow);
    assert_eq!(set.decide(&ALICE, Direction::Out, Protocol::Tcp, Some(53)).action(), Action::Allow);
}

#[test]
fn a_group_counts_in_its_own_network_only() {
    let set = set(&["in allow tcp 22 from group:admins on home"]);
    assert_eq!(tcp(&set, &ALICE, 22), Action::Allow);
    assert_eq!(tcp(&set, &ALICE_AT_WORK, 22), Action::Deny, "that network has a group of the same name");
    assert_eq!(tcp(&set, &BOB, 22), Action::Deny);
}

#[test]
fn a_stranger_to_the_network_is_denied_whatever_rules_say() {
    let set = set(&["in allow any", "out allow any", "in allow any from bob"]);
    let bob_at_work = Party { network: WORK, ..BOB };
    for direction in [Direction::In, Direction::Out] {
        assert_eq!(set.decide(&bob_at_work, direction, Protocol::Tcp, Some(22)), Decision::Stranger);
    }
}

#[test]
fn a_suggested_allow_never_overrides_an_own_deny() {
    let suggested = |text: &str| Rule { origin: Origin::Suggestion(EntryId([1; 32])), ..rule(text) };
    for own in ["in deny tcp 22", "in deny any from group:admins on home", "in deny any from user:anna"] {
        let set = compile(vec![suggested("in allow tcp 22 from alice"), rule(own)]);
        assert_eq!(tcp(&set, &ALICE, 22), Action::Deny, "{own}");
        let said = set.explain(&ALICE, Direction::In, Protocol::Tcp, Some(22));
        assert_eq!(said.rule.map(|(at, _)| at), Some(1), "{own}");
    }
    let set = compile(vec![suggested("in allow tcp 22 from alice"), suggested("in deny tcp 22")]);
    assert_eq!(tcp(&set, &ALICE, 22), Action::Allow, "among suggestions the narrower decides");
    let set = compile(vec![suggested("in allow tcp 22"), rule("in allow tcp 22 from alice"), rule("in deny any")]);
    assert_eq!(tcp(&set, &ALICE, 22), Action::Allow, "an own allow for the device is narrower than an own deny");
    let set = compile(vec![suggested("in deny tcp 22"), rule("in allow tcp 22")]);
    assert_eq!(tcp(&set, &ALICE, 22), Action::Deny);
}

#[test]
fn expired_rules_do_not_count_and_the_next_expiry_is_known() {
    let rules = ["in allow tcp 22 until 2001-09-09T01:46:40Z", "in allow tcp 80 until 2001-09-09T01:46:41Z"];
    let rules: Vec<Rule> = rules.iter().map(|text| rule(text)).collect();
    let at = |seconds| Ruleset::compile(rules.clone(), Posture::default(), members(), UnixTime(seconds));
    assert_eq!(at(999_999_999).expires_at(), Some(UnixTime(1_000_000_000)));
    assert_eq!(tcp(&at(999_999_999), &ALICE, 22), Action::Allow);
    assert_eq!(tcp(&at(1_000_000_000), &ALICE, 22), Action::Deny);
    assert_eq!(tcp(&at(1_000_000_000), &ALICE, 80), Action::Allow);
    assert_eq!(at(1_000_000_001).expires_at(), None);
}

#[test]
fn agrees_with_a_walk_through_all_rules() {
    let mut random = crate::packet::samples::Random::new(0xf1);
    for _ in 0..400 {
        let rules: Vec<Rule> = (0..random.below(12)).map(|_| random_rule(&mut random)).collect();
        let set = compile(rules.clone());
        for party in [ALICE, BOB, ALICE_AT_WORK] {
            for _ in 0..8 {
                let direction = [Direction::In, Direction::Out][random.below(2)];
                let protocol = [Protocol::Tcp, Protocol::Udp, Protocol::Icmp, Protocol::Any][random.below(4)];
                let port = protocol.has_ports().then(|| 20 + u16::try_from(random.below(6)).unwrap());
                let found = set.decide(&party, direction, protocol, port);
                assert_eq!(found.action(), slow(&rules, &party, direction, protocol, port), "{rules:#?} {party:?}");
            }
        }
    }
}

#[test]
fn says_which_rule_decides() {
    let set = set(&["in deny any", "in allow tcp 22 from alice"]);
    let said = set.explain(&ALICE, Direction::In, Protocol::Tcp, Some(22)).to_string();
    assert!(said.starts_with("in tcp 22 is allowed: rule 2 (in allow tcp 22 from 0101"), "{said}");
    let said = set.explain(&BOB, Direction::In, Protocol::Icmp, Some(22)).to_string();
    assert!(said.starts_with("in icmp is denied: rule 1 (in deny any) decides; it is about anybody"), "{said}");
    let said = set.explain(&BOB, Direction::Out, Protocol::Udp, Some(53)).to_string();
    assert_eq!(said, "out udp 53 is allowed: no rule matches, and the default for out decides");
}

const NOW: UnixTime = UnixTime(0);
const HOME: RoomId = RoomId([8; 32]);
const WORK: RoomId = RoomId([9; 32]);
const ALICE: Party = Party { peer: PeerId([1; 32]), network: HOME };
const ALICE_AT_WORK: Party = Party { network: WORK, ..ALICE };
const BOB: Party = Party { peer: PeerId([2; 32]), network: HOME };
const ANNA: UserKey = UserKey([5; 32]);

fn members() -> Members {
    let alice = Standing { user: Some(ANNA), groups: vec!["admins".parse().unwrap(), "ops".parse().unwrap()] };
    [(ALICE, alice.clone()), (ALICE_AT_WORK, alice), (BOB, Standing::default())].into_iter().collect()
}

fn set(texts: &[&str]) -> Ruleset {
    compile(texts.iter().map(|text| rule(text)).collect())
}

fn compile(rules: Vec<Rule>) -> Ruleset {
    Ruleset::compile(rules, Posture::default(), members(), NOW)
}

fn rule(text: &str) -> Rule {
    use crate::firewall::rule::{Name, NameError};
    parse(text, |name| match name {
        Name::Device("alice") => Ok(ALICE.peer.0),
        Name::Device("bob") => Ok(BOB.peer.0),
        Name::User("anna") => Ok(ANNA.0),
        Name::Network("home") => Ok(HOME.0),
        Name::Network("work") => Ok(WORK.0),
        Name::Device(_) | Name::User(_) | Name::Network(_) => Err(NameError::Unknown),
    })
    .unwrap()
}

fn random_rule(random: &mut crate::packet::samples::Random) -> Rule {
    let (direction, side) = [("in", "from"), ("out", "to")][random.below(2)];
    let action = ["allow", "deny"][random.below(2)];
    let what = ["tcp 22", "tcp 21-23", "udp 20,23-25", "tcp", "udp", "icmp", "any"][random.below(7)];
    let peer = ["any", "alice", "bob", "user:anna", "group:admins on home", "group:ops on home", "group:ops on work"]
        [random.below(7)];
    let network = if peer.contains(" on ") { "" } else { ["", "on home", "on work"][random.below(3)] };
    let mut rule = rule(&format!("{direction} {action} {what} {side} {peer} {network}"));
    if random.below(3) == 0 {
        rule.origin = Origin::Suggestion(EntryId([random.below(3) as u8; 32]));
    }
    assert_eq!(parse_bytes(rule.to_string().as_bytes()).unwrap(), Rule { origin: Origin::Local, ..rule.clone() });
    rule
}

/// The sentence of the documentation, word by word.
fn slow(rules: &[Rule], party: &Party, direction: Direction, protocol: Protocol, port: Option<u16>) -> Action {
    let members = members();
    let standing = members.get(party).unwrap();
    let matches = |rule: &&Rule| {
        rule.direction == direction
            && (rule.protocol == protocol || rule.protocol == Protocol::Any)
            && (rule.ports.is_all() || port.is_some_and(|port| rule.ports.contains(port)))
            && rule.network.is_none_or(|network| network == party.network)
    };
    let width = |rule: &Rule| match &rule.peer {
        PeerSelector::Device(peer) => (*peer == party.peer).then_some(0),
        PeerSelector::User(user) => (standing.user == Some(*user)).then_some(1),
        PeerSelector::Group(group) => standing.groups.contains(group).then_some(2),
        PeerSelector::Any => Some(3),
    };
    let matching: Vec<(i32, &Rule)> =
        rules.iter().filter(matches).filter_map(|rule| Some((width(rule)?, rule))).collect();
    let Some(narrowest) = matching.iter().map(|(width, _)| *width).min() else {
        return if direction == Direction::In { Action::Deny } else { Action::Allow };
    };
    let deciding: Vec<&Rule> =
        matching.iter().filter(|(width, _)| *width == narrowest).map(|(_, rule)| *rule).collect();
    if deciding.iter().any(|rule| rule.action == Action::Deny) {
        return Action::Deny;
    }
    let own_deny = matching.iter().any(|(_, rule)| rule.is_local() && rule.action == Action::Deny);
    if deciding.iter().all(|rule| !rule.is_local()) && own_deny { Action::Deny } else { Action::Allow }
}

fn tcp(set: &Ruleset, party: &Party, port: u16) -> Action {
    set.decide(party, Direction::In, Protocol::Tcp, Some(port)).action()
}

fn pairs<'a>(list: &[&'a str]) -> Vec<(&'a str, &'a str)> {
    let all = |at: usize| list[at + 1..].iter().map(move |wide| (list[at], *wide));
    (0..list.len()).flat_map(all).collect()
}
