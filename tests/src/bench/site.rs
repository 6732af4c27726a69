//! Two hosts on one switch, with an agent in each. Every contestant gets a site of its own, all built alike.

use std::time::Duration;

use super::{
    BenchError,
    agent::{Job, Watched},
    command,
    station::Station,
};
use crate::lab::{Lab, LabConfig, plan};

pub(super) const HOSTS: [&str; 2] = ["n1", "n2"];

#[derive(Debug)]
pub(super) struct Site {
    /// Taken down explicitly: a lab that is dropped panics when a program was ended for a system call.
    lab: Option<Lab>,
    pub(super) a: Station,
    pub(super) b: Station,
    pins: Option<[usize; 2]>,
}

impl Site {
    pub(super) fn open(config: LabConfig, pins: Option<[usize; 2]>) -> Result<Self, BenchError> {
        let lab = Lab::start(config)?;
        let open = |at: usize, node| Station::open(&lab, node, pins.map(|cpus| cpus[at.min(1)]));
        let stations = open(0, HOSTS[0]).and_then(|a| Ok((a, open(1, HOSTS[1])?)));
        match stations {
            Ok((a, b)) => Ok(Self { lab: Some(lab), a, b, pins }),
            Err(error) => {
                // What is told is why it was not built.
                let _ = lab.down();
                Err(error)
            }
        }
    }

    pub(super) fn lab(&self) -> Result<&Lab, BenchError> {
        self.lab.as_ref().ok_or_else(|| BenchError::new("the lab is down"))
    }

    pub(super) fn stations(&self) -> [&Station; 2] {
        [&self.a, &self.b]
    }

    /// The hosts' addresses on the switch.
    pub(super) fn underlay(&self) -> Result<[std::net::IpAddr; 2], BenchError> {
        let of = |node| plan::addresses(node).map(|(v4, _)| v4.into());
        match HOSTS.map(of) {
            [Some(a), Some(b)] => Ok([a, b]),
            _ => Err(BenchError::new("the hosts have no place in the address plan")),
        }
    }

    /// Runs a command in a host to its end; its standard output.
    pub(super) fn command(&self, node: &str, argv: &[&str]) -> Result<String, BenchError> {
        command::run(self.lab()?, node, argv)
    }

    /// Holds programs on the CPU of their host, if that is wanted.
    pub(super) fn pin(&self, names: &[String]) -> Result<(), BenchError> {
        let Some(cpus) = self.pins else { return Ok(()) };
        for (station, cpu) in self.stations().into_iter().zip(cpus) {
            let pinned: usize = station.run(Job::Pin { names: names.to_vec(), cpu }, DEADLINE)?;
            if pinned == 0 && !names.is_empty() {
                return Err(BenchError::new(format!("none of {} runs on {}", names.join(", "), station.node)));
            }
        }
        Ok(())
    }

    /// What programs have used, in both hosts.
    pub(super) fn watch(&self, names: &[String]) -> Result<Watched, BenchError> {
        self.a.run(Job::Watch { names: names.to_vec(), own_host: false }, DEADLINE)
    }

    /// Programs that were ended for a system call that their policy does not have.
    pub(super) fn violations(&self) -> Vec<String> {
        self.lab.as_ref().and_then(|lab| lab.status().ok()).map(|status| status.violations()).unwrap_or_default()
    }
}

/// For a job that takes no time.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(lab) = self.lab.take() {
            // The kernel takes what does not go by itself.
            let _ = lab.down();
        }
    }
}
