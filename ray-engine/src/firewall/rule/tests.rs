//! What a rule's text may be, and what it means.

use super::*;
use crate::firewall::limits::{PORT_RANGES_MAX, RULE_TEXT_MAX, RULES_MAX};

#[test]
fn reads_back_what_it_shows() {
    let (alice, room) = ("11".repeat(32), "22".repeat(32));
    for text in [
        "in allow icmp".to_owned(),
        "in deny any".to_owned(),
        "out deny udp 53".to_owned(),
        format!("in allow tcp 22,8000-8010 from {alice}"),
        format!("in allow tcp from user:{alice} on {room}"),
        format!("out deny any to group:admins on {room} until 2026-12-31T23:59:59Z"),
        format!("in allow udp 1-65535 on {room}"),
    ] {
        let rule = parse_bytes(text.as_bytes()).unwrap();
        assert_eq!(rule.to_string(), text);
    }
}

#[test]
fn means_what_it_says() {
    let (alice, room) = ("11".repeat(32), "22".repeat(32));
    let text = format!("in allow tcp 22,8000-8010 from {alice} on {room} until 1970-01-01T00:01:00Z");
    let rule = parse_bytes(text.as_bytes()).unwrap();
    assert_eq!((rule.direction, rule.action, rule.protocol), (Direction::In, Action::Allow, Protocol::Tcp));
    assert_eq!(rule.peer, PeerSelector::Device(PeerId([0x11; 32])));
    assert_eq!((rule.network, rule.expires), (Some(RoomId([0x22; 32])), Some(UnixTime(60))));
    let selected: Vec<u16> = (0..=u16::MAX).filter(|port| rule.ports.contains(*port)).collect();
    assert_eq!(selected.len(), 12);
    assert!(selected.contains(&22) && selected.contains(&8000) && selected.contains(&8010));
    assert!(rule.counts_at(UnixTime(59)) && !rule.counts_at(UnixTime(60)));
}

#[test]
fn spaces_any_and_the_order_of_ports_do_not_matter() {
    let plain = parse_bytes(b"in allow tcp 80-90").unwrap();
    for text in ["  in  allow tcp 80-90 from any on any ", "in allow tcp 85-90,80-84", "in allow tcp 80,81-90,82"] {
        assert_eq!(parse_bytes(text.as_bytes()).unwrap(), plain, "{text}");
    }
}

#[test]
fn resolves_names_when_the_rule_is_written() {
    let resolve = |name: Name<'_>| match name {
        Name::Device("nas") => Ok([1; 32]),
        Name::User("alice") => Ok([2; 32]),
        Name::Network("home") => Ok([3; 32]),
        Name::Device("twins") => Err(NameError::Ambiguous),
        Name::Device(_) | Name::User(_) | Name::Network(_) => Err(NameError::Unknown),
    };
    let rule = parse("in allow tcp 22 from nas on home", resolve).unwrap();
    assert_eq!((rule.peer, rule.network), (PeerSelector::Device(PeerId([1; 32])), Some(RoomId([3; 32]))));
    let rule = parse("out deny any to user:alice", resolve).unwrap();
    assert_eq!(rule.peer, PeerSelector::User(UserKey([2; 32])));
    for (text, error) in [("twins", NameError::Ambiguous), ("bob", NameError::Unknown)] {
        let refused = parse(&format!("in allow any from {text}"), resolve);
        assert_eq!(refused, Err(RuleError::Name(error, text.to_owned())));
    }
    // A key is never taken for a name, and stored rules hold keys only.
    assert!(parse(&format!("in allow any from {}", "ab".repeat(32)), |_| panic!("nothing to resolve")).is_ok());
    let stored = parse_bytes(b"in allow any from nas");
    assert_eq!(stored, Err(RuleError::Name(NameError::NotAKey, "nas".to_owned())));
}

