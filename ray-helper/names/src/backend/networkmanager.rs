//! NetworkManager with dnsmasq: a file of our own tells its dnsmasq which names to ask the mesh's resolver for.
//!
//! NetworkManager's settings of the mesh's interface are left alone: with them it takes the interface over and removes
//! what the helper gave it. The file is the journal of the change; with it alone, nothing but mesh names waits for a
//! resolver that is not there.

use std::{
    fmt::Write as _,
    fs::{self, File, OpenOptions},
    io::{self, Read, Write as _},
    net::{IpAddr, SocketAddr},
    os::{
        fd::BorrowedFd,
        unix::fs::{MetadataExt, OpenOptionsExt},
    },
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use nix::{errno::Errno, libc};
use ray_ipc::names::{Conflict, Mode, State, Wanted};

use super::{Failure, Host, Keeper, Outcome, domains, service::Service};
use crate::{
    bus::Value,
    policy::{self, DOMAIN},
};

const NAME: &str = "org.freedesktop.NetworkManager";
const PATH: &str = "/org/freedesktop/NetworkManager";
const DNS_PATH: &str = "/org/freedesktop/NetworkManager/DnsManager";
const DNS_MANAGER: &str = "org.freedesktop.NetworkManager.DnsManager";
const DNSMASQ: &str = "dnsmasq";
/// Restarts its dnsmasq.
const RELOAD_DNS: u32 = 4;
/// What its dnsmasq reads at its start.
pub const DIRECTORY: &str = "/etc/NetworkManager/dnsmasq.d";
const FILE: &str = "rayfish.conf";
/// dnsmasq reads no file that begins with a dot.
const TEMPORARY: &str = ".rayfish.conf";
const HEADER: &str = "# Written by Rayfish, and removed by it.\n";
/// dnsmasq takes lines of 1024 bytes.
const DOMAINS_A_LINE: usize = 16;
/// Ours is a tenth of this.
const FILE_MAX: u64 = 64 * 1024;
const PORT: u16 = 53;
const SERVERS_MAX: usize = 8;
const TRY_AGAIN: Duration = Duration::from_secs(1);
/// A dnsmasq that is no more, or another way of keeping names, is told by a signal to those who ask; this is rarer.
const LOOK_AGAIN: Duration = Duration::from_secs(15);

/// The keeper.
#[derive(Debug)]
pub struct NetworkManager {
    directory: PathBuf,
    service: Service,
    /// What its dnsmasq is known to have read.
    loaded: Option<String>,
}

/// What stands in the place of our file.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Found {
    Nothing,
    Ours(String),
    Foreign,
}

/// What it does with the host's DNS settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manner {
    /// `default`, `dnsmasq`, `systemd-resolved`, `none`.
    pub mode: String,
    /// Who writes the list of resolvers: `file`, `symlink`, `resolvconf`, `unmanaged`, …
    pub writer: String,
}

impl Default for NetworkManager {
    fn default() -> Self {
        Self::new()
    }
}

impl NetworkManager {
    /// The keeper. Nothing is done yet.
    pub fn new() -> Self {
        Self { directory: DIRECTORY.into(), service: Service::new(NAME), loaded: None }
    }

    /// What it does with the host's DNS settings; `None` where it does not run.
    pub fn manner(&mut self) -> Result<Option<Manner>, Failure> {
        if !self.service.is_there()? {
            return Ok(None);
        }
        let mut text = |name| -> Result<String, Failure> {
            let value = self.service.property(DNS_PATH, DNS_MANAGER, name)?;
            value.as_text().map(str::to_owned).ok_or(Failure::unexpected("reading a setting of NetworkManager"))
        };
        Ok(Some(Manner { mode: text("Mode")?, writer: text("RcManager")? }))
    }

    fn reload(&mut self) -> Result<(), Failure> {
        let step = "having NetworkManager restart its dnsmasq";
        self.service.call(step, (PATH, NAME, "Reload"), vec![Value::U32(RELOAD_DNS)]).map(drop)
    }

