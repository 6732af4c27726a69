//! Rule sets, drawn by seed, as Rayfish and as nftables write them. The order in which rules count is spelt out here once
//! more, for nftables, where the first that matches decides: device, group, anybody, and in each the denies before the
//! allows.

use std::fmt::{self, Write as _};

/// What clients ask for: the edges of [`CUTS`].
pub(crate) const PORTS: [u16; 12] = [1, 22, 23, 999, 1000, 1023, 1024, 7002, 7003, 9000, 20000, 65535];
/// Where a range of a drawn rule may begin; the one before ends there.
const CUTS: [u16; 10] = [1, 22, 23, 1000, 1024, 7001, 7003, 9000, 9001, 20000];
const GUESTS: [&str; 2] = ["n3", "n4"];

#[derive(Debug, Clone)]
pub(crate) struct RuleSet {
    pub(crate) seed: u64,
    pub(crate) default_in: bool,
    pub(crate) default_out: bool,
    pub(crate) rules: Vec<Rule>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Rule {
    inbound: bool,
    allow: bool,
    protocol: &'static str,
    /// First and last, in order and apart; empty = all.
    ports: Vec<(u16, u16)>,
    peer: Peer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Peer {
    Device(&'static str),
    Guests,
    Any,
}

/// Denies for one peer among allows for all, and the like, whatever seeds bring.
pub(crate) fn handmade() -> RuleSet {
    let rule = |inbound, allow, protocol, ports: &[(u16, u16)], peer| Rule {
        inbound,
        allow,
        protocol,
        ports: ports.to_vec(),
        peer,
    };
    let rules = vec![
        rule(true, true, "tcp", &[], Peer::Any),
        rule(true, false, "tcp", &[], Peer::Device("n2")),
        rule(true, true, "udp", &[(22, 22), (1000, 1023), (9000, 65535)], Peer::Any),
        rule(true, false, "udp", &[(1, 65535)], Peer::Guests),
        rule(true, true, "udp", &[(7001, 9000)], Peer::Device("n3")),
        rule(true, true, "icmp", &[], Peer::Device("n2")),
        rule(false, false, "any", &[], Peer::Device("n4")),
        rule(false, false, "tcp", &[(1000, 1000), (1023, 7002)], Peer::Any),
        rule(false, true, "any", &[], Peer::Guests),
        rule(false, false, "udp", &[(23, 23)], Peer::Device("n3")),
    ];
    RuleSet { seed: 0, default_in: false, default_out: true, rules }
}

impl RuleSet {
    pub(crate) fn drawn(seed: u64) -> Self {
        let mut dice = Dice(seed);
        let mut set = Self { seed, default_in: dice.below(3) == 0, default_out: dice.below(3) > 0, rules: Vec::new() };
        for _ in 0..4 + dice.below(9) {
            let rule = Rule::drawn(&mut dice);
            // One like another takes its place in Rayfish; what becomes of the other is not this test's question.
            if !set.rules.iter().any(|old| Rule { allow: rule.allow, ..old.clone() } == rule) {
                set.rules.push(rule);
            }
        }
        set
    }

    /// A table that judges what begins; `addresses` are a node's, of both families.
    pub(crate) fn in_nft(&self, addresses: impl Fn(&str) -> (String, String)) -> String {
        let mut sorted: Vec<&Rule> = self.rules.iter().collect();
        sorted.sort_by_key(|rule| (narrowness(rule.peer), rule.allow));
        let mut text = String::from("table inet judge {\n");
        // What Rayfish refuses to a peer, or to a program of its own host, is told in the same words.
        text.push_str(
            "chain refuse {\nmeta l4proto tcp reject with tcp reset\nreject with icmpx admin-prohibited\n}\n",
        );
        for (hook, inbound, default) in [("input", true, self.default_in), ("output", false, self.default_out)] {
            let _ = writeln!(text, "chain {hook} {{\ntype filter hook {hook} priority filter; policy accept;");
            text.push_str("ct state established,related accept\n");
            // Underneath IP: the mesh has no neighbours to find, and errors of known flows pass whatever rules say.
            text.push_str("icmpv6 type != echo-request accept\nicmp type != echo-request accept\n");
            for rule in sorted.iter().filter(|rule| rule.inbound == inbound) {
                for line in rule.in_nft(&addresses) {
                    let _ = writeln!(text, "{line}");
                }
            }
            let _ = writeln!(text, "{}\n}}", verdict(default));
        }
        text.push_str("}\n");
        text
    }
}

impl Rule {
    fn drawn(dice: &mut Dice) -> Self {
        let protocol = dice.one_of(&["tcp", "tcp", "tcp", "udp", "udp", "udp", "icmp", "any"]);
        let with_ports = matches!(protocol, "tcp" | "udp") && dice.below(4) > 0;
        Self {
            inbound: dice.below(2) == 0,
            allow: dice.below(2) == 0,
            protocol,
            ports: if with_ports { ports(dice) } else { Vec::new() },
            peer: dice.one_of(&[
                Peer::Any,
                Peer::Any,
                Peer::Guests,
                Peer::Device("n2"),
                Peer::Device("n3"),
                Peer::Device("n4"),
            ]),
        }
    }

    fn in_nft(&self, addresses: &impl Fn(&str) -> (String, String)) -> Vec<String> {
        let side = if self.inbound { "saddr" } else { "daddr" };
        let members: &[&str] = match &self.peer {
            Peer::Device(node) => &[*node],
            Peer::Guests => &GUESTS,
            Peer::Any => &[],
        };
        let (v4, v6): (Vec<_>, Vec<_>) = members.iter().map(|node| addresses(node)).unzip();
        let peers = match self.peer {
            Peer::Any => vec![String::new()],
            Peer::Device(_) | Peer::Guests => {
                vec![format!("ip {side} {{ {} }} ", v4.join(", ")), format!("ip6 {side} {{ {} }} ", v6.join(", "))]
            }
        };
        let ports: Vec<String> = self.ports.iter().map(|(first, last)| range(*first, *last)).collect();
        let flows = match self.protocol {
            "icmp" => vec!["icmp type echo-request ".to_owned(), "icmpv6 type echo-request ".to_owned()],
            "any" => vec![String::new()],
            protocol if ports.is_empty() => vec![format!("meta l4proto {protocol} ")],
            protocol => vec![format!("{protocol} dport {{ {} }} ", ports.join(", "))],
        };
        let pairs = peers.iter().flat_map(|peer| flows.iter().map(move |flow| (peer, flow)));
        // An echo has one family only.
        let meant = pairs.filter(|(peer, flow)| {
            !(peer.starts_with("ip ") && flow.starts_with("icmpv6")
                || peer.starts_with("ip6") && flow.starts_with("icmp "))
        });
        meant.map(|(peer, flow)| format!("{peer}{flow}{}", verdict(self.allow))).collect()
    }
}

impl fmt::Display for RuleSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "default in {}, out {}", self.default_in, self.default_out)?;
        self.rules.iter().try_for_each(|rule| writeln!(f, "{rule}"))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let direction = if self.inbound { "in" } else { "out" };
        write!(f, "{direction} {} {}", if self.allow { "allow" } else { "deny" }, self.protocol)?;
        let ports: Vec<String> = self.ports.iter().map(|(first, last)| range(*first, *last)).collect();
        if !ports.is_empty() {
            write!(f, " {}", ports.join(","))?;
        }
        let preposition = if self.inbound { "from" } else { "to" };
        match self.peer {
            Peer::Device(node) => write!(f, " {preposition} {node}"),
            Peer::Guests => write!(f, " {preposition} group:guests on home"),
            Peer::Any => Ok(()),
        }
    }
}

fn narrowness(peer: Peer) -> u8 {
    match peer {
        Peer::Device(_) => 0,
        Peer::Guests => 1,
        Peer::Any => 2,
    }
}

fn verdict(allow: bool) -> &'static str {
    if allow { "accept" } else { "goto refuse" }
}

fn range(first: u16, last: u16) -> String {
    if first == last { first.to_string() } else { format!("{first}-{last}") }
}

/// Some of the pieces between cuts, those that touch joined.
fn ports(dice: &mut Dice) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for (at, first) in CUTS.into_iter().enumerate() {
        let last = CUTS.get(at + 1).map_or(u16::MAX, |next| next - 1);
        if dice.below(3) > 0 {
            continue;
        }
        match ranges.last_mut() {
            Some(range) if range.1 + 1 == first => range.1 = last,
            _ => ranges.push((first, last)),
        }
    }
    if ranges.is_empty() { vec![(22, 22)] } else { ranges }
}

/// The same throws for the same seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % sides
    }

    fn one_of<T: Copy>(&mut self, list: &[T]) -> T {
        let at = usize::try_from(self.below(list.len() as u64)).unwrap();
        list[at]
    }
}
