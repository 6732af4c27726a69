//! What the engine does with requests and events: one task owns the networks, one request or event at a time. Layer 5.
//!
//! Order is durability first: verify or sign, persist, take into the ledger, apply, tell others, reply. [`apply`] is the one
//! place where rosters become policy, links and addresses.

mod admin;
mod answer;
mod applicant;
mod apply;
mod bucket;
mod config;
mod create;
mod doubts;
mod duties;
mod ephemeral;
mod failure;
mod firewall;
mod former;
mod hostname;
mod invite;
mod invites;
mod join;
mod keys;
mod kick;
mod knock;
mod leave;
mod log;
mod mode;
mod names;
mod network;
mod nuke;
mod outside;
mod ping;
mod publication;
mod rekey;
mod requests;
mod resolve;
mod seat;
mod status;
mod sync;
mod tunnel;
mod warnings;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ray_confine::Confinement;
use ray_ipc::control::{ErrorReply, Reply, Request};
use tokio::{
    sync::{mpsc, oneshot},
    time::sleep_until,
};

use self::{
    bucket::Buckets,
    config::{Config, Trial},
    firewall::{Firewall, Naming},
    former::{HEARINGS, HandedIn},
    join::{Joined, Petitions, Waiting, Waits},
    names::{Aliases, Names},
    network::{Network, Standing},
    publication::{Found, PublicationState},
    sync::AnnouncedNetworks,
};
use crate::{
    config::Choices,
    feed::DropFeed,
    host::{NamesControl, TunnelControl},
    ident::{Hostname, PeerId, RoomId, UnixTime},
    ledger::SigningKey,
    mesh::{Mesh, MeshEvent},
    plane::{DropReason, Live},
    probe::Probes,
    publish::{Announcer, Receipt, Shelf},
    resolver::Resolver,
    store::{Store, StoreError},
    sync::{Event, Millis},
};

/// Requests that wait for the service.
const COMMANDS_MAX: usize = 64;
/// Messages of one answer that wait for the caller.
const REPLIES_MAX: usize = 16;
/// Events that are heard before what they change is applied once.
const EVENTS_AT_ONCE: usize = 64;
/// What became of things that nobody waits for; the oldest is forgotten first.
const NOTICES_MAX: usize = 16;
/// A node asks one member for keys once for each network and rotation.
const KEY_WANTS: (u32, Duration) = (64, Duration::from_secs(2));
/// Requests to be let in that one member hands on.
const HEARSAY: (u32, Duration) = (32, Duration::from_secs(2));

/// Sends a packet of the engine's own, as if it had come out of the device.
pub type Inject = Arc<dyn Fn(&[u8]) -> Result<(), DropReason> + Send + Sync>;

/// What the service is made of.
pub struct Parts {
    pub store: Store,
    pub secret_key: [u8; 32],
    /// Name to use where the user gives none.
    pub hostname: Hostname,
    pub ipv6_only: bool,
    /// Root's settings file, and what it says of what can be changed.
    pub config: (PathBuf, Choices),
    /// What root should know about the settings, in words.
    pub warnings: Vec<String>,
    /// What the kernel holds this process to.
    pub confinement: Confinement,
    pub mesh: Mesh,
    pub events: mpsc::Receiver<MeshEvent>,
    pub announcer: Announcer,
    /// Where blobs are handed out.
    pub shelf: Shelf,
    pub tunnel: TunnelControl,
    pub names: NamesControl,
    /// Where questions about other names go.
    pub resolver: Arc<Resolver>,
    pub live: Arc<Live>,
    pub probes: Arc<Probes>,
    /// Where dropped flows are told.
    pub feed: Arc<DropFeed>,
    pub inject: Inject,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts").field("hostname", &self.hostname).finish_non_exhaustive()
    }
}

/// The service, for whoever has requests. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Service {
    commands: mpsc::Sender<Command>,
}

/// Where the messages of one answer go.
type Answer = mpsc::Sender<Reply>;

