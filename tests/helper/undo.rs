//! What stays, what goes, and when: after the engine's death, a violation, the helper's death.

use std::{
    os::fd::AsFd,
    time::{Duration, Instant},
};

use netlink_packet_route::{RouteNetlinkMessage, link::LinkMessage};
use nix::errno::Errno;
use ray_ipc::helper::{HelperRequest, LinkState, encode_request};
use ray_tests::live_helper::{
    LiveHelper, OTHER_UID, addresses, attach_queue, eventually, give_away, is_attached, make_persistent, open_driver,
    route,
};

#[test]
fn an_engine_that_comes_back_finds_its_device_as_it_left_it() {
    let helper = LiveHelper::start("");
    let first = helper.connect();
    let (tun, queues) = first.bring_up(2);
    let before = helper.state();
    drop((first, queues));
    let second = helper.connect();
    second.greet();
    let (again, queues) = second.open(2);
    assert!(again.resumed && again.ifindex == tun.ifindex);
    assert_eq!(helper.state(), before);
    assert!(queues.iter().all(|queue| is_attached(queue.as_fd())));
    second.done(&addresses("100.64.1.2", "200::1234"));
    second.done(&HelperRequest::SetLink { state: LinkState::Up });
    let routes = vec![route("100.64.0.0", 10), route("200::", 7)];
    second.done(&HelperRequest::ReplaceRoutes { routes });
    assert_eq!(helper.state(), before);
}

#[test]
fn nothing_outlives_the_grace_time() {
    let helper = LiveHelper::start("grace_s = 1");
    let before = helper.state();
    let client = helper.connect();
    drop(client.bring_up(1));
    drop(client);
    assert!(helper.state().has_link("ray0"), "the device stays for the grace time");
    eventually("the grace time ends", || helper.state() == before);
    let client = helper.connect();
    client.greet();
    assert!(!client.open(1).0.resumed);
}

#[test]
fn an_engine_that_only_says_hello_does_not_prolong_the_grace_time() {
    let helper = LiveHelper::start("grace_s = 1");
    let before = helper.state();
    let client = helper.connect();
    drop(client.bring_up(1));
    drop(client);
    let idle = helper.connect();
    idle.greet();
    eventually("the grace time ends", || helper.state() == before);
    assert!(!idle.open(1).0.resumed);
}

#[test]
fn the_device_goes_even_if_somebody_holds_its_queues() {
    let helper = LiveHelper::start("grace_s = 1");
    let before = helper.state();
    let client = helper.connect();
    let (_, queues) = client.bring_up(2);
    make_persistent(queues[0].as_fd());
    drop(client);
    eventually("the grace time ends", || helper.state() == before);
    assert!(queues.iter().all(|queue| !is_attached(queue.as_fd())));
}

#[test]
fn an_engine_that_comes_back_undoes_what_the_last_one_did_to_the_device() {
    let mut helper = LiveHelper::start("");
    let client = helper.connect();
    let (_, queues) = client.bring_up(1);
    make_persistent(queues[0].as_fd());
    give_away(queues[0].as_fd(), OTHER_UID);
    drop((client, queues));
    let client = helper.connect();
    client.greet();
    let (tun, queues) = client.open(1);
    assert!(tun.resumed);
    let driver = helper.namespace.enter(open_driver);
    let attached = helper.namespace.enter_as(OTHER_UID, || attach_queue(driver, "ray0").map(drop));
    assert_eq!(attached, Err(Errno::EPERM), "root owns it again");
    drop(queues);
    helper.kill();
    eventually("it is not persistent any more", || !helper.state().has_link("ray0"));
}

#[test]
fn a_violation_undoes_at_once_and_makes_the_next_engine_wait_longer_each_time() {
    let helper = LiveHelper::start("grace_s = 3600");
    let before = helper.state();
    let mut client = helper.connect();
    for pause in [Duration::from_secs(1), Duration::from_secs(2)] {
        let _held = client.bring_up(1);
        let violated = Instant::now();
        client.send(&[0xff], &[]).unwrap();
        eventually("everything is undone", || helper.state() == before);
        client = helper.connect();
        client.greet();
        assert!(violated.elapsed() >= pause, "served after {:?}", violated.elapsed());
        // Ends neither in good order nor with a device, so it neither shortens nor lengthens the next pause.
        client.send(&[0xff], &[]).unwrap();
        client = helper.connect();
    }
}

#[test]
fn a_killed_helper_leaves_no_device_and_its_successor_sweeps_the_rules() {
    let mut helper = LiveHelper::start("");
    let before = helper.state();
    let client = helper.connect();
    drop(client.bring_up(2));
    helper.kill();
    eventually("the device is gone", || !helper.state().has_link("ray0"));
    let left = helper.state();
    assert_eq!(left.helper_rules(), 2, "rules are bound to nothing: {left:#?}");
    assert!(helper.socket_path().exists());
    helper.start_again();
    assert_eq!(helper.state(), before);
    helper.connect().bring_up(1);
}

#[test]
fn an_orderly_end_undoes_everything() {
    let mut helper = LiveHelper::start("");
    let before = helper.state();
    let client = helper.connect();
    let _held = client.bring_up(2);
    assert_eq!(helper.stop().code(), Some(0));
    assert_eq!(helper.state(), before);
    assert!(!helper.socket_path().exists());
}

#[test]
fn a_device_that_somebody_deleted_makes_room_for_a_fresh_one() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    let (tun, _queues) = client.bring_up(1);
    let mut link = LinkMessage::default();
    link.header.index = tun.ifindex;
    helper.namespace.change(RouteNetlinkMessage::DelLink(link), 0);
    drop(client);
    let client = helper.connect();
    let (fresh, _queues) = client.bring_up(1);
    assert!(!fresh.resumed && fresh.ifindex != tun.ifindex);
    assert_eq!(helper.state().helper_rules(), 2);
}

#[test]
fn requests_sent_before_a_hang_up_are_still_done() {
    let helper = LiveHelper::start("grace_s = 3600");
    let before = helper.state();
    let client = helper.connect();
    client.bring_up(1);
    client.send(&encode_request(&HelperRequest::Release).unwrap(), &[]).unwrap();
    drop(client);
    eventually("the release is done", || helper.state() == before);
}
