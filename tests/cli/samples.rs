//! Answers of an engine in a small network.

use std::net::{Ipv4Addr, Ipv6Addr};

use ray_ipc::control::{
    DropCount, EngineInfo, ErrorCode, ErrorReply, HelperState, InviteReply, JoinReply, LeaveReply, MemberState,
    MemberStatus, NetworkReply, NetworkStatus, PathState, PingReply, PingSummary, Reply, StatusReply, TunStatus,
    UpReply,
};

pub(crate) const CODE: &str = "ray1aeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibaeaqcaibae";

pub(crate) fn network_reply() -> NetworkReply {
    NetworkReply {
        name: "home".into(),
        room_id: id('a'),
        hostname: "alice".into(),
        v4: Some(Ipv4Addr::new(100, 75, 1, 2)),
        v6: v6(1),
    }
}

pub(crate) fn up(was_up: bool) -> Reply {
    Reply::Up(UpReply { was_up, tun: tun() })
}

pub(crate) fn joined() -> Reply {
    let network = NetworkReply { hostname: "bob".into(), ..network_reply() };
    Reply::Joined(JoinReply { network, members: 2, seated_by: "alice".into() })
}

pub(crate) fn left(told: u32) -> Reply {
    Reply::Left(LeaveReply { name: "home".into(), told })
}

pub(crate) fn invited(uses: u32, hostname: Option<&str>) -> Reply {
    Reply::Invited(InviteReply {
        code: CODE.into(),
        network: "home".into(),
        uses,
        expires_at: 1_790_000_000,
        hostname: hostname.map(str::to_owned),
    })
}

pub(crate) fn version() -> Reply {
    Reply::Version(engine())
}

pub(crate) fn error(code: ErrorCode) -> Reply {
    let message = format!("inviting to home: {}", code.name());
    Reply::Error(ErrorReply { code, message, hint: Some("ask alice".into()) })
}

pub(crate) fn status() -> StatusReply {
    StatusReply {
        engine: engine(),
        helper: HelperState::Connected,
        wanted_up: true,
        tun: Some(tun()),
        underlay: vec!["0.0.0.0:41383".into(), "[::]:41383".into()],
        networks: vec![home()],
        drops: vec![
            DropCount { reason: "not_ours".into(), packets: 3 },
            DropCount { reason: "source_not_peer".into(), packets: 12 },
        ],
        warnings: vec![],
    }
}

/// A network with a member in every state.
pub(crate) fn home() -> NetworkStatus {
    let mut members = vec![
        member("alice", 1, MemberState::Me),
        member("bob", 2, online(PathState::Direct { remote: "10.77.0.12:41383".into() })),
        member("carol", 3, MemberState::Connecting),
        member("nas", 4, MemberState::Offline { last_seen_s: Some(7300) }),
        member("phone", 5, MemberState::Offline { last_seen_s: None }),
        member("printer", 6, online(PathState::Relay { url: "http://10.77.0.1:3340/".into() })),
        member("tablet", 7, online(PathState::Unsettled)),
    ];
    members[0].coordinator = true;
    NetworkStatus { name: "home".into(), room_id: id('a'), hostname: "alice".into(), coordinator: true, members }
}

pub(crate) fn member(hostname: &str, number: u8, state: MemberState) -> MemberStatus {
    MemberStatus {
        hostname: hostname.into(),
        fqdn: format!("{hostname}.home.ray"),
        endpoint_id: id(char::from(b'0' + number)),
        v4: Some(Ipv4Addr::new(100, 75, 1, 1 + number)),
        v6: v6(number.into()),
        coordinator: false,
        me: state == MemberState::Me,
        state,
    }
}

pub(crate) fn online(path: PathState) -> MemberState {
    MemberState::Online { path, rtt_us: 1_849, since_s: 10_900, tx_bytes: 1_250_000_000, rx_bytes: 40_200_000 }
}

pub(crate) fn direct() -> PathState {
    PathState::Direct { remote: "10.77.0.12:41383".into() }
}

pub(crate) fn ping_reply(seq: u32, rtt_us: Option<u64>) -> Reply {
    Reply::Ping(PingReply { seq, rtt_us, path: direct() })
}

pub(crate) fn ping_summary(sent: u32, received: u32) -> Reply {
    let time = |us| (received > 0).then_some(us);
    Reply::PingDone(PingSummary {
        peer: "bob.home.ray".into(),
        address: "100.75.1.3".into(),
        sent,
        received,
        min_us: time(1_700),
        avg_us: time(1_800),
        max_us: time(1_900),
        path: direct(),
    })
}

fn engine() -> EngineInfo {
    EngineInfo { release: "0.1.0".into(), endpoint_id: id('1'), pid: 4711, uid: 977 }
}

fn tun() -> TunStatus {
    TunStatus {
        ifname: "ray0".into(),
        mtu: 1280,
        queues: 1,
        offload: true,
        v4: Some(Ipv4Addr::new(100, 75, 1, 2)),
        v6: v6(1),
    }
}

fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2ab, 0xcdef, 0x1234, 0x5678, 0x9abc, 0xdef0, 0x1234, last)
}
