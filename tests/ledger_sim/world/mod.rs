//! One run: nodes that act, a network and machines that misbehave, hostile members, and the healing at the end. All of it
//! follows from the plan: no clock is read, no thread is started, and every choice comes from a seeded generator.

mod acts;
mod describe;
mod heal;
mod hostile;
mod join;
mod network;
mod node;

use std::{collections::BTreeSet, time::Duration};

use ray_engine::{
    ident::{PeerId, RoomId, UnixTime},
    ledger::{Action, EntryId, Invite, Ledger, SigningKey, VerifiedEntry},
};

use self::{network::Network, node::Node};
use crate::{check::difference, outcome::Outcome, random::Random, reference::Reference};

const START_S: u64 = 1_700_000_000;
const TEN_YEARS_S: i64 = 10 * 365 * 24 * 3600;

/// What a run is made of. A smaller plan with the same seed makes the same choices as far as it goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) seed: u64,
    pub(crate) nodes: usize,
    pub(crate) steps: usize,
    pub(crate) hostile: bool,
    /// Loss, duplication, long delays.
    pub(crate) faults: bool,
    pub(crate) partitions: bool,
    pub(crate) crashes: bool,
    pub(crate) clocks: bool,
    pub(crate) mood: Mood,
}

/// What the nodes of a run mostly do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mood {
    Mixed,
    /// Coordinators appoint, depose and remove each other.
    Quarrel,
    /// Members leave, coordinators too.
    Exodus,
    /// Nodes come by invites and open doors, and want the same names.
    Crowd,
}

impl Plan {
    pub(crate) fn of(seed: u64) -> Self {
        let mut random = Random::new(seed ^ 0x706c_616e);
        let nodes = 3 + random.below(7);
        let steps = 60 + random.below(180);
        let mood = *random.pick(&[Mood::Mixed, Mood::Quarrel, Mood::Exodus, Mood::Crowd]);
        Self { seed, nodes, steps, hostile: true, faults: true, partitions: true, crashes: true, clocks: true, mood }
    }
}

pub(crate) struct World {
    plan: Plan,
    room: RoomId,
    network_key: SigningKey,
    nodes: Vec<Node>,
    network: Network,
    /// Milliseconds since the run began.
    now: u64,
    reference: Reference,
    /// Every code is known to everybody.
    invites: Vec<Invite>,
    /// Keys of people with several devices; everybody holds them.
    users: Vec<SigningKey>,
    /// Checkpoints whose digest is a lie.
    lies: BTreeSet<EntryId>,
    acts: Random,
    faults: Random,
    hostility: Random,
    pub(crate) outcome: Outcome,
    trace: Option<Vec<String>>,
}

impl World {
    pub(crate) fn new(plan: Plan, traced: bool) -> Self {
        let mut random = Random::new(plan.seed);
        let network_key = SigningKey::from_bytes(&random.bytes());
        let users = (0..2).map(|_| SigningKey::from_bytes(&random.bytes())).collect();
        let founder_is_hostile = random.chance(5);
        let mut nodes: Vec<Node> = Vec::new();
        for at in 0..plan.nodes {
            let key = SigningKey::from_bytes(&random.bytes());
            let bad = if at == 0 { founder_is_hostile } else { random.chance(25) };
            nodes.push(Node::new(key, bad && plan.hostile));
        }
        let room = RoomId(network_key.verifying_key().to_bytes());
        Self {
            plan,
            room,
            network_key,
            nodes,
            network: Network::new(plan, random.next()),
            now: 0,
            reference: Reference::new(room),
            invites: Vec::new(),
            users,
            lies: BTreeSet::new(),
            acts: Random::new(random.next()),
            faults: Random::new(random.next()),
            hostility: Random::new(random.next()),
            outcome: Outcome::default(),
            trace: traced.then(Vec::new),
        }
    }

    /// Random events; nobody hears of everything.
    pub(crate) fn live(&mut self) {
        self.found();
        self.gather();
        for step in 0..self.plan.steps {
            let choice = self.acts.below(100);
            let at = self.acts.below(self.nodes.len());
            self.say(|_| format!("step {step}"));
            match choice {
                0..44 => self.act_somewhere(),
                44..62 => self.join_somewhere(),
                62..78 => self.be_hostile(),
                78..84 if self.plan.partitions => self.partition(),
                84..87 if self.plan.crashes => self.crash(at, "at any time"),
                87..91 if self.plan.clocks => self.jump(at),
                _ => {}
            }
            self.restart_some();
            let pause = match self.acts.below(10) {
                0..5 => self.acts.next() % 100,
                5..9 => self.acts.next() % 4000,
                _ => self.acts.next() % 40_000,
            };
            self.run_for(pause);
            let checked = self.acts.below(self.nodes.len());
            if self.acts.chance(25) {
                self.check_node(checked);
            }
        }
    }

