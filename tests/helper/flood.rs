//! A hundred thousand random and mutated frames against a live helper.
//!
//! Each frame's fate is foretold by the pure layers (decoder, gate, policy) and compared with what the live helper does:
//! a frame that should be a violation must close, a refusal must be that refusal. All the while nothing may change in
//! the namespace but what policy permits on our own device.

use std::{
    fs::{self, File},
    net::{IpAddr, Ipv6Addr},
    os::fd::AsFd,
    time::{SystemTime, UNIX_EPOCH},
};

use ray_helper::{
    config::{self, Config},
    gate::{self, Phase},
    policy::{self, Op},
};
use ray_ipc::{
    helper::{HelperReply, HelperRequest, LinkState, Refusal, Route, VERSION, decode_request, encode_request},
    limits::HELPER_FRAME_MAX,
};
use ray_tests::live_helper::{Answer, Client, ENGINE_UID, LiveHelper, NetState, addresses};

const FRAMES: usize = 100_000;
/// The network is looked at after so many frames, and the next so many meet connections of the other kind: with a device
/// or without one.
const ROUND: usize = 5_000;
/// Operations are paced at 20 a second after a burst of 50; more would only make the test long.
const OPERATIONS_MAX: usize = 150;
/// Each costs the helper's device, and the next connection a pause that doubles.
const VIOLATIONS_WITH_DEVICE_MAX: usize = 2;
const ROUTES_MAX: u16 = 16;

#[test]
fn a_hundred_thousand_frames_change_nothing_outside_the_policy() {
    let seed = seed();
    println!("seed {seed}: run again with RAY_SEED={seed}");
    let mut helper = LiveHelper::start(&format!("routes_max = {ROUTES_MAX}"));
    let before = helper.state();
    helper.namespace.enter_as(ENGINE_UID, || Flood::new(&helper, seed, before.clone()).run());
    assert!(helper.is_alive(), "seed {seed}");
    let client = helper.connect();
    client.bring_up(1);
    client.done(&HelperRequest::Release);
    assert_eq!(helper.state(), before, "seed {seed}");
    let open = fs::read_dir(format!("/proc/{}/fd", helper.pid())).unwrap().count();
    assert!(open <= 7, "seed {seed}: {open} descriptors are still open");
}

/// What the pure layers say that a frame must lead to.
#[derive(Debug, PartialEq)]
enum Fate {
    Closed,
    Refused(Refusal),
    Greeted { stays: bool },
    Operation(Phase),
}

struct Flood<'a> {
    helper: &'a LiveHelper,
    config: Config,
    random: Random,
    seed: u64,
    before: NetState,
    client: Option<(Client, Phase)>,
    operations: usize,
    violations_with_device: usize,
    fates: [usize; 4],
}

impl<'a> Flood<'a> {
    fn new(helper: &'a LiveHelper, seed: u64, before: NetState) -> Self {
        let config = config::parse(&format!("engine_user = \"{ENGINE_UID}\"\nroutes_max = {ROUTES_MAX}")).unwrap();
        Self {
            helper,
            config,
            random: Random(seed),
            seed,
            before,
            client: None,
            operations: 0,
            violations_with_device: 0,
            fates: [0; 4],
        }
    }

    fn run(mut self) {
        let mut sent = 0;
        while sent < FRAMES {
            let with_device = (sent / ROUND) % 2 == 1;
            let (client, phase) = self.client.take().unwrap_or_else(|| self.connect(with_device));
            let frame = self.random.frame();
            let fate = self.foretell(phase, &frame);
            if !self.affordable(phase, &fate) {
                self.client = Some((client, phase));
                continue;
            }
            self.client = self.send(client, phase, &frame, &fate);
            sent += 1;
            if sent % ROUND == 0 {
                self.check_network();
                self.hang_up();
            }
        }
        eprintln!("closed, refused, greeted, done: {:?}", self.fates);
        assert!(self.fates.iter().all(|count| *count > 50), "every fate must be met often: {:?}", self.fates);
    }

