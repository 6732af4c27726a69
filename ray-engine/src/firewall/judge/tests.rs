//! What passes, in which order, and what does not.
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

use super::*;
use crate::{
    firewall::{
        rule::{self, Rule},
        ruleset::{Members, Posture, Standing, seeded},
    },
    ident::{RoomId, UnixTime},
    packet::{
        parse,
        samples::{ip, mend, tcp_segment},
        udp,
    },
};

#[test]
fn a_connection_of_our_own_is_followed_to_its_end() {
    let lab = Lab::new(&[]);
    lab.passes(Out, &tcp(Out, "S", 100, 0));
    lab.passes(In, &tcp(In, "SA", 900, 101));
    lab.passes(Out, &tcp(Out, "A", 101, 901));
    lab.passes(In, &tcp(In, "A", 901, 101));
    lab.passes(Out, &tcp(Out, "FA", 101, 901));
    lab.after(3_600_000);
    lab.passes(In, &tcp(In, "A", 950, 102));
    lab.passes(Out, &tcp(Out, "A", 102, 960));
    lab.passes(In, &tcp(In, "FA", 960, 102));
    lab.passes(Out, &tcp(Out, "A", 102, 961));
    lab.after(119_000);
    lab.passes(In, &tcp(In, "FA", 960, 102));
    lab.after(121_000);
    lab.stops(In, &tcp(In, "A", 961, 102), Denied::DefaultIn);
}

#[test]
fn both_ends_may_open_at_once() {
    let lab = Lab::new(&[]);
    lab.passes(Out, &tcp(Out, "S", 100, 0));
    lab.passes(In, &tcp(In, "S", 900, 0));
    lab.passes(Out, &tcp(Out, "SA", 100, 901));
    lab.passes(In, &tcp(In, "SA", 900, 101));
    lab.passes(Out, &tcp(Out, "A", 101, 901));
    lab.stops(In, &tcp(In, "S", 4000, 0), Denied::DefaultIn);
    lab.passes(In, &tcp(In, "A", 901, 101));
}

#[test]
fn a_new_connection_is_judged_even_on_the_ports_of_another() {
    let lab = Lab::new(&[]);
    lab.connect(100, 900);
    lab.stops(In, &tcp(In, "S", 5000, 0), Denied::DefaultIn);
    lab.passes(In, &tcp(In, "A", 901, 101));
    lab.passes(Out, &tcp(Out, "S", 7000, 0));
    lab.stops(In, &tcp(In, "SA", 1, 7001).replaced_port(), Denied::NoFlow);
}

#[test]
fn a_reset_counts_within_the_window_only() {
    for base in [1000u32, u32::MAX - 300, u32::MAX - 1, 0x7fff_fff0] {
        let lab = Lab::new(&[]);
        lab.connect(100, base.wrapping_sub(1));
        let ack = base;
        for (seq, fits) in [(0, true), (512, true), (513, false), (u32::MAX, false), (1 << 31, false)] {
            let reset = tcp(In, "R", ack.wrapping_add(seq), 0);
            if fits {
                let lab = Lab::new(&[]);
                lab.connect(100, base.wrapping_sub(1));
                lab.passes(In, &reset);
            } else {
                lab.stops(In, &reset, Denied::Reset);
            }
        }
        lab.passes(In, &tcp(In, "A", ack, 101));
    }
}

#[test]
fn a_refused_connection_is_reset_by_what_acknowledges_its_syn() {
    for (ack, fits) in [(100, false), (101, true), (102, false)] {
        let lab = Lab::new(&[]);
        lab.passes(Out, &tcp(Out, "S", 100, 0));
        lab.judges(In, &tcp(In, "RA", 0, ack), if fits { Ok(()) } else { Err(Denied::Reset) });
    }
    let lab = Lab::new(&[]);
    lab.passes(Out, &tcp(Out, "S", 100, 0));
    lab.stops(In, &tcp(In, "R", 0, 101), Denied::Reset);
    Lab::new(&["in allow any"]).stops(In, &tcp(In, "R", 0, 101), Denied::Reset);
}

#[test]
fn a_reset_that_the_host_does_not_believe_ends_nothing() {
    let lab = Lab::new(&[]);
    lab.connect(100, 900);
    lab.passes(In, &tcp(In, "R", 1000, 0));
    lab.after(5000);
    lab.passes(Out, &tcp(Out, "A", 101, 901));
    lab.after(60_000);
    lab.passes(In, &tcp(In, "A", 901, 101));
    lab.passes(In, &tcp(In, "R", 901, 0));
    lab.after(11_000);
    lab.stops(In, &tcp(In, "A", 901, 101), Denied::DefaultIn);
}

