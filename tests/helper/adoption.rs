//! A helper that starts anew: what it takes over, what it refuses, what it leaves alone.

use std::{
    fs::File,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixDatagram,
    },
};

use netlink_packet_route::{
    RouteNetlinkMessage,
    link::{LinkAttribute, LinkMessage},
};
use nix::sys::signal::Signal;
use ray_ipc::helper::{HelperReply, HelperRequest, LinkState, Refusal};
use ray_tests::live_helper::{
    Answer, Client, LiveHelper, Namespace, OTHER_UID, addresses, attach_queue, attach_tap, detach_queue, eventually,
    give_away, is_attached, make_persistent, open_driver, route,
};

/// What a holder of the queues, or root, does to a device.
type Tamper<'a> = &'a dyn Fn(&LiveHelper, &[OwnedFd]);

#[test]
fn takes_the_device_over_that_is_returned_and_changes_nothing_about_it() {
    for (signal, queues) in [(Signal::SIGKILL, 1), (Signal::SIGUSR1, 2), (Signal::SIGKILL, 8)] {
        let (mut helper, queues) = with_a_device(queues, "grace_s = 3600");
        let before = helper.state();
        helper.end_by(signal);
        assert_eq!(helper.state(), before, "{signal}");
        helper.start_again();
        assert_eq!(helper.state(), before, "{signal}");
        let client = greeted(&helper);
        assert_done(client.return_tun(&queues));
        client.done(&addresses("100.64.1.2", "200::1234"));
        client.done(&HelperRequest::SetLink { state: LinkState::Up });
        let routes = vec![route("100.64.0.0", 10), route("200::", 7)];
        client.done(&HelperRequest::ReplaceRoutes { routes });
        assert_eq!(helper.state(), before, "{signal}");

        // It is the helper's own again: it outlives its engine, and goes with the helper's orderly end.
        let count = u8::try_from(queues.len()).unwrap();
        drop((client, queues));
        let client = greeted(&helper);
        let (tun, _queues) = client.open(count);
        assert!(tun.resumed);
        assert_eq!(helper.state(), before, "{signal}");
        helper.stop();
        assert!(!helper.state().has_link("ray0") && helper.state().helper_rules() == 0);
    }
}

#[test]
fn takes_back_what_it_holds_itself_when_only_the_connection_was_lost() {
    let helper = LiveHelper::start("grace_s = 1");
    let client = helper.connect();
    let (_, queues) = client.bring_up(2);
    let before = helper.state();
    drop(client);
    let client = greeted(&helper);
    assert_done(client.return_tun(&queues));
    std::thread::sleep(std::time::Duration::from_millis(1500));
    assert_eq!(helper.state(), before, "the grace time has ended for an engine that is back");
    client.done(&addresses("100.64.1.2", "200::1234"));
}

#[test]
fn removes_what_no_engine_returns_within_the_grace_time() {
    let (mut helper, queues) = with_a_device(2, "grace_s = 1");
    helper.kill();
    helper.start_again();
    assert!(helper.state().has_link("ray0"), "its engine has the grace time to come back");
    eventually("the grace time ends", || !helper.state().has_link("ray0"));
    eventually("the rules go too", || helper.state().helper_rules() == 0);
    assert!(queues.iter().all(|queue| !is_attached(queue.as_fd())));
}

#[test]
fn an_orderly_end_removes_also_what_was_not_returned_yet() {
    let (mut helper, _queues) = with_a_device(1, "grace_s = 3600");
    helper.kill();
    helper.start_again();
    assert_eq!(helper.stop().code(), Some(0));
    assert!(!helper.state().has_link("ray0") && helper.state().helper_rules() == 0);
}

#[test]
fn an_engine_with_nothing_to_return_gets_a_fresh_device() {
    let (mut helper, _queues) = with_a_device(1, "grace_s = 3600");
    helper.kill();
    helper.start_again();
    let (tun, _queues) = helper.connect().bring_up(1);
    assert!(!tun.resumed);
    assert_eq!(helper.state().helper_rules(), 2);
}

#[test]
fn a_violation_removes_also_what_was_not_returned_yet() {
    let (mut helper, _queues) = with_a_device(1, "grace_s = 3600");
    helper.kill();
    helper.start_again();
    helper.connect().send(&[0xff], &[]).unwrap();
    eventually("everything is undone", || !helper.state().has_link("ray0") && helper.state().helper_rules() == 0);
}

