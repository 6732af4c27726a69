//! The firewall against a simple model of it, written from its documentation: a million packets, each judged by both.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "every line of this target is a test")]
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

mod generate;
mod model;
mod packets;
mod rules;
mod threads;
mod valid;

use std::thread;

use ray_engine::{
    firewall::{Direction, Firewall, Verdict},
    packet,
};

use crate::{
    generate::{Event, Generator},
    model::Model,
    packets::{Packet, Side},
};

/// Packets in all; the issue of each is compared.
const PACKETS: usize = 1_000_000;
/// Threads with a seed of their own each.
const SEEDS: u64 = 4;
/// Long enough for flows to begin, change and end; short enough that the model, which remembers every packet, is fast.
const EPISODE: usize = 250;

#[test]
fn agrees_with_the_model_on_a_million_packets() {
    let runs: Vec<_> = (0..SEEDS).map(|seed| thread::spawn(move || run(seed, PACKETS / SEEDS as usize))).collect();
    let counts: Vec<Counts> = runs.into_iter().map(|run| run.join().expect("both agree")).collect();
    let total = |of: fn(&Counts) -> usize| counts.iter().map(of).sum::<usize>();
    let (judged, allowed, malformed) = (total(|c| c.judged), total(|c| c.allowed), total(|c| c.malformed));
    assert!(judged >= PACKETS, "{judged}");
    // Otherwise one side of the comparison would hardly be tried.
    assert!(allowed > judged / 4 && judged - allowed - malformed > judged / 4, "{allowed} of {judged} passed");
    assert!(malformed > judged / 50, "{malformed}");
}

#[derive(Debug, Default)]
struct Counts {
    judged: usize,
    allowed: usize,
    malformed: usize,
}

fn run(seed: u64, packets: usize) -> Counts {
    let mut generator = Generator::new(seed);
    let mut counts = Counts::default();
    while counts.judged < packets {
        episode(&mut generator, &mut counts);
    }
    counts
}

fn episode(generator: &mut Generator, counts: &mut Counts) {
    let firewall = Firewall::default();
    let mut model = Model::new(generator.rules());
    let mut rules = model.rules.compile();
    // Far from zero, so that no age is cut off at the clock's beginning.
    let mut second = 1_000_000;
    let mut told = Vec::new();
    for _ in 0..EPISODE {
        match generator.event() {
            Event::Wait(seconds) => second += seconds,
            Event::Rules(next) => {
                rules = next.compile();
                model.change(next);
            }
            Event::Packet(packet) => {
                let expected = model.judge(&packet, second);
                let bytes = packet.bytes();
                let judged = packet::parse(&bytes).map(|parsed| {
                    let sent = direction(packet.sent);
                    firewall.judge(&rules, &packet.party(), sent, &parsed, second * 1000)
                });
                counts.judged += 1;
                counts.malformed += usize::from(judged.is_err());
                counts.allowed += usize::from(expected);
                let agrees = matches!(judged, Ok(Verdict::Allow)) == expected;
                told.push((second, packet.clone(), format!("{judged:?}")));
                assert!(agrees, "expected {expected}; {}", context(&told, &model, &packet));
            }
        }
    }
    assert!(firewall.flows() >= model.flows(second), "a flow of the model is not remembered");
}

/// What led to a disagreement: the packets between the same two hosts in the same network.
fn context(told: &[(u64, Packet, String)], model: &Model, packet: &Packet) -> String {
    let of = |packet: &Packet| (packet.peer, packet.network, packet.v6);
    let related: Vec<String> = told
        .iter()
        .filter(|(_, other, _)| of(other) == of(packet))
        .map(|(second, packet, judged)| format!("{second} {packet:?} -> {judged}"))
        .collect();
    let last = related.len().saturating_sub(30);
    format!("{packet:?}\n{:?}\n{}", model.rules, related[last..].join("\n"))
}

fn direction(sent: Side) -> Direction {
    match sent {
        Side::Host => Direction::Out,
        Side::Peer => Direction::In,
    }
}
