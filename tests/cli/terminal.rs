//! What is different when a person watches: colour, questions, progress.

use std::{
    fs::{File, OpenOptions},
    io::{Read, Write},
    os::{fd::AsFd, unix::fs::OpenOptionsExt},
    process::Child,
    sync::mpsc,
};

use nix::{
    fcntl::OFlag,
    pty::{PtyMaster, grantpt, posix_openpt, ptsname_r, unlockpt},
};
use ray_ipc::control::{
    FirewallRequest, LeaveRequest, MemberRequest, NetworkRequest, NetworkStatus, Reply, Request, SuggestionRequest,
    SuggestionState,
};

use super::{
    fake_engine::{FakeEngine, Step},
    firewall_samples,
    ray::command,
    samples,
};

#[test]
fn a_terminal_gets_colour() {
    assert!(coloured(&[], &[]));
}

#[test]
fn no_color_is_heeded_when_it_is_not_empty() {
    assert!(!coloured(&[], &[("NO_COLOR", "1")]));
    assert!(coloured(&[], &[("NO_COLOR", "")]));
}

#[test]
fn a_dumb_terminal_gets_no_colour() {
    assert!(!coloured(&[], &[("TERM", "dumb")]));
}

#[test]
fn the_option_wins_over_terminal_and_environment() {
    assert!(!coloured(&["--color", "never"], &[]));
    assert!(coloured(&["--color", "always"], &[("NO_COLOR", "1")]));
}

#[test]
fn leave_asks_and_takes_yes_for_an_answer() {
    let engine = FakeEngine::answering([samples::left(1)]);
    let mut session = Session::start(&engine, &["leave", "home"], &[]);
    session.wait_for("leave home? Coming back takes another invite [y/N] ");
    session.answer("y\n");
    let (code, text) = session.end();
    assert_eq!(code, 0, "{text}");
    assert_eq!(engine.requests(), [Request::Leave(LeaveRequest { network: "home".into(), successor: None })]);
}

#[test]
fn leave_asks_and_takes_anything_else_for_no() {
    let engine = FakeEngine::answering([]);
    let mut session = Session::start(&engine, &["leave", "home"], &[]);
    session.wait_for("[y/N] ");
    session.answer("\n");
    let (code, text) = session.end();
    assert_eq!(code, 1);
    assert!(text.contains("not confirmed, nothing changed"), "{text}");
    assert!(engine.requests().is_empty());
}

#[test]
fn kick_asks_and_takes_yes_for_an_answer() {
    let engine = FakeEngine::answering([Reply::Kicked(samples::member_reply())]);
    let mut session = Session::start(&engine, &["kick", "bob", "home"], &[]);
    session.wait_for("remove bob from home? No invite brings it back [y/N] ");
    session.answer("yes\n");
    assert_eq!(session.end().0, 0);
    let request = MemberRequest { network: Some("home".into()), member: "bob".into() };
    assert_eq!(engine.requests(), [Request::Kick(request)]);
}

#[test]
fn kick_asks_and_takes_anything_else_for_no() {
    let engine = FakeEngine::answering([]);
    let mut session = Session::start(&engine, &["kick", "bob"], &[]);
    session.wait_for("[y/N] ");
    session.answer("bob\n");
    assert_eq!(session.end().0, 1);
    assert!(engine.requests().is_empty());
}

#[test]
fn nuke_ends_the_network_whose_name_was_typed() {
    let mut status = samples::status();
    status.networks.push(NetworkStatus { name: "work".into(), room_id: "c".repeat(64), ..samples::home() });
    for named in [vec!["work"], vec!["cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc"]] {
        let shown = Reply::Status(Box::new(status.clone()));
        let engine = FakeEngine::conversing(vec![vec![shown], vec![samples::nuked(6)]]);
        let mut session = Session::start(&engine, &[vec!["nuke"], named].concat(), &[]);
        session.wait_for("end work for all its 7 members? Nobody can undo it. Type its name to go on: ");
        session.answer("work\n");
        let (code, text) = session.end();
        assert_eq!(code, 0, "{text}");
        let request = NetworkRequest { network: Some("c".repeat(64)) };
        assert_eq!(engine.requests(), [Request::Status, Request::Nuke(request)]);
    }
}

#[test]
fn nuke_takes_the_only_network_when_none_is_named() {
    let shown = Reply::Status(Box::new(samples::status()));
    let engine = FakeEngine::conversing(vec![vec![shown], vec![samples::nuked(6)]]);
    let mut session = Session::start(&engine, &["nuke"], &[]);
    session.wait_for("end home for all");
    session.answer("home\n");
    assert_eq!(session.end().0, 0);
    let request = NetworkRequest { network: Some("a".repeat(64)) };
    assert_eq!(engine.requests(), [Request::Status, Request::Nuke(request)]);
}

