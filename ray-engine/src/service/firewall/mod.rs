//! The firewall of this host: what is remembered of it, what is in force, and the verbs about it.
//!
//! The user's own rules come from the store, suggested ones from the ledgers, members and groups from the rosters; together
//! they are compiled to the [`Ruleset`] that goes into the snapshot. It is compiled anew only when one of them has changed:
//! each new one has every flow judged again.

mod decide;
mod group;
mod log;
mod names;
mod posture;
mod rules;
mod show;
mod suggest;
mod suggestion;
mod test;

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ray_ipc::control::{FirewallRequest, Reply};

pub(super) use self::log::Naming;
use super::{Answer, Core, Result, answer, failure, now};
use crate::{
    firewall::{Members, Party, Posture, Rule, Ruleset, Standing},
    ident::{RoomId, UnixTime},
    store::{FirewallRecord, StoreError},
};

/// A clock that is set forward, or a host that slept, delays the end of a rule by so much at the most.
const EXPIRY_CHECK: Duration = Duration::from_secs(30);

/// What is remembered, and what was made of it.
pub(super) struct Firewall {
    record: FirewallRecord,
    compiled: Option<Compiled>,
}

/// What the rule set in force was compiled from.
struct Compiled {
    rules: Vec<Rule>,
    posture: Posture,
    members: Vec<(Party, Standing)>,
    ruleset: Arc<Ruleset>,
}

impl Firewall {
    pub(super) fn new(record: FirewallRecord) -> Self {
        Self { record, compiled: None }
    }
}

impl Core {
    pub(super) async fn firewall(&mut self, request: FirewallRequest, answer: Answer) {
        let reply = match request {
            FirewallRequest::Log { limit } => return self.follow_drops(limit, answer).await,
            FirewallRequest::Show => Ok(self.firewall_reply(None)),
            FirewallRequest::Add { rule, expires_s } => self.add_rule(&rule, expires_s),
            FirewallRequest::Remove { rule } => self.remove_rule(&rule),
            FirewallRequest::Default { direction, allow } => self.set_default(direction, allow),
            FirewallRequest::Reject { on } => self.set_reject(on),
            FirewallRequest::Enable { on } => self.enable_firewall(on),
            FirewallRequest::Test { peer, protocol, port, direction, network } => {
                self.test_firewall(&peer, protocol, port, direction, network.as_deref())
            }
            FirewallRequest::Pending { network } => self.suggestions(network.as_deref()).map(Reply::Suggestions),
            FirewallRequest::Accept(request) => self.decide(&request, true).map(Reply::Suggestions),
            FirewallRequest::Decline(request) => self.decide(&request, false).map(Reply::Suggestions),
            FirewallRequest::AutoAccept { network, on } => {
                self.auto_accept(network.as_deref(), on).map(Reply::Suggestions)
            }
            FirewallRequest::Suggest { network, scope, rule } => {
                self.suggest(network.as_deref(), &scope, &rule).map(Reply::Suggested)
            }
            FirewallRequest::Withdraw { network, id } => self.withdraw(network.as_deref(), &id).map(Reply::Withdrawn),
        };
        answer::send(&answer, reply.unwrap_or_else(Reply::Error)).await;
    }

    /// The rule set of this moment, for the snapshot.
    pub(super) fn ruleset(&mut self) -> Arc<Ruleset> {
        let (rules, posture, members) = (self.rules_in_force(), self.firewall.record.posture, self.standings());
        if let Some(compiled) = &self.firewall.compiled
            && (&compiled.rules, compiled.posture, &compiled.members) == (&rules, posture, &members)
        {
            return compiled.ruleset.clone();
        }
        let known = members.iter().cloned().collect::<Members>();
        let ruleset = Arc::new(Ruleset::compile(rules.clone(), posture, known, now()));
        self.firewall.compiled = Some(Compiled { rules, posture, members, ruleset: ruleset.clone() });
        ruleset
    }

    /// When to look whether a rule has expired.
    pub(super) fn firewall_at(&self) -> Option<Instant> {
        let expires = self.firewall.compiled.as_ref()?.ruleset.expires_at()?;
        let left = Duration::from_secs(expires.0.saturating_sub(now().0));
        Some(Instant::now() + left.min(EXPIRY_CHECK))
    }

