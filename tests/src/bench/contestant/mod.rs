//! Who is measured. A new peer program is a file here and a line in [`all`].

mod daemon;
mod nebula;
mod raw;
mod rayfish;
mod uapi;
mod wireguard;

use std::{
    collections::BTreeMap,
    env, fmt,
    net::IpAddr,
    path::{Path, PathBuf},
};

pub(super) use self::rayfish::ENGINE;
use super::{BenchError, site::Site};
use crate::lab::LabConfig;

/// The one that the others are compared with.
pub(super) const RAW: &str = "raw";
pub(super) const RAYFISH: &str = "rayfish";

/// A way between two hosts.
pub(super) trait Contestant: fmt::Debug + Send {
    fn name(&self) -> &'static str;

    /// As the program itself tells it.
    fn version(&self) -> String;

    /// Names of the programs whose CPU time and memory count.
    fn programs(&self) -> Vec<String>;

    /// The lab that it needs.
    fn lab(&self) -> LabConfig {
        LabConfig::bare(2)
    }

    /// What is done once by hand on real hosts: keys, certificates, membership. Nothing of it runs when this returns.
    fn prepare(&mut self, site: &Site) -> Result<(), BenchError>;

    /// Starts the programs on both hosts.
    fn start(&mut self, site: &Site) -> Result<(), BenchError>;

    /// The hosts' addresses on this way.
    fn addresses(&self, site: &Site) -> Result<[IpAddr; 2], BenchError>;

    /// Waits until the way is as good as it gets.
    fn settle(&mut self, _site: &Site) -> Result<(), BenchError> {
        Ok(())
    }

    /// What its programs said last.
    fn log_tail(&self, _site: &Site) -> Vec<String> {
        Vec::new()
    }

    /// Whether a pulled cable is something that it has to get over.
    fn has_outages(&self) -> bool {
        true
    }

    /// Whether it has another way than the direct one: by a relay.
    fn has_relay(&self) -> bool {
        false
    }
}

/// The programs that the caller named, and where ours are.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) ours: PathBuf,
    pub(super) with: BTreeMap<String, PathBuf>,
}

/// All that can be measured here, raw first; and what cannot be, with the reason.
pub(super) fn all(found: &Found) -> (Vec<Box<dyn Contestant>>, Vec<String>) {
    let mut contestants: Vec<Box<dyn Contestant>> =
        vec![Box::new(raw::Raw), Box::new(rayfish::Rayfish::new(found.ours.clone()))];
    let mut absent = Vec::new();
    for kind in wireguard::KINDS {
        match found.program(kind.name) {
            Some(program) => contestants.push(Box::new(wireguard::WireGuard::new(kind, program))),
            None => absent.push(kind.name.to_owned()),
        }
    }
    match (found.program(nebula::NAME), found.program(nebula::CERT_NAME)) {
        (Some(program), Some(cert)) => contestants.push(Box::new(nebula::Nebula::new(program, cert))),
        (Some(_), None) => absent.push(format!("{} (no {})", nebula::NAME, nebula::CERT_NAME)),
        (None, _) => absent.push(nebula::NAME.to_owned()),
    }
    (contestants, absent)
}

/// The names that `--with` takes.
pub(super) fn names() -> Vec<&'static str> {
    let kinds = wireguard::KINDS.iter().map(|kind| kind.name);
    kinds.chain([nebula::NAME, nebula::CERT_NAME]).collect()
}

impl Found {
    fn program(&self, name: &str) -> Option<PathBuf> {
        if let Some(path) = self.with.get(name) {
            return Some(path.clone());
        }
        let path = env::var_os("PATH").unwrap_or_default();
        env::split_paths(&path).map(|directory| directory.join(name)).find(|program| program.is_file())
    }
}

/// The first line of what a program says of its version.
fn version_of(program: &Path, argument: &str) -> String {
    let output = std::process::Command::new(program).arg(argument).output();
    let text = output.map(|output| [output.stdout, output.stderr].concat()).unwrap_or_default();
    let text = String::from_utf8_lossy(&text).into_owned();
    text.lines().find(|line| !line.trim().is_empty()).unwrap_or("unknown").trim().to_owned()
}

/// The path as a program's argument.
fn text(path: &Path) -> Result<&str, BenchError> {
    path.to_str().ok_or_else(|| BenchError::new(format!("the path {} is not text", path.display())))
}