#[test]
fn the_window_is_scaled_if_both_ends_said_so() {
    for (ours, theirs, last) in [(Some(7), Some(2), 512u32 << 7), (Some(7), None, 512), (None, Some(7), 512)] {
        for (seq, fits) in [(last, true), (last + 1, false)] {
            let lab = Lab::new(&[]);
            lab.passes(Out, &scaled(tcp(Out, "S", 100, 0), ours));
            lab.passes(In, &scaled(tcp(In, "SA", 900, 101), theirs));
            lab.passes(Out, &tcp(Out, "A", 101, 901));
            lab.judges(In, &tcp(In, "R", 901 + seq, 0), if fits { Ok(()) } else { Err(Denied::Reset) });
        }
    }
}

#[test]
fn udp_and_echoes_are_answered_for_a_while() {
    let lab = Lab::new(&[]);
    lab.stops(In, &datagram(In), Denied::DefaultIn);
    lab.passes(Out, &datagram(Out));
    lab.after(119_000);
    lab.passes(In, &datagram(In));
    lab.after(299_000);
    lab.passes(In, &datagram(In));
    lab.after(301_000);
    lab.stops(In, &datagram(In), Denied::DefaultIn);

    lab.stops(In, &echo(In, false, 7), Denied::NoFlow);
    lab.passes(Out, &echo(Out, true, 7));
    lab.passes(In, &echo(In, false, 7));
    lab.stops(In, &echo(In, false, 8), Denied::NoFlow);
    lab.stops(In, &echo(In, true, 7), Denied::DefaultIn);
    lab.after(31_000);
    lab.stops(In, &echo(In, false, 7), Denied::NoFlow);
}

#[test]
fn errors_pass_for_known_flows_only() {
    for v6 in [false, true] {
        let lab = Lab::new(&["in allow icmp"]);
        let ours = if v6 { datagram_v6(Out) } else { datagram(Out) };
        let about_ours = error(&ours);
        lab.stops(In, &about_ours, Denied::NoFlow);
        lab.passes(Out, &ours);
        lab.passes(In, &about_ours);
        lab.stops(Out, &about_ours_from_us(&ours), Denied::NoFlow);
        lab.rules(&["out deny udp"]);
        lab.stops(In, &about_ours, Denied::Rule);
    }
    let lab = Lab::new(&["in allow any"]);
    lab.passes(In, &datagram(In));
    lab.passes(Out, &error(&datagram(In)));
    let mut redirect = error(&datagram(In));
    redirect[20] = 5;
    lab.stops(Out, &redirect, Denied::IcmpType);
    lab.stops(In, &error(&error(&datagram(Out))), Denied::NoFlow);
}

#[test]
fn a_change_of_rules_counts_for_open_flows() {
    let lab = Lab::new(&["in allow tcp 22"]);
    lab.passes(In, &tcp(In, "S", 900, 0));
    lab.passes(Out, &tcp(Out, "SA", 100, 901));
    lab.passes(In, &tcp(In, "A", 901, 101));
    lab.rules(&["in allow tcp 22", "in allow tcp 23"]);
    lab.passes(In, &tcp(In, "A", 901, 101));
    lab.rules(&["in allow tcp 22", "in deny any"]);
    lab.stops(Out, &tcp(Out, "A", 101, 901), Denied::Rule);
    lab.stops(In, &tcp(In, "A", 901, 101), Denied::Rule);

    let lab = Lab::new(&["in allow udp"]);
    lab.passes(In, &datagram(In));
    lab.rules(&[]);
    lab.stops(In, &datagram(In), Denied::DefaultIn);

    let lab = Lab::new(&[]);
    lab.connect(100, 900);
    lab.rules(&["in deny any"]);
    lab.passes(In, &tcp(In, "A", 901, 101));
}

#[test]
fn switching_off_and_on_again_cuts_no_connection_of_ours() {
    let lab = Lab::new(&[]);
    lab.posture(Posture { on: false, ..Posture::default() });
    lab.connect(100, 900);
    lab.passes(In, &datagram(In));
    lab.posture(Posture::default());
    lab.passes(In, &tcp(In, "A", 901, 101));
    lab.stops(In, &datagram(In), Denied::DefaultIn);
}

