//! What the engine does with requests and events: one task owns the networks, one request or event at a time. Layer 5.
//!
//! Order is durability first: verify or sign, persist, take into the ledger, apply, tell others, reply. [`apply`] is the one
//! place where rosters become policy, links and addresses.

mod admin;
mod answer;
mod apply;
mod create;
mod ephemeral;
mod failure;
mod hostname;
mod invite;
mod invites;
mod join;
mod kick;
mod leave;
mod log;
mod mode;
mod network;
mod nuke;
mod ping;
mod rekey;
mod requests;
mod resolve;
mod status;
mod sync;
mod tunnel;
mod warnings;

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    sync::Arc,
    time::{Duration, Instant, SystemTime},
};

use ray_ipc::control::{ErrorReply, Reply, Request};
use tokio::{sync::mpsc, time::sleep_until};

use self::{join::Joined, network::Network};
use crate::{
    host::TunnelControl,
    ident::{Hostname, PeerId, RoomId, UnixTime},
    ledger::SigningKey,
    mesh::{Mesh, MeshEvent},
    plane::{DropReason, Live},
    probe::Probes,
    store::{Store, StoreError},
};

/// Requests that wait for the service.
const COMMANDS_MAX: usize = 64;
/// Messages of one answer that wait for the caller.
const REPLIES_MAX: usize = 16;

/// Sends a packet of the engine's own, as if it had come out of the device.
pub type Inject = Arc<dyn Fn(&[u8]) -> Result<(), DropReason> + Send + Sync>;

/// What the service is made of.
pub struct Parts {
    pub store: Store,
    pub secret_key: [u8; 32],
    /// Name to use where the user gives none.
    pub hostname: Hostname,
    pub ipv6_only: bool,
    pub mesh: Mesh,
    pub events: mpsc::Receiver<MeshEvent>,
    pub tunnel: TunnelControl,
    pub live: Arc<Live>,
    pub probes: Arc<Probes>,
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
}

impl Service {
    /// Loads the networks and starts the task.
    pub fn start(parts: Parts) -> Result<Self, StoreError> {
        let (commands, receiver) = mpsc::channel(COMMANDS_MAX);
        let mut core = Core::load(parts, commands.downgrade())?;
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
}

/// The owner of the networks.
struct Core {
    store: Store,
    key: SigningKey,
    me: PeerId,
    hostname: Hostname,
    ipv6_only: bool,
    mesh: Mesh,
    events: mpsc::Receiver<MeshEvent>,
    tunnel: TunnelControl,
    live: Arc<Live>,
    probes: Arc<Probes>,
    inject: Inject,
    commands: mpsc::WeakSender<Command>,
    /// By name.
    networks: Vec<Network>,
    wanted_up: bool,
    next_handle: u16,
    /// What each linked peer was last told that we share.
    told: HashMap<PeerId, Vec<RoomId>>,
    /// The networks that each linked peer last named, with the handles it wants.
    announced: HashMap<PeerId, HashMap<RoomId, u16>>,
    /// Networks whose growth is yet to be announced, and when it will be.
    grown: BTreeSet<RoomId>,
    announce_at: Option<tokio::time::Instant>,
    /// Peers that said that they have no IPv4 address in the mesh.
    ipv6_only_peers: BTreeSet<PeerId>,
    last_seen: HashMap<PeerId, Instant>,
    /// Since when a peer is to be linked with.
    wanted_since: HashMap<PeerId, Instant>,
    /// Claims of members that lost against others, in words.
    conflicts: Vec<String>,
}

impl Core {
    fn load(parts: Parts, commands: mpsc::WeakSender<Command>) -> Result<Self, StoreError> {
        let wanted_up = parts.store.settings()?.up;
        let mut core = Self {
            key: SigningKey::from_bytes(&parts.secret_key),
            me: parts.mesh.id(),
            store: parts.store,
            hostname: parts.hostname,
            ipv6_only: parts.ipv6_only,
            mesh: parts.mesh,
            events: parts.events,
            tunnel: parts.tunnel,
            live: parts.live,
            probes: parts.probes,
            inject: parts.inject,
            commands,
            networks: Vec::new(),
            wanted_up,
            next_handle: 0,
            told: HashMap::new(),
            announced: HashMap::new(),
            grown: BTreeSet::new(),
            announce_at: None,
            ipv6_only_peers: BTreeSet::new(),
            last_seen: HashMap::new(),
            wanted_since: HashMap::new(),
            conflicts: Vec::new(),
        };
        core.load_networks()?;
        Ok(core)
    }

    async fn run(mut self, mut commands: mpsc::Receiver<Command>) {
        loop {
            tokio::select! {
                command = commands.recv() => match command {
                    Some(Command::Request { request, answer }) => self.serve(request, answer).await,
                    Some(Command::Joined(joined)) => self.finish_join(*joined).await,
                    None => return,
                },
                event = self.events.recv() => match event {
                    Some(event) => self.hear(event),
                    None => return,
                },
                () = due(self.announce_at) => self.announce_grown(),
            }
        }
    }

    /// Answers at once what is quick; the rest goes to a task of its own.
    async fn serve(&mut self, request: Request, answer: Answer) {
        let reply = match request {
            Request::Up => return self.up(answer).await,
            Request::Down => return self.down(answer).await,
            Request::Join(request) => return self.join(request, answer).await,
            Request::Ping(request) => return self.ping(request, answer).await,
            Request::Log(request) => return self.log(request, answer).await,
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
            Request::SetMode(request) => self.set_mode(&request).map(Reply::Mode),
            Request::Status => Ok(Reply::Status(Box::new(self.status()))),
            Request::Version => Ok(Reply::Version(self.engine_info())),
        };
        answer::send(&answer, reply.unwrap_or_else(Reply::Error)).await;
    }

    fn hear(&mut self, event: MeshEvent) {
        match event {
            MeshEvent::LinkUp(link) => self.greet(&link),
            MeshEvent::LinkDown(link) => self.link_down(&link),
            MeshEvent::Message { link, message } => self.listen(&link, message),
            MeshEvent::JoinAsked { peer, room, invite, proof, reply } => {
                answer::decide(reply, self.offer(peer, room, invite, &proof));
            }
            MeshEvent::JoinRedeemed { peer, room, entries, reply } => {
                answer::decide(reply, self.seat(peer, room, &entries).map(|()| Vec::new()));
            }
        }
    }
}

/// Waits until a moment, or for ever without one.
async fn due(at: Option<tokio::time::Instant>) {
    match at {
        Some(at) => sleep_until(at).await,
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
