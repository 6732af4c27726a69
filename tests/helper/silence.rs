//! Descriptors of a file whose file system never answers: the helper neither asks it nor waits for it.

use std::{
    fs,
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use ray_ipc::{
    helper::{HelperReply, HelperRequest, Refusal, VERSION, encode_request},
    limits::QUEUES_MAX,
};
use ray_tests::live_helper::{Answer, Client, LiveHelper, SilentFile, eventually};

/// Brings a connection into a phase.
type Lead = fn(&Client);

/// Longer than a request takes, by far.
const A_WHILE: Duration = Duration::from_millis(300);

#[test]
fn a_file_that_never_answers_costs_its_sender_the_device_in_every_phase() {
    let hello = HelperRequest::Hello { version: VERSION };
    let open = HelperRequest::OpenTun { queues: 1, mtu: 1280 };
    let returned = HelperRequest::ReturnTun { queues: 1 };
    let lead: [(&str, Lead, HelperRequest, usize); 5] = [
        ("New", |_| {}, hello, 1),
        ("Greeted, unannounced", Client::greet, open, 1),
        ("Greeted, a surplus", Client::greet, returned.clone(), 2),
        ("Greeted, more than may come", Client::greet, returned, QUEUES_MAX + 5),
        (
            "Open",
            |client| {
                client.greet();
                drop(client.open(1));
            },
            HelperRequest::Release,
            1,
        ),
    ];
    for (phase, lead_to, request, count) in lead {
        let helper = LiveHelper::start("grace_s = 3600");
        let before = helper.state();
        // Goes away before the helper, which may wait for it.
        let silent = SilentFile::open();
        drop(helper.connect().bring_up(1));
        assert!(helper.state().has_link("ray0"));
        let client = helper.connect();
        lead_to(&client);
        send(&client, &request, &silent, count);
        eventually(&format!("everything is undone: {phase}"), || helper.state() == before);
        drop(client);
        assert_serves(&helper, phase);
    }
}

#[test]
fn a_file_that_never_answers_is_no_queue_and_costs_nobody_the_device() {
    let helper = LiveHelper::start("grace_s = 3600");
    let silent = SilentFile::open();
    drop(helper.connect().bring_up(1));
    let client = helper.connect();
    client.greet();
    for _ in 0..3 {
        send(&client, &HelperRequest::ReturnTun { queues: 1 }, &silent, 1);
        assert!(matches!(client.receive(), Answer::Reply(HelperReply::Refused(Refusal::NotTheDevice), _)));
    }
    assert!(client.open(1).0.resumed);
    drop(client);
    assert_serves(&helper, "Greeted, announced");
}

#[test]
fn so_many_foreign_descriptors_that_no_more_are_received_leave_the_helper_at_work() {
    let helper = LiveHelper::start("grace_s = 3600");
    let silent = SilentFile::open();
    let client = helper.connect();
    client.greet();
    let returned = HelperRequest::ReturnTun { queues: 8 };
    for _ in 0..2 {
        send(&client, &returned, &silent, 8);
        assert!(matches!(client.receive(), Answer::Reply(HelperReply::Refused(Refusal::NotTheDevice), _)));
    }
    send(&client, &returned, &silent, 8);
    assert!(matches!(client.receive(), Answer::Closed));
    assert_serves(&helper, "full");
}

fn send(client: &Client, request: &HelperRequest, silent: &SilentFile, count: usize) {
    let fds: Vec<BorrowedFd<'_>> = vec![silent.as_fd(); count];
    client.send(&encode_request(request).unwrap(), &fds).unwrap();
}

/// The next engine gets its device, and the helper waits for nothing but that.
fn assert_serves(helper: &LiveHelper, what: &str) {
    let client = helper.connect();
    client.greet();
    drop(client.open(1));
    client.done(&HelperRequest::Release);
    std::thread::sleep(A_WHILE);
    let status = fs::read_to_string(format!("/proc/{}/stat", helper.pid())).unwrap();
    assert_eq!(status.rsplit(") ").next().and_then(|rest| rest.chars().next()), Some('S'), "{what}: {status}");
}