    pub(crate) fn trace(self) -> Vec<String> {
        self.trace.unwrap_or_default()
    }

    fn found(&mut self) {
        self.nodes[0].unlucky = false;
        let (name, hostname) = ("home".parse().unwrap(), "nas".parse().unwrap());
        let (_, genesis) = Ledger::found(&self.network_key, &self.nodes[0].key, name, hostname, self.wall(0));
        self.start(0, Ledger::empty(self.room));
        self.take_in(0, vec![genesis], "itself");
    }

    /// Most nodes join before anything goes wrong, and some become coordinators.
    fn gather(&mut self) {
        for at in 1..self.nodes.len() {
            let (peer, hostname) = (self.nodes[at].peer, self.some_hostname());
            let (comes, leads) = (self.acts.chance(75), self.acts.chance(40));
            if !comes || !self.is_member(0) || self.nodes[0].restart_at.is_some() {
                continue;
            }
            self.author(0, Action::Admit { member: peer, hostname });
            if leads && self.is_member(0) {
                self.author(0, Action::Grant { member: peer });
            }
            if self.nodes[0].is_up() {
                self.start(at, Ledger::empty(self.room));
                self.copy(0, at);
                self.update_links();
            }
            self.run_for(50);
        }
        self.nodes[0].unlucky = true;
    }

    fn act_somewhere(&mut self) {
        let members: Vec<usize> = self.honest().into_iter().filter(|at| self.is_member(*at)).collect();
        let choice = self.acts.next();
        if let Some(at) = members.get(usize::try_from(choice % members.len().max(1) as u64).unwrap()) {
            self.act(*at);
        }
    }

    fn join_somewhere(&mut self) {
        let outside: Vec<usize> = (0..self.nodes.len()).filter(|at| !self.is_member(*at)).collect();
        let hosts: Vec<usize> = self.honest().into_iter().filter(|at| self.is_member(*at)).collect();
        let (one, other) = (self.acts.next(), self.acts.next());
        let pick =
            |from: &[usize], choice: u64| from.get(usize::try_from(choice).unwrap() % from.len().max(1)).copied();
        if let (Some(at), Some(host)) = (pick(&outside, one), pick(&hosts, other)) {
            self.join(at, host);
        }
    }

    /// What a node's own clock shows.
    fn wall(&self, at: usize) -> UnixTime {
        UnixTime((START_S + self.now / 1000).saturating_add_signed(self.nodes[at].offset_s))
    }

    fn jump(&mut self, at: usize) {
        let offset = match self.faults.below(4) {
            0 => -TEN_YEARS_S,
            1 => TEN_YEARS_S,
            2 => 0,
            _ => i64::try_from(self.faults.next() % 20_000_000).unwrap() - 10_000_000,
        };
        self.nodes[at].offset_s = offset;
        self.say(|world| format!("{}'s clock is {offset} s off", world.name(at)));
    }

    fn index_of(&self, peer: &PeerId) -> Option<usize> {
        self.nodes.iter().position(|node| node.peer == *peer)
    }

    fn ledger(&self, at: usize) -> &Ledger {
        &self.nodes[at].running.as_ref().unwrap_or_else(|| panic!("{} is not running", self.name(at))).ledger
    }

    /// Whether a node is running and, as far as it knows, a member.
    fn is_member(&self, at: usize) -> bool {
        let node = &self.nodes[at];
        node.running.as_ref().is_some_and(|running| running.ledger.roster().is_member(&node.peer))
    }

    fn honest(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|at| !self.nodes[*at].hostile && self.nodes[*at].is_up()).collect()
    }

    fn say(&mut self, what: impl FnOnce(&Self) -> String) {
        // Told before the trace is borrowed, and only if somebody reads it.
        let line = self
            .trace
            .is_some()
            .then(|| format!("{:>9.3} s  {}", Duration::from_millis(self.now).as_secs_f64(), what(self)));
        self.trace.iter_mut().zip(line).for_each(|(trace, line)| trace.push(line));
    }

    fn entries_of(&self, at: usize) -> Vec<VerifiedEntry> {
        self.ledger(at).entries().cloned().collect()
    }

    /// A running node holds what the page makes of its entries.
    fn check_node(&mut self, at: usize) {
        let Some(running) = &self.nodes[at].running else { return };
        if let Some(what) = difference(&running.ledger, &self.nodes[at].peer, &mut self.reference) {
            panic!("{} differs from the page in {what}", self.name(at));
        }
        self.check_growth(at);
    }
}
