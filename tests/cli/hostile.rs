//! An engine, or whoever poses as one, that means ill: bounded memory, bounded time, harmless text.

use std::time::{Duration, Instant};

use ray_ipc::{
    control::{
        AliasStatus, DnsReply, LENGTH_PREFIX, LogEffect, Message, PathState, Reply, RuleStatus, SettingEffect,
        Standing, StatusReply, SuggestionOrigin, SuggestionScope, SuggestionState, SuggestionStatus,
    },
    limits::CONTROL_FRAME_MAX,
};

use super::{
    commands,
    fake_engine::{FakeEngine, Step},
    ray::{Ran, run},
    samples,
    snapshot::check,
};

/// What a run may take beyond its deadline on a busy machine.
const SLACK: Duration = Duration::from_secs(20);

#[test]
fn an_oversize_frame_is_refused_before_it_is_read() {
    let length = u32::try_from(CONTROL_FRAME_MAX + 1).unwrap().to_le_bytes().to_vec();
    // Were the length believed, the client would wait for the rest.
    let engine = FakeEngine::playing(vec![Step::Raw(length)]);
    check("error_oversize", &run(&engine, &["status"]), &engine);
}

#[test]
fn an_oversize_hello_is_refused() {
    let engine = FakeEngine::greeting(vec![0xff; LENGTH_PREFIX], vec![]);
    let ran = run(&engine, &["status"]);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("4294967295 bytes"), "{}", ran.stderr);
}

#[test]
fn bytes_that_are_no_answer_are_refused() {
    let mut trailing = Reply::Down { was_up: true }.to_frame().unwrap();
    trailing[0] += 1;
    trailing.push(0);
    for frame in [trailing, vec![0, 0, 0, 0], vec![4, 0, 0, 0, 0xff, 0xff, 0xff, 0xff]] {
        let ran = run(&FakeEngine::playing(vec![Step::Raw(frame)]), &["down"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""));
        assert!(ran.stderr.starts_with("error: reading the engine's answer\ncaused by: "), "{}", ran.stderr);
    }
}

#[test]
fn a_closed_connection_is_an_error() {
    let half = samples::version().to_frame().unwrap()[..9].to_vec();
    for steps in [vec![Step::Close], vec![Step::Raw(half), Step::Close]] {
        let ran = run(&FakeEngine::playing(steps), &["version"]);
        assert_eq!(ran.code, 1);
        assert!(ran.stderr.contains("it closed the connection"), "{}", ran.stderr);
    }
}

#[test]
fn a_silent_engine_is_left_after_the_deadline() {
    let (open, gate) = std::sync::mpsc::channel();
    let engine = FakeEngine::playing(vec![Step::Gate(gate)]);
    let (ran, took) = timed(|| run(&engine, &["join", "--timeout", "1", samples::CODE]));
    drop(open);
    check("error_timeout", &ran, &engine);
    assert!(took >= Duration::from_secs(6), "{took:?} is too early");
    assert!(took < Duration::from_secs(6) + SLACK, "{took:?}");
}

#[test]
fn an_engine_that_trickles_is_left_after_the_same_deadline() {
    // Each byte alone would be in time; all of them take half a minute.
    let pause = Duration::from_millis(50);
    let engine = FakeEngine::playing(vec![Step::Raw(vec![0, 0, 1, 0]), Step::Trickle { times: 600, pause }]);
    let (ran, took) = timed(|| run(&engine, &["join", "--timeout", "1", samples::CODE]));
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(took < Duration::from_secs(6) + SLACK, "{took:?}");
}

#[test]
fn more_ping_replies_than_requests_end_the_ping() {
    let replies = (0..3).map(|seq| samples::ping_reply(seq, Some(1000)));
    let ran = run(&FakeEngine::answering(replies), &["ping", "bob", "-c", "2", "--json"]);
    assert_eq!(ran.code, 1);
    assert!(ran.json()["message"].as_str().unwrap().contains("more than 2 echo requests"));
}

