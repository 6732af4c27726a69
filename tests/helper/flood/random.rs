//! Frames by chance, mostly near the borders of what is allowed, and every mutation of every request in order.

use std::net::{IpAddr, Ipv6Addr};

use ray_ipc::{
    helper::{HelperRequest, LinkState, Route, VERSION, encode_request},
    limits::{HELPER_FRAME_MAX, QUEUES_MAX},
};
use ray_tests::live_helper::{addresses, route};

/// One message: its bytes, and how many descriptors come with it.
#[derive(Debug, Clone)]
pub(super) struct Message {
    pub(super) bytes: Vec<u8>,
    pub(super) descriptors: usize,
}

/// Each byte of each request with each bit turned and at the ends of its range, every cut, and a byte too many
/// everywhere; and each request with descriptors that it does not announce.
pub(super) fn every_mutation() -> Vec<Message> {
    let requests = [
        HelperRequest::Hello { version: VERSION },
        HelperRequest::OpenTun { queues: 1, mtu: 1280 },
        addresses("100.64.1.2", "200::1234"),
        HelperRequest::SetAddresses { v4: None, v6: Ipv6Addr::LOCALHOST },
        HelperRequest::ReplaceRoutes { routes: vec![route("100.64.0.0", 10), route("200::", 7)] },
        HelperRequest::SetLink { state: LinkState::Up },
        HelperRequest::Release,
        HelperRequest::ReturnTun { queues: 2 },
    ];
    requests.iter().flat_map(mutations_of).collect()
}

fn mutations_of(request: &HelperRequest) -> Vec<Message> {
    let whole = encode_request(request).unwrap();
    let own = announced(request);
    let mut messages = Vec::new();
    for descriptors in 0..=QUEUES_MAX + 1 {
        messages.push(Message { bytes: whole.clone(), descriptors });
    }
    let mut push = |bytes: Vec<u8>| messages.push(Message { bytes, descriptors: own });
    for at in 0..whole.len() {
        let turned = (0..8).map(|bit| whole[at] ^ (1 << bit));
        for byte in turned.chain([0, 0x7f, 0x80, 0xff]) {
            let mut bytes = whole.clone();
            bytes[at] = byte;
            push(bytes);
        }
        if at > 0 {
            push(whole[..at].to_vec());
        }
        let mut longer = whole.clone();
        longer.insert(at, 0);
        push(longer);
    }
    push([whole.as_slice(), &[0]].concat());
    messages
}

/// How many descriptors a request has to come with.
pub(super) fn announced(request: &HelperRequest) -> usize {
    match request {
        HelperRequest::ReturnTun { queues } => usize::from(*queues),
        HelperRequest::Hello { .. }
        | HelperRequest::OpenTun { .. }
        | HelperRequest::SetAddresses { .. }
        | HelperRequest::ReplaceRoutes { .. }
        | HelperRequest::SetLink { .. }
        | HelperRequest::Release => 0,
    }
}

/// SplitMix64: small, seeded, the same everywhere.
pub(super) struct Random(pub(super) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    fn byte(&mut self) -> u8 {
        self.next().to_le_bytes()[0]
    }

    pub(super) fn message(&mut self) -> Message {
        if self.below(40) == 0 {
            let request = HelperRequest::ReturnTun { queues: self.byte() % 10 };
            let descriptors = if self.below(2) == 0 { announced(&request) } else { self.below(QUEUES_MAX + 3) };
            return Message { bytes: encode_request(&request).unwrap(), descriptors };
        }
        let descriptors = if self.below(64) == 0 { [1, 2, 8, 9, 64][self.below(5)] } else { 0 };
        Message { bytes: self.frame(), descriptors }
    }

    /// Never empty: a packet without bytes reads like a hang-up.
    fn frame(&mut self) -> Vec<u8> {
        match self.below(10) {
            0 => self.noise(64),
            1 => {
                // A known tag before noise gets further into the decoder.
                let mut frame = u32::try_from(self.below(8)).unwrap().to_le_bytes().to_vec();
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