#[test]
fn refuses_descriptors_that_are_not_the_queues_of_its_device() {
    let (mut helper, queues) = with_a_device(2, "grace_s = 3600");
    helper.kill();
    helper.start_again();
    let foreign = [(); 2].map(|()| helper.namespace.enter(|| attach_queue(open_driver(), "ray9").unwrap()));
    let before = helper.state();
    let copy = |at: usize| queues[at].try_clone().unwrap();
    let elsewhere = Namespace::new();
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    let cases: Vec<(&str, Vec<OwnedFd>)> = vec![
        ("files", vec![null(), null()]),
        ("sockets", vec![UnixDatagram::unbound().unwrap().into(), UnixDatagram::unbound().unwrap().into()]),
        ("one that is no queue", vec![copy(0), null()]),
        ("queues that belong to no device yet", vec![open_driver().into(), open_driver().into()]),
        ("too few", vec![copy(1)]),
        ("too many", vec![copy(0), copy(1), copy(0)]),
        ("the same name in another namespace", {
            let first = elsewhere.enter(|| attach_queue(open_driver(), "ray0").unwrap());
            let second = elsewhere.enter(|| attach_queue(open_driver(), "ray0").unwrap());
            vec![first, second]
        }),
        ("one of the same name in another namespace", {
            vec![copy(0), Namespace::new().enter(|| attach_queue(open_driver(), "ray0").unwrap())]
        }),
        ("another device", foreign.iter().map(|queue| queue.try_clone().unwrap()).collect()),
        ("an Ethernet device", {
            let tap = || Namespace::new().enter(|| attach_tap(open_driver(), "ray0").unwrap());
            vec![tap(), tap()]
        }),
    ];
    for (what, returned) in cases {
        let client = greeted(&helper);
        assert_refused(client.return_tun(&returned), what);
        drop(returned);
        eventually(what, || helper.state() == before);
        // A refusal is no violation: the same connection may do better.
        assert_eq!(client.reply(&HelperRequest::OpenTun { queues: 0, mtu: 1280 }), too_many(), "{what}");
    }
    assert_done(greeted(&helper).return_tun(&queues));
    assert_eq!(helper.state(), before);
}