#[test]
fn text_from_a_peer_cannot_move_the_cursor_or_hide_itself() {
    let evil = "bob\u{1b}]0;owned\u{7}\u{1b}[2J\r\n\u{9b}1A\u{202e}ecila\u{200b}";
    let mut status = samples::status();
    let home = &mut status.networks[0];
    home.name = evil.into();
    home.members.truncate(2);
    let member = &mut home.members[1];
    (member.hostname, member.fqdn, member.endpoint_id) = (evil.into(), evil.into(), evil.into());
    member.state = samples::online(PathState::Relay { url: evil.into() });
    status.warnings.push(evil.into());
    status.underlay.push(evil.into());
    let reply = Reply::Status(Box::new(status));

    let engine = FakeEngine::answering([reply.clone()]);
    let text = run(&engine, &["status", "--verbose"]);
    is_harmless(&text);
    check("status_hostile", &text, &engine);
    let json = run(&FakeEngine::answering([reply]), &["status", "--json"]);
    is_harmless(&json);
    assert_eq!(json.json()["networks"][0]["members"][1]["hostname"], evil);
}

#[test]
fn no_text_of_any_answer_is_printed_as_it_came() {
    for command in commands::all() {
        let mut runs = vec![command.words(), [&command.words()[..], &["--json"]].concat()];
        if command.verb == ["status"] {
            runs.push(vec!["status", "--verbose"]);
        }
        if command.verb == ["firewall", "show"] {
            runs.push(vec!["firewall", "show", "--verbose"]);
        }
        if command.verb == ["dns", "status"] {
            runs.push(vec!["dns", "status", "--verbose"]);
        }
        for words in runs {
            let engine = FakeEngine::answering(command.replies.iter().map(poisoned));
            let ran = run(&engine, &words);
            assert_eq!(ran.code, 0, "{words:?}: {ran:?}");
            is_harmless(&ran);
        }
    }
}

