//! Nebula, with a certificate authority of its own and each host told where the other is.

use std::{
    net::{IpAddr, Ipv4Addr},
    path::PathBuf,
};

use super::{Contestant, daemon::Daemon, text, version_of};
use crate::bench::{
    BenchError,
    site::{HOSTS, Site},
};

pub(super) const NAME: &str = "nebula";
pub(super) const CERT_NAME: &str = "nebula-cert";

const PORT: u16 = 4242;
const ADDRESSES: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 92, 0, 1), Ipv4Addr::new(10, 92, 0, 2)];
/// In a private `/run` of each host.
const DIRECTORY: &str = "/run/bench-nebula";

#[derive(Debug)]
pub(super) struct Nebula {
    program: PathBuf,
    cert: PathBuf,
    daemons: Vec<Daemon>,
}

impl Nebula {
    pub(super) fn new(program: PathBuf, cert: PathBuf) -> Self {
        Self { program, cert, daemons: Vec::new() }
    }

    /// Makes the authority and both certificates on the first host.
    fn certify(&self, site: &Site) -> Result<(), BenchError> {
        let cert = text(&self.cert)?;
        let file = |name: &str| format!("{DIRECTORY}/{name}");
        let (ca, ca_key) = (file("ca.crt"), file("ca.key"));
        let authority = [cert, "ca", "-name", "bench", "-out-crt", &ca, "-out-key", &ca_key];
        site.command(HOSTS[0], &authority)?;
        for (node, address) in HOSTS.iter().zip(ADDRESSES) {
            let (address, out, key) =
                (format!("{address}/24"), file(&format!("{node}.crt")), file(&format!("{node}.key")));
            let sign = [cert, "sign", "-ca-crt", &ca, "-ca-key", &ca_key, "-name", node, "-ip", &address];
            site.command(HOSTS[0], &[&sign[..], &["-out-crt", &out, "-out-key", &key]].concat())?;
        }
        Ok(())
    }

    fn copy(&self, site: &Site, name: &str) -> Result<(), BenchError> {
        let path = format!("{DIRECTORY}/{name}");
        let content = site.command(HOSTS[0], &["cat", &path])?;
        write(site, HOSTS[1], &path, &content)
    }
}

/// Everything that the bench does not need is off; MTU, cipher and routines are the defaults.
fn config(at: usize, underlay: [IpAddr; 2]) -> String {
    let (own, there) = (HOSTS[at.min(1)], 1 - at.min(1));
    format!(
        "pki:\n  ca: {DIRECTORY}/ca.crt\n  cert: {DIRECTORY}/{own}.crt\n  key: {DIRECTORY}/{own}.key\n\
         static_host_map:\n  \"{}\": [\"{}:{PORT}\"]\n\
         lighthouse:\n  am_lighthouse: false\n\
         listen:\n  host: 0.0.0.0\n  port: {PORT}\n\
         tun:\n  dev: bench0\n\
         logging:\n  level: warning\n  format: text\n\
         firewall:\n  outbound:\n    - port: any\n      proto: any\n      host: any\n\
         \x20 inbound:\n    - port: any\n      proto: any\n      host: any\n",
        ADDRESSES[there], underlay[there]
    )
}

fn write(site: &Site, node: &str, path: &str, content: &str) -> Result<(), BenchError> {
    site.command(node, &["sh", "-c", "printf %s \"$2\" >\"$1\"", "sh", path, content]).map(drop)
}

impl Contestant for Nebula {
    fn name(&self) -> &'static str {
        NAME
    }

    fn version(&self) -> String {
        format!("{NAME} {}", version_of(&self.program, "-version").trim_start_matches("Version: "))
    }

    fn programs(&self) -> Vec<String> {
        vec![NAME.to_owned()]
    }

    fn prepare(&mut self, site: &Site) -> Result<(), BenchError> {
        for node in HOSTS {
            site.command(node, &["mkdir", "-p", DIRECTORY])?;
        }
        self.certify(site)?;
        for name in ["ca.crt", "n2.crt", "n2.key"] {
            self.copy(site, name)?;
        }
        let underlay = site.underlay()?;
        for (at, node) in HOSTS.into_iter().enumerate() {
            write(site, node, &format!("{DIRECTORY}/config.yml"), &config(at, underlay))?;
        }
        Ok(())
    }

    fn start(&mut self, site: &Site) -> Result<(), BenchError> {
        let argv = [text(&self.program)?, "-config", &format!("{DIRECTORY}/config.yml")];
        self.daemons = HOSTS.map(|node| Daemon::start(site, node, &argv)).into_iter().collect::<Result<_, _>>()?;
        Ok(())
    }

    fn addresses(&self, _site: &Site) -> Result<[IpAddr; 2], BenchError> {
        Ok(ADDRESSES.map(IpAddr::V4))
    }

    fn log_tail(&self, _site: &Site) -> Vec<String> {
        self.daemons.iter().flat_map(Daemon::log_tail).collect()
    }
}
