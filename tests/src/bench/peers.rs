//! What a linked peer costs an engine in memory: the same host with one peer and with many, idle and after traffic with
//! all of them.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    path::PathBuf,
    thread,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    BenchError,
    agent::{Job, Streamed, Watched},
    command::{members, ray, text},
    contestant::ENGINE,
    cost::MIB,
    machine::Machine,
    programs, report,
    site::DEADLINE,
    station::Station,
};
use crate::lab::{Lab, LabConfig, wait_for};

const SCHEMA: &str = "ray.lab.peers/1";
/// More would be a test of the machine.
pub const PEERS_MAX: i64 = 50;

const NETWORK: &str = "home";
/// Whose engine is watched.
const HOST: &str = "n1";
/// One for each peer.
const PORTS: RangeInclusive<u16> = 7001..=7050;
/// Of all peers at once, on a busy machine.
const LINK_DEADLINE: Duration = Duration::from_secs(90);
/// After the last link: what only its making takes is given back.
const SETTLE: Duration = Duration::from_secs(3);
const TRAFFIC_S: f64 = 2.0;
const GRACE: Duration = Duration::from_secs(20);

/// What the caller wants measured.
#[derive(Debug, Clone)]
pub struct PeersOptions {
    /// Against one.
    pub peers: u16,
    /// Where ours are; absent: they are built.
    pub programs: Option<PathBuf>,
}

/// An engine's memory with one peer and with more.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PeerMemory {
    pub schema: String,
    pub machine: Machine,
    /// The caller named our programs' directory: their build is not known.
    pub programs_given: bool,
    pub peers: u16,
    /// All links up, nothing sent.
    pub idle: Growth,
    /// Right after data both ways with all peers at once.
    pub after_traffic: Growth,
}

/// What more peers add.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    pub one: Memory,
    pub many: Memory,
    /// Of each peer beside the first, in KiB.
    pub resident_kib_a_peer: f64,
    pub anonymous_kib_a_peer: f64,
}

/// In MiB.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    pub resident_mib: f64,
    /// Without the program's own text and other files.
    pub anonymous_mib: f64,
}

impl Growth {
    fn new(one: Memory, many: Memory, peers: u16) -> Self {
        let slope =
            |of: fn(&Memory) -> f64| (of(&many) - of(&one)) * 1024.0 / f64::from(peers.saturating_sub(1).max(1));
        Self {
            one,
            many,
            resident_kib_a_peer: slope(|memory| memory.resident_mib),
            anonymous_kib_a_peer: slope(|memory| memory.anonymous_mib),
        }
    }
}

impl PeerMemory {
    /// As a person reads it.
    pub fn table(&self) -> String {
        report::peers(self)
    }
}

/// Measures. `tell` gets a line for each step.
pub fn peers(options: &PeersOptions, tell: &mut dyn FnMut(&str)) -> Result<PeerMemory, BenchError> {
    let ours = programs::find(options.programs.as_deref(), tell)?;
    let machine = Machine::look();
    tell(&format!("starting {} hosts", options.peers + 1));
    let config = LabConfig { nodes: u32::from(options.peers) + 1, programs: Some(ours), ..LabConfig::default() };
    let lab = Lab::start(LabConfig { name: config.name.replace("test-", "bench-"), ..config })?;
    let found = measure(&lab, options.peers, tell);
    let violations = lab.status().map(|status| status.violations()).unwrap_or_default();
    // Taken down before anything else may end this: a lab that is dropped says more than why.
    let _ = lab.down();
    if !violations.is_empty() {
        return Err(BenchError::new(format!("ended for a forbidden system call: {}", violations.join(", "))));
    }
    let [idle, after_traffic] = found?;
    Ok(PeerMemory {
        schema: SCHEMA.to_owned(),
        machine,
        programs_given: options.programs.is_some(),
        peers: options.peers,
        idle,
        after_traffic,
    })
}

/// Idle, and after traffic. Idle first for both numbers of peers: traffic leaves its traces in an allocator.
fn measure(lab: &Lab, count: u16, tell: &mut dyn FnMut(&str)) -> Result<[Growth; 2], BenchError> {
    let mut mesh = Mesh::found(lab, count)?;
    tell("linking one peer");
    let one = mesh.link(1)?;
    tell(&format!("linking {count} peers"));
    let idle = Growth::new(one, mesh.link(count)?, count);
    tell("traffic with one peer");
    let one = mesh.traffic(1)?;
    tell(&format!("traffic with {count} peers"));
    Ok([idle, Growth::new(one, mesh.traffic(count)?, count)])
}

