//! The rules in force, compiled for look-up, and the order in which they count:
//!
//! > The rule for the narrowest peer decides (a device, then a user, then a group, then anybody), among equals a deny;
//! > a suggested allow never overrides a deny of your own; and where no rule matches, the default decides.

mod explain;
mod index;
mod members;

use std::sync::atomic::{AtomicU32, Ordering};

pub use self::{
    explain::Explanation,
    members::{Members, Standing},
};
use self::{
    explain::port_at,
    index::{Index, Level},
};
use super::{
    Party,
    limits::RULES_MAX,
    rule::{Action, Direction, Origin, PeerSelector, Ports, Protocol, Rule},
};
use crate::ident::UnixTime;

/// What holds beside the rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Posture {
    /// Off: rules deny nothing. Flows are still followed, so that switching on cuts no connection of the host's.
    pub on: bool,
    pub inbound: Action,
    pub outbound: Action,
    /// Whether senders are told that they are refused.
    pub reject: bool,
}

impl Default for Posture {
    fn default() -> Self {
        Self { on: true, inbound: Action::Deny, outbound: Action::Allow, reject: false }
    }
}

/// The rules of a fresh installation. They can be removed.
pub fn seeded() -> Vec<Rule> {
    vec![Rule {
        direction: Direction::In,
        action: Action::Allow,
        protocol: Protocol::Icmp,
        ports: Ports::ALL,
        peer: PeerSelector::Any,
        network: None,
        expires: None,
        origin: Origin::Local,
    }]
}

/// Immutable once compiled; replaced as a whole when rules, members or groups change, or a rule expires.
#[derive(Debug, Clone)]
pub struct Ruleset {
    /// No two compiled sets share it: a flow that was judged under another one is judged again.
    generation: u32,
    posture: Posture,
    rules: Vec<Rule>,
    members: Members,
    index: Index,
    expires_at: Option<UnixTime>,
}

/// What decides about a new flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision<'a> {
    /// The firewall is off.
    Off,
    /// The peer is not a member of the network.
    Stranger,
    /// This rule, at this index of the list that was compiled.
    Rule(usize, &'a Rule),
    Default(Direction, Action),
}

impl Decision<'_> {
    pub fn action(&self) -> Action {
        match self {
            Self::Off => Action::Allow,
            Self::Stranger => Action::Deny,
            Self::Rule(_, rule) => rule.action,
            Self::Default(_, action) => *action,
        }
    }
}

/// No rule and no member: nothing passes.
impl Default for Ruleset {
    fn default() -> Self {
        let closed = Posture { inbound: Action::Deny, outbound: Action::Deny, ..Posture::default() };
        Self::compile(Vec::new(), closed, Members::default(), UnixTime(0))
    }
}

impl Ruleset {
    /// `rules` in the order in which they are shown. Those that have expired at `now` do not count; neither do those
    /// behind the bound that lists are held to.
    pub fn compile(rules: Vec<Rule>, posture: Posture, members: Members, now: UnixTime) -> Self {
        static GENERATION: AtomicU32 = AtomicU32::new(0);
        let counting = || rules.iter().enumerate().take(RULES_MAX).filter(|(_, rule)| rule.counts_at(now));
        let index = Index::new(counting());
        let expires_at = counting().filter_map(|(_, rule)| rule.expires).min();
        let generation = GENERATION.fetch_add(1, Ordering::Relaxed);
        Self { generation, posture, index, expires_at, rules, members }
    }

    /// When the next rule expires: the set must be compiled anew then.
    pub fn expires_at(&self) -> Option<UnixTime> {
        self.expires_at
    }

    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub fn posture(&self) -> Posture {
        self.posture
    }

    pub(super) fn generation(&self) -> u32 {
        self.generation
    }

    /// Decides about a flow that is opened in this direction. `port` is that of the end that is reached; nothing for
    /// protocols without ports. `protocol` is [`Protocol::Any`] for all but TCP, UDP and echoes.
    pub fn decide(&self, party: &Party, direction: Direction, protocol: Protocol, port: Option<u16>) -> Decision<'_> {
        if !self.posture.on {
            return Decision::Off;
        }
        let Some(standing) = self.members.get(party) else { return Decision::Stranger };
        let query = index::Query { direction, protocol, port, network: party.network };
        let find = |level: Level<'_>, only_own_denies: bool| {
            self.index.find(level, query, only_own_denies).and_then(|at| Some((at, self.rules.get(at)?)))
        };
        let levels = || {
            let groups = standing.groups.iter().map(|group| Level::Group(party.network, group)).collect();
            [
                vec![Level::Device(party.peer)],
                standing.user.map(Level::User).into_iter().collect(),
                groups,
                vec![Level::Any],
            ]
        };
        let mut found: Option<(usize, &Rule)> = None;
        for peers in levels() {
            match found {
                None => {
                    let matching = peers.into_iter().filter_map(|level| find(level, false));
                    found = matching.min_by_key(|(at, rule)| (rule.action == Action::Allow, !rule.is_local(), *at));
                }
                // Found at a narrower level: only a deny of the user's own could still stop a suggested allow.
                Some((_, rule)) if rule.action == Action::Allow && !rule.is_local() => {
                    if let Some(own) = peers.into_iter().filter_map(|level| find(level, true)).min_by_key(|(at, _)| *at)
                    {
                        found = Some(own);
                    }
                }
                Some(_) => break,
            }
        }
        match (found, direction) {
            (Some((at, rule)), _) => Decision::Rule(at, rule),
            (None, Direction::In) => Decision::Default(direction, self.posture.inbound),
            (None, Direction::Out) => Decision::Default(direction, self.posture.outbound),
        }
    }

    /// What would decide about a flow, in words.
    pub fn explain(&self, party: &Party, direction: Direction, protocol: Protocol, port: Option<u16>) -> Explanation {
        let port = port_at(protocol, port);
        Explanation::new(self.decide(party, direction, protocol, port), direction, protocol, port)
    }
}

#[cfg(test)]
mod tests;