#[test]
fn a_flow_belongs_to_one_network_and_one_peer() {
    let lab = Lab::new(&[]);
    lab.passes(Out, &datagram(Out));
    for other in [Party { network: WORK, ..ALICE }, Party { peer: PeerId([2; 32]), ..ALICE }] {
        let judged = lab.judge(&other, In, &datagram(In));
        assert_eq!(judged, Verdict::Deny(Denied::DefaultIn));
    }
    lab.passes(In, &datagram(In));
}

#[test]
fn later_fragments_follow_the_first() {
    let lab = Lab::new(&["in allow udp 53"]);
    let pieces = fragments(53, 9);
    lab.stops(In, &pieces[1], Denied::LonePiece);
    lab.passes(In, &pieces[0]);
    lab.passes(In, &pieces[2]);
    lab.passes(In, &pieces[1]);
    lab.stops(In, &pieces[1], Denied::LonePiece);
    lab.passes(In, &pieces[0]);
    lab.passes(In, &pieces[1]);
    lab.stops(In, &pieces[1], Denied::OverlappingPiece);
    lab.stops(In, &pieces[2], Denied::LonePiece);
    lab.passes(In, &pieces[0]);
    lab.stops(In, &pieces[0], Denied::OverlappingPiece);
    lab.stops(In, &pieces[1], Denied::LonePiece);

    let refused = fragments(54, 10);
    lab.stops(In, &refused[0], Denied::DefaultIn);
    lab.stops(In, &refused[1], Denied::LonePiece);
    lab.passes(In, &fragments(53, 11)[0]);
    lab.stops(In, &fragments(53, 12)[1], Denied::LonePiece);
    lab.after(30_000);
    lab.stops(In, &fragments(53, 11)[1], Denied::LonePiece);
    lab.passes(In, &fragments(53, 13)[0]);
    lab.rules(&["in allow udp 53"]);
    lab.stops(In, &fragments(53, 13)[1], Denied::LonePiece);
}

#[test]
fn a_fresh_installation_lets_pings_in_and_nothing_else() {
    let lab = Lab::new(&[]);
    *lab.rules.borrow_mut() = compile(seeded(), Posture::default());
    lab.passes(In, &echo(In, true, 1));
    lab.passes(Out, &echo(Out, false, 1));
    lab.stops(In, &tcp(In, "S", 1, 0), Denied::DefaultIn);
    lab.stops(In, &datagram(In), Denied::DefaultIn);
}

mod load;

use Direction::{In, Out};

const HOME: RoomId = RoomId([8; 32]);
const WORK: RoomId = RoomId([9; 32]);
const ALICE: Party = Party { peer: PeerId([1; 32]), network: HOME };
const ALICE_V4: &str = "100.64.0.2";
const OWN_V4: &str = "100.64.0.1";

struct Lab {
    firewall: Firewall,
    rules: std::cell::RefCell<Ruleset>,
    now: std::cell::Cell<Millis>,
}

impl Lab {
    fn new(texts: &[&str]) -> Self {
        let lab = Self { firewall: Firewall::default(), rules: std::cell::RefCell::default(), now: 1_000_000.into() };
        lab.rules(texts);
        lab
    }

    fn rules(&self, texts: &[&str]) {
        let rules = texts.iter().map(|text| rule::parse_bytes(text.as_bytes()).unwrap()).collect();
        *self.rules.borrow_mut() = compile(rules, Posture::default());
    }

    fn posture(&self, posture: Posture) {
        *self.rules.borrow_mut() = compile(Vec::new(), posture);
    }

    fn after(&self, millis: Millis) {
        self.now.set(self.now.get() + millis);
    }

    fn connect(&self, ours: u32, theirs: u32) {
        self.passes(Out, &tcp(Out, "S", ours, 0));
        self.passes(In, &tcp(In, "SA", theirs, ours.wrapping_add(1)));
        self.passes(Out, &tcp(Out, "A", ours.wrapping_add(1), theirs.wrapping_add(1)));
    }

    fn judge(&self, party: &Party, sent: Direction, packet: &[u8]) -> Verdict {
        self.firewall.judge(&self.rules.borrow(), party, sent, &parse(packet).unwrap(), self.now.get())
    }

    #[track_caller]
    fn passes(&self, sent: Direction, packet: &[u8]) {
        self.judges(sent, packet, Ok(()));
    }