    /// What stands in the place of our file. What cannot be read as a file is not ours.
    fn found(&self) -> Result<Found, Failure> {
        match read_regular(&self.directory.join(FILE)) {
            Ok(text) if text.starts_with(HEADER) => Ok(Found::Ours(text)),
            Ok(_) => Ok(Found::Foreign),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Found::Nothing),
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
                Err(failed("reading our file for dnsmasq")(error))
            }
            Err(_) => Ok(Found::Foreign),
        }
    }

    /// Puts a whole file in the place of what is there.
    fn write(&self, text: &str) -> Result<(), Failure> {
        let (path, temporary) = (self.directory.join(FILE), self.directory.join(TEMPORARY));
        check_directory(&self.directory)?;
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(failed("removing an earlier file for dnsmasq")(error));
            }
            Ok(()) | Err(_) => {}
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o644).custom_flags(libc::O_NOFOLLOW);
        let put = || -> io::Result<()> {
            let mut file = options.open(&temporary)?;
            file.write_all(text.as_bytes())?;
            file.sync_all()?;
            fs::rename(&temporary, &path)?;
            File::open(&self.directory)?.sync_all()
        };
        put().map_err(failed("writing our file for dnsmasq"))
    }
}

impl Keeper for NetworkManager {
    fn set(&mut self, wanted: &Wanted, now: Instant) -> Result<Outcome, Failure> {
        let manner = self.manner()?;
        let Some(Manner { mode, .. }) = manner else {
            self.loaded = None;
            let what = "NetworkManager does not run".to_owned();
            let conflicts = vec![Conflict { what, remedy: "run: systemctl start NetworkManager".to_owned() }];
            return Ok(Outcome { state: State::Waiting, set: vec![], conflicts, again: now.checked_add(TRY_AGAIN) });
        };
        if mode != DNSMASQ {
            self.unset()?;
            let what = format!("NetworkManager keeps names with {mode:?}, no longer with dnsmasq");
            return Ok(stood_down(now, what, "run: systemctl restart rayfish-names"));
        }
        let text = lines(wanted);
        let found = self.found()?;
        if found == Found::Foreign {
            let what = format!("{}/{FILE} is there, and is not ours", self.directory.display());
            return Ok(stood_down(now, what, "remove it, or give it another name"));
        }
        let stands = found == Found::Ours(text.clone());
        if !stands {
            self.write(&text)?;
        }
        // A predecessor may have died between the file and the restart.
        if !stands || self.loaded.as_ref() != Some(&text) {
            self.reload()?;
            self.loaded = Some(text);
        }
        let set = [format!("file {}/{FILE}", self.directory.display())].into_iter();
        let done = Wanted { mode: Mode::Names, search: vec![], ..wanted.clone() };
        let set = set.chain(domains::in_words(&done)).collect();
        let pause = if self.service.has_more() { Duration::ZERO } else { LOOK_AGAIN };
        Ok(Outcome { state: State::Set, set, conflicts: left_out(wanted), again: now.checked_add(pause) })
    }

    /// In an order in which the file is there until nobody has read it: it tells a successor that this is not done.
    fn unset(&mut self) -> Result<(), Failure> {
        self.loaded = None;
        match self.found()? {
            Found::Ours(_) => {}
            Found::Nothing | Found::Foreign => return Ok(()),
        }
        self.write(HEADER)?;
        if self.manner()?.is_some_and(|manner| manner.mode == DNSMASQ) {
            self.reload()?;
        }
        let remove = || -> io::Result<()> {
            fs::remove_file(self.directory.join(FILE))?;
            File::open(&self.directory)?.sync_all()
        };
        remove().map_err(failed("removing our file for dnsmasq"))
    }