/// The reply with an escape sequence and invisible characters in each of its names.
fn poisoned(reply: &Reply) -> Reply {
    let evil = "\u{1b}[2J\u{9b}1A\u{202e}\n";
    let mut reply = reply.clone();
    let all = |texts: Vec<&mut String>| texts.into_iter().for_each(|text| text.insert_str(1, evil));
    match &mut reply {
        Reply::Up(up) => all(vec![&mut up.tun.ifname]),
        Reply::Created(network) => all(vec![&mut network.name, &mut network.room_id, &mut network.hostname]),
        Reply::Joined(joined) => {
            let network = &mut joined.network;
            all(vec![&mut network.name, &mut network.room_id, &mut network.hostname, &mut joined.seated_by]);
        }
        Reply::Left(left) => all(vec![&mut left.name]),
        Reply::Invited(invite) => all(vec![&mut invite.code, &mut invite.network, invite.hostname.as_mut().unwrap()]),
        Reply::Status(status) => poison_status(status, &all),
        Reply::Ping(ping) => ping.path = PathState::Relay { url: evil.into() },
        Reply::PingDone(done) => all(vec![&mut done.peer, &mut done.address]),
        Reply::Version(engine) => all(vec![&mut engine.release, &mut engine.endpoint_id]),
        Reply::Waiting(waiting) => all(vec![&mut waiting.room_id, &mut waiting.hostname]),
        Reply::Invites(invites) => {
            all(vec![&mut invites.network]);
            for invite in &mut invites.invites {
                all(vec![&mut invite.key, &mut invite.network, &mut invite.minted_by]);
                invite.hostname.as_mut().into_iter().for_each(|hostname| hostname.insert_str(1, evil));
            }
        }
        Reply::InviteRevoked(invite) => all(vec![&mut invite.key, &mut invite.network, &mut invite.minted_by]),
        Reply::Requests(requests) => {
            all(vec![&mut requests.network]);
            for asked in &mut requests.requests {
                all(vec![&mut asked.endpoint_id, &mut asked.hostname]);
            }
        }
        Reply::Accepted(member)
        | Reply::Denied(member)
        | Reply::Kicked(member)
        | Reply::Renamed(member)
        | Reply::Granted(member)
        | Reply::Revoked(member) => all(vec![&mut member.network, &mut member.endpoint_id, &mut member.hostname]),
        Reply::Whoami(who) => {
            let granted = who.granted.as_mut().unwrap();
            all(vec![who.user.as_mut().unwrap(), &mut granted.key, &mut granted.entry, &mut who.settings]);
            all(who.groups.iter_mut().filter_map(|group| group.name.as_mut()).collect());
        }
        Reply::Nuked(nuked) => all(vec![&mut nuked.network]),
        Reply::Ephemeral(ephemeral) => all(vec![&mut ephemeral.network]),
        Reply::Coordinators(coordinators) => {
            all(vec![&mut coordinators.network]);
            for coordinator in &mut coordinators.coordinators {
                all(vec![&mut coordinator.endpoint_id, &mut coordinator.hostname]);
                coordinator.granted_by.as_mut().into_iter().for_each(|name| name.insert_str(1, evil));
            }
        }
        Reply::LogEntry(entry) => {
            all(vec![&mut entry.id, &mut entry.author_id, &mut entry.author, &mut entry.action, &mut entry.text]);
            if let LogEffect::NoEffect { reason } = &mut entry.effect {
                reason.insert_str(1, evil);
            }
        }
        Reply::LogDone(done) => all(vec![&mut done.network]),
        Reply::Rekeyed(rekeyed) => all(vec![&mut rekeyed.network, &mut rekeyed.discovery_key]),
        Reply::Mode(mode) => all(vec![&mut mode.network]),
        Reply::Firewall(firewall) => {
            firewall.change = Some("xx".into());
            all(vec![firewall.change.as_mut().unwrap()]);
            firewall.rules.iter_mut().for_each(|rule| all(rule_texts(rule)));
        }
        Reply::FirewallTest(tested) => {
            all(vec![&mut tested.why, &mut tested.network, &mut tested.peer]);
            all(rule_texts(tested.rule.as_mut().unwrap()));
        }
        Reply::Suggestions(reply) => {
            reply.auto_accept.iter_mut().for_each(|(network, _)| all(vec![network]));
            reply.suggestions.iter_mut().for_each(|suggestion| all(suggestion_texts(suggestion)));
        }
        Reply::Suggested(suggestion) | Reply::Withdrawn(suggestion) => all(suggestion_texts(suggestion)),
        Reply::Dropped(flow) => all(vec![&mut flow.peer, &mut flow.network, &mut flow.reason]),
        Reply::Groups(groups) => {
            all(vec![&mut groups.network]);
            for group in &mut groups.groups {
                all([&mut group.name].into_iter().chain(&mut group.members).collect());
            }
        }
        Reply::Settings(settings) => all(vec![&mut settings.file]),
        Reply::Setting(change) => {
            if let SettingEffect::Later { reason } = &mut change.effect {
                all(vec![reason]);
            }
        }
        Reply::Dns(status) => poison_dns(status, &all),
        Reply::DnsQuery(found) => {
            all(vec![&mut found.name, found.target.as_mut().unwrap(), found.network.as_mut().unwrap()]);
            all(found.others.iter_mut().chain(found.records.iter_mut().map(|record| &mut record.data)).collect());
        }
        Reply::Aliases(aliases) => aliases.aliases.iter_mut().for_each(|alias| all(alias_texts(alias))),
        Reply::Alias(change) => {
            all(alias_texts(&mut change.alias));
            all(change.hides.as_mut().into_iter().collect());
        }
        Reply::Down { .. } | Reply::DroppedDone => {}
        Reply::Error(_) => panic!("no command is answered with an error here"),
    }
    reply
}