    /// A connection, led to a phase by chance.
    fn connect(&mut self, with_device: bool) -> (Client, Phase) {
        let client = Client::connect(&self.helper.socket_path()).unwrap();
        let phases: &[Phase] = match with_device {
            false => &[Phase::New, Phase::Greeted],
            true => &[Phase::Open, Phase::Addressed, Phase::Up, Phase::Up],
        };
        let phase = phases[self.random.below(phases.len())];
        if phase != Phase::New {
            client.greet();
        }
        if with_device {
            client.open(1);
        }
        if matches!(phase, Phase::Addressed | Phase::Up) {
            client.done(&addresses("100.64.1.2", "200::1234"));
        }
        if phase == Phase::Up {
            client.done(&HelperRequest::SetLink { state: LinkState::Up });
        }
        (client, phase)
    }

    /// Ends the connection without leaving a device for the next one.
    fn hang_up(&mut self) {
        if let Some((client, phase)) = self.client.take()
            && has_device(phase)
        {
            client.done(&HelperRequest::Release);
        }
    }

    fn foretell(&self, phase: Phase, frame: &[u8]) -> Fate {
        if frame.len() > HELPER_FRAME_MAX {
            return Fate::Closed;
        }
        let Ok(request) = decode_request(frame) else { return Fate::Closed };
        let Some(next) = gate::next(phase, &request) else { return Fate::Closed };
        match policy::judge(&self.config, request) {
            Err(refusal) => Fate::Refused(refusal),
            Ok(Op::Greet(greeting)) => Fate::Greeted { stays: greeting.agreed() },
            Ok(_) => Fate::Operation(next),
        }
    }

    /// Leaves out what would only make the helper's pauses longer, once there was enough of it.
    fn affordable(&mut self, phase: Phase, fate: &Fate) -> bool {
        match fate {
            Fate::Closed if has_device(phase) => {
                let affordable =
                    self.violations_with_device < VIOLATIONS_WITH_DEVICE_MAX && self.random.below(2000) == 0;
                self.violations_with_device += usize::from(affordable);
                affordable
            }
            Fate::Operation(_) => {
                // A release, or a device where there should be none, changes the kind of the whole round.
                let rarity = if phase == Phase::Greeted { 500 } else { 10 };
                let affordable = self.operations < OPERATIONS_MAX && self.random.below(rarity) == 0;
                self.operations += usize::from(affordable);
                affordable
            }
            Fate::Closed | Fate::Refused(_) | Fate::Greeted { .. } => true,
        }
    }

    /// Sends a frame, and gives the connection back if it should and does go on.
    fn send(&mut self, client: Client, phase: Phase, frame: &[u8], fate: &Fate) -> Option<(Client, Phase)> {
        let with_descriptor = *fate == Fate::Closed && self.random.below(16) == 0;
        let answer = match with_descriptor {
            false => client.ask_raw(frame),
            true => {
                let null = File::open("/dev/null").unwrap();
                // The helper may have closed in the meantime only if this frame made it.
                client.send(frame, &[null.as_fd()]).unwrap();
                client.receive()
            }
        };
        let context = || format!("seed {}, in {phase:?}, frame {frame:02x?}: {answer:?}", self.seed);
        let (index, goes_on) = match (fate, &answer) {
            (Fate::Closed, Answer::Closed) => (0, None),
            (Fate::Refused(refusal), Answer::Reply(HelperReply::Refused(found), _)) if refusal == found => {
                (1, Some(phase))
            }
            (Fate::Greeted { stays }, Answer::Reply(HelperReply::Hello { version: VERSION }, _)) => {
                (2, stays.then_some(Phase::Greeted))
            }
            (Fate::Operation(next), Answer::Reply(HelperReply::Done | HelperReply::TunOpened(_), _)) => {
                (3, Some(*next))
            }
            // The kernel may not hold what policy permits, but then it must hold what it held.
            (Fate::Operation(_), Answer::Reply(HelperReply::Failed { .. }, _)) => (3, Some(phase)),
            _ => panic!("expected {fate:?}: {}", context()),
        };
        self.fates[index] += 1;
        goes_on.map(|next| (client, next))
    }

    fn check_network(&self) {
        let now = NetState::read_settled();
        let ours = now.links.iter().find(|line| line.contains(" ray0 "));
        let index = ours.and_then(|line| line.strip_prefix("if")?.split(' ').next()?.parse().ok()).unwrap_or(u32::MAX);
        assert_eq!(now.without(index), self.before, "seed {}", self.seed);
        let mesh: Vec<&str> =
            now.addresses.iter().filter(|line| line.starts_with(&format!("if{index} "))).map(String::as_str).collect();
        for line in mesh {
            let address: IpAddr = line.split([' ', '/']).nth(1).unwrap().parse().unwrap();
            let prefix = if address.is_ipv4() { self.config.prefix_v4.unwrap() } else { self.config.prefix_v6 };
            assert!(prefix.contains(address), "seed {}: {line}", self.seed);
        }
        assert!(now.helper_routes().len() <= usize::from(ROUTES_MAX), "seed {}", self.seed);
    }
}