    #[track_caller]
    fn stops(&self, sent: Direction, packet: &[u8], why: Denied) {
        self.judges(sent, packet, Err(why));
    }

    #[track_caller]
    fn judges(&self, sent: Direction, packet: &[u8], expected: Result<(), Denied>) {
        let expected = expected.map_or_else(Verdict::Deny, |()| Verdict::Allow);
        assert_eq!(self.judge(&ALICE, sent, packet), expected);
    }
}

fn compile(rules: Vec<Rule>, posture: Posture) -> Ruleset {
    let peers = (1..=40u8).flat_map(|peer| [HOME, WORK].map(|network| Party { peer: PeerId([peer; 32]), network }));
    let members: Members = peers.map(|party| (party, Standing::default())).collect();
    Ruleset::compile(rules, posture, members, UnixTime(0))
}

/// A segment between our port 22 and the peer's 4000 with a window of 512, without payload.
fn tcp(sent: Direction, flags: &str, seq: u32, ack: u32) -> Vec<u8> {
    let bits = flags.bytes().map(|flag| match flag {
        b'F' => 1,
        b'S' => 2,
        b'R' => 4,
        b'A' => 16,
        _ => panic!("a flag"),
    });
    let (from, to) = match sent {
        In => ((ALICE_V4, 4000), (OWN_V4, 22)),
        Out => ((OWN_V4, 22), (ALICE_V4, 4000)),
    };
    tcp_segment(from, to, bits.sum(), seq, ack, &[])
}

trait ReplacedPort {
    fn replaced_port(self) -> Self;
}

impl ReplacedPort for Vec<u8> {
    fn replaced_port(mut self) -> Self {
        self[23] += 1;
        self
    }
}

/// The segment with a window scale option.
fn scaled(mut packet: Vec<u8>, shift: Option<u8>) -> Vec<u8> {
    if let Some(shift) = shift {
        packet.extend_from_slice(&[1, 3, 3, shift]);
        packet[3] += 4;
        packet[32] += 1 << 4;
        mend(&mut packet);
    }
    packet
}

fn datagram(sent: Direction) -> Vec<u8> {
    let (ours, theirs) = ((ip(OWN_V4), 5000).into(), (ip(ALICE_V4), 53).into());
    let (src, dst) = if sent == Out { (ours, theirs) } else { (theirs, ours) };
    udp::build(src, dst, b"data").unwrap()
}

fn datagram_v6(sent: Direction) -> Vec<u8> {
    let (ours, theirs) = ((ip("200::1"), 5000).into(), (ip("200::2"), 53).into());
    let (src, dst) = if sent == Out { (ours, theirs) } else { (theirs, ours) };
    udp::build(src, dst, b"data").unwrap()
}

fn echo(sent: Direction, asks: bool, id: u16) -> Vec<u8> {
    let (src, dst) = if sent == Out { (OWN_V4, ALICE_V4) } else { (ALICE_V4, OWN_V4) };
    let mut packet = icmp::echo_request(ip(src), ip(dst), id, 1, b"").unwrap();
    if !asks {
        packet[20] = 0;
    }
    packet
}

/// What the receiver of a packet says about it.
fn error(packet: &[u8]) -> Vec<u8> {
    icmp::prohibited(&parse(packet).unwrap()).unwrap()
}

/// The error as if we, who sent the packet, said it to the peer.
fn about_ours_from_us(packet: &[u8]) -> Vec<u8> {
    let mut said = error(packet);
    let (at, len) = if said[0] >> 4 == 4 { (12, 4) } else { (8, 16) };
    for n in 0..len {
        said.swap(at + n, at + len + n);
    }
    mend(&mut said);
    said
}

/// A datagram of the peer's in three pieces.
fn fragments(port: u16, id: u8) -> Vec<Vec<u8>> {
    let whole = udp::build((ip(ALICE_V4), 1000).into(), (ip(OWN_V4), port).into(), &[0; 56]).unwrap();
    let piece = |from: usize, to: usize| {
        let mut piece = [&whole[..20], &whole[20 + from..20 + to]].concat();
        let field = (from / 8) as u16 | if to == 64 { 0 } else { 0x2000 };
        piece[3] = piece.len() as u8;
        piece[5] = id;
        piece[6..8].copy_from_slice(&field.to_be_bytes());
        mend(&mut piece);
        piece
    };
    vec![piece(0, 24), piece(24, 40), piece(40, 64)]
}
