//! Every violation by name: the connection is closed, and what was there is undone.

use std::{
    fs::File,
    os::fd::{AsFd, BorrowedFd},
};

use ray_ipc::{
    helper::{HelperReply, HelperRequest, LinkState, VERSION, encode_request},
    limits::HELPER_FRAME_MAX,
};
use ray_tests::live_helper::{Answer, Client, LiveHelper, addresses, eventually, route};

/// The phases that a client can be led to, by name.
const PHASES: [&str; 5] = ["New", "Greeted", "Open", "Addressed", "Up"];

#[test]
fn closes_on_every_request_that_is_out_of_its_phase() {
    let up = HelperRequest::SetLink { state: LinkState::Up };
    let down = HelperRequest::SetLink { state: LinkState::Down };
    let table: [(HelperRequest, &[&str]); 8] = [
        (HelperRequest::Hello { version: VERSION }, &["Greeted", "Open", "Addressed", "Up"]),
        (HelperRequest::OpenTun { queues: 1, mtu: 1280 }, &["New", "Open", "Addressed", "Up"]),
        (addresses("100.64.1.2", "200::1234"), &["New", "Greeted"]),
        (HelperRequest::ReplaceRoutes { routes: vec![route("200::", 7)] }, &["New", "Greeted", "Open", "Addressed"]),
        (up, &["New", "Greeted", "Open"]),
        (down, &["New", "Greeted", "Open", "Addressed"]),
        (HelperRequest::Release, &["New", "Greeted"]),
        (HelperRequest::ReturnTun { queues: 1 }, &["New", "Open", "Addressed", "Up"]),
    ];
    let null = File::open("/dev/null").unwrap();
    for (request, phases) in table {
        let announced: &[BorrowedFd<'_>] = match request {
            HelperRequest::ReturnTun { .. } => &[null.as_fd()],
            _ => &[],
        };
        for phase in phases {
            let packet = encode_request(&request).unwrap();
            let name = if announced.is_empty() {
                format!("a request that is out of its phase ({phase})")
            } else {
                "a message that cannot be received".to_owned()
            };
            assert_violation(phase, &name, |client| {
                client.send(&packet, announced).unwrap();
            });
        }
    }
}

#[test]
fn closes_on_bytes_that_are_no_request() {
    let hello = encode_request(&HelperRequest::Hello { version: VERSION }).unwrap();
    let mut trailing = hello.clone();
    trailing.push(0);
    let short = hello[..hello.len() - 1].to_vec();
    let unknown_tag = 7u32.to_le_bytes().to_vec();
    let mut routes_beyond_the_frame = 3u32.to_le_bytes().to_vec();
    routes_beyond_the_frame.extend(u64::MAX.to_le_bytes());
    for phase in PHASES {
        for packet in [&trailing, &short, &unknown_tag, &routes_beyond_the_frame, &vec![0xff]] {
            assert_violation(phase, "a message that is no request", |client| client.send(packet, &[]).unwrap());
        }
    }
}

#[test]
fn closes_on_a_message_beyond_the_frame_limit() {
    for phase in ["New", "Up"] {
        assert_violation(phase, "a message that cannot be received", |client| {
            client.send(&vec![0; HELPER_FRAME_MAX + 1], &[]).unwrap();
        });
    }
}

#[test]
fn closes_on_descriptors_also_with_a_legal_request() {
    let null = File::open("/dev/null").unwrap();
    let release = encode_request(&HelperRequest::Release).unwrap();
    assert_violation("Up", "a message that cannot be received", |client| {
        client.send(&release, &[null.as_fd()]).unwrap()
    });
    // The one request that comes with some: too few of them, and too many.
    let returned = encode_request(&HelperRequest::ReturnTun { queues: 2 }).unwrap();
    for came in [0, 1, 3, 8] {
        assert_violation("Greeted", &format!("a message with {came} descriptors, not 2"), |client| {
            client.send(&returned, &vec![null.as_fd(); came]).unwrap();
        });
    }
    assert_violation("Up", "a message that cannot be received", |client| {
        client.send(&release, &[null.as_fd(); 64]).unwrap();
    });
}

#[test]
fn closes_on_requests_whose_replies_nobody_reads() {
    let refused = encode_request(&addresses("10.0.0.1", "::1")).unwrap();
    assert_violation("Up", "requests without reading the replies", |client| {
        client.set_nonblocking();
        // Ends with a full buffer or a closed connection; the helper works through what is buffered.
        eventually("the helper closes", || match client.send(&refused, &[]) {
            Ok(()) => false,
            Err(error) => error.kind() != std::io::ErrorKind::WouldBlock,
        });
    });
}

#[test]
fn another_version_is_told_ours_and_closed_without_punishment() {
    let helper = LiveHelper::start("");
    let client = helper.connect();
    client.bring_up(1);
    drop(client);
    let client = helper.connect();
    let reply = client.reply(&HelperRequest::Hello { version: VERSION + 1 });
    assert_eq!(reply, HelperReply::Hello { version: VERSION });
    assert!(matches!(client.receive(), Answer::Closed));
    let client = helper.connect();
    client.greet();
    assert!(client.open(1).0.resumed, "a half-done upgrade must not cost the device");
}

#[test]
fn walks_every_legal_way() {
    let helper = LiveHelper::start("");
    let before = helper.state();
    let client = helper.connect();
    let (tun, _queues) = client.bring_up(1);
    client.done(&HelperRequest::SetLink { state: LinkState::Up });
    client.done(&addresses("100.64.1.3", "200::1234"));
    client.done(&HelperRequest::SetLink { state: LinkState::Down });
    client.done(&addresses("100.64.1.4", "200::1234"));
    client.done(&HelperRequest::SetLink { state: LinkState::Up });
    assert!(helper.state().has_addresses(tun.ifindex, &["100.64.1.4/32", "200::1234/128"]), "{:#?}", helper.state());
    client.done(&HelperRequest::SetLink { state: LinkState::Down });
    client.done(&HelperRequest::SetLink { state: LinkState::Up });
    assert!(helper.state().has_addresses(tun.ifindex, &["100.64.1.4/32", "200::1234/128"]), "{:#?}", helper.state());
    client.done(&HelperRequest::ReplaceRoutes { routes: vec![route("200::", 7)] });
    client.done(&HelperRequest::Release);
    assert_eq!(helper.state(), before);
    let (again, _queues) = client.open(1);
    assert!(!again.resumed);
    client.done(&HelperRequest::Release);
    assert_eq!(helper.state(), before);
}

/// Leads a fresh helper to `phase`, lets `violate` act, and wants the connection closed, everything undone and the
/// violation named in the log.
fn assert_violation(phase: &str, name: &str, violate: impl FnOnce(&Client)) {
    let helper = LiveHelper::start("");
    let before = helper.state();
    let client = helper.connect();
    lead_to(&client, phase);
    assert_eq!(helper.state().has_link("ray0"), ["Open", "Addressed", "Up"].contains(&phase));
    violate(&client);
    eventually(&format!("{name:?} is logged in {phase}"), || helper.log().contains(&format!("violation: {name}")));
    eventually("everything is undone", || helper.state() == before);
    while let Answer::Reply(..) = client.receive() {}
}

fn lead_to(client: &Client, phase: &str) {
    let steps: [&dyn Fn(); 4] =
        [&|| client.greet(), &|| drop(client.open(1)), &|| client.done(&addresses("100.64.1.2", "200::1234")), &|| {
            client.done(&HelperRequest::SetLink { state: LinkState::Up })
        }];
    let count = PHASES.iter().position(|known| *known == phase).unwrap();
    steps.iter().take(count).for_each(|step| step());
}
