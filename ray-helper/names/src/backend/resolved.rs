//! systemd-resolved: it is told which names the mesh's interface answers, and splits them itself.
//!
//! What is set belongs to the interface and goes with it. The interface is the one of root's policy, and is touched
//! only while it bears the helper's mark.

use std::{
    collections::BTreeSet,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6},
    os::fd::BorrowedFd,
    time::{Duration, Instant},
};

use ray_ipc::names::{Conflict, Mode, State, Wanted};

use super::{
    Failure, Host, Keeper, Outcome,
    domains::{self, Domain},
    service::{Service, failure},
};
use crate::{
    bus::{BusError, Value},
    damper::Damper,
    policy,
};

const NAME: &str = "org.freedesktop.resolve1";
const PATH: &str = "/org/freedesktop/resolve1";
const MANAGER: &str = "org.freedesktop.resolve1.Manager";
const LINK: &str = "org.freedesktop.resolve1.Link";
/// The alias of every device that the helper has made.
const MARK: &str = "rayfish";
const FAMILY_V4: i32 = 2;
const FAMILY_V6: i32 = 10;
const PORT: u16 = 53;
/// Other resolvers that are handed on.
const SERVERS_MAX: usize = 8;
/// Its own resolvers: to ask them for a name it does not know would lead back here.
const STUBS: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::new(127, 0, 0, 53)), IpAddr::V4(Ipv4Addr::new(127, 0, 0, 54))];
/// Nothing tells when another program has changed the interface's settings.
const LOOK_AGAIN: Duration = Duration::from_secs(15);
/// Until an interface or a program that is not there is looked for again; the program's coming is told besides.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// The keeper.
#[derive(Debug)]
pub struct Resolved {
    interface: String,
    service: Service,
    /// The interface that was set, by its index.
    set: Option<i32>,
    /// Whether something was to be undone when nobody was there to do it.
    owes_undo: bool,
    damper: Damper,
}

impl Resolved {
    /// The keeper for the interface of that name. Nothing is done yet.
    pub fn new(interface: &str) -> Self {
        Self {
            interface: interface.to_owned(),
            service: Service::new(NAME),
            set: None,
            owes_undo: false,
            damper: Damper::default(),
        }
    }

    /// Whether the link has all that is wanted.
    fn agrees(&mut self, link: i32, wanted: &Wanted) -> Result<bool, Failure> {
        Ok(is_as_wanted(&self.settings(link)?, wanted))
    }

    fn settings(&mut self, link: i32) -> Result<Value, Failure> {
        let step = "asking systemd-resolved for the interface";
        let answer = self.service.call(step, (PATH, MANAGER, "GetLink"), vec![Value::I32(link)])?;
        let path = answer.first().and_then(Value::as_text).ok_or(Failure::unexpected(step))?.to_owned();
        self.service.properties(&path, LINK)
    }

    fn tell(&mut self, link: i32, wanted: &Wanted) -> Result<(), Failure> {
        let servers = domains::servers(wanted).into_iter().map(server).collect();
        let domains = domains::domains(wanted).into_iter().map(domain).collect();
        let full = wanted.mode == Mode::Full;
        self.change(link, "SetLinkDomains", Value::Array("(sb)".to_owned(), domains))?;
        self.change(link, "SetLinkDefaultRoute", Value::Bool(full))?;
        // Nobody on the mesh answers by broadcast, and its resolver signs and encrypts nothing: the tunnel does.
        for member in ["SetLinkLLMNR", "SetLinkMulticastDNS", "SetLinkDNSOverTLS", "SetLinkDNSSEC"] {
            self.change(link, member, Value::text("no"))?;
        }
        // Last: a link with servers and without domains is asked for all names.
        self.change(link, "SetLinkDNS", Value::Array("(iay)".to_owned(), servers))?;
        // A name that was asked for before may be remembered as one that does not exist.
        self.service.call("emptying systemd-resolved's cache", (PATH, MANAGER, "FlushCaches"), vec![])?;
        Ok(())
    }

    fn change(&mut self, link: i32, member: &'static str, value: Value) -> Result<(), Failure> {
        match self.service.try_call((PATH, MANAGER, member), vec![Value::I32(link), value]) {
            // An older one has no such setting, so it is as it should be.
            Err(BusError::Refused { name, .. }) if name == "org.freedesktop.DBus.Error.UnknownMethod" => Ok(()),
            answer => answer.map(drop).map_err(failure(member)),
        }
    }

    fn revert(&mut self, link: i32) -> Result<(), Failure> {
        // Where nothing was ever set, nothing is told either.
        let domains =
            self.settings(link).ok().and_then(|has| has.get("Domains").map(|domains| domains.inner().items().len()));
        if domains == Some(0) {
            return Ok(());
        }
        let step = "undoing the settings of the interface";
        self.service.call(step, (PATH, MANAGER, "RevertLink"), vec![Value::I32(link)]).map(drop)
    }

    /// The interface's index, while it is the helper's.
    fn marked_link(&self) -> Option<i32> {
        let read = |what: &str| fs::read_to_string(format!("/sys/class/net/{}/{what}", self.interface)).ok();
        let index = read("ifindex")?.trim().parse().ok()?;
        (read("ifalias")?.trim_end_matches('\n') == MARK).then_some(index)
    }
}

