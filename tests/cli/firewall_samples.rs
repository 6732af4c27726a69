//! Answers of an engine about its firewall and about groups.

use std::net::{IpAddr, Ipv4Addr};

use ray_ipc::control::{
    DroppedFlow, FirewallReply, FirewallTestReply, FlowDirection, GroupStatus, GroupsReply, Reply, RuleStatus,
    SuggestionOrigin, SuggestionScope, SuggestionState, SuggestionStatus, SuggestionsReply,
};

use super::samples::{MOMENT, id};

/// The firewall with a rule of each kind; the second expires at this time.
pub(crate) fn firewall(expires_at: u64, change: Option<&str>) -> Reply {
    Reply::Firewall(Box::new(status(expires_at, change)))
}

pub(crate) fn status(expires_at: u64, change: Option<&str>) -> FirewallReply {
    let bob = id('2');
    let rules = vec![
        rule(1, "in allow icmp", "in allow icmp"),
        RuleStatus {
            expires_at: Some(expires_at),
            ..rule(2, "in allow tcp 22 from bob", &format!("in allow tcp 22 from {bob}"))
        },
        suggested_rule(),
    ];
    FirewallReply {
        on: true,
        reject: false,
        inbound_allow: false,
        outbound_allow: true,
        rules,
        pending: 1,
        change: change.map(str::to_owned),
    }
}

pub(crate) fn tested() -> Reply {
    Reply::FirewallTest(Box::new(FirewallTestReply {
        allow: true,
        rule: Some(suggested_rule()),
        why: "in tcp 443 is allowed: it is about a group of this peer, and no narrower or equal rule denies".into(),
        network: "home".into(),
        peer: "bob".into(),
    }))
}

/// One in each state. They were made this long before.
pub(crate) fn suggestions(time: u64) -> Reply {
    let unreadable = SuggestionState::Unreadable { reason: "the rule is of a newer release".into() };
    let suggestions = vec![
        suggestion('4', SuggestionScope::All, SuggestionState::Pending, time),
        suggestion('5', SuggestionScope::Group("guests".into()), SuggestionState::Accepted, time - 86_400),
        suggestion('6', SuggestionScope::Member("nas".into()), SuggestionState::Pending, time - 2 * 86_400),
        suggestion('7', SuggestionScope::All, SuggestionState::Declined, time - 2 * 86_400),
        suggestion('8', SuggestionScope::All, unreadable, time - 3 * 86_400),
    ];
    let auto_accept = vec![("home".into(), false), ("work".into(), true)];
    Reply::Suggestions(SuggestionsReply { suggestions, auto_accept })
}

/// What has become of one that was decided.
pub(crate) fn decided(state: SuggestionState) -> Reply {
    let suggestions = vec![suggestion('4', SuggestionScope::All, state, MOMENT)];
    Reply::Suggestions(SuggestionsReply { suggestions, auto_accept: vec![("home".into(), false)] })
}

pub(crate) fn auto_accept(on: bool) -> Reply {
    Reply::Suggestions(SuggestionsReply { suggestions: vec![], auto_accept: vec![("home".into(), on)] })
}

pub(crate) fn suggestion(digit: char, scope: SuggestionScope, state: SuggestionState, time: u64) -> SuggestionStatus {
    let origin = SuggestionOrigin { id: id(digit), network: "home".into(), author: "alice".into() };
    SuggestionStatus { origin, scope, rule: "in allow tcp 22 from alice on home".into(), time, state }
}

pub(crate) fn dropped(suppressed: u64) -> Reply {
    Reply::Dropped(Box::new(DroppedFlow {
        time_ms: MOMENT * 1000 + 7_250,
        direction: FlowDirection::In,
        peer: "bob".into(),
        network: "home".into(),
        protocol: 6,
        src: IpAddr::V4(Ipv4Addr::new(100, 75, 1, 3)),
        src_port: Some(50_022),
        dst: IpAddr::V4(Ipv4Addr::new(100, 75, 1, 2)),
        dst_port: Some(22),
        reason: "firewall_default_in".into(),
        suppressed,
    }))
}

pub(crate) fn groups() -> Reply {
    let groups = vec![
        GroupStatus { name: "guests".into(), members: vec!["bob".into(), "carol".into()] },
        GroupStatus { name: "servers".into(), members: vec!["nas".into()] },
    ];
    Reply::Groups(GroupsReply { network: "home".into(), groups })
}

fn suggested_rule() -> RuleStatus {
    let origin = SuggestionOrigin { id: id('4'), network: "home".into(), author: "alice".into() };
    let stored = format!("in allow tcp 443,8000-8010 from group:guests on {}", id('a'));
    let shown = "in allow tcp 443,8000-8010 from group:guests on home";
    RuleStatus { suggestion: Some(origin), ..rule(3, shown, &stored) }
}

fn rule(number: u32, shown: &str, stored: &str) -> RuleStatus {
    RuleStatus { number, stored: stored.into(), shown: shown.into(), expires_at: None, suggestion: None }
}
