//! The healing: the network is whole again, all machines run, and the honest nodes have to agree.

use std::collections::BTreeSet;

use ray_engine::ledger::{Action, Alarm, EntryId, Ledger, SigningKey, VerifiedEntry};

use super::World;
use crate::{
    reference::{Set, View},
    writer,
};

/// Simulated time in which honest nodes agree, if nobody forked.
const SETTLE_MS: u64 = 60_000;
/// Rounds in which every honest member names its heads. One entry names 16, and a flood leaves more.
const ROUNDS: usize = 12;

impl World {
    pub(crate) fn heal(&mut self) {
        self.say(|_| "the network is whole again".to_owned());
        self.network.faulty = false;
        self.network.parts.fill(0);
        self.forget_bans();
        for node in &mut self.nodes {
            node.unlucky = false;
            node.restart_at = node.restart_at.map(|_| 0);
        }
        self.restart_some();
        for (one, other) in self.network.links.clone() {
            self.unlink(one, other);
        }
        self.update_links();
        self.run_for(SETTLE_MS);
        for at in self.honest() {
            let peer = self.nodes[at].peer;
            let ledger = self.ledger(at);
            if ledger.roster().is_coordinator(&peer) && ledger.unanchored_by_others(&peer) > 0 {
                let checkpoint = ledger.checkpoint();
                self.author(at, checkpoint);
                self.run_for(1000);
            }
        }
        self.run_for(SETTLE_MS / 2);
        for _ in 0..ROUNDS {
            if self.disagreement().is_none() || !self.is_forked() {
                break;
            }
            self.name_all_heads();
            self.run_for(SETTLE_MS / 4);
        }
    }

    /// All that has to hold in the end.
    pub(crate) fn check(&mut self) {
        if let Some(what) = self.disagreement() {
            panic!("after healing, {what}");
        }
        let honest = self.honest();
        for at in &honest {
            self.check_node(*at);
        }
        let groups = self.groups();
        for (group, _) in &groups {
            self.check_what_follows(group[0]);
            for at in group {
                self.check_alarms(*at);
                let (one, other) = (self.ledger(group[0]), self.ledger(*at));
                assert_eq!(one.roster().digest(), other.roster().digest(), "equal rosters have one digest");
                assert!(other.missing(&one.heads()).is_empty() && !other.lacks(&one.heads()));
            }
        }
        self.outcome.parted += usize::from(groups.len() > 1);
        self.count(groups.first().map_or(&[], |(group, _)| group));
    }

    /// The honest nodes of each part that can still talk, as far as they are members by all that they know together; and
    /// all that they know.
    fn groups(&mut self) -> Vec<(Vec<usize>, Set)> {
        let mut parts: Vec<Vec<usize>> = Vec::new();
        for at in self.honest() {
            let (linked, mut rest): (Vec<_>, Vec<_>) =
                parts.into_iter().partition(|part| part.iter().any(|other| self.may_exchange(at, *other)));
            rest.push(linked.into_iter().flatten().chain([at]).collect());
            parts = rest;
        }
        parts.into_iter().map(|part| self.members_of(part)).filter(|(members, _)| !members.is_empty()).collect()
    }

    /// Whether at least one of two nodes answers the other: each takes the other for a member, or for a former one, and
    /// not both for a former one.
    fn may_exchange(&self, one: usize, other: usize) -> bool {
        let (left, right) = (self.ledger(one), self.ledger(other));
        let (left_peer, right_peer) = (self.nodes[one].peer, self.nodes[other].peer);
        let answers = (left.roster().is_member(&right_peer), right.roster().is_member(&left_peer));
        let hears = |ledger: &Ledger, peer| ledger.was_removed(peer).is_some() || ledger.dissolved().is_some();
        match answers {
            (true, true) => true,
            (true, false) => hears(right, &left_peer),
            (false, true) => hears(left, &right_peer),
            (false, false) => false,
        }
    }

    fn members_of(&mut self, part: Vec<usize>) -> (Vec<usize>, Set) {
        let mut group = part;
        loop {
            let mut known = Set::default();
            for at in &group {
                known.add_all(&self.held(*at));
            }
            let view = self.reference.view(&known);
            let members: Vec<usize> =
                group.iter().copied().filter(|at| view.seats.contains_key(&self.nodes[*at].peer)).collect();
            if members.len() == group.len() || members.is_empty() {
                return (members, known);
            }
            group = members;
        }
    }

    fn disagreement(&mut self) -> Option<String> {
        let groups = self.groups();
        groups.into_iter().find_map(|(group, known)| self.disagreement_in(&group, &known))
    }

