//! The control protocol's bytes, frozen in `vectors.txt`: a program of one release talks to an engine of another. When a
//! line has to change, `control::VERSION` changes with it.

use std::fmt::Write;

use ray_ipc::control::{
    ClientHello, CreateRequest, ErrorCode, HelperState, InviteRequest, JoinRequest, LeaveRequest, Message,
    NetworkReply, PathState, PingReply, PingRequest, Reply, Request, ServerHello, StatusReply, VERSION,
};

use crate::samples;

#[test]
fn frozen_vectors() {
    let mut text = String::new();
    line(&mut text, "client hello", &ClientHello { version: VERSION });
    line(&mut text, "server hello", &ServerHello { version: VERSION, engine_release: "0.1.0".into() });
    for request in requests() {
        let name = format!("request {request:?}");
        line(&mut text, name.split(['(', '{']).next().unwrap().trim(), &request);
    }
    for reply in replies() {
        let name = format!("reply {reply:?}");
        line(&mut text, name.split(['{']).next().unwrap().trim().trim_end_matches('('), &reply);
    }
    assert_eq!(text, include_str!("vectors.txt"), "the bytes of the control protocol have changed");
}

fn line<M: Message + PartialEq + std::fmt::Debug>(text: &mut String, name: &str, message: &M) {
    let frame = message.to_frame().unwrap();
    assert_eq!(M::from_body(&frame[4..]).unwrap(), *message);
    let hex = frame.iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").unwrap();
        hex
    });
    writeln!(text, "{name}: {hex}").unwrap();
}

fn requests() -> Vec<Request> {
    let hostname = || Some("bob".to_owned());
    vec![
        Request::Up,
        Request::Down,
        Request::Create(CreateRequest { name: "home".into(), hostname: hostname() }),
        Request::Join(JoinRequest { code: "ray1".into(), hostname: None, timeout_ms: 60_000 }),
        Request::Leave(LeaveRequest { network: "home".into() }),
        Request::Invite(InviteRequest { network: None, uses: 1, expires_s: 86_400, hostname: hostname() }),
        Request::Status,
        Request::Ping(PingRequest { target: "bob".into(), count: 4, interval_ms: 1000, timeout_ms: 2000, v6: true }),
        Request::Version,
    ]
}

fn replies() -> Vec<Reply> {
    let created = NetworkReply { v4: None, ..samples::network_reply() };
    let status = |helper| Reply::Status(Box::new(StatusReply { helper, networks: vec![], ..samples::status() }));
    let mut replies = vec![
        samples::up(true),
        Reply::Down { was_up: false },
        Reply::Created(created),
        samples::joined(),
        samples::left(2),
        samples::invited(3, Some("nas")),
        Reply::Status(Box::new(samples::status())),
        status(HelperState::Idle),
        status(HelperState::Missing { reason: "gone".into() }),
        samples::ping_reply(1, Some(1_849)),
        Reply::Ping(PingReply { seq: 2, rtt_us: None, path: PathState::Absent }),
        samples::ping_summary(4, 3),
        samples::version(),
    ];
    let codes = [
        ErrorCode::Other,
        ErrorCode::Usage,
        ErrorCode::Timeout,
        ErrorCode::NotPermitted,
        ErrorCode::NotRunning,
        ErrorCode::NotFound,
        ErrorCode::Refused,
    ];
    replies.extend(codes.map(samples::error));
    replies
}