fn has_device(phase: Phase) -> bool {
    match phase {
        Phase::New | Phase::Greeted => false,
        Phase::Open | Phase::Addressed | Phase::Up => true,
    }
}

/// SplitMix64: small, seeded, the same everywhere.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    /// Never empty: a packet without bytes reads like a hang-up.
    fn frame(&mut self) -> Vec<u8> {
        match self.below(10) {
            0 => self.noise(64),
            1 => {
                // A known tag before noise gets further into the decoder.
                let mut frame = u32::try_from(self.below(7)).unwrap().to_le_bytes().to_vec();
                frame.extend(self.noise(64));
                frame
            }
            2 if self.below(50) == 0 => self.noise(HELPER_FRAME_MAX + 100),
            2..6 => {
                let request = self.request();
                self.mutated(encode_request(&request).unwrap())
            }
            _ => encode_request(&self.request()).unwrap(),
        }
    }

    fn noise(&mut self, len_max: usize) -> Vec<u8> {
        let len = 1 + self.below(len_max);
        (0..len).map(|_| self.byte()).collect()
    }

    fn mutated(&mut self, mut frame: Vec<u8>) -> Vec<u8> {
        for _ in 0..=self.below(3) {
            let at = self.below(frame.len());
            match self.below(4) {
                0 => frame[at] ^= 1 << self.below(8),
                1 => frame[at] = self.byte(),
                2 => frame.truncate(at.max(1)),
                _ => frame.insert(at, self.byte()),
            }
        }
        frame
    }

    /// A well-formed request whose values are mostly near the borders of the policy.
    fn request(&mut self) -> HelperRequest {
        match self.below(12) {
            0 => HelperRequest::Hello { version: if self.below(2) == 0 { VERSION } else { 7 } },
            1..3 => {
                let mtu = [0, 1279, 1280, 1500, 9001, u16::MAX][self.below(6)];
                HelperRequest::OpenTun { queues: [0, 1, 2, 9, 255][self.below(5)], mtu }
            }
            3..6 => {
                let v4 = match self.address() {
                    IpAddr::V4(v4) => Some(v4),
                    IpAddr::V6(_) => None,
                };
                let v6 = match self.address() {
                    IpAddr::V6(v6) => v6,
                    IpAddr::V4(_) => Ipv6Addr::from(u128::from(self.next())),
                };
                HelperRequest::SetAddresses { v4, v6 }
            }
            6..10 => {
                let count = [0, 1, 2, 5, 16, 17, 300][self.below(7)];
                HelperRequest::ReplaceRoutes { routes: (0..count).map(|_| self.route()).collect() }
            }
            10 => HelperRequest::SetLink { state: if self.below(4) == 0 { LinkState::Down } else { LinkState::Up } },
            _ => HelperRequest::Release,
        }
    }

    fn route(&mut self) -> Route {
        let destination = self.address();
        let prefix = match self.below(3) {
            0 => self.byte(),
            _ if destination.is_ipv4() => 32,
            _ => 128,
        };
        Route { destination, prefix }
    }

    fn address(&mut self) -> IpAddr {
        let host = u32::try_from(self.next() >> 32).unwrap();
        match self.below(8) {
            0..3 => IpAddr::from((0x6440_0000 | (host & 0x003f_ffff)).to_be_bytes()),
            3..6 => Ipv6Addr::from((0x0200_u128 << 112) | u128::from(self.next())).into(),
            6 => IpAddr::from(host.to_be_bytes()),
            _ => Ipv6Addr::from((u128::from(self.next()) << 64) | u128::from(self.next())).into(),
        }
    }
}

fn seed() -> u64 {
    let chosen = std::env::var("RAY_SEED").ok().and_then(|text| text.parse().ok());
    chosen.unwrap_or_else(|| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
        u64::try_from(now.as_nanos() & u128::from(u64::MAX)).unwrap()
    })
}