#[derive(Debug)]
enum Command {
    Request {
        request: Request,
        answer: Answer,
    },
    /// A join task has been let in.
    Joined(Box<Joined>),
    /// A join task has been told to wait for a coordinator.
    Waits(Waits),
    /// A join task that waited for a coordinator has been told no.
    TurnedAway {
        target: RoomId,
        why: String,
    },
    /// A member that turned this node away was asked why.
    HandedIn(HandedIn),
    /// A publication has ended.
    Published {
        room: RoomId,
        outcome: std::result::Result<Receipt, String>,
    },
    /// A follower of dropped flows asks for names.
    Name(Naming),
    /// The tunnel has taken a setting, or not.
    ConfigTried(Box<Trial>),
    /// Somebody wants to know whether the service still comes to answer.
    Pulse(oneshot::Sender<()>),
    /// A look-up has ended.
    LookedUp {
        room: RoomId,
        found: Found,
    },
}

impl Service {
    /// Loads the networks and starts the task.
    pub fn start(parts: Parts) -> Result<Self, StoreError> {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let mut core = Core::load(parts, commands.downgrade())?;
        core.load_petitions()?;
        core.apply();
        tokio::spawn(core.run(receiver));
        Ok(Self { commands })
    }

    /// Hands a request over; its answer comes in one or more messages.
    pub async fn submit(&self, request: Request) -> mpsc::Receiver<Reply> {
        let (answer, replies) = mpsc::channel(REPLIES_MAX);
        if self.commands.send(Command::Request { request, answer: answer.clone() }).await.is_err() {
            answer::send(&answer, Reply::Error(failure::shutting_down())).await;
        }
        replies
    }

    /// Waits until the service has come to answer; `false` when there is no service any more.
    pub async fn pulse(&self) -> bool {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Pulse(answer)).await.is_ok() && answered.await.is_ok()
    }
}

/// The owner of the networks.
struct Core {
    store: Store,
    key: SigningKey,
    me: PeerId,
    hostname: Hostname,
    ipv6_only: bool,
    config: Config,
    /// What root should know about the settings, in words.
    warnings: Vec<String>,
    confinement: Confinement,
    mesh: Mesh,
    events: mpsc::Receiver<MeshEvent>,
    announcer: Announcer,
    shelf: Shelf,
    tunnel: TunnelControl,
    names: Names,
    live: Arc<Live>,
    probes: Arc<Probes>,
    feed: Arc<DropFeed>,
    inject: Inject,
    firewall: Firewall,
    commands: mpsc::WeakSender<Command>,
    /// When the millisecond zero of the timetables was.
    started: Instant,
    /// By name.
    networks: Vec<Network>,
    petitions: Petitions,
    wanted_up: bool,
    next_handle: u16,
    /// Something has changed that is to be applied.
    dirty: bool,
    /// What each linked peer was last told that we share.
    told: HashMap<PeerId, Vec<RoomId>>,
    /// The networks that each linked peer last named.
    announced: HashMap<PeerId, AnnouncedNetworks>,
    key_wants: Buckets,
    hearsay: Buckets,
    hearings: Buckets,
    /// Peers that said that they have no IPv4 address in the mesh.
    ipv6_only_peers: BTreeSet<PeerId>,
    last_seen: HashMap<PeerId, Instant>,
    /// Since when a peer is to be linked with.
    wanted_since: HashMap<PeerId, Instant>,
    /// Claims of members that lost against others, in words.
    conflicts: Vec<String>,
    /// What happened while nobody asked, in words.
    notices: Vec<(RoomId, String)>,
}