#[test]
fn refuses_what_is_not_a_rule() {
    let key = "11".repeat(32);
    for text in [
        "",
        "in",
        "in allow",
        "allow in tcp",
        "In allow tcp",
        "in allow sctp",
        "in allow tcp 0",
        "in allow tcp 65536",
        "in allow tcp 022",
        "in allow tcp 22-",
        "in allow tcp 90-80",
        "in allow tcp 22,",
        "in allow tcp 22,,23",
        "in allow tcp 22, 23",
        "in allow tcp 1-2-3",
        "in allow tcp +22",
        "in allow tcp *",
        "in allow icmp 8",
        "in allow any 22",
        "in allow tcp from",
        "in allow tcp 22 23",
        "in allow tcp on",
        "in allow tcp until",
        "in allow tcp until tomorrow",
        "in allow tcp from group:admins",
        "in allow tcp from group: on any",
        "in allow tcp from user:",
        "in allow tcp from",
        "in\tallow tcp",
        "in allow tcp\n",
        "in allow tcp from \u{e4}",
        "in allow tcp from any from any",
        "in allow tcp on any from any",
        &format!("in allow tcp to {key}"),
        &format!("out allow tcp from {key}"),
        &format!("in allow tcp from {key}0"),
        &format!("in allow tcp from {}", "AB".repeat(32)),
        &format!("in allow tcp from user:{key} x"),
    ] {
        assert!(parse_bytes(text.as_bytes()).is_err(), "{text:?}");
    }
    assert_eq!(parse_bytes(&[0xff, 0xfe]), Err(RuleError::NotPrintable));
    assert_eq!(parse_bytes(&[b' '; RULE_TEXT_MAX + 1]), Err(RuleError::TooLong));
    let many = vec!["1"; PORT_RANGES_MAX + 1].join(",");
    assert_eq!(parse_bytes(format!("in allow tcp {many}").as_bytes()), Err(RuleError::TooManyPorts));
}

#[test]
fn every_refusal_says_which_word_is_wrong() {
    let many: Vec<String> = (1..=21).map(|port| (port * 2).to_string()).collect();
    let named = |text: &str, error: NameError| parse(text, |_| Err(error)).unwrap_err().to_string();
    for (text, part) in [
        ("in allow", "tcp, udp, icmp or any"),
        ("sideways allow tcp", "sideways"),
        ("in allow tcp from", "a peer"),
        ("in allow tcp 22 23", "23"),
        ("in allow tcp 99999", "99999"),
        ("in allow icmp 8", "port"),
        ("in allow tcp until tomorrow", "tomorrow"),
        ("in allow tcp from group:A!", "A!"),
        ("in allow tcp from group:admins", "network"),
        ("in allow tcp from bob", "bob"),
        (&format!("in allow tcp {}", many.join(",")), "20"),
        ("in allow tcp\u{e4}", "ASCII"),
        (&" ".repeat(RULE_TEXT_MAX + 1), "512"),
    ] {
        let message = parse_bytes(text.as_bytes()).unwrap_err().to_string();
        assert!(message.contains(part), "{text:?}: {message}");
    }
    let messages =
        [NameError::Unknown, NameError::Ambiguous, NameError::NotAKey].map(|e| named("in allow tcp from bob", e));
    assert!(messages.iter().all(|message| message.contains("bob")), "{messages:?}");
    assert!(messages[0] != messages[1] && messages[1] != messages[2], "{messages:?}");
}

#[test]
fn the_longest_rule_fits_its_bound() {
    let ports: Vec<String> = (0..PORT_RANGES_MAX).map(|n| format!("{}-{}", 10_000 + 20 * n, 10_010 + 20 * n)).collect();
    let (user, room) = ("ff".repeat(32), "ee".repeat(32));
    let text = format!("out allow tcp {} to user:{user} on {room} until 2026-12-31T23:59:59Z", ports.join(","));
    assert_eq!(parse_bytes(text.as_bytes()).unwrap().to_string(), text);
    assert!(text.len() <= RULE_TEXT_MAX, "{}", text.len());
}

#[test]
fn a_rule_with_the_same_selector_takes_the_others_place() {
    let rule = |text: &str| parse_bytes(text.as_bytes()).unwrap();
    let mut rules = vec![rule("in allow icmp"), rule("in allow tcp 22")];
    assert_eq!(add(&mut rules, rule("in deny tcp 22 until 2030-01-01T00:00:00Z")), Some(Added::Replaced(1)));
    assert_eq!(rules[1].action, Action::Deny);
    for other in ["in deny tcp 23", "in deny udp 22", "out deny tcp 22", "in deny tcp"] {
        assert!(matches!(add(&mut rules, rule(other)), Some(Added::New(_))), "{other}");
    }
    let suggested = Rule { origin: Origin::Suggestion(EntryId([7; 32])), ..rule("in allow tcp 22") };
    assert!(matches!(add(&mut rules, suggested), Some(Added::New(_))), "a suggestion replaces no rule of the user's");
    rules.resize(RULES_MAX, rule("in allow icmp"));
    assert_eq!(add(&mut rules, rule("in allow tcp 4444")), None);
}
