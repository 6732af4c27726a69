//! What the firewall costs a packet, by the number of rules and of flows; and that a packet of a known flow allocates
//! nothing, whatever their numbers.

use std::{
    hint::black_box,
    net::{IpAddr, Ipv4Addr},
};

use ray_benches::Bench;
use ray_engine::{
    firewall::{Action, Direction, Firewall, Members, Party, Posture, Rule, Ruleset, Standing, Verdict, rule},
    ident::{PeerId, RoomId, UnixTime},
    packet::{self, udp},
};

const RULES: [usize; 3] = [0, 10, 1000];
const FLOWS: [u16; 2] = [10, 10_000];
/// The most that a thousand rules may cost over ten, where a flow is known.
const RATIO_MAX: f64 = 1.5;
const SEGMENT: usize = 1240;

const ALICE: Party = Party { peer: PeerId([1; 32]), network: RoomId([8; 32]) };
const OWN: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 64, 0, 1));
const HERS: IpAddr = IpAddr::V4(Ipv4Addr::new(100, 64, 0, 2));
/// The port that the last rule allows: a walk through all would be longest.
const OPEN: u16 = 60_000;

pub(crate) fn run(bench: &mut Bench) -> Option<()> {
    let packet = datagram(4000, OPEN)?;
    let denied = datagram(4000, OPEN + 1)?;
    let mut known = Vec::new();
    for flows in FLOWS {
        for count in RULES {
            let rules = ruleset(count)?;
            let firewall = Firewall::default();
            (fill(&firewall, &rules, flows) && passes(&firewall, &rules, &packet, 1000)).then_some(())?;
            let name = format!("known flow, {count} rules, {flows} flows");
            let ns = bench.steady(&name, 1, 0, || passes(&firewall, &rules, black_box(&packet), 1000));
            known.extend(ns.map(|ns| (count, ns)));
        }
    }
    for count in RULES {
        let rules = ruleset(count)?;
        let firewall = Firewall::default();
        bench.figure(&format!("refusal of what would be a new flow, {count} rules"), 1, || {
            passes(&firewall, &rules, black_box(&denied), 1000)
        });
    }
    if known.len() == RULES.len() * FLOWS.len() {
        let cost = |rules: usize| known.iter().filter(|(count, _)| *count == rules).map(|(_, ns)| ns).sum::<f64>();
        let ratio = cost(1000) / cost(10);
        bench.note(format!("firewall: 1000 rules over 10 rules, known flow: {ratio:.2} (at most {RATIO_MAX})"));
        if ratio > RATIO_MAX {
            bench.fault("firewall: the number of rules shows in the cost of known flows".to_owned());
        }
    }
    Some(())
}

fn passes(firewall: &Firewall, rules: &Ruleset, packet: &[u8], now: u64) -> bool {
    let judged = packet::parse(packet).map(|parsed| firewall.judge(rules, &ALICE, Direction::In, &parsed, now));
    judged == Ok(Verdict::Allow)
}

/// Begins this many flows.
fn fill(firewall: &Firewall, rules: &Ruleset, flows: u16) -> bool {
    (0..flows).all(|n| datagram(10_000 + n, OPEN).is_some_and(|packet| passes(firewall, rules, &packet, 0)))
        && firewall.flows() == usize::from(flows)
}

/// Rules about single ports and ranges of ports; the one that counts is the last. Without rules, the default allows.
fn ruleset(count: usize) -> Option<Ruleset> {
    let mut rules: Vec<Rule> = Vec::new();
    for n in 1..count {
        let text = match n % 4 {
            0 => format!("in deny udp {}-{}", n, n + 1),
            _ => format!("in deny udp {n}"),
        };
        rules.push(rule::parse_bytes(text.as_bytes()).ok()?);
    }
    let mut posture = Posture::default();
    if count == 0 {
        posture.inbound = Action::Allow;
    } else {
        rules.push(rule::parse_bytes(format!("in allow udp {OPEN}").as_bytes()).ok()?);
    }
    let members: Members = [(ALICE, Standing::default())].into_iter().collect();
    Some(Ruleset::compile(rules, posture, members, UnixTime(0)))
}

fn datagram(from: u16, to: u16) -> Option<Vec<u8>> {
    udp::build((HERS, from).into(), (OWN, to).into(), &[7; SEGMENT])
}
