//! The helper protocol's bytes, frozen: engine and helper of one version must understand each other for ever.

use ray_ipc::helper::{
    HelperReply, HelperRequest, LinkState, Refusal, TunOpened, decode_reply, decode_request, encode_reply,
    encode_request,
};
use ray_tests::live_helper::route;

#[test]
fn requests_keep_their_bytes() {
    let v6 = "200::1234".parse().unwrap();
    let vectors = [
        (HelperRequest::Hello { version: 1 }, "000000000100"),
        (HelperRequest::OpenTun { queues: 2, mtu: 1280 }, "01000000020005"),
        (
            HelperRequest::SetAddresses { v4: Some("100.64.1.2".parse().unwrap()), v6 },
            "02000000016440010202000000000000000000000000001234",
        ),
        (HelperRequest::SetAddresses { v4: None, v6 }, "020000000002000000000000000000000000001234"),
        (HelperRequest::ReplaceRoutes { routes: vec![] }, "030000000000000000000000"),
        (
            HelperRequest::ReplaceRoutes { routes: vec![route("100.64.0.0", 10), route("200::", 7)] },
            "03000000020000000000000000000000644000000a010000000200000000000000000000000000000007",
        ),
        (HelperRequest::SetLink { state: LinkState::Up }, "0400000000000000"),
        (HelperRequest::SetLink { state: LinkState::Down }, "0400000001000000"),
        (HelperRequest::Release, "05000000"),
        (HelperRequest::ReturnTun { queues: 2 }, "0600000002"),
    ];
    for (request, expected) in vectors {
        assert_eq!(hex(&encode_request(&request).unwrap()), expected, "{request:?}");
        assert_eq!(decode_request(&bytes(expected)).unwrap(), request);
    }
}

#[test]
fn replies_keep_their_bytes() {
    let opened = TunOpened { ifname: "ray0".into(), ifindex: 7, mtu: 1280, queues: 2, resumed: true };
    let vectors = [
        (HelperReply::Hello { version: 1 }, "000000000100"),
        (HelperReply::TunOpened(opened), "010000000400000000000000726179300700000000050201"),
        (HelperReply::Done, "02000000"),
        (HelperReply::Refused(Refusal::QueueCount { max: 8 }), "030000000000000008"),
        (HelperReply::Refused(Refusal::Mtu { min: 1280, max: 9000 }), "030000000100000000052823"),
        (HelperReply::Refused(Refusal::Address), "0300000002000000"),
        (HelperReply::Refused(Refusal::Ipv4Disabled), "0300000003000000"),
        (HelperReply::Refused(Refusal::RouteCount { max: 1024 }), "03000000040000000004"),
        (HelperReply::Refused(Refusal::RouteOutsideMesh), "0300000005000000"),
        (HelperReply::Refused(Refusal::RouteMalformed), "0300000006000000"),
        (HelperReply::Refused(Refusal::InterfaceTaken), "0300000007000000"),
        (HelperReply::Refused(Refusal::PrefixTaken), "0300000008000000"),
        (HelperReply::Refused(Refusal::QueuesDiffer { kept: 2 }), "030000000900000002"),
        (HelperReply::Refused(Refusal::NotTheDevice), "030000000a000000"),
        (
            HelperReply::Refused(Refusal::RouteTaken { address: "100.64.1.2".parse().unwrap() }),
            "030000000b0000000000000064400102",
        ),
        (HelperReply::Failed { step: "ab".into(), errno: 17 }, "040000000200000000000000616211000000"),
    ];
    for (reply, expected) in vectors {
        assert_eq!(hex(&encode_reply(&reply).unwrap()), expected, "{reply:?}");
        assert_eq!(decode_reply(&bytes(expected)).unwrap(), reply);
    }
}

#[test]
fn every_cut_and_every_byte_too_many_is_refused() {
    for text in [
        "000000000100",
        "01000000020005",
        "02000000016440010202000000000000000000000000001234",
        "05000000",
        "0600000002",
    ] {
        let whole = bytes(text);
        for len in 0..whole.len() {
            assert!(decode_request(&whole[..len]).is_err(), "{text} cut to {len}");
        }
        assert!(decode_request(&[whole.as_slice(), &[0]].concat()).is_err(), "{text} and a byte");
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len()).step_by(2).map(|index| u8::from_str_radix(&hex[index..index + 2], 16).unwrap()).collect()
}
