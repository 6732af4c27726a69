//! The firewall is asked by every forwarding thread at once.

use std::{net::Ipv4Addr, thread};

use ray_engine::{
    firewall::{Direction, Firewall, Members, Party, Posture, Ruleset, Standing, Verdict, rule},
    ident::{PeerId, RoomId, UnixTime},
    packet::{parse, udp},
};

const THREADS: u16 = 4;
const PEERS: u8 = 3;
const FLOWS: u16 = 7000;

#[test]
fn no_flow_is_lost_or_counted_twice_when_many_threads_judge_at_once() {
    let parties: Vec<Party> =
        (1..=PEERS).map(|peer| Party { peer: PeerId([peer; 32]), network: RoomId([7; 32]) }).collect();
    let members: Members = parties.iter().map(|party| (*party, Standing::default())).collect();
    let rules = vec![rule::parse_bytes(b"in allow any").unwrap()];
    let rules = Ruleset::compile(rules, Posture::default(), members, UnixTime(0));
    let firewall = Firewall::default();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (firewall, rules, parties) = (&firewall, &rules, &parties);
            scope.spawn(move || {
                for n in 0..FLOWS {
                    for party in parties {
                        let from = (Ipv4Addr::new(100, 64, 0, 1), n);
                        let to = (Ipv4Addr::new(100, 64, 0, 2), thread % 2);
                        let packet = udp::build(from.into(), to.into(), b"").unwrap();
                        let judged =
                            firewall.judge(rules, party, Direction::In, &parse(&packet).unwrap(), u64::from(n));
                        assert_eq!(judged, Verdict::Allow);
                    }
                }
            });
        }
    });
    let expected = 2 * usize::from(FLOWS);
    assert!(parties.iter().all(|party| firewall.flows_of(&party.peer) == expected));
    assert_eq!(firewall.flows(), expected * parties.len());
}