#[test]
fn refuses_its_device_when_it_is_not_as_it_was_made() {
    let tamperings: [(&str, Tamper<'_>); 5] = [
        ("another owner", &|_, queues| give_away(queues[0].as_fd(), OTHER_UID)),
        ("persistent", &|_, queues| make_persistent(queues[0].as_fd())),
        ("a detached queue", &|_, queues| detach_queue(queues[1].as_fd())),
        ("without its rules", &|helper, _| remove_rules(&helper.namespace)),
        ("without its mark", &|helper, _| set_alias(&helper.namespace, "another")),
    ];
    for (what, tamper) in tamperings {
        let (mut helper, queues) = with_a_device(2, "grace_s = 3600");
        helper.kill();
        helper.start_again();
        tamper(&helper, &queues);
        let before = helper.state();
        assert_refused(greeted(&helper).return_tun(&queues), what);
        assert_eq!(helper.state(), before, "{what}");
    }
}

#[test]
fn a_device_that_was_tampered_with_is_not_waited_for() {
    let tamperings: [(&str, Tamper<'_>); 3] = [
        ("another owner", &|_, queues| give_away(queues[0].as_fd(), OTHER_UID)),
        ("persistent", &|_, queues| make_persistent(queues[0].as_fd())),
        ("without its rules", &|helper, _| remove_rules(&helper.namespace)),
    ];
    for (what, tamper) in tamperings {
        let (mut helper, queues) = with_a_device(2, "grace_s = 3600");
        helper.kill();
        tamper(&helper, &queues);
        helper.start_again();
        assert!(!helper.state().has_link("ray0"), "{what}");
        assert_eq!(helper.state().helper_rules(), 0, "{what}");
    }
}

#[test]
fn refuses_a_device_that_another_has_taken_the_place_of() {
    let helper = LiveHelper::start("grace_s = 3600");
    let client = helper.connect();
    let (_, first) = client.bring_up(1);
    client.done(&HelperRequest::Release);
    let (_, second) = client.open(1);
    drop(client);
    let client = greeted(&helper);
    assert_refused(client.return_tun(&first), "of a device that is gone");
    assert_done(client.return_tun(&second));
}

#[test]
fn never_touches_an_interface_of_its_name_that_it_did_not_make() {
    let namespace = Namespace::new();
    let foreign = namespace.enter(|| attach_queue(open_driver(), "ray0").unwrap());
    // Rules of a helper that was killed are no sign that the interface is its own.
    let mut helper = LiveHelper::start_in(namespace, "grace_s = 1\ninterface = \"ray1\"");
    let client = helper.connect();
    drop(client.bring_up(1));
    drop(client);
    helper.kill();
    assert_eq!(helper.state().helper_rules(), 2);
    std::fs::write(helper.policy_path(), "engine_user = \"60077\"\ngrace_s = 1\n").unwrap();
    helper.start_again();
    assert_eq!(helper.state().helper_rules(), 0);
    let before = helper.state();
    let client = greeted(&helper);
    assert_refused(client.return_tun(&[foreign.try_clone().unwrap()]), "a foreign device");
    let opened = client.reply(&HelperRequest::OpenTun { queues: 1, mtu: 1280 });
    assert_eq!(opened, HelperReply::Refused(Refusal::InterfaceTaken));
    assert_eq!(helper.run_undo().0, Some(0));
    assert_eq!(helper.state(), before);
    helper.stop();
    assert_eq!(helper.state(), before);
    assert!(is_attached(foreign.as_fd()));
}

#[test]
fn undo_leaves_what_is_held_and_removes_what_is_not() {
    let (mut helper, queues) = with_a_device(2, "grace_s = 3600");
    let before = helper.state();
    helper.kill();
    let (code, log) = helper.run_undo();
    assert_eq!((code, helper.state()), (Some(0), before), "an engine holds it: {log}");
    assert!(log.contains("ray0 is in use: left as it is"), "{log}");
    drop(queues);
    eventually("the device goes with its last queue", || !helper.state().has_link("ray0"));
    assert_eq!(helper.state().helper_rules(), 2);
    for _ in 0..2 {
        let (code, log) = helper.run_undo();
        assert_eq!((code, helper.state().helper_rules()), (Some(0), 0), "{log}");
    }
}

#[test]
fn undo_beside_a_helper_that_serves_changes_nothing() {
    let helper = LiveHelper::start("grace_s = 3600");
    let client = helper.connect();
    let (_, queues) = client.bring_up(1);
    // A device without its rules is swept where no helper serves.
    remove_rules(&helper.namespace);
    let before = helper.state();
    for _ in 0..2 {
        let (code, log) = helper.run_undo();
        assert_eq!((code, helper.state()), (Some(0), before.clone()), "{log}");
        assert!(log.contains("a helper serves: nothing to undo"), "{log}");
    }
    client.done(&addresses("100.64.1.2", "200::1234"));
    drop(queues);
}

#[test]
fn undo_removes_a_device_that_outlived_everybody() {
    let (mut helper, queues) = with_a_device(1, "");
    helper.kill();
    make_persistent(queues[0].as_fd());
    drop(queues);
    assert!(helper.state().has_link("ray0"));
    // A process that another test forks meanwhile may hold the queue for a moment more.
    eventually("the device is removed", || {
        assert_eq!(helper.run_undo().0, Some(0));
        !helper.state().has_link("ray0")
    });
    assert_eq!(helper.state().helper_rules(), 0);
}

fn with_a_device(queues: u8, policy_lines: &str) -> (LiveHelper, Vec<OwnedFd>) {
    let helper = LiveHelper::start(policy_lines);
    let (_, queues) = helper.connect().bring_up(queues);
    (helper, queues)
}

fn greeted(helper: &LiveHelper) -> Client {
    let client = helper.connect();
    client.greet();
    client
}

fn assert_done(answer: Answer) {
    assert!(matches!(&answer, Answer::Reply(HelperReply::Done, fds) if fds.is_empty()), "{answer:?}");
}

fn assert_refused(answer: Answer, what: &str) {
    let refused = HelperReply::Refused(Refusal::NotTheDevice);
    assert!(matches!(&answer, Answer::Reply(reply, fds) if *reply == refused && fds.is_empty()), "{what}: {answer:?}");
}

fn too_many() -> HelperReply {
    HelperReply::Refused(Refusal::QueueCount { max: 8 })
}

fn set_alias(namespace: &Namespace, alias: &str) {
    let mut link = LinkMessage::default();
    link.attributes.extend([LinkAttribute::IfName("ray0".to_owned()), LinkAttribute::IfAlias(alias.to_owned())]);
    namespace.change(RouteNetlinkMessage::SetLink(link), 0);
}

fn remove_rules(namespace: &Namespace) {
    for rule in namespace.enter(ray_tests::live_helper::helper_rules) {
        namespace.change(RouteNetlinkMessage::DelRule(rule), 0);
    }
}
