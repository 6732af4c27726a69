//! Floods, and how many answers there are.

use super::*;
use crate::firewall::limits::{FLOWS_MAX, PEER_FLOWS_MAX};

#[test]
fn a_flood_of_one_peer_costs_bounded_memory_and_nobody_else() {
    let lab = Lab::new(&["in allow any"]);
    let bob = Party { peer: PeerId([2; 32]), ..ALICE };
    assert_eq!(lab.judge(&bob, Out, &datagram(Out)), Verdict::Allow);
    lab.connect(100, 900);
    for n in 0..100_000u32 {
        let from = (ip(ALICE_V4), (n % 50_000) as u16 + 1);
        let to = (ip(OWN_V4), 10 + (n / 50_000) as u16);
        lab.passes(In, &udp::build(from.into(), to.into(), b"").unwrap());
    }
    assert_eq!(lab.firewall.flows_of(&ALICE.peer), PEER_FLOWS_MAX);
    assert_eq!(lab.firewall.flows(), PEER_FLOWS_MAX + 1);
    lab.rules(&[]);
    assert_eq!(lab.judge(&bob, In, &datagram(In)), Verdict::Allow);
    lab.passes(In, &tcp(In, "A", 901, 101));
    lab.after(400_000);
    lab.firewall.sweep(lab.now.get(), |_| true);
    assert_eq!(lab.firewall.flows_of(&ALICE.peer), 1, "the connection is all that is left");
    lab.firewall.sweep(lab.now.get(), |peer| *peer == bob.peer);
    assert_eq!(lab.firewall.flows(), 0);
}

#[test]
fn when_the_table_is_full_the_greatest_pays() {
    let lab = Lab::new(&["in allow any"]);
    let small = Party { peer: PeerId([9; 32]), ..ALICE };
    assert_eq!(lab.judge(&small, In, &datagram(In)), Verdict::Allow);
    for peer in 1..=5u8 {
        let party = Party { peer: PeerId([peer; 32]), ..ALICE };
        for n in 0..(FLOWS_MAX / 5 + 2000) as u32 {
            let packet = udp::build((ip(ALICE_V4), n as u16).into(), (ip(OWN_V4), 9).into(), b"").unwrap();
            assert_eq!(lab.judge(&party, In, &packet), Verdict::Allow);
        }
    }
    assert_eq!(lab.firewall.flows(), FLOWS_MAX);
    assert_eq!(lab.firewall.flows_of(&small.peer), 1);
    let counts: Vec<usize> = (1..=5u8).map(|peer| lab.firewall.flows_of(&PeerId([peer; 32]))).collect();
    assert!(counts.iter().all(|count| count.abs_diff(FLOWS_MAX / 5) < 2000), "{counts:?}");
}

#[test]
fn answers_are_rationed_for_each_peer() {
    let lab = Lab::new(&[]);
    lab.posture(Posture { reject: true, ..Posture::default() });
    let packet = datagram(In);
    let parsed = parse(&packet).unwrap();
    assert_eq!(lab.judge(&ALICE, In, &packet), Verdict::Reject(Denied::DefaultIn));
    let given = |party: &Party, now| (0..1000).filter(|_| lab.firewall.answer(party, &parsed, now).is_some()).count();
    assert_eq!(given(&ALICE, 0), 64);
    assert_eq!(given(&ALICE, 1000), 32);
    assert_eq!(given(&Party { peer: PeerId([2; 32]), ..ALICE }, 1000), 64);
    let others: usize = (3..40).map(|n| given(&Party { peer: PeerId([n; 32]), ..ALICE }, 1000)).sum();
    assert!(others < 512, "{others} answers to 37 other peers in one moment");
}