#[test]
fn nuke_takes_no_yes_for_a_name() {
    let engine = FakeEngine::answering([Reply::Status(Box::new(samples::status()))]);
    let mut session = Session::start(&engine, &["nuke", "home"], &[]);
    session.wait_for("Type its name");
    session.answer("yes\n");
    let (code, text) = session.end();
    assert_eq!(code, 1);
    assert!(text.contains("ending home: not confirmed, nothing changed"), "{text}");
    assert_eq!(engine.requests(), [Request::Status]);
}

#[test]
fn nuke_does_not_choose_among_networks() {
    let mut status = samples::status();
    status.networks.push(NetworkStatus { room_id: "c".repeat(64), ..samples::home() });
    for (named, problem) in
        [(&["nuke"][..], "more than one"), (&["nuke", "home"], "more than one"), (&["nuke", "work"], "no such network")]
    {
        let engine = FakeEngine::answering([Reply::Status(Box::new(status.clone()))]);
        let (code, text) = Session::start(&engine, named, &[]).end();
        assert_eq!(code, 6, "{text}");
        assert!(text.contains(problem), "{text}");
        assert_eq!(engine.requests(), [Request::Status]);
    }
}

#[test]
fn a_qr_code_has_its_own_colours_on_a_terminal() {
    let show = |environment: &[(&str, &str)]| {
        let engine = FakeEngine::answering([samples::invited(1, None)]);
        Session::start(&engine, &["invite", "--qr"], environment).end().1
    };
    assert!(show(&[]).contains("\u{1b}[30;47m█"));
    let plain = show(&[("NO_COLOR", "1")]);
    assert!(plain.contains('█') && !plain.contains('\u{1b}'));
}

#[test]
fn a_join_that_takes_its_time_says_so() {
    let (open, gate) = mpsc::channel();
    let engine = FakeEngine::playing(vec![Step::Gate(gate), Step::Reply(samples::joined())]);
    let mut session = Session::start(&engine, &["join", samples::CODE], &[]);
    session.wait_for("asking the members that the invite names, for up to 60 s");
    open.send(()).unwrap();
    assert_eq!(session.end().0, 0);
}

#[test]
fn a_join_with_a_room_id_says_that_it_looks_for_members() {
    let (open, gate) = mpsc::channel();
    let engine = FakeEngine::playing(vec![Step::Gate(gate), Step::Reply(Reply::Waiting(samples::waiting()))]);
    let mut session = Session::start(&engine, &["join", &"a".repeat(64)], &[]);
    session.wait_for("looking for members of the network, for up to 60 s");
    open.send(()).unwrap();
    assert_eq!(session.end().0, 0);
}

#[test]
fn join_reads_a_line_from_a_terminal() {
    let engine = FakeEngine::answering([samples::joined()]);
    let mut session = Session::start(&engine, &["join", "-"], &[]);
    session.wait_for("invite: ");
    session.answer("ray1typed\n");
    assert_eq!(session.end().0, 0);
    let [Request::Join(join)] = &engine.requests()[..] else { panic!("no join") };
    assert_eq!(join.target, "ray1typed");
}

#[test]
fn opening_the_host_asks_and_takes_yes_for_an_answer() {
    for (words, question) in [
        (
            &["firewall", "off"][..],
            "turn the firewall off, and let every member of every network reach all of this host?",
        ),
        (&["firewall", "default", "in", "allow"], "let every member of every network reach what no rule denies?"),
    ] {
        let engine = FakeEngine::answering([firewall_samples::firewall(0, Some("done"))]);
        let mut session = Session::start(&engine, words, &[]);
        session.wait_for(&format!("{question} [y/N] "));
        session.answer("y\n");
        assert_eq!(session.end().0, 0);
        assert_eq!(engine.requests().len(), 1);
        let engine = FakeEngine::answering([]);
        let mut session = Session::start(&engine, words, &[]);
        session.wait_for("[y/N] ");
        session.answer("\n");
        assert_eq!(session.end().0, 1);
        assert!(engine.requests().is_empty());
    }
}

#[test]
fn suggestions_are_picked_by_number() {
    let accept = |digit: char| {
        let request = SuggestionRequest { network: Some("home".into()), id: Some(samples::id(digit)) };
        Request::Firewall(FirewallRequest::Accept(request))
    };
    let pending = Request::Firewall(FirewallRequest::Pending { network: None });
    for (answer, picked) in [("2\n", &['6'][..]), ("all\n", &['4', '6']), ("2 1\n", &['4', '6']), ("\n", &[])] {
        for verb in ["pending", "accept"] {
            let (session, engine) = picking(&["firewall", verb], "accept", answer);
            let (code, text) = session.end();
            assert_eq!(code, 0, "{text}");
            assert_eq!(text.matches("accepted 4444444444 of home").count(), picked.len(), "{text}");
            let expected: Vec<Request> =
                [pending.clone()].into_iter().chain(picked.iter().map(|digit| accept(*digit))).collect();
            assert_eq!(engine.requests(), expected);
        }
    }
}

