//! Answers of an engine in a small network.

use std::net::{Ipv4Addr, Ipv6Addr};

use ray_ipc::control::{
    ConfinementStatus, CoordinatorStatus, CoordinatorsReply, DropCount, EngineInfo, EphemeralReply, ErrorCode,
    ErrorReply, HelperState, InviteReply, InviteState, InviteStatus, InvitesReply, JoinAsked, JoinReply, LeaveReply,
    LogDone, LogEffect, LogEntry, MemberReply, MemberState, MemberStatus, ModeReply, NetworkMode, NetworkReply,
    NetworkStatus, NukeReply, PathState, PingReply, PingSummary, PublicationStatus, RekeyReply, Reply, RequestsReply,
    Standing, StatusReply, TunStatus, UpReply, WaitingReply,
};

/// A time in 2026.
pub(crate) const MOMENT: u64 = 1_790_000_000;
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

pub(crate) fn waiting() -> WaitingReply {
    WaitingReply { room_id: id('a'), hostname: "bob".into() }
}

pub(crate) fn left(told: u32) -> Reply {
    Reply::Left(LeaveReply { name: "home".into(), told })
}

pub(crate) fn invited(uses: u32, hostname: Option<&str>) -> Reply {
    Reply::Invited(InviteReply {
        code: CODE.into(),
        network: "home".into(),
        uses,
        expires_at: MOMENT,
        hostname: hostname.map(str::to_owned),
    })
}

/// An invite in each state. The first expires at this time, the others around it.
pub(crate) fn invites(expires_at: u64) -> Reply {
    let invite = |digits: &str, state, uses, used| InviteStatus {
        key: format!("{digits:0<64}"),
        state,
        uses,
        used,
        ..invite(expires_at)
    };
    let mut invites = vec![
        invite("4f2a9c01d2", InviteState::Open, 10, 1),
        invite("7c", InviteState::UsedUp, 1, 1),
        invite("8d", InviteState::Expired, 1, 0),
        invite("9e000000000012", InviteState::Revoked, 3, 2),
        invite("9e000000000034", InviteState::Open, u32::MAX, 400),
    ];
    invites[1].hostname = None;
    invites[1].minted_by = "bob".into();
    invites[2].expires_at -= 10 * 86_400;
    invites[4].hostname = None;
    Reply::Invites(InvitesReply { network: "home".into(), invites })
}

pub(crate) fn invite(expires_at: u64) -> InviteStatus {
    InviteStatus {
        key: format!("{:0<64}", "4f2a9c01d2"),
        network: "home".into(),
        uses: 10,
        used: 1,
        expires_at,
        hostname: Some("nas".into()),
        minted_by: "alice".into(),
        state: InviteState::Revoked,
    }
}

pub(crate) fn requests(asked_at: u64) -> Reply {
    let asked = |endpoint, hostname: &str, before| JoinAsked {
        endpoint_id: id(endpoint),
        hostname: hostname.into(),
        asked_at: asked_at - before,
    };
    let requests = vec![asked('8', "bob", 7300), asked('9', "a-name-that-needs-a-line-of-its-own", 0)];
    Reply::Requests(RequestsReply { network: "home".into(), requests })
}

pub(crate) fn member_reply() -> MemberReply {
    MemberReply { network: "home".into(), endpoint_id: id('2'), hostname: "bob".into() }
}

pub(crate) fn nuked(told: u32) -> Reply {
    Reply::Nuked(NukeReply { network: "home".into(), told })
}

pub(crate) fn ephemeral(seconds: u32, changed: bool) -> Reply {
    Reply::Ephemeral(EphemeralReply { network: "home".into(), seconds, changed })
}

pub(crate) fn coordinators(since: u64) -> Reply {
    let coordinator = |digit, hostname: &str, granted_by: Option<&str>, since| CoordinatorStatus {
        endpoint_id: id(digit),
        hostname: hostname.into(),
        granted_by: granted_by.map(str::to_owned),
        since,
        me: hostname == "bob",
    };
    let coordinators =
        vec![coordinator('1', "alice", None, since - 90 * 86_400), coordinator('2', "bob", Some("alice"), since)];
    Reply::Coordinators(CoordinatorsReply { network: "home".into(), coordinators })
}

/// A history with an entry of each effect.
pub(crate) fn log() -> Vec<Reply> {
    let entry = |digit, number: u64, author: &str, action: &str, text: &str, effect| {
        Reply::LogEntry(Box::new(LogEntry {
            id: id(digit),
            time: MOMENT + 3600 * number,
            author_id: id('1'),
            author: author.into(),
            action: action.into(),
            text: text.into(),
            effect,
        }))
    };
    let late = LogEffect::NoEffect { reason: "bob was removed at the same time".into() };
    vec![
        entry('a', 0, "alice", "genesis", "founded the network home", LogEffect::Counted),
        entry('b', 1, "a-rather-long-name", "mint-invite", "made an invite for 1 host", late),
        entry('c', 30, "alice", "unknown-77", "did something of kind 77", LogEffect::Unknown),
        Reply::LogDone(LogDone { network: "home".into(), entries: 120, unconfirmed: 2 }),
    ]
}

pub(crate) fn rekeyed() -> Reply {
    Reply::Rekeyed(RekeyReply { network: "home".into(), discovery_key: id('b') })
}

pub(crate) fn mode(mode: NetworkMode) -> Reply {
    Reply::Mode(ModeReply { network: "home".into(), mode })
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
        confinement: ConfinementStatus { landlock_abi: Some(6), missing: vec![] },
        networks: vec![home()],
        drops: vec![
            DropCount { reason: "not_for_us".into(), packets: 3 },
            DropCount { reason: "source_of_another".into(), packets: 12 },
        ],
        waiting: vec![],
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
    NetworkStatus {
        name: "home".into(),
        room_id: id('a'),
        hostname: "alice".into(),
        coordinator: true,
        members,
        mode: NetworkMode::Closed,
        standing: Standing::Member,
        ephemeral_s: 0,
        entries: 12,
        unconfirmed: 0,
        unknown_entries: 0,
        requests: 0,
        publication: PublicationStatus { discovery_key: id('b'), publisher: true, seen_s: Some(310), error: None },
    }
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
    MemberState::Online {
        path,
        rtt_us: 1_849,
        since_s: 10_900,
        tx_bytes: 1_250_000_000,
        rx_bytes: 40_200_000,
        tx_packets: 900_000,
        rx_packets: 450_000,
        lost_packets: 12,
    }
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

pub(crate) fn id(digit: char) -> String {
    digit.to_string().repeat(64)
}

fn v6(last: u16) -> Ipv6Addr {
    Ipv6Addr::new(0x2ab, 0xcdef, 0x1234, 0x5678, 0x9abc, 0xdef0, 0x1234, last)
}
