//! With a service manager: it is told when the helper serves, and its store keeps the device over a restart.

use std::{fs::File, os::fd::OwnedFd};

use nix::sys::signal::Signal;
use ray_tests::live_helper::{LiveHelper, Namespace, ServiceManager, eventually};

#[test]
fn the_device_outlives_helper_and_engine_in_the_managers_store() {
    for signal in [Signal::SIGKILL, Signal::SIGUSR1] {
        let mut manager = ServiceManager::new();
        let mut helper = LiveHelper::start_with(Namespace::new(), "grace_s = 3600", &manager.launch());
        let empty = helper.state();
        eventually("the helper says that it serves", || manager.has_heard("READY=1"));
        let client = helper.connect();
        let (tun, queues) = client.bring_up(2);
        let before = helper.state();
        assert_eq!(manager.stored(), ["queues", "queues"]);

        helper.end_by(signal);
        drop((client, queues));
        assert_eq!(helper.state(), before, "{signal}");
        assert_eq!(helper.run_undo().0, Some(0));
        assert_eq!(helper.state(), before, "{signal}: what the store holds is in use");
        helper.start_again_with(&manager.launch());
        let client = helper.connect();
        client.greet();
        let (again, _queues) = client.open(2);
        assert!(again.resumed && again.ifindex == tun.ifindex);
        assert_eq!(helper.state(), before, "{signal}");

        assert_eq!(helper.stop().code(), Some(0));
        assert!(manager.has_heard("STOPPING=1"));
        assert_eq!(manager.stored(), [""; 0], "the manager holds nothing after an orderly end");
        assert_eq!(helper.state(), empty);
    }
}

#[test]
fn an_engine_that_lives_returns_what_the_store_has_brought_back_already() {
    let mut manager = ServiceManager::new();
    let mut helper = LiveHelper::start_with(Namespace::new(), "grace_s = 3600", &manager.launch());
    let (_, queues) = helper.connect().bring_up(2);
    let before = helper.state();
    for _ in 0..3 {
        helper.kill();
        helper.start_again_with(&manager.launch());
        let client = helper.connect();
        client.greet();
        client.return_tun(&queues);
        assert_eq!(helper.state(), before);
        assert_eq!(manager.stored(), ["queues", "queues"]);
    }
}

#[test]
fn what_is_in_the_store_goes_after_the_grace_time() {
    let mut manager = ServiceManager::new();
    let mut helper = LiveHelper::start_with(Namespace::new(), "grace_s = 1", &manager.launch());
    let empty = helper.state();
    drop(helper.connect().bring_up(2));
    helper.kill();
    helper.start_again_with(&manager.launch());
    assert!(helper.state().has_link("ray0"));
    eventually("the grace time ends", || helper.state() == empty);
    eventually("the store is emptied", || manager.stored().is_empty());
}

#[test]
fn a_full_stop_after_a_crash_leaves_nothing() {
    let mut manager = ServiceManager::new();
    let mut helper = LiveHelper::start_with(Namespace::new(), "", &manager.launch());
    let empty = helper.state();
    drop(helper.connect().bring_up(2));
    helper.kill();
    manager.clear();
    eventually("the device goes with the store", || !helper.state().has_link("ray0"));
    assert_eq!(helper.run_undo().0, Some(0));
    assert_eq!(helper.state(), empty);
}

#[test]
fn refuses_what_is_in_the_store_and_not_its_device() {
    let mut manager = ServiceManager::new();
    let null = || OwnedFd::from(File::open("/dev/null").unwrap());
    manager.put("queues", null());
    manager.put("socket", null());
    let mut helper = LiveHelper::start_with(Namespace::new(), "grace_s = 1", &manager.launch());
    eventually("the store is emptied of queues", || manager.stored() == ["socket"]);
    let client = helper.connect();
    drop(client.bring_up(1));
    helper.kill();
    // One queue of two is not the device.
    manager.put("queues", null());
    let before = helper.log().len();
    helper.start_again_with(&manager.launch());
    drop(client);
    let log = helper.log();
    assert!(log[before..].contains("the queues that the service manager kept"), "{log}");
    eventually("the grace time of what nobody returns ends", || !helper.state().has_link("ray0"));
}

#[test]
fn a_manager_that_is_not_there_is_no_reason_not_to_serve() {
    let mut manager = ServiceManager::new();
    let launch = manager.launch();
    drop(manager);
    let helper = LiveHelper::start_with(Namespace::new(), "", &launch);
    helper.connect().bring_up(1);
    assert!(helper.log().contains("reaching the service manager at"), "{}", helper.log());
}
