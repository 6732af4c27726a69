//! What honest hosts send, from the first packet to the last: nothing of it is denied, and nothing but it is needed.

use ray_engine::{
    firewall::{Firewall, Ruleset, Verdict},
    packet,
};

use crate::{
    direction,
    generate::Random,
    packets::{ACK, Body, FIN, PSH, Packet, Piece, RST, SYN, Side, Tcp},
    rules::{Line, PEERS, Rules, Who},
};

const CONVERSATIONS: u64 = 3000;

#[test]
fn no_packet_of_a_valid_connection_is_denied() {
    let mut ends = [0; 3];
    for seed in 0..CONVERSATIONS {
        let mut talk = Talk::new(seed);
        talk.open();
        for _ in 0..talk.random.below(30) {
            talk.exchange();
        }
        ends[talk.end()] += 1;
    }
    assert!(ends.iter().all(|count| *count > CONVERSATIONS / 6), "{ends:?}");
}

#[test]
fn datagrams_echoes_and_pieces_are_answered_and_errors_about_them_arrive() {
    for seed in 0..CONVERSATIONS {
        let mut talk = Talk::new(seed);
        let body = talk.random.pick(&[
            Body::Udp { host_port: 22, peer_port: 22, len: 100 },
            Body::Echo { id: 9, asks: true },
            Body::Gre,
        ]);
        let answer = match body {
            Body::Echo { id, .. } => Body::Echo { id, asks: false },
            _ => body.clone(),
        };
        let ask = Packet { body, ..talk.packet(talk.opener) };
        talk.passes(&ask);
        let kind = if ask.v6 { 2 } else { 3 };
        let answered = other(talk.opener);
        let error = Body::Error { cited: Box::new(ask.clone()), kind, foreign: false };
        talk.passes(&Packet { body: error, ..talk.packet(answered) });
        talk.passes(&Packet { body: answer, ..talk.packet(answered) });
        if matches!(ask.body, Body::Udp { .. }) {
            let piece = |start, len, more| Some(Piece { id: 77, start, len, more });
            let body = Body::Udp { host_port: 22, peer_port: 22, len: 16 };
            for (start, len, more) in talk
                .random
                .pick(&[[(0, 3, true), (3, 4, true), (7, 1, false)], [(0, 3, true), (7, 1, false), (3, 4, true)]])
            {
                talk.passes(&Packet { piece: piece(start, len, more), body: body.clone(), ..talk.packet(answered) });
            }
        }
    }
}

/// Two hosts that talk TCP, each with what it has sent and received.
struct Talk {
    random: Random,
    firewall: Firewall,
    rules: Ruleset,
    second: u64,
    opener: Side,
    v6: bool,
    /// Of the host and the peer: the next number to send, and the first.
    next: [u32; 2],
    starts: [u32; 2],
    scale: [Option<u8>; 2],
    closed: [bool; 2],
}

