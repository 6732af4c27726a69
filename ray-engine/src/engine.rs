//! Builds the parts, wires their channels, waits for the end. No decisions.

use std::{
    fmt,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
};

use nix::unistd::Uid;
use ray_confine::Confinement;
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::mpsc,
};

use crate::{
    config::{self, Accounts, Config, Dht, Servers},
    control::{Access, Listener, OverflowIds},
    firewall::limits::RESUME_TIME,
    forward::{Forwarder, Tunnel},
    host::NamesControl,
    ident::Hostname,
    mesh::{
        self, Guest, Mesh, MeshSettings,
        wire::{FEATURE_CONTROL, FEATURE_IPV6_ONLY, FEATURE_SEGMENTS},
    },
    publish::{self, Announcer, Places, Shelf},
    readiness,
    service::{Parts, Service},
    store::{STATE_DIR, Store},
};

/// Events of the mesh that wait for the service.
const EVENTS_MAX: usize = 256;

/// Where things are.
#[derive(Debug, Clone)]
pub struct Options {
    pub config: PathBuf,
    pub state_dir: PathBuf,
    pub socket: PathBuf,
    pub helper_socket: PathBuf,
    pub names_socket: PathBuf,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            config: config::CONFIG_PATH.into(),
            state_dir: STATE_DIR.into(),
            socket: ray_ipc::control::SOCKET_PATH.into(),
            helper_socket: ray_ipc::helper::SOCKET_PATH.into(),
            names_socket: ray_ipc::names::SOCKET_PATH.into(),
        }
    }
}

/// The engine was started with more rights than it may have.
#[derive(Debug)]
pub enum Privileged {
    Root,
    Capabilities(String),
}

impl fmt::Display for Privileged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("refusing to run as root: start ray-engine as user rayfish"),
            Self::Capabilities(set) => {
                write!(f, "refusing to run with capabilities ({set}): start ray-engine without any")
            }
        }
    }
}

impl std::error::Error for Privileged {}

/// Fails closed: what parses the network holds no privilege.
pub fn refuse_privilege() -> Result<(), Privileged> {
    if Uid::effective().is_root() || Uid::current().is_root() {
        return Err(Privileged::Root);
    }
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for set in ["CapPrm:", "CapEff:", "CapAmb:"] {
        let held = status.lines().find_map(|line| line.strip_prefix(set)).map(str::trim);
        // A kernel that does not tell has not shown that the set is empty.
        if !held.is_some_and(|mask| mask.chars().all(|digit| digit == '0')) {
            return Err(Privileged::Capabilities(format!("{set} {}", held.unwrap_or("unknown"))));
        }
    }
    Ok(())
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(
    options: Options,
    overflow: OverflowIds,
    confinement: Confinement,
) -> Result<(), Box<dyn std::error::Error>> {
    let accounts = Accounts::read();
    let config = config::read(&options.config, &accounts)?;
    let warnings = config.warnings();
    for warning in &warnings {
        tracing::warn!("{}: {warning}", options.config.display());
    }
    let access = Access::new(config.access.clone(), accounts, overflow, options.config.clone());
    let store = Store::open(&options.state_dir)?;
    let secret_key = store.identity(mesh::random_key)?;
    // Bound early: a second engine on this host ends here, before it touches the network or the helper.
    let listener = Listener::bind(&options.socket)?;

    let forwarder = Arc::new(Forwarder::default());
    forwarder.sweep();
    let (events_tx, events) = mpsc::channel(EVENTS_MAX);
    let (carry, shelf) = (forwarder.clone(), Shelf::default());
    let settings = mesh_settings(&config, secret_key, shelf.clone());
    let mesh = Mesh::bind(settings, events_tx, Arc::new(move |link| carry.carry(link))).await?;
    forwarder.live().firewall.resume(RESUME_TIME);
    let announcer = Announcer::new(mesh.endpoint(), &places(&config))?;
    let tunnel = Tunnel::start(&options.helper_socket, forwarder.clone(), mesh.clone())?;
    let resolver = forwarder.resolver();
    let (lookups, questions) = (mesh.clone(), resolver.clone());
    // The engine's own lookups and those that it passes on go where the host's went before it asked us.
    let on_report = move |upstreams: &[SocketAddr], all| {
        lookups.replace_name_servers(upstreams);
        questions.replace_upstreams(upstreams.to_vec());
        questions.set_forwarding(all);
    };
    let names = NamesControl::start(&options.names_socket, tunnel.control().state(), Box::new(on_report));
    tracing::info!(id = %mesh.id(), release = env!("CARGO_PKG_VERSION"), "engine up");

    let (inject_into, inject_mesh) = (forwarder.clone(), mesh.clone());
    let service = Service::start(Parts {
        store,
        secret_key,
        hostname: system_hostname(),
        ipv6_only: config.ipv6_only,
        config: (options.config.clone(), config.choices),
        warnings,
        confinement,
        mesh: mesh.clone(),
        events,
        announcer,
        shelf,
        tunnel: tunnel.control(),
        names: names.clone(),
        resolver,
        live: forwarder.live(),
        probes: forwarder.probes(),
        feed: forwarder.feed(),
        inject: Arc::new(move |packet| inject_into.inject(&inject_mesh, packet)),
    })?;

    readiness::start(tunnel.control().state(), service.clone());

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    tokio::select! {
        () = listener.serve(service, access) => {}
        _ = terminate.recv() => tracing::info!("terminated"),
        _ = interrupt.recv() => tracing::info!("interrupted"),
    }
    readiness::stopping();
    // A host that asks a resolver which is gone would wait at each lookup.
    names.close().await;
    // The device stays with the helper for its grace time, so that a restart keeps inner connections.
    tunnel.stop();
    mesh.close().await;
    Ok(())
}

fn mesh_settings(config: &Config, secret_key: [u8; 32], shelf: Shelf) -> MeshSettings {
    let own = |servers: &Servers| match servers {
        Servers::Public => None,
        Servers::Own(list) => Some(list.clone()),
    };
    MeshSettings {
        secret_key,
        relays: own(&config.relays),
        discovery: own(&config.discovery),
        external_addrs: config.external_addrs.clone(),
        features: FEATURE_SEGMENTS | FEATURE_CONTROL | if config.ipv6_only { FEATURE_IPV6_ONLY } else { 0 },
        bind_port: config.bind_port,
        guest: Guest {
            alpn: publish::ALPN,
            serve: Arc::new(move |connection| {
                let shelf = shelf.clone();
                Box::pin(async move { shelf.serve(connection).await })
            }),
        },
    }
}

fn places(config: &Config) -> Places {
    let public = Places::public();
    Places {
        relays: match &config.publication {
            Servers::Public => public.relays,
            Servers::Own(list) => list.clone(),
        },
        dht: match &config.dht {
            Dht::Off => None,
            Dht::Public => public.dht,
            Dht::Own(nodes) => Some(nodes.clone()),
        },
    }
}

fn system_hostname() -> Hostname {
    let name = nix::unistd::gethostname().unwrap_or_default();
    Hostname::from_system(&Path::new(&name).to_string_lossy())
}