/// The watched host, and those that are linked with it.
struct Mesh<'a> {
    lab: &'a Lab,
    host: Station,
    invite: String,
    peers: Vec<Station>,
}

impl<'a> Mesh<'a> {
    fn found(lab: &'a Lab, count: u16) -> Result<Self, BenchError> {
        ray(lab, HOST, &["create", NETWORK])?;
        let invite = text(&ray(lab, HOST, &["invite", NETWORK, "--uses", &count.to_string()])?, "code")?;
        allow(lab, HOST)?;
        Ok(Self { lab, host: Station::open(lab, HOST, None)?, invite, peers: Vec::new() })
    }

    /// Has peers join until there are so many, all linked; the memory then.
    fn link(&mut self, count: u16) -> Result<Memory, BenchError> {
        for number in self.peers.len()..count.into() {
            // The watched host is the first.
            let node = format!("n{}", number + 2);
            ray(self.lab, &node, &["join", &self.invite])?;
            allow(self.lab, &node)?;
            self.peers.push(Station::open(self.lab, &node, None)?);
        }
        wait_for(LINK_DEADLINE, "a direct path to every peer", || {
            let members = members(self.lab, HOST, NETWORK).ok()?;
            (members.iter().filter(|member| member["path"] == "direct").count() == self.peers.len()).then_some(())
        })?;
        thread::sleep(SETTLE);
        self.memory()
    }

    /// Fills a stream each way with so many peers at once; the memory at its end.
    fn traffic(&self, count: u16) -> Result<Memory, BenchError> {
        let members = members(self.lab, HOST, NETWORK)?;
        let address = |node: &str| -> Result<IpAddr, BenchError> {
            let member = members.iter().find(|member| member["hostname"] == node);
            let member = member.ok_or_else(|| BenchError::new(format!("{node} is no member")))?;
            text(member, "v4")?.parse().map_err(|_| BenchError::new(format!("{node} has no address")))
        };
        let host = (&self.host, address(HOST)?);
        let (mut receiving, mut sending) = (Vec::new(), Vec::new());
        for (peer, port) in self.peers.iter().zip(PORTS).take(count.into()) {
            let peer = (peer, address(&peer.node)?);
            for (from, to) in [(host, peer), (peer, host)] {
                let target = SocketAddr::new(to.1, port);
                let job = Job::TcpReceive {
                    listen: target,
                    streams: 1,
                    warm_up_s: 0.0,
                    seconds: TRAFFIC_S,
                    watch: Vec::new(),
                };
                receiving.push(to.0.listen(job)?);
                sending.push(from.0.start(Job::TcpSend { target, streams: 1, seconds: TRAFFIC_S })?);
            }
        }
        for receiving in receiving {
            let streamed: Streamed = receiving.done(GRACE)?;
            if streamed.bytes.iter().sum::<u64>() == 0 {
                return Err(BenchError::new("a peer got no data"));
            }
        }
        let memory = self.memory()?;
        sending.into_iter().try_for_each(|sending| sending.done::<u64>(GRACE).map(drop))?;
        Ok(memory)
    }

    fn memory(&self) -> Result<Memory, BenchError> {
        let job = Job::Watch { names: vec![ENGINE.to_owned()], own_host: true };
        let watched: Watched = self.host.run(job, DEADLINE)?;
        match watched.processes.as_slice() {
            [engine] => Ok(Memory {
                resident_mib: engine.resident_bytes as f64 / MIB,
                anonymous_mib: engine.anonymous_bytes as f64 / MIB,
            }),
            others => Err(BenchError::new(format!("{HOST} has {} engines", others.len()))),
        }
    }
}

/// Lets every member send to this host.
fn allow(lab: &Lab, node: &str) -> Result<(), BenchError> {
    let ports = format!("{}-{}", PORTS.start(), PORTS.end());
    ray(lab, node, &["firewall", "add", "in", "allow", "tcp", &ports]).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_peer_is_not_counted() {
        let memory = |mib: f64| Memory { resident_mib: mib + 30.0, anonymous_mib: mib };
        let growth = Growth::new(memory(10.0), memory(17.0), 8);
        assert_eq!((growth.resident_kib_a_peer, growth.anonymous_kib_a_peer), (1024.0, 1024.0));
    }
}
