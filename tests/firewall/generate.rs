//! Makes up what happens: conversations that go on packet by packet, strange packets in between, time, other rules.

use crate::{
    packets::{ACK, Body, Damage, FIN, PSH, Packet, Piece, RST, SYN, Side, Tcp},
    rules::{Line, NETWORKS, PEERS, Rules, Who},
};

pub(crate) enum Event {
    Packet(Packet),
    Wait(u64),
    Rules(Rules),
}

/// A TCP connection as both ends see it.
#[derive(Debug, Clone)]
struct Talk {
    packet: Packet,
    /// What each side sends next: the host's first.
    next: [u32; 2],
}

pub(crate) struct Generator {
    random: Random,
    talks: Vec<Talk>,
    recent: Vec<Packet>,
}

impl Generator {
    pub(crate) fn new(seed: u64) -> Self {
        Self { random: Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1), talks: Vec::new(), recent: Vec::new() }
    }

    pub(crate) fn event(&mut self) -> Event {
        match self.random.below(60) {
            0 => Event::Wait(
                self.random.pick(&[1, 5, 9, 10, 29, 30, 31, 59, 60, 61, 119, 120, 130, 300, 301, 600, 432_000]),
            ),
            1 if self.random.one_in(3) => Event::Rules(self.rules()),
            _ => {
                let packet = self.packet();
                self.recent.push(packet.clone());
                if self.recent.len() > 40 {
                    self.recent.remove(0);
                }
                Event::Packet(packet)
            }
        }
    }

    pub(crate) fn rules(&mut self) -> Rules {
        let count = self.random.below(7);
        let list = (0..count).map(|_| self.line()).collect();
        Rules { list, on: !self.random.one_in(12), allow_in: self.random.one_in(4), allow_out: !self.random.one_in(4) }
    }

    fn line(&mut self) -> Line {
        let protocol = self.random.pick(&["tcp", "tcp", "udp", "icmp", "any"]);
        let ports = match protocol {
            "tcp" | "udp" => self.random.pick(&[vec![], vec![(22, 22)], vec![(22, 53)], vec![(53, 53), (4000, 5000)]]),
            _ => vec![],
        };
        let who = self.random.pick(&[
            Who::Device(1),
            Who::Device(2),
            Who::User,
            Who::Group,
            Who::OtherGroup,
            Who::Any,
            Who::Any,
        ]);
        let network = match who {
            Who::Group | Who::OtherGroup => Some(NETWORKS[0]),
            Who::Device(_) | Who::User | Who::Any => {
                self.random.pick(&[None, None, Some(NETWORKS[0]), Some(NETWORKS[1])])
            }
        };
        let opener = self.random.pick(&[Side::Host, Side::Peer, Side::Peer]);
        Line { opener, allow: self.random.one_in(2), protocol, ports, who, network, suggested: self.random.one_in(4) }
    }

    fn packet(&mut self) -> Packet {
        let mut packet = match self.random.below(20) {
            0..=10 => self.talk(),
            11 | 12 if !self.recent.is_empty() => self.variant(),
            13 if !self.recent.is_empty() => self.error(),
            14 | 15 => self.piece(),
            _ => self.any(),
        };
        if self.random.one_in(6) {
            packet.extensions = self.random.below(4) as u8;
        }
        if self.random.one_in(25) && !matches!(packet.body, Body::Gre) {
            packet.damage = Some(self.damage(&packet));
        }
        packet
    }

    /// The next packet of a connection, or the first of a new one.
    fn talk(&mut self) -> Packet {
        if self.talks.is_empty() || self.random.one_in(30) {
            let starts = [0, 1, u32::MAX, u32::MAX - 700, 0x7fff_ff00, 0x8000_0000];
            let next = [self.random.pick(&starts), self.random.pick(&starts)];
            let mut packet = self.any();
            packet.body = Body::Tcp(self.tcp());
            if self.talks.len() >= 4 {
                self.talks.remove(0);
            }
            self.talks.push(Talk { packet, next });
        }
        let at = self.random.below(self.talks.len());
        let talk = &mut self.talks[at];
        let side = if self.random.one_in(2) { Side::Host } else { Side::Peer };
        let flags = self.random.pick(&[
            SYN,
            SYN | ACK,
            SYN | ACK,
            ACK,
            ACK,
            ACK | PSH,
            ACK,
            ACK,
            ACK | PSH,
            FIN | ACK,
            ACK,
            RST,
            RST | ACK,
        ]);
        let mut packet = talk.packet.clone();
        packet.sent = side;
        let (mine, other) = if side == Side::Host { (0, 1) } else { (1, 0) };
        let Body::Tcp(tcp) = &mut packet.body else { return packet };
        tcp.flags = flags;
        tcp.seq = talk.next[mine];
        tcp.ack = if flags & ACK != 0 { talk.next[other] } else { 0 };
        tcp.window = self.random.pick(&[0, 1, 512, 65_535]);
        tcp.scale = (flags & SYN != 0 && !self.random.one_in(3)).then(|| self.random.pick(&[0, 2, 7, 14]));
        tcp.payload = if flags & PSH != 0 { self.random.pick(&[1, 100, 900]) } else { 0 };
        if flags & SYN != 0 && flags & ACK == 0 {
            // It begins again, at the same place: that is how one is repeated.
        } else if flags & RST == 0 && !self.random.one_in(5) {
            let taken = u32::from(tcp.payload) + u32::from(flags & FIN != 0);
            talk.next[mine] = talk.next[mine].wrapping_add(taken);
        }
        if self.random.one_in(8) {
            let off = self.random.pick(&[1, 2, 511, 512, 513, 65_535, 65_536, u32::MAX, 1 << 31]);
            if self.random.one_in(2) {
                tcp.seq = tcp.seq.wrapping_add(off)
            } else {
                tcp.ack = tcp.ack.wrapping_add(off)
            }
        }
        packet
    }

    /// An earlier packet with something changed, or from the other side.
    fn variant(&mut self) -> Packet {
        let at = self.random.below(self.recent.len());
        let mut packet = self.recent[at].clone();
        match self.random.below(6) {
            0 => packet.sent = if packet.sent == Side::Host { Side::Peer } else { Side::Host },
            1 => packet.peer = self.random.pick(&PEERS),
            2 => packet.network = self.random.pick(&NETWORKS),
            3 => packet.v6 = !packet.v6 && !matches!(packet.body, Body::Error { .. }),
            4 => {
                if let Body::Tcp(tcp) = &mut packet.body {
                    tcp.flags = self.random.below(64) as u8 & !32;
                }
            }
            _ => {
                if let Body::Echo { asks, .. } = &mut packet.body {
                    *asks = !*asks;
                }
            }
        }
        if let Body::Error { cited, foreign, .. } = &mut packet.body {
            // Whoever says it now cites a packet between other hosts.
            *foreign = cited.peer != packet.peer || cited.v6 != packet.v6;
        }
        packet.damage = None;
        packet
    }

    /// An error about an earlier packet.
    fn error(&mut self) -> Packet {
        let at = self.random.below(self.recent.len());
        let cited = Packet { damage: None, extensions: 0, ..self.recent[at].clone() };
        if matches!(cited.body, Body::Error { .. }) {
            return self.any();
        }
        let mut packet = Packet { piece: None, ..cited.clone() };
        packet.sent = if self.random.one_in(5) {
            cited.sent
        } else if cited.sent == Side::Host {
            Side::Peer
        } else {
            Side::Host
        };
        if self.random.one_in(8) {
            packet.network = self.random.pick(&NETWORKS);
        }
        if self.random.one_in(8) {
            packet.peer = self.random.pick(&PEERS);
        }
        let kind = if packet.v6 { self.random.pick(&[1, 2, 3, 4]) } else { self.random.pick(&[3, 11, 12]) };
        let foreign = packet.peer != cited.peer;
        packet.body = Body::Error { cited: Box::new(cited), kind, foreign };
        packet
    }

    fn piece(&mut self) -> Packet {
        let mut packet = self.any();
        if matches!(packet.body, Body::OtherIcmp | Body::Gre | Body::Echo { .. }) {
            packet.body = Body::Udp { host_port: 53, peer_port: 4000, len: 16 };
        }
        if let Body::Udp { len, .. } = &mut packet.body {
            *len = 16;
        }
        if let Body::Tcp(tcp) = &mut packet.body {
            tcp.payload = 0;
        }
        let first = self.random.one_in(3);
        let start = if first { 0 } else { self.random.pick(&[1, 2, 3, 4, 5, 6, 8]) };
        let len = if first { self.random.pick(&[3, 4, 4]) } else { self.random.pick(&[1, 2, 4]) };
        let more = first || !self.random.one_in(3);
        if let Body::Tcp(tcp) = &mut packet.body
            && first
        {
            tcp.scale = None;
            tcp.payload = len * 8 - 20;
            if self.random.one_in(6) {
                return Packet { piece: Some(Piece { id: 1, start: 0, len: 2, more: true }), ..packet };
            }
        }
        // Few identifiers, one peer and one side: pieces shall meet.
        (packet.peer, packet.sent) = (1, Side::Peer);
        packet.piece = Some(Piece { id: self.random.below(2) as u16, start, len, more });
        packet
    }

    fn any(&mut self) -> Packet {
        let (host_port, peer_port) = (self.random.pick(&[22, 53, 5000]), self.random.pick(&[53, 4000]));
        let body = match self.random.below(8) {
            0..=2 => Body::Udp { host_port, peer_port, len: self.random.pick(&[0, 16, 900]) },
            3 | 4 => Body::Echo { id: self.random.below(3) as u16, asks: self.random.one_in(2) },
            5 | 6 => Body::Tcp(self.tcp()),
            _ => self.random.pick(&[Body::OtherIcmp, Body::Gre]),
        };
        Packet {
            sent: self.random.pick(&[Side::Host, Side::Peer]),
            peer: self.random.pick(&PEERS),
            network: if self.random.one_in(4) { NETWORKS[1] } else { NETWORKS[0] },
            v6: self.random.one_in(3),
            body,
            extensions: 0,
            piece: None,
            damage: None,
        }
    }

    fn tcp(&mut self) -> Tcp {
        Tcp {
            host_port: self.random.pick(&[22, 53, 5000]),
            peer_port: self.random.pick(&[53, 4000]),
            flags: self.random.pick(&[SYN, SYN, ACK, SYN | ACK, FIN | ACK, RST]),
            seq: self.random.next() as u32,
            ack: self.random.next() as u32,
            window: 512,
            scale: None,
            payload: 0,
        }
    }

    fn damage(&mut self, packet: &Packet) -> Damage {
        let some = 1 + self.random.below(30);
        let mut kinds = vec![Damage::Cut(some), Damage::Longer(some), Damage::OptionOverrun];
        kinds.push(if packet.v6 { Damage::RoutingHeader } else { Damage::SourceRoute });
        if !packet.v6 {
            kinds.extend([Damage::ShortHeaderLength, Damage::Checksum]);
        }
        if packet.piece.is_none() {
            kinds.push(Damage::ShortTransport);
        }
        self.random.pick(&kinds)
    }
}

/// Small, fast and the same on every run (xorshift64*).
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 16
    }

    pub(crate) fn below(&mut self, end: usize) -> usize {
        self.next() as usize % end.max(1)
    }

    pub(crate) fn one_in(&mut self, n: usize) -> bool {
        self.below(n) == 0
    }

    pub(crate) fn pick<T: Clone>(&mut self, of: &[T]) -> T {
        of[self.below(of.len())].clone()
    }
}