    fn watch(&self) -> Option<BorrowedFd<'_>> {
        self.service.watch()
    }

    fn changed(&mut self, _: Instant) -> bool {
        self.service.changed()
    }

    fn upstreams(&mut self) -> Option<Host> {
        self.manner().ok()??;
        let configuration = self.service.property(DNS_PATH, DNS_MANAGER, "Configuration").ok()?;
        Some(host(&configuration))
    }
}

fn stood_down(now: Instant, what: String, remedy: &str) -> Outcome {
    let conflicts = vec![Conflict { what, remedy: remedy.to_owned() }];
    Outcome { state: State::StoodDown, set: vec![], conflicts, again: now.checked_add(LOOK_AGAIN) }
}

/// The file: each server for each domain.
fn lines(wanted: &Wanted) -> String {
    let domains: Vec<String> = [DOMAIN.to_owned()].into_iter().chain(domains::reverse()).collect();
    let mut text = HEADER.to_owned();
    for server in domains::servers(wanted) {
        for part in domains.chunks(DOMAINS_A_LINE) {
            // Writing to a string does not fail.
            let _ = writeln!(text, "server=/{}/{server}", part.join("/"));
        }
    }
    text
}

/// What this keeper cannot do.
fn left_out(wanted: &Wanted) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    if wanted.mode == Mode::Full {
        // dnsmasq asks whichever answers fastest of ours for all names and those that NetworkManager gives it.
        let what =
            "NetworkManager's dnsmasq asks the host's own resolvers too, so that only mesh names come to the mesh";
        conflicts.push((what, "write to names.toml: backend = \"file\"".to_owned()));
    }
    if !wanted.search.is_empty() {
        // dnsmasq answers names; which are tried for a short one stands in a file that NetworkManager writes.
        let search: Vec<String> = domains::search(wanted).collect();
        let remedy = format!("run: nmcli connection modify NAME +ipv4.dns-search {}", search.join(","));
        conflicts.push(("NetworkManager has no place for search domains of ours", remedy));
    }
    conflicts.into_iter().map(|(what, remedy)| Conflict { what: what.to_owned(), remedy }).collect()
}

/// What NetworkManager has from its connections. Of VPNs too: their names are theirs, so they come last.
fn host(configuration: &Value) -> Host {
    let mut host = Host::default();
    let is_vpn = |item: &&Value| item.get("vpn").and_then(|vpn| vpn.inner().as_bool()) == Some(true);
    let plain = configuration.items().iter().filter(|item| !is_vpn(item));
    for item in plain.chain(configuration.items().iter().filter(is_vpn)) {
        let texts = |name| {
            item.get(name).map(|list| list.inner().items()).unwrap_or_default().iter().filter_map(Value::as_text)
        };
        for server in texts("nameservers").filter_map(|text| text.parse::<IpAddr>().ok()) {
            let server = SocketAddr::new(server, PORT);
            let known = policy::is_ours(server.ip()) || host.servers.contains(&server);
            if !known && host.servers.len() < SERVERS_MAX {
                host.servers.push(server);
            }
        }
        host.search.extend(texts("domains").map(str::to_owned));
    }
    host
}

/// Root's own directory, or a file of ours there would not be ours for long.
fn check_directory(directory: &Path) -> Result<(), Failure> {
    let step = "looking at dnsmasq's directory";
    let found = fs::symlink_metadata(directory).map_err(failed(step))?;
    let trusted = found.is_dir() && found.uid() == 0 && found.mode() & 0o022 == 0;
    if trusted { Ok(()) } else { Err(Failure { step, errno: Errno::EPERM, words: "not root's alone".to_owned() }) }
}

/// A regular file, up to a bound.
fn read_regular(path: &Path) -> io::Result<String> {
    let file = OpenOptions::new().read(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path)?;
    if !file.metadata()?.is_file() {
        return Err(io::ErrorKind::InvalidData.into());
    }
    let mut text = String::new();
    file.take(FILE_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn failed(step: &'static str) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure { step, errno: error.raw_os_error().map_or(Errno::EIO, Errno::from_raw), words: String::new() }
}
