//! The control protocol's bytes, frozen in `vectors.txt`: a program of one release talks to an engine of another. When
//! a line has to change after a release, `control::VERSION` changes with it. `RAY_UPDATE_SNAPSHOTS=1` writes the file.

use std::{fmt::Write, fs, path::Path};

use ray_ipc::control::{
    ClientHello, CreateRequest, EphemeralRequest, ErrorCode, FirewallRequest, FlowDirection, FlowProtocol, HelperState,
    InviteRequest, JoinRequest, Message, NetworkMode, NetworkReply, NetworkRequest, NetworkStatus, PathState,
    PingReply, Reply, Request, ServerHello, Standing, StatusReply, SuggestionRequest, SuggestionScope, VERSION,
};

use crate::{access_samples, commands, samples, snapshot};

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
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli/vectors.txt");
    if snapshot::updates() {
        fs::write(&path, text).unwrap();
        return;
    }
    assert_eq!(text, fs::read_to_string(&path).unwrap(), "the bytes of the control protocol have changed");
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

/// What each command asks, and the values that none of them uses.
fn requests() -> Vec<Request> {
    let mut requests: Vec<Request> = commands::all().into_iter().map(|command| command.request).collect();
    requests.extend([
        Request::Create(CreateRequest { name: "home".into(), hostname: None, mode: NetworkMode::Approval }),
        Request::Create(CreateRequest { name: "home".into(), hostname: None, mode: NetworkMode::Open }),
        Request::Join(JoinRequest {
            target: "ray1".into(),
            hostname: Some("bob".into()),
            timeout_ms: 1,
            auto_accept_firewall: true,
        }),
        Request::Invite(InviteRequest { network: None, uses: u32::MAX, expires_s: 1, hostname: None }),
        Request::Ephemeral(EphemeralRequest { network: None, seconds: None }),
        Request::Nuke(NetworkRequest { network: None }),
        test(FlowProtocol::Udp, FlowDirection::Out),
        test(FlowProtocol::Icmp, FlowDirection::Out),
        test(FlowProtocol::Any, FlowDirection::In),
        suggest(SuggestionScope::All),
        suggest(SuggestionScope::Member("nas".into())),
        Request::Firewall(FirewallRequest::Accept(SuggestionRequest { network: None, id: None })),
        Request::Firewall(FirewallRequest::AutoAccept { network: None, on: None }),
    ]);
    requests
}

fn test(protocol: FlowProtocol, direction: FlowDirection) -> Request {
    let peer = "bob".into();
    Request::Firewall(FirewallRequest::Test { peer, protocol, port: None, direction, network: None })
}

fn suggest(scope: SuggestionScope) -> Request {
    Request::Firewall(FirewallRequest::Suggest { network: None, scope, rule: "in deny any".into() })
}

/// What each command is answered, and the values that none of these has.
fn replies() -> Vec<Reply> {
    let status = |helper| Reply::Status(Box::new(StatusReply { helper, networks: vec![], ..samples::status() }));
    let mut replies: Vec<Reply> = commands::all().into_iter().flat_map(|command| command.replies).collect();
    replies.extend([
        Reply::Created(NetworkReply { v4: None, ..samples::network_reply() }),
        Reply::Waiting(samples::waiting()),
        status(HelperState::Idle),
        status(HelperState::Missing { reason: "gone".into() }),
        standing(Standing::Out { reason: "removed by bob".into() }),
        standing(Standing::Ended { by: "bob".into() }),
        Reply::Ping(PingReply { seq: 2, rtt_us: None, path: PathState::Absent }),
        samples::mode(NetworkMode::Closed),
        samples::mode(NetworkMode::Approval),
    ]);
    replies.extend(access_samples::all().into_iter().map(|(_, reply)| reply));
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

/// A status with this standing, and with a join that waits.
fn standing(standing: Standing) -> Reply {
    let mut network = NetworkStatus { standing, members: vec![], mode: NetworkMode::Open, ..samples::home() };
    (network.ephemeral_s, network.requests, network.unconfirmed, network.unknown_entries) = (60, 1, 2, 3);
    (network.publication.seen_s, network.publication.error) = (None, Some("no relay".into()));
    let waiting = vec![samples::waiting()];
    Reply::Status(Box::new(StatusReply { networks: vec![network], waiting, ..samples::status() }))
}