impl Talk {
    fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        random.next();
        let opener = random.pick(&[Side::Host, Side::Peer]);
        // The strictest rules under which it may begin.
        let line = Line {
            opener,
            allow: true,
            protocol: "any",
            ports: vec![],
            who: Who::Device(PEERS[0]),
            network: None,
            suggested: false,
        };
        let rules = Rules { list: vec![line], on: true, allow_in: false, allow_out: false }.compile();
        let start = |random: &mut Random| random.pick(&[0, 1, u32::MAX, u32::MAX - 2000, 0x7fff_fc00, 0xdead_beef]);
        let next = [start(&mut random), start(&mut random)];
        let scale = [0, 1].map(|_| random.pick(&[None, Some(0), Some(7), Some(14)]));
        let v6 = random.one_in(2);
        let firewall = Firewall::default();
        Self { random, firewall, rules, second: 5000, opener, v6, next, starts: next, scale, closed: [false; 2] }
    }

    fn packet(&self, sent: Side) -> Packet {
        let body = Body::Gre;
        Packet { sent, peer: PEERS[0], network: 8, v6: self.v6, body, extensions: 0, piece: None, damage: None }
    }

    fn open(&mut self) {
        let (a, b) = (self.opener, other(self.opener));
        self.send(a, SYN, 0);
        if self.random.one_in(3) {
            self.send(a, SYN, 0);
        }
        if self.random.one_in(4) {
            self.send(b, SYN, 0);
            // Each repeats its SYN with the answer to the other's.
            for side in [a, b] {
                let before = self.next[at(other(side))];
                self.next[at(other(side))] = self.starts[at(other(side))].wrapping_add(1);
                let own = self.next[at(side)];
                self.next[at(side)] = self.starts[at(side)];
                self.send(side, SYN | ACK, 0);
                (self.next[at(side)], self.next[at(other(side))]) = (own, before);
            }
            self.take(a, 1);
            self.take(b, 1);
        } else {
            self.take(a, 1);
            self.send(b, SYN | ACK, 0);
            if self.random.one_in(3) {
                self.send(b, SYN | ACK, 0);
            }
            self.take(b, 1);
        }
        self.send(a, ACK, 0);
    }

    /// Some data one way, perhaps lost and repeated, and its acknowledgement; or nothing for a while.
    fn exchange(&mut self) {
        let from = self.random.pick(&[Side::Host, Side::Peer]);
        if self.random.one_in(6) && self.closed != [true; 2] {
            self.second += self.random.pick(&[1, 60, 7200, 86_400]);
        }
        if self.closed[at(from)] {
            return self.send(from, ACK, 0);
        }
        let len = self.random.pick(&[1, 500, 1200, 60_000]);
        for _ in 0..1 + self.random.below(3) {
            self.send(from, ACK | PSH, len);
        }
        self.take(from, u32::from(len));
        self.send(other(from), ACK, 0);
        if self.random.one_in(12) {
            self.close(from);
        }
    }

    fn close(&mut self, from: Side) {
        if !self.closed[at(from)] {
            self.send(from, FIN | ACK, 0);
            self.take(from, 1);
            self.closed[at(from)] = true;
            self.send(other(from), ACK, 0);
        }
    }

    /// Both close, or one gives up. Which it was.
    fn end(&mut self) -> usize {
        match self.random.below(3) {
            0 => {
                self.close(Side::Host);
                self.close(Side::Peer);
                self.second += 100;
                self.send(self.opener, ACK, 0);
                0
            }
            1 => {
                self.send(Side::Peer, RST | ACK, 0);
                1
            }
            _ => {
                self.send(Side::Host, RST, 0);
                2
            }
        }
    }

    fn take(&mut self, from: Side, len: u32) {
        self.next[at(from)] = self.next[at(from)].wrapping_add(len);
    }

    fn send(&mut self, sent: Side, flags: u8, payload: u16) {
        let tcp = Tcp {
            host_port: 22,
            peer_port: 22,
            flags,
            seq: self.next[at(sent)],
            ack: if flags & ACK != 0 { self.next[at(other(sent))] } else { 0 },
            window: self.random.pick(&[0, 100, 65_535]),
            scale: if flags & SYN != 0 { self.scale[at(sent)] } else { None },
            payload,
        };
        let packet = Packet { body: Body::Tcp(tcp), ..self.packet(sent) };
        self.passes(&packet);
    }

    fn passes(&mut self, packet: &Packet) {
        let packet = Packet { extensions: self.random.below(3) as u8, ..packet.clone() };
        let bytes = packet.bytes();
        let parsed = packet::parse(&bytes).unwrap_or_else(|refused| panic!("{refused}: {packet:?}"));
        let judged =
            self.firewall.judge(&self.rules, &packet.party(), direction(packet.sent), &parsed, self.second * 1000);
        assert_eq!(judged, Verdict::Allow, "{packet:?}");
    }
}

fn at(side: Side) -> usize {
    match side {
        Side::Host => 0,
        Side::Peer => 1,
    }
}

fn other(side: Side) -> Side {
    if side == Side::Host { Side::Peer } else { Side::Host }
}
