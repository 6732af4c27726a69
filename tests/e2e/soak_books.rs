//! What is counted of packets, by the engines and by the kernels around them, and what must add up when nothing is on its way.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use ray_engine::plane::DropReason;
use ray_tests::lab::{Lab, Process};

use crate::support::{PATIENCE, status, until};

/// Reasons for which only packets of the host's own are dropped.
const OUTWARD: [&str; 10] = [
    "foreign_source",
    "to_self",
    "no_route",
    "not_a_dns_query",
    "no_link",
    "queue_full",
    "stale",
    "congestion",
    "too_big",
    "firewall_default_out",
];
/// Reasons for which only packets of a peer are dropped.
const INWARD: [&str; 5] =
    ["source_of_another", "not_for_us", "unknown_network", "device_refused", "firewall_default_in"];
/// What was never a packet: a datagram that is no frame, and parts of a packet, which the link counts as lost.
const NO_PACKETS: [&str; 2] = ["bad_frame", "unassembled"];

/// Between two looks at numbers that shall not move: longer than it takes until a peer is told the totals.
const QUIET: Duration = Duration::from_secs(2);

/// What one node has counted so far.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Books {
    /// By the peer's name.
    pub(crate) links: BTreeMap<String, Counted>,
    pub(crate) drops: BTreeMap<String, u64>,
    /// Packets that the engine took out of the device and put into it; with offload a burst counts as one.
    pub(crate) taken: u64,
    pub(crate) given: u64,
    /// Packets that the kernel dropped because the engine did not take them in time.
    pub(crate) untaken: u64,
    /// ICMP errors about destinations that the host was told: by its own engine, and now and then by itself.
    pub(crate) told: u64,
    /// Datagrams that no socket had room for.
    pub(crate) unread: u64,
}

/// What one link has counted.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Counted {
    pub(crate) sent: u64,
    pub(crate) received: u64,
    pub(crate) lost: u64,
    since_s: u64,
}

impl Books {
    /// Everything that a node has counted, seen between two looks at the kernel's numbers that were the same.
    pub(crate) fn of(lab: &Lab, node: &str) -> Self {
        let mut found = None;
        until(PATIENCE, &format!("the kernel of {node} counts no more"), || {
            let before = Kernel::of(lab, node);
            let status = status(lab, node);
            if before != Kernel::of(lab, node) {
                return false;
            }
            let number = |value: &serde_json::Value| value.as_u64().unwrap_or_else(|| panic!("no number in {status}"));
            let members = status["networks"][0]["members"].as_array().unwrap();
            let online = members.iter().filter(|member| member["state"] == "online");
            let links = online.map(|member| {
                let counted = Counted {
                    sent: number(&member["tx_packets"]),
                    received: number(&member["rx_packets"]),
                    lost: number(&member["lost_packets"]),
                    since_s: number(&member["since_s"]),
                };
                (member["hostname"].as_str().unwrap().to_owned(), counted)
            });
            let drops = status["drops"].as_object().unwrap().iter();
            let Kernel { taken, given, untaken, told, unread } = before;
            found = Some(Self {
                links: links.collect(),
                drops: drops.map(|(reason, count)| (reason.clone(), number(count))).collect(),
                taken,
                given,
                untaken,
                told,
                unread,
            });
            true
        });
        found.unwrap()
    }

    /// What was counted since `before`. A link that was replaced meanwhile has taken its numbers along, and is not there.
    pub(crate) fn since(&self, before: &Self, elapsed: Duration) -> Self {
        let grown = |(peer, now): (&String, &Counted)| {
            let then = before.links.get(peer)?;
            let since_s = now.since_s.checked_sub(then.since_s)?;
            // Both ages are rounded down, and read some time before or after the clock.
            (since_s + 2 >= elapsed.as_secs()).then(|| {
                let (sent, received) = (now.sent - then.sent, now.received - then.received);
                (peer.clone(), Counted { sent, received, lost: now.lost - then.lost, since_s })
            })
        };
        Self {
            links: self.links.iter().filter_map(grown).collect(),
            drops: self
                .drops
                .iter()
                .map(|(reason, count)| (reason.clone(), count - before.drops.get(reason).unwrap_or(&0)))
                .collect(),
            taken: self.taken - before.taken,
            given: self.given - before.given,
            untaken: self.untaken - before.untaken,
            told: self.told - before.told,
            unread: self.unread - before.unread,
        }
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.drops.values().sum()
    }

    /// The drops that are not zero.
    pub(crate) fn drops_in_words(&self) -> String {
        let some = self.drops.iter().filter(|(_, count)| **count > 0);
        some.map(|(reason, count)| format!("{reason} {count}")).collect::<Vec<_>>().join(", ")
    }

    fn dropped_for(&self, reasons: &[&str]) -> u64 {
        reasons.iter().filter_map(|reason| self.drops.get(*reason)).sum()
    }

    fn sum(&self, of: impl Fn(&Counted) -> u64) -> u64 {
        self.links.values().map(of).sum()
    }

    /// Between the device and the links every packet was sent on, handed over, or dropped for a reason. Of a node without
    /// offload: then each packet is one to the device.
    pub(crate) fn check_host(&self, node: &str) {
        let (sent, received) = (self.sum(|link| link.sent), self.sum(|link| link.received));
        let (taken, given) = (self.taken, self.given);
        let why = format!(
            "{node}: {taken} out of the device, {sent} sent; {received} received, {given} into the device; told of {}; {}",
            self.told,
            self.drops_in_words()
        );
        let outward = taken.checked_sub(sent).unwrap_or_else(|| panic!("sent what no host gave: {why}"));
        // Of what the host was told of, the engine itself told some and put it into the device, mostly nothing.
        let inward = (received + self.told).checked_sub(given);
        let inward = inward.unwrap_or_else(|| panic!("gave the host what nobody sent: {why}"));
        let known = [self.dropped_for(&OUTWARD), self.dropped_for(&INWARD)];
        let either = self.dropped() - self.dropped_for(&NO_PACKETS) - known[0] - known[1];
        assert!((known[0]..=known[0] + either).contains(&outward), "on the way out: {why}");
        assert!((known[1]..=known[1] + either + self.told).contains(&inward), "on the way in: {why}");
        let all = known[0] + known[1] + either;
        assert!((all..=all + self.told).contains(&(outward + inward)), "{why}");
    }