    /// Lets rules that have expired count no more.
    pub(super) fn expire_rules(&mut self) {
        let time = now();
        let due = self.firewall.compiled.as_ref().and_then(|compiled| compiled.ruleset.expires_at());
        if due.is_none_or(|due| time < due) {
            return;
        }
        self.dirty = true;
        let mut record = self.firewall.record.clone();
        record.rules.retain(|rule| rule.counts_at(time));
        if record != self.firewall.record
            && let Err(error) = self.keep_firewall(record)
        {
            // They are not compiled any more, and are shown no more.
            tracing::error!(%error, "forgetting expired rules");
        }
    }

    /// Makes a change durable, then lets it count.
    fn change_firewall(&mut self, record: FirewallRecord) -> Result<()> {
        self.keep_firewall(record).map_err(|error| failure::store(&error))?;
        self.apply();
        Ok(())
    }

    fn keep_firewall(&mut self, record: FirewallRecord) -> Result<(), StoreError> {
        tokio::task::block_in_place(|| self.store.save_firewall(&record))?;
        self.firewall.record = record;
        Ok(())
    }

    /// The user's own rules, then what was accepted, in the order in which they are numbered.
    fn rules_in_force(&self) -> Vec<Rule> {
        let time = now();
        let own = self.firewall.record.rules.iter().cloned();
        own.chain(self.accepted_rules()).filter(|rule| rule.counts_at(time)).collect()
    }

    /// The members of all networks, as rules see them.
    fn standings(&self) -> Vec<(Party, Standing)> {
        let mut standings = Vec::new();
        for network in self.live_networks() {
            let roster = network.ledger.roster();
            let groups: Vec<_> = roster.groups().collect();
            standings.extend(roster.members().filter(|member| member.peer != self.me).map(|member| {
                let inside = groups.iter().filter(|(_, members)| members.contains(&member.peer));
                let groups = inside.map(|(group, _)| (*group).clone()).collect();
                (Party { peer: member.peer, network: network.room() }, Standing { user: member.user, groups })
            }));
        }
        standings
    }

    pub(super) fn auto_accepts(&self, room: RoomId) -> bool {
        self.firewall.record.auto_accept.contains(&room)
    }

    /// Lets the suggestions of a network be accepted by themselves from now on, or no more.
    pub(super) fn remember_auto_accept(&mut self, room: RoomId, on: bool) -> Result<(), StoreError> {
        let mut record = self.firewall.record.clone();
        let changed = if on { record.auto_accept.insert(room) } else { record.auto_accept.remove(&room) };
        if changed { self.keep_firewall(record) } else { Ok(()) }
    }

    /// Forgets what was decided about the suggestions of a network that this node leaves. Rules of the user's own stay.
    pub(super) fn forget_decisions(&mut self, room: RoomId) -> Result<(), StoreError> {
        let mut record = self.firewall.record.clone();
        record.decided.retain(|decided| decided.room != room);
        record.auto_accept.remove(&room);
        if record == self.firewall.record { Ok(()) } else { self.keep_firewall(record) }
    }

    /// What a user should know about the firewall, in plain words.
    pub(super) fn firewall_warnings(&self) -> Vec<String> {
        let mut warnings = Vec::new();
        if self.firewall.record.unset {
            warnings.push(
                "the firewall's file was damaged and is kept as firewall.damaged; nothing passes until it is set anew, \
                 beginning with: ray firewall default out allow"
                    .to_owned(),
            );
        }
        if !self.firewall.record.posture.on {
            warnings.push("the firewall is off; turn it on with: ray firewall on".to_owned());
        }
        match self.pending() {
            0 => {}
            1 => warnings.push("1 firewall rule is suggested to this host; see: ray firewall pending".to_owned()),
            several => {
                warnings.push(format!("{several} firewall rules are suggested to this host; see: ray firewall pending"))
            }
        }
        warnings
    }
}

/// The time at which a rule ends that holds for so many seconds.
fn after(seconds: u64) -> UnixTime {
    UnixTime(now().0.saturating_add(seconds))
}