#[test]
fn suggestions_are_turned_down_by_number() {
    let (session, engine) = picking(&["firewall", "deny", "--network", "work"], "deny", "1\n");
    assert_eq!(session.end().0, 0);
    let request = SuggestionRequest { network: Some("work".into()), id: Some(samples::id('4')) };
    assert_eq!(engine.requests()[1..], [Request::Firewall(FirewallRequest::Decline(request))]);
}

#[test]
fn a_number_that_is_not_in_the_table_changes_nothing() {
    let (session, engine) = picking(&["firewall", "pending"], "accept", "1 3\n");
    let (code, text) = session.end();
    assert_eq!(code, 2);
    assert!(text.contains("\"3\" is no number of the table"), "{text}");
    assert_eq!(engine.requests().len(), 1);
}

#[test]
fn nothing_is_asked_when_nothing_waits() {
    for words in [&["firewall", "pending"][..], &["firewall", "accept"], &["firewall", "pending", "--quiet"]] {
        let engine = FakeEngine::answering([firewall_samples::decided(SuggestionState::Accepted)]);
        let (code, text) = Session::start(&engine, words, &[]).end();
        assert_eq!(code, 0, "{text}");
        assert!(!text.contains("which?"), "{text}");
        assert_eq!(engine.requests().len(), 1);
    }
}

/// A session that has two suggestions to choose from and was given this answer.
fn picking(words: &[&str], verb: &str, answer: &str) -> (Session, FakeEngine) {
    let decided = || vec![firewall_samples::decided(SuggestionState::Accepted)];
    let shown = vec![firewall_samples::suggestions(samples::MOMENT)];
    let engine = FakeEngine::conversing(vec![shown, decided(), decided()]);
    let mut session = Session::start(&engine, words, &[("NO_COLOR", "1")]);
    session.wait_for(&format!("{verb} which? Numbers, all, or nothing to leave them: "));
    for row in ["1   4444444444  waiting", "2   6666666666  waiting"] {
        assert!(session.text().contains(row), "{}", session.text());
    }
    session.answer(answer);
    (session, engine)
}

fn coloured(arguments: &[&str], environment: &[(&str, &str)]) -> bool {
    let engine = FakeEngine::answering([Reply::Status(Box::new(samples::status()))]);
    let (code, text) = Session::start(&engine, &[&["status"], arguments].concat(), environment).end();
    assert_eq!(code, 0, "{text}");
    assert!(text.contains("helper ok"), "{text}");
    text.contains('\u{1b}')
}

/// A `ray` whose three streams are a terminal.
struct Session {
    child: Child,
    master: PtyMaster,
    seen: Vec<u8>,
}

impl Session {
    fn start(engine: &FakeEngine, arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        // Close-on-exec, or the runs of other tests would hold the terminal open.
        let master = posix_openpt(OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC).unwrap();
        grantpt(&master).unwrap();
        unlockpt(&master).unwrap();
        let slave: File = OpenOptions::new()
            .read(true)
            .write(true)
            .custom_flags(OFlag::O_NOCTTY.bits())
            .open(ptsname_r(&master).unwrap())
            .unwrap();
        let stream = || slave.as_fd().try_clone_to_owned().unwrap();
        let mut ray = command(engine.socket());
        ray.args(arguments).envs(environment.iter().copied()).stdin(stream()).stdout(stream()).stderr(stream());
        Self { child: ray.spawn().unwrap(), master, seen: Vec::new() }
    }

    /// Reads until the text has been printed. The child's own deadlines end a wait in vain.
    fn wait_for(&mut self, text: &str) {
        while !self.text().contains(text) {
            assert!(self.read(), "ended without {text:?}: {}", self.text());
        }
    }

    fn answer(&mut self, text: &str) {
        self.master.write_all(text.as_bytes()).unwrap();
    }

    fn end(mut self) -> (i32, String) {
        while self.read() {}
        (self.child.wait().unwrap().code().unwrap(), self.text())
    }

    /// One read; the end of the terminal is an error or nothing.
    fn read(&mut self) -> bool {
        let mut buffer = [0; 4096];
        match self.master.read(&mut buffer) {
            Ok(count) if count > 0 => {
                self.seen.extend_from_slice(&buffer[..count]);
                true
            }
            Ok(_) | Err(_) => false,
        }
    }

    fn text(&self) -> String {
        String::from_utf8_lossy(&self.seen).into_owned()
    }
}