    /// With offload a burst counts as one to the device: there are at least as many packets as that.
    pub(crate) fn check_host_roughly(&self, node: &str) {
        let (sent, dropped) = (self.sum(|link| link.sent), self.dropped() - self.dropped_for(&NO_PACKETS));
        assert!(self.taken <= sent + dropped, "{node}: {} out of the device, {sent} sent: {self:?}", self.taken);
        let received = self.sum(|link| link.received);
        assert!(self.given <= received + self.told, "{node}: {received} received, {} into the device", self.given);
    }
}

/// What one node sent another was received or is known to be lost; to the packet, because nothing is on its way and the
/// last word about totals has been said.
pub(crate) fn check_link(books: &BTreeMap<&str, Books>, from: &str, to: &str) {
    let (out, arrived) = (books[from].links[to], books[to].links[from]);
    assert_eq!(out.sent, arrived.received + arrived.lost, "{from} to {to}: {out:?}, {arrived:?}");
}

/// Reads the books of all nodes as soon as no number in them moves any more.
pub(crate) fn close<'a>(lab: &Lab, nodes: &[&'a str]) -> BTreeMap<&'a str, Books> {
    let counts = |books: &BTreeMap<&str, Books>| -> Vec<_> {
        let all = books.values();
        all.map(|books| {
            (books.taken, books.given, books.links.values().map(|l| (l.sent, l.received, l.lost)).collect::<Vec<_>>())
        })
        .collect()
    };
    let mut last = BTreeMap::new();
    until(PATIENCE, "nothing is on its way", || {
        let books = nodes.iter().map(|node| (*node, Books::of(lab, node))).collect();
        let still = counts(&books) == counts(&last);
        last = books;
        // The totals are told a second after the last packet.
        if !still {
            std::thread::sleep(QUIET);
        }
        still
    });
    last
}

/// What a node's kernel counts.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Kernel {
    taken: u64,
    given: u64,
    untaken: u64,
    told: u64,
    unread: u64,
}

impl Kernel {
    fn of(lab: &Lab, node: &str) -> Self {
        let read = "cd /sys/class/net/ray0/statistics && cat tx_packets rx_packets tx_dropped && \
                    cat /proc/net/snmp && cat /proc/net/snmp6";
        let output = lab.exec(node, &["sh", "-c", read]).unwrap();
        let mut lines = output.stdout.lines();
        let mut next = || lines.next().unwrap().parse().unwrap();
        let (taken, given, untaken) = (next(), next(), next());
        let rest: Vec<&str> = lines.collect();
        let v6 = |name: &str| -> u64 {
            let line =
                rest.iter().find_map(|line| line.strip_prefix(name).filter(|line| line.starts_with([' ', '\t'])));
            line.map_or(0, |line| line.trim().parse().unwrap())
        };
        Self {
            taken,
            given,
            untaken,
            told: v4(&rest, "Icmp:", "InDestUnreachs") + v6("Icmp6InDestUnreachs") + v6("Icmp6InPktTooBigs"),
            unread: v4(&rest, "Udp:", "RcvbufErrors") + v6("Udp6RcvbufErrors"),
        }
    }
}

/// A number of `/proc/net/snmp`: a line of names, and a line of values.
fn v4(lines: &[&str], table: &str, name: &str) -> u64 {
    let mut rows = lines.iter().filter_map(|line| line.strip_prefix(table));
    let (names, values) = (rows.next().unwrap(), rows.next().unwrap());
    let at = names.split_whitespace().position(|known| known == name).unwrap();
    values.split_whitespace().nth(at).unwrap().parse().unwrap()
}

/// What a process of a node holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Held {
    pub(crate) rss_kib: u64,
    pub(crate) fds: u64,
    pub(crate) threads: u64,
}

/// Of each process of each node.
pub(crate) fn held(lab: &Lab) -> BTreeMap<(String, &'static str), Held> {
    let status = lab.status().unwrap();
    let mut all = BTreeMap::new();
    for node in &status.nodes {
        for process in node.processes.iter().filter(|known| known.process != Process::Infra) {
            let pid = process.pid.unwrap_or_else(|| panic!("{:?} of {} is gone", process.process, node.name));
            let read = format!("cat /proc/{pid}/status && echo Fds: $(ls /proc/{pid}/fd | wc -l)");
            let text = lab.exec(&node.name, &["sh", "-c", &read]).unwrap().stdout;
            let number = |name: &str| {
                let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
                line.split_whitespace().next().unwrap().parse().unwrap()
            };
            let held = Held { rss_kib: number("VmRSS:"), fds: number("Fds:"), threads: number("Threads:") };
            all.insert((node.name.clone(), process.process.name()), held);
        }
    }
    assert_eq!(all.keys().map(|(_, process)| *process).collect::<BTreeSet<_>>().len(), 3);
    all
}

#[test]
fn the_books_name_reasons_that_there_are() {
    let known: BTreeSet<&str> = DropReason::ALL.iter().map(|reason| reason.name()).collect();
    assert!([&OUTWARD[..], &INWARD, &NO_PACKETS].concat().iter().all(|reason| known.contains(reason)));
}