impl Core {
    fn load(parts: Parts, commands: mpsc::WeakSender<Command>) -> Result<Self, StoreError> {
        let wanted_up = parts.store.settings()?.up;
        let config = Config::load(&parts.store, parts.config);
        let firewall = Firewall::new(parts.store.firewall()?);
        let names = Names::new(parts.names, parts.resolver, Aliases::load(&parts.store));
        let mut core = Self {
            key: SigningKey::from_bytes(&parts.secret_key),
            me: parts.mesh.id(),
            store: parts.store,
            hostname: parts.hostname,
            ipv6_only: parts.ipv6_only,
            config,
            warnings: parts.warnings,
            confinement: parts.confinement,
            mesh: parts.mesh,
            events: parts.events,
            announcer: parts.announcer,
            shelf: parts.shelf,
            tunnel: parts.tunnel,
            names,
            live: parts.live,
            probes: parts.probes,
            feed: parts.feed,
            inject: parts.inject,
            firewall,
            commands,
            started: Instant::now(),
            networks: Vec::new(),
            petitions: Petitions::new(),
            wanted_up,
            next_handle: 0,
            dirty: false,
            told: HashMap::new(),
            announced: HashMap::new(),
            key_wants: Buckets::new(KEY_WANTS.0, KEY_WANTS.1),
            hearsay: Buckets::new(HEARSAY.0, HEARSAY.1),
            hearings: Buckets::new(HEARINGS.0, HEARINGS.1),
            ipv6_only_peers: BTreeSet::new(),
            last_seen: HashMap::new(),
            wanted_since: HashMap::new(),
            conflicts: Vec::new(),
            notices: Vec::new(),
        };
        core.load_networks()?;
        Ok(core)
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        let mut heard = Vec::with_capacity(EVENTS_AT_ONCE);
        loop {
            let wake = self.wake_at();
            tokio::select! {
                command = commands.recv() => match command {
                    Some(command) => self.obey(command).await,
                    None => return,
                },
                count = self.events.recv_many(&mut heard, EVENTS_AT_ONCE) => {
                    if count == 0 {
                        return;
                    }
                    for event in heard.drain(..) {
                        self.hear(event);
                    }
                }
                Ok(()) = self.names.state.changed() => self.names_changed(),
                () = due(wake) => self.tick(),
            }
            self.settle();
        }
    }

    async fn obey(&mut self, command: Command) {
        match command {
            Command::Request { request, answer } => self.serve(request, answer).await,
            Command::Joined(joined) => self.finish_join(*joined).await,
            Command::Waits(waits) => self.start_waiting(waits).await,
            Command::TurnedAway { target, why } => self.end_petition(target, why),
            Command::HandedIn(handed) => self.finish_handing_in(handed),
            Command::Published { room, outcome } => self.finish_publishing(room, outcome),
            Command::Name(naming) => self.name_party(naming),
            Command::ConfigTried(trial) => self.finish_config(*trial).await,
            // Who asked and does not wait any more has its answer.
            Command::Pulse(answer) => drop(answer.send(())),
            Command::LookedUp { room, found } => self.finish_looking(room, found),
        }
    }

    /// When something is to be done that no event announces.
    fn wake_at(&self) -> Option<Instant> {
        let sync = self.networks.iter().filter_map(|network| network.sync.wake_at()).min();
        let sync = sync.map(|at| self.started + Duration::from_millis(at));
        let own = [self.keys_at(), self.duties_at(), self.publication_at(), self.repair_at(), self.firewall_at()];
        let own = own.into_iter().chain([self.names_at()]);
        own.chain([sync, self.doubts_at()]).flatten().min()
    }

    fn tick(&mut self) {
        let now = self.elapsed_ms();
        for room in self.rooms() {
            let due = self.network(room).and_then(|network| network.sync.wake_at()).is_some_and(|at| at <= now);
            if due {
                self.drive(room, Event::Tick);
            }
        }
    }

    /// Lets count what has changed, and does what that, or the time, calls for.
    fn settle(&mut self) {
        self.end_leaving();
        if self.dirty {
            self.apply();
        }
        self.expire_rules();
        self.end_repairs();
        self.seek_keys();
        self.settle_doubts();
        self.discharge_duties();
        self.run_publication();
        if self.dirty {
            self.apply();
        }
    }

    /// Keeps something about a network in mind that a user should know, in place of what was there.
    fn notice(&mut self, room: RoomId, words: String) {
        self.forget_notices(room);
        self.notices.push((room, words));
        let surplus = self.notices.len().saturating_sub(NOTICES_MAX);
        self.notices.drain(..surplus);
    }

    /// Forgets what was noticed about a network: it holds no more.
    fn forget_notices(&mut self, room: RoomId) {
        self.notices.retain(|(about, _)| *about != room);
    }