impl Keeper for Resolved {
    fn set(&mut self, wanted: &Wanted, now: Instant) -> Result<Outcome, Failure> {
        if !self.service.is_there()? {
            self.set = None;
            return Ok(waiting(now, "systemd-resolved does not run", "run: systemctl start systemd-resolved"));
        }
        self.owes_undo = false;
        let Some(link) = self.marked_link() else {
            self.set = None;
            let what = format!("there is no interface {} of the mesh", self.interface);
            return Ok(waiting(now, &what, "see: ray status"));
        };
        if !self.agrees(link, wanted)? {
            // Only what was set before and is no more is another program's doing.
            if self.set.replace(link) == Some(link)
                && let Err(until) = self.damper.rewrite(now)
            {
                let what = format!("another program keeps changing the DNS settings of {}", self.interface);
                let remedy = format!(
                    "find it with: resolvectl log-level debug; journalctl -u systemd-resolved; it must leave {} alone",
                    self.interface
                );
                let conflicts = vec![Conflict { what, remedy }];
                return Ok(Outcome { state: State::Waiting, set: vec![], conflicts, again: Some(until) });
            }
            self.tell(link, wanted)?;
        }
        self.set = Some(link);
        let first = format!("systemd-resolved, interface {}", self.interface);
        let set = [first].into_iter().chain(domains::in_words(wanted)).collect();
        let pause = if self.service.has_more() { Duration::ZERO } else { LOOK_AGAIN };
        Ok(Outcome { state: State::Set, set, conflicts: vec![], again: now.checked_add(pause) })
    }

    fn unset(&mut self) -> Result<(), Failure> {
        self.set = None;
        self.owes_undo = false;
        // Settings go with their interface.
        let Some(link) = self.marked_link() else { return Ok(()) };
        // It keeps those of interfaces over its own restart, so one that is down still has them.
        self.owes_undo = !self.service.is_there()?;
        if self.owes_undo { Ok(()) } else { self.revert(link) }
    }

    fn watch(&self) -> Option<BorrowedFd<'_>> {
        self.service.watch()
    }

    fn changed(&mut self, _: Instant) -> bool {
        let changed = self.service.changed();
        if changed && self.owes_undo {
            // What fails is tried at the next sign.
            let _ = self.unset();
        }
        changed
    }

    fn upstreams(&mut self) -> Option<Host> {
        if !self.service.is_there().ok()? {
            return None;
        }
        let own = self.marked_link();
        let servers = self.service.property(PATH, MANAGER, "DNS").ok()?;
        let domains = self.service.property(PATH, MANAGER, "Domains").ok()?;
        Some(Host { servers: other_servers(&servers, own), search: other_search(&domains, own) })
    }
}

fn waiting(now: Instant, what: &str, remedy: &str) -> Outcome {
    let conflicts = vec![Conflict { what: what.to_owned(), remedy: remedy.to_owned() }];
    Outcome { state: State::Waiting, set: vec![], conflicts, again: now.checked_add(TRY_AGAIN) }
}

fn server(address: IpAddr) -> Value {
    let (family, bytes) = match address {
        IpAddr::V4(v4) => (FAMILY_V4, v4.octets().to_vec()),
        IpAddr::V6(v6) => (FAMILY_V6, v6.octets().to_vec()),
    };
    Value::Struct(vec![Value::I32(family), Value::Bytes(bytes)])
}

fn domain(domain: Domain) -> Value {
    Value::Struct(vec![Value::Text(domain.name), Value::Bool(domain.routing)])
}

/// Whether the settings of a link are those wanted. What an older resolved does not have is no difference.
fn is_as_wanted(has: &Value, wanted: &Wanted) -> bool {
    let setting = |name| has.get(name).map(Value::inner);
    let servers: Vec<Value> = domains::servers(wanted).into_iter().map(server).collect();
    let domains: BTreeSet<Domain> = domains::domains(wanted).into_iter().collect();
    let found = setting("Domains").map(Value::items).unwrap_or_default().iter().filter_map(|item| match item.items() {
        [Value::Text(name), Value::Bool(routing)] => Some(Domain { name: name.clone(), routing: *routing }),
        _ => None,
    });
    let full = Value::Bool(wanted.mode == Mode::Full);
    let is_off = |name| setting(name).is_none_or(|value| value.as_text() == Some("no"));
    setting("DNS").is_some_and(|found| found.items() == servers)
        && found.collect::<BTreeSet<Domain>>() == domains
        && setting("DefaultRoute").is_none_or(|route| *route == full)
        && ["LLMNR", "MulticastDNS", "DNSOverTLS", "DNSSEC"].into_iter().all(is_off)
}

/// The resolvers of all links but `own`, each once.
fn other_servers(list: &Value, own: Option<i32>) -> Vec<SocketAddr> {
    let mut servers = Vec::new();
    for item in list.items() {
        let [Value::I32(link), Value::I32(_), Value::Bytes(bytes)] = item.items() else { continue };
        let server = match (<[u8; 4]>::try_from(bytes.as_slice()), <[u8; 16]>::try_from(bytes.as_slice())) {
            (Ok(v4), _) => SocketAddr::from((Ipv4Addr::from(v4), PORT)),
            (_, Ok(v6)) => {
                let v6 = Ipv6Addr::from(v6);
                // A link-local address means nothing without its link.
                let scope = if v6.is_unicast_link_local() { u32::try_from(*link).unwrap_or_default() } else { 0 };
                SocketAddr::V6(SocketAddrV6::new(v6, PORT, 0, scope))
            }
            (Err(_), Err(_)) => continue,
        };
        let foreign = Some(*link) != own && !policy::is_ours(server.ip()) && !STUBS.contains(&server.ip());
        if foreign && !servers.contains(&server) && servers.len() < SERVERS_MAX {
            servers.push(server);
        }
    }
    servers
}

/// The search domains of all links but `own`.
fn other_search(list: &Value, own: Option<i32>) -> Vec<String> {
    let named = list.items().iter().filter_map(|item| match item.items() {
        [Value::I32(link), Value::Text(name), Value::Bool(false)] if Some(*link) != own => Some(name.clone()),
        _ => None,
    });
    named.collect()
}
