//! The bytes of the protocol: what each message is, and that every accepted packet has exactly one reading.

use ray_ipc::names::{
    Backend, Conflict, Mode, NamesRefusal, NamesReply, NamesRequest, Report, State, Wanted, decode_reply,
    decode_request, encode_reply, encode_request,
};
use ray_tests::live_names::search;

#[test]
fn requests_have_these_bytes() {
    let vectors: [(NamesRequest, &[u8]); 4] = [
        (NamesRequest::Hello { version: 1 }, &[0, 0, 0, 0, 1, 0]),
        (
            NamesRequest::ReplaceDns(Wanted { mode: Mode::Full, ..search(&["ab"]) }),
            &[1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, b'a', b'b'],
        ),
        (NamesRequest::Release, &[2, 0, 0, 0]),
        (NamesRequest::Look, &[3, 0, 0, 0]),
    ];
    for (request, bytes) in vectors {
        assert_eq!(encode_request(&request).unwrap(), bytes, "{request:?}");
        assert_eq!(decode_request(bytes).unwrap(), request);
    }
}

#[test]
fn replies_come_back_as_they_went() {
    let report = Report {
        backend: Backend::Resolvconf,
        why: "because".to_owned(),
        state: State::StoodDown,
        set: vec!["this".to_owned()],
        conflicts: vec![Conflict { what: "that".to_owned(), remedy: "so".to_owned() }],
        upstreams: vec!["192.0.2.1:53".parse().unwrap(), "[fe80::1%7]:53".parse().unwrap()],
        search: vec!["lan".to_owned()],
    };
    let replies = [
        NamesReply::Hello { version: 1 },
        NamesReply::Done,
        NamesReply::Refused(NamesRefusal::SearchCount { max: 4 }),
        NamesReply::Failed { step: "a step".to_owned(), errno: 13 },
        NamesReply::Report(report),
    ];
    for (tag, reply) in (0u8..).zip(replies) {
        let bytes = encode_reply(&reply).unwrap();
        assert_eq!(bytes[..4], [tag, 0, 0, 0], "{reply:?}");
        // A zone's number is not part of an address that goes over the wire.
        let back = decode_reply(&bytes).unwrap();
        assert_eq!(encode_reply(&back).unwrap(), bytes, "{reply:?}");
    }
}

#[test]
fn a_changed_packet_is_refused_or_means_something_else_exactly_once() {
    let packet = encode_request(&NamesRequest::ReplaceDns(search(&["home", "work"]))).unwrap();
    let mut accepted = 0;
    for at in 0..packet.len() {
        for value in 0..=u8::MAX {
            let mut changed = packet.clone();
            changed[at] = value;
            if let Ok(request) = decode_request(&changed) {
                assert_eq!(encode_request(&request).unwrap(), changed, "byte {at} is {value}");
                accepted += 1;
            }
        }
        assert!(decode_request(&packet[..at]).is_err(), "cut at {at}");
    }
    assert!(accepted > packet.len(), "{accepted}");
}