    fn disagreement_in(&mut self, group: &[usize], known: &Set) -> Option<String> {
        for at in group.iter().copied() {
            let held = self.held(at);
            let lacking: Vec<usize> = known.iter().filter(|number| !held.has(*number)).collect();
            let ledger = self.ledger(at);
            let ready = |number: &&usize| self.reference.entry(**number).parents().iter().all(|id| ledger.contains(id));
            let Some(first) = lacking.iter().find(ready) else { continue };
            let entry = self.reference.entry(*first);
            let fellows =
                |fellow: &&VerifiedEntry| (fellow.author(), fellow.counter()) == (entry.author(), entry.counter());
            return Some(format!(
                "{} lacks {} entries that other honest members hold ({} wait, {} wanted), first of them {}; \
                 it holds {} of the same author and counter",
                self.name(at),
                lacking.len(),
                ledger.pending_len(),
                ledger.wanted().len(),
                self.tell(entry),
                ledger.entries().filter(fellows).count(),
            ));
        }
        None
    }

    fn held(&mut self, at: usize) -> Set {
        let ids: Vec<EntryId> = self.ledger(at).entries().map(VerifiedEntry::id).collect();
        ids.iter().filter_map(|id| self.reference.number(id)).collect()
    }

    fn is_forked(&self) -> bool {
        let forked = |at: &usize| self.ledger(*at).alarms().iter().any(|alarm| matches!(alarm, Alarm::Fork { .. }));
        self.honest().iter().any(forked)
    }

    fn name_all_heads(&mut self) {
        for at in self.honest() {
            if self.is_member(at) {
                let user = SigningKey::from_bytes(&self.faults.bytes());
                let action = writer::certify(self.room, &user, self.nodes[at].peer);
                self.author(at, action);
            }
        }
    }

    /// What the rules are there for.
    fn check_what_follows(&mut self, at: usize) {
        let held = self.held(at);
        let view = self.reference.view(&held);
        let ledger = self.ledger(at);
        for number in held.iter().filter(|number| !view.void.has(*number)) {
            let Action::Remove { member } = self.reference.entry(number).action() else { continue };
            let Some(seat) = ledger.roster().get(member) else { continue };
            let seat = self.reference.number(&seat.since).unwrap();
            let admitted = matches!(self.reference.entry(seat).action(), Action::Admit { .. });
            let told = (self.tell(self.reference.entry(number)), self.tell(self.reference.entry(seat)));
            assert!(admitted && self.reference.knows(seat, number), "removed by {}, seated by {}", told.0, told.1);
        }
        for invite in ledger.roster().invites() {
            let by_it = |id: &EntryId| matches!(ledger.get(id).map(VerifiedEntry::action), Some(Action::Redeem { invite: key, .. }) if *key == invite.key);
            let seated = ledger.roster().members().filter(|member| by_it(&member.since)).count();
            assert!(seated <= invite.uses as usize && invite.used <= invite.uses, "{:?} seats too many", invite.key);
        }
    }

    fn check_alarms(&mut self, at: usize) {
        let alarms: Vec<Alarm> = self.ledger(at).alarms().to_vec();
        let mut diverged = BTreeSet::new();
        for alarm in alarms {
            if let Alarm::Divergence { checkpoint, author } = alarm {
                let hostile = self.index_of(&author).is_none_or(|author| self.nodes[author].hostile);
                assert!(hostile, "{} raises an alarm about the honest {author:?}: {checkpoint:?}", self.name(at));
                assert!(self.lies.contains(&checkpoint), "{} calls the true {checkpoint:?} a lie", self.name(at));
                diverged.insert(checkpoint);
            }
        }
        for lie in &self.lies {
            if self.ledger(at).contains(lie) && self.ledger(at).unknown() == 0 {
                assert!(diverged.contains(lie), "{} raises no alarm about the lie {lie:?}", self.name(at));
            }
        }
        self.outcome.alarms += diverged.len();
    }

    fn count(&mut self, group: &[usize]) {
        let Some(first) = group.first() else {
            self.outcome.ended += 1;
            return;
        };
        let held = self.held(*first);
        let view: std::rc::Rc<View> = self.reference.view(&held);
        let outcome = &mut self.outcome;
        outcome.entries += held.len();
        outcome.void += view.void.len();
        outcome.seated += view.seats.len();
        outcome.agreed += group.len();
        for number in held.iter() {
            let entry = self.reference.entry(number);
            outcome.merges += usize::from(entry.parents().len() > 1);
            match entry.action() {
                Action::Remove { .. } => outcome.removes += 1,
                Action::Leave => outcome.leaves += 1,
                Action::Revoke { .. } => outcome.revocations += 1,
                Action::Welcome { .. } => outcome.welcomes += 1,
                Action::Redeem { .. } => outcome.redeems += 1,
                Action::Unknown { .. } => outcome.unknown += 1,
                _ => {}
            }
        }
        outcome.successions += usize::from(view.coordinators.values().any(|ground| {
            !matches!(self.reference.entry(*ground).action(), Action::Genesis { .. } | Action::Grant { .. })
        }));
        outcome.bound += view.seats.values().filter(|seat| seat.bound).count();
        outcome.suffixed += view.seats.values().filter(|seat| seat.hostname.as_str().ends_with("-4")).count();
        outcome.used_up += view.invites.values().filter(|invite| invite.used == invite.uses).count();
        outcome.anchored += view.order.len() - view.unanchored.len();
    }
}
