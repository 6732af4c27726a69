//! The WireGuard programs in user space: alike but for how they are started.

use std::{
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use super::{
    Contestant,
    daemon::Daemon,
    text,
    uapi::{self, Keys, Peer},
    version_of,
};
use crate::{
    bench::{
        BenchError,
        agent::{Interface, Job},
        site::{DEADLINE, HOSTS, Site},
        station::Station,
    },
    lab::wait_for,
};

const INTERFACE: &str = "bench0";
/// In a private `/run` of the host.
const SOCKET: &str = "/var/run/wireguard/bench0.sock";
const PORT: u16 = 51820;
/// What wg-quick would set over an underlay of 1500.
const MTU: u32 = 1420;
const ADDRESSES: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(10, 91, 0, 1)), IpAddr::V4(Ipv4Addr::new(10, 91, 0, 2))];
const PREFIX: u8 = 24;
const SOCKET_DEADLINE: Duration = Duration::from_secs(5);

/// How a program is started in the foreground.
#[derive(Debug, Clone, Copy)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Before the interface's name.
    arguments: &'static [&'static str],
}

/// Threads, queues and everything else as they come.
pub(super) const KINDS: [Kind; 2] = [
    Kind { name: "boringtun-cli", arguments: &["--foreground", "--disable-drop-privileges"] },
    Kind { name: "wireguard-go", arguments: &["--foreground"] },
];

#[derive(Debug)]
pub(super) struct WireGuard {
    kind: Kind,
    program: PathBuf,
    keys: Option<[Keys; 2]>,
    daemons: Vec<Daemon>,
}

impl WireGuard {
    pub(super) fn new(kind: Kind, program: PathBuf) -> Self {
        Self { kind, program, keys: None, daemons: Vec::new() }
    }

    fn configure(&self, site: &Site, at: usize, station: &Station) -> Result<(), BenchError> {
        let Some(keys) = &self.keys else { return Err(BenchError::new("there are no keys")) };
        let (own, other) = if at == 0 { (&keys[0], &keys[1]) } else { (&keys[1], &keys[0]) };
        let there = 1 - at.min(1);
        let peer = Peer {
            public: other.public,
            endpoint: SocketAddr::new(site.underlay()?[there], PORT),
            address: ADDRESSES[there],
        };
        let request = uapi::set(own, PORT, &peer);
        let ask = || {
            let job = Job::Uapi { path: SOCKET.to_owned(), text: request.clone() };
            station.run::<String>(job, DEADLINE).ok()
        };
        let answer = wait_for(SOCKET_DEADLINE, &format!("the socket of {}", self.kind.name), ask)?;
        uapi::check(&answer).map_err(BenchError::new)?;
        let interface =
            Interface { name: INTERFACE.to_owned(), address: ADDRESSES[at.min(1)], prefix: PREFIX, mtu: MTU };
        station.run(Job::Interface(interface), DEADLINE)
    }
}

impl Contestant for WireGuard {
    fn name(&self) -> &'static str {
        self.kind.name
    }

    fn version(&self) -> String {
        version_of(&self.program, "--version")
    }

    fn programs(&self) -> Vec<String> {
        vec![self.kind.name.to_owned()]
    }

    fn prepare(&mut self, _site: &Site) -> Result<(), BenchError> {
        let generate = || Keys::generate().map_err(BenchError::io("making keys"));
        self.keys = Some([generate()?, generate()?]);
        Ok(())
    }

    fn start(&mut self, site: &Site) -> Result<(), BenchError> {
        let argv = [&[text(&self.program)?], self.kind.arguments, &[INTERFACE]].concat();
        self.daemons = HOSTS.map(|node| Daemon::start(site, node, &argv)).into_iter().collect::<Result<_, _>>()?;
        for (at, station) in site.stations().into_iter().enumerate() {
            self.configure(site, at, station)?;
        }
        Ok(())
    }

    fn addresses(&self, _site: &Site) -> Result<[IpAddr; 2], BenchError> {
        Ok(ADDRESSES)
    }

    fn log_tail(&self, _site: &Site) -> Vec<String> {
        self.daemons.iter().flat_map(Daemon::log_tail).collect()
    }
}
