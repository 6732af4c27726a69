//! Rayfish as it is installed: helper and engine on each host, a real TUN device, and the firewall on.

use std::{net::IpAddr, path::PathBuf, thread, time::Duration};

use serde_json::Value;

use super::{Contestant, RAYFISH, version_of};
use crate::{
    bench::{
        BenchError,
        agent::{Job, Ping},
        command::{members, ray, text},
        measure::PORTS,
        site::{HOSTS, Site},
    },
    lab::{Lab, LabConfig, Process, wait_for},
};

/// Its programs; the engine has the links.
pub(in crate::bench) const ENGINE: &str = "ray-engine";
const HELPER: &str = "ray-helper";
const NETWORK: &str = "home";
/// Discovery, a relay connection and a ledger; generous for a busy machine.
const ONLINE_DEADLINE: Duration = Duration::from_secs(45);
const DIRECT_DEADLINE: Duration = Duration::from_secs(20);
const TAIL_LINES: usize = 10;

#[derive(Debug)]
pub(super) struct Rayfish {
    programs: PathBuf,
    addresses: Option<[IpAddr; 2]>,
}

impl Rayfish {
    pub(super) fn new(programs: PathBuf) -> Self {
        Self { programs, addresses: None }
    }
}

impl Contestant for Rayfish {
    fn name(&self) -> &'static str {
        RAYFISH
    }

    fn version(&self) -> String {
        format!("rayfish {}", version_of(&self.programs.join(ENGINE), "--version").trim_start_matches("ray-engine "))
    }

    fn programs(&self) -> Vec<String> {
        vec![ENGINE.to_owned(), HELPER.to_owned()]
    }

    fn lab(&self) -> LabConfig {
        LabConfig { programs: Some(self.programs.clone()), ..LabConfig::default() }
    }

    fn prepare(&mut self, site: &Site) -> Result<(), BenchError> {
        let (lab, [a, b]) = (site.lab()?, HOSTS);
        ray(lab, a, &["create", NETWORK])?;
        let code = text(&ray(lab, a, &["invite", NETWORK])?, "code")?;
        ray(lab, b, &["join", &code])?;
        for node in HOSTS {
            wait_for(ONLINE_DEADLINE, "the other host online", || other(lab, node, "online"))?;
        }
        let v4 = |node: &str, state: &str| {
            let member = other(lab, node, state).ok_or_else(|| BenchError::new(format!("{node} lost its peer")))?;
            text(&member, "v4")?.parse().map_err(|error| BenchError::new(format!("an address of {node}: {error}")))
        };
        self.addresses = Some([v4(b, "online")?, v4(a, "online")?]);
        let ports = format!("{}-{}", PORTS.start(), PORTS.end());
        for (node, peer) in [(a, b), (b, a)] {
            for protocol in ["tcp", "udp"] {
                ray(lab, node, &["firewall", "add", "in", "allow", protocol, &ports, "from", peer])?;
            }
        }
        each(|node| Ok(site.lab()?.stop_process(node, None)?))
    }

    fn start(&mut self, site: &Site) -> Result<(), BenchError> {
        each(|node| Ok(site.lab()?.start_process(node, None)?))
    }

    fn addresses(&self, _site: &Site) -> Result<[IpAddr; 2], BenchError> {
        self.addresses.ok_or_else(|| BenchError::new("the hosts have no addresses yet"))
    }

    fn settle(&mut self, site: &Site) -> Result<(), BenchError> {
        let [_, there] = self.addresses(site)?;
        let _: Ping = site.a.run(Job::Ping { target: there, seconds: 10.0 }, DIRECT_DEADLINE)?;
        let lab = site.lab()?;
        for node in HOSTS {
            let direct = || other(lab, node, "online").filter(|member| member["path"] == "direct");
            wait_for(DIRECT_DEADLINE, "a direct path", direct)?;
        }
        Ok(())
    }

    fn has_relay(&self) -> bool {
        true
    }

    fn log_tail(&self, site: &Site) -> Vec<String> {
        let Ok(lab) = site.lab() else { return Vec::new() };
        let kinds = [Process::Helper, Process::Names, Process::Engine];
        HOSTS.into_iter().flat_map(|node| kinds.into_iter().flat_map(move |kind| tail(lab, node, kind))).collect()
    }
}

fn tail(lab: &Lab, node: &str, process: Process) -> Vec<String> {
    let log = lab.logs(node, process).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    let last = lines.iter().skip(lines.len().saturating_sub(TAIL_LINES));
    last.map(|line| format!("{node} {}: {line}", process.name())).collect()
}

/// Does something on both hosts at the same time.
fn each(act: impl Fn(&str) -> Result<(), BenchError> + Sync) -> Result<(), BenchError> {
    let act = &act;
    thread::scope(|scope| {
        let threads = HOSTS.map(|node| scope.spawn(move || act(node)));
        let ended = threads.map(|thread| thread.join().unwrap_or_else(|_| Err(BenchError::new("a thread died"))));
        ended.into_iter().collect()
    })
}

/// The other host as `node` sees it, if it is in this state.
fn other(lab: &Lab, node: &str, state: &str) -> Option<Value> {
    let mut members = members(lab, node, NETWORK).ok()?.into_iter();
    members.find(|member| member["me"] == false && member["state"] == state)
}