    /// Milliseconds of a clock that only goes forward.
    fn elapsed_ms(&self) -> Millis {
        Millis::try_from(self.started.elapsed().as_millis()).unwrap_or(Millis::MAX)
    }

    /// Answers at once what is quick; the rest goes to a task of its own.
    async fn serve(&mut self, request: Request, answer: Answer) {
        let reply = match request {
            Request::Up => return self.up(answer).await,
            Request::Down => return self.down(answer).await,
            Request::Join(request) => return self.join(request, answer).await,
            Request::Ping(request) => return self.ping(request, answer).await,
            Request::Log(request) => return self.log(request, answer).await,
            Request::Firewall(request) => return self.firewall(request, answer).await,
            Request::Config(request) => return self.config(request, answer).await,
            Request::Dns(request) => return self.dns(request, answer).await,
            Request::Alias(request) => self.alias(request),
            Request::Create(request) => self.create(request).map(Reply::Created),
            Request::Leave(request) => self.leave(&request).map(Reply::Left),
            Request::Nuke(request) => self.nuke(&request).map(Reply::Nuked),
            Request::Invite(request) => self.invite(request).map(Reply::Invited),
            Request::Invites(request) => self.invites(&request).map(Reply::Invites),
            Request::RevokeInvite(request) => self.revoke_invite(&request).map(Reply::InviteRevoked),
            Request::Requests(request) => self.requests(&request).map(Reply::Requests),
            Request::Accept(request) => self.accept(&request).map(Reply::Accepted),
            Request::Deny(request) => self.deny(&request).map(Reply::Denied),
            Request::Kick(request) => self.kick(&request).map(Reply::Kicked),
            Request::Ephemeral(request) => self.ephemeral(&request).map(Reply::Ephemeral),
            Request::Rename(request) => self.rename(&request).map(Reply::Renamed),
            Request::Grant(request) => self.grant(&request).map(Reply::Granted),
            Request::Revoke(request) => self.revoke(&request).map(Reply::Revoked),
            Request::Coordinators(request) => self.coordinators(&request).map(Reply::Coordinators),
            Request::Rekey(request) => self.replace_network_key(&request).map(Reply::Rekeyed),
            Request::Group(request) => self.group(&request).map(Reply::Groups),
            Request::SetMode(request) => self.set_mode(&request).map(Reply::Mode),
            Request::Status => Ok(Reply::Status(Box::new(self.status()))),
            Request::Version => Ok(Reply::Version(self.engine_info())),
            Request::Whoami => Err(failure::who_asks()),
        };
        answer::send(&answer, reply.unwrap_or_else(Reply::Error)).await;
    }

    fn hear(&mut self, event: MeshEvent) {
        match event {
            MeshEvent::LinkUp(link) => self.greet(&link),
            MeshEvent::LinkDown(link) => self.link_down(&link),
            // The credit is given back when the message has been dealt with.
            MeshEvent::Message { link, message, credit: _credit } => self.listen(&link, message),
            MeshEvent::JoinAsked { peer, room, by, reply } => {
                answer::decide(reply, self.answer_door(peer, room, by));
            }
            MeshEvent::JoinEntered { peer, room, entering, reply } => {
                answer::decide(reply, self.seat(peer, room, entering));
            }
            MeshEvent::TurnedAway(peer) => self.doubt(peer, &BTreeSet::new()),
            MeshEvent::HandInAsked { peer, room, reply } => answer::decide(reply, self.hear_former(peer, room)),
            MeshEvent::HandedIn { peer, room, entries, reply } => {
                answer::decide(reply, self.readmit(peer, room, entries));
            }
        }
    }
}

/// Waits until a moment, or for ever without one.
async fn due(at: Option<Instant>) {
    match at {
        Some(at) => sleep_until(at.into()).await,
        None => std::future::pending().await,
    }
}

type Result<T, E = ErrorReply> = std::result::Result<T, E>;

/// The time for signing and for expiries.
fn now() -> UnixTime {
    UnixTime(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// How long a request may wait for the tunnel.
const TUNNEL_TIMEOUT: Duration = Duration::from_secs(8);