fn rule_texts(rule: &mut RuleStatus) -> Vec<&mut String> {
    let mut texts = vec![&mut rule.stored, &mut rule.shown];
    texts.extend(rule.suggestion.iter_mut().flat_map(origin_texts));
    texts
}

fn suggestion_texts(suggestion: &mut SuggestionStatus) -> Vec<&mut String> {
    let mut texts = vec![&mut suggestion.rule];
    texts.extend(origin_texts(&mut suggestion.origin));
    match &mut suggestion.scope {
        SuggestionScope::All => {}
        SuggestionScope::Member(name) | SuggestionScope::Group(name) => texts.push(name),
    }
    if let SuggestionState::Unreadable { reason } = &mut suggestion.state {
        texts.push(reason);
    }
    texts
}

fn origin_texts(origin: &mut SuggestionOrigin) -> Vec<&mut String> {
    vec![&mut origin.id, &mut origin.network, &mut origin.author]
}

fn alias_texts(alias: &mut AliasStatus) -> Vec<&mut String> {
    vec![&mut alias.name, &mut alias.target, &mut alias.endpoint_id]
}

fn poison_dns(status: &mut DnsReply, all: &dyn Fn(Vec<&mut String>)) {
    status.trouble = Some("xx".into());
    let host = status.host.as_mut().unwrap();
    all(vec![&mut host.backend, &mut host.why, status.trouble.as_mut().unwrap()]);
    all(host.set.iter_mut().chain(&mut host.search).collect());
    host.conflicts.iter_mut().for_each(|conflict| all(vec![&mut conflict.what, &mut conflict.remedy]));
    status.events.iter_mut().for_each(|event| all(vec![&mut event.text]));
}

fn poison_status(status: &mut StatusReply, all: &dyn Fn(Vec<&mut String>)) {
    status.warnings.push("x".into());
    status.waiting.push(samples::waiting());
    let (mut out, mut ended) = (samples::home(), samples::home());
    out.standing = Standing::Out { reason: "removed".into() };
    ended.standing = Standing::Ended { by: "bob".into() };
    status.networks.extend([out, ended]);
    all(status.warnings.iter_mut().chain(&mut status.underlay).collect());
    status.waiting.iter_mut().for_each(|waiting| all(vec![&mut waiting.room_id, &mut waiting.hostname]));
    for network in &mut status.networks {
        network.publication.error = Some("xx".into());
        let publication = &mut network.publication;
        all(vec![&mut publication.discovery_key, publication.error.as_mut().unwrap()]);
        all(vec![&mut network.name, &mut network.room_id, &mut network.hostname]);
        match &mut network.standing {
            Standing::Member => {}
            Standing::Out { reason: text } | Standing::Ended { by: text } => all(vec![text]),
        }
        for member in &mut network.members {
            all(vec![&mut member.hostname, &mut member.fqdn, &mut member.endpoint_id]);
        }
    }
}

#[test]
fn an_error_message_cannot_forge_a_second_line() {
    let message = "no such host: x\nhint: run something bad\u{1b}[1A".to_owned();
    let error = ray_ipc::control::ErrorReply { code: ray_ipc::control::ErrorCode::NotFound, message, hint: None };
    let ran = run(&FakeEngine::answering([Reply::Error(error)]), &["ping", "x"]);
    is_harmless(&ran);
    assert_eq!((ran.code, ran.stderr.lines().count()), (6, 1), "{}", ran.stderr);
}

fn is_harmless(ran: &Ran) {
    for c in ran.stdout.chars().chain(ran.stderr.chars()) {
        let dangerous = (c.is_control() && c != '\n') || matches!(c, '\u{202e}' | '\u{200b}');
        assert!(!dangerous, "{c:?} is printed as it is");
    }
}

fn timed(run: impl FnOnce() -> Ran) -> (Ran, Duration) {
    let start = Instant::now();
    let ran = run();
    (ran, start.elapsed())
}
