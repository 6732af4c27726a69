//! Holds a ledger to the reference, field by field.

use std::{collections::BTreeSet, fmt::Debug};

use ray_engine::{
    ident::PeerId,
    ledger::{Alarm, EntryId, InviteKey, Ledger, Refusal, VerifiedEntry},
};

use crate::reference::{Minted, Reference, Seat, Set, View};

/// Whether a refusal is about this node's room and not about the entry.
pub(crate) fn is_local(refusal: &Refusal) -> bool {
    *refusal == Refusal::LedgerFull
}

/// The first difference between what a node holds and what the page makes of the same entries.
pub(crate) fn difference(ledger: &Ledger, me: &PeerId, reference: &mut Reference) -> Option<String> {
    let mut set = Set::default();
    for entry in ledger.entries() {
        match reference.number(&entry.id()) {
            Some(number) => set.add(number),
            None => return Some(format!("it holds {entry:?}, which does not stand")),
        }
    }
    let view = reference.view(&set);
    compare(ledger, me, reference, &set, &view).err()
}

fn compare(ledger: &Ledger, me: &PeerId, reference: &Reference, set: &Set, view: &View) -> Result<(), String> {
    let ids = |numbers: &[usize]| -> Vec<EntryId> { numbers.iter().map(|n| reference.entry(*n).id()).collect() };
    let roster = ledger.roster();
    same("number of entries", &ledger.len(), &set.len())?;
    same("heads", &ledger.heads(), &reference.heads(set))?;
    let order: Vec<EntryId> = ledger.entries().map(VerifiedEntry::id).collect();
    same("fold order", &order, &ids(&view.order))?;
    same("unanchored entries", &ledger.unanchored(), &view.unanchored.len())?;
    let others = view.unanchored.iter().filter(|n| reference.entry(**n).author() != *me).count();
    same("unanchored entries of others", &ledger.unanchored_by_others(me), &others)?;
    for told in ledger.history() {
        let number = reference.number(&told.entry.id()).ok_or("the history tells of an unknown entry")?;
        let void = matches!(told.effect, ray_engine::ledger::Effect::Void(_));
        let unknown = matches!(told.effect, ray_engine::ledger::Effect::Unknown);
        let known = !matches!(told.entry.action(), ray_engine::ledger::Action::Unknown { .. });
        if known || !unknown {
            same(&format!("void: {:?}", told.entry), &void, &view.void.has(number))?;
        }
    }
    if !set.iter().any(|_| true) {
        return Ok(());
    }
    same("name", &roster.name.as_str(), &view.name.as_str())?;
    same("mode", &roster.mode, &view.mode)?;
    same("epoch", &roster.epoch.as_ref().map(|epoch| (epoch.id, epoch.commitment)), &view.epoch)?;
    same("discovery key", &roster.discovery, &view.discovery)?;
    same("ephemeral", &roster.ephemeral, &view.ephemeral)?;
    same("dissolved", &ledger.dissolved().is_some(), &view.dissolved.is_some())?;
    let seats: Vec<(PeerId, Seat)> = roster
        .members()
        .map(|m| {
            let (hostname, bound, index, v4, v6) = (m.hostname.clone(), m.bound, m.index, m.v4, m.v6);
            (m.peer, Seat { hostname, bound, index, v4, v6, since: m.since, user: m.user })
        })
        .collect();
    same("members", &seats, &view.seats.clone().into_iter().collect())?;
    let coordinators: Vec<PeerId> = roster.members().filter(|m| m.coordinator).map(|m| m.peer).collect();
    same("coordinators", &coordinators, &view.coordinators.keys().copied().collect())?;
    let mut seniority: Vec<(PeerId, usize)> = view.coordinators.iter().map(|(peer, ground)| (*peer, *ground)).collect();
    seniority.sort_by_key(|(_, ground)| reference.key(*ground));
    same(
        "seniority",
        &ledger.coordinators().iter().map(|senior| senior.peer).collect::<Vec<_>>(),
        &seniority.iter().map(|(peer, _)| *peer).collect(),
    )?;
    let invites: Vec<(InviteKey, Minted)> = roster
        .invites()
        .map(|i| {
            let (uses, used, expires, hostname) = (i.uses, i.used, i.expires, i.hostname.clone());
            let minted =
                Minted { uses, used, expires, hostname, minted_by: i.minted_by, since: i.since, revoked: i.revoked };
            (i.key, minted)
        })
        .collect();
    same("invites", &invites, &view.invites.clone().into_iter().collect())?;
    let groups: Vec<_> = roster.groups().map(|(group, members)| (group.clone(), members.clone())).collect();
    same("groups", &groups, &view.groups.clone().into_iter().collect())?;
    let mut suggestions: Vec<_> =
        roster.suggestions().map(|s| (s.id, (s.author, s.scope.clone(), s.rule.clone()))).collect();
    suggestions.sort();
    same("suggestions", &suggestions, &view.suggestions.clone().into_iter().collect())?;
    if view.dissolved.is_none() {
        same("digest", &roster.digest(), &view.digest())?;
    }
    compare_forks(ledger, reference, set)?;
    follows(ledger)
}

fn compare_forks(ledger: &Ledger, reference: &Reference, set: &Set) -> Result<(), String> {
    let mut seen = BTreeSet::new();
    let mut forks = BTreeSet::new();
    for number in set.iter() {
        let entry = reference.entry(number);
        if !seen.insert((entry.author(), entry.counter())) {
            forks.insert((entry.author(), entry.counter()));
        }
    }
    let alarms = ledger.alarms().iter().filter_map(|alarm| match alarm {
        Alarm::Fork { author, counter } => Some((*author, *counter)),
        Alarm::Divergence { .. } => None,
    });
    same("forks", &alarms.collect(), &forks)
}

/// What holds of every roster.
fn follows(ledger: &Ledger) -> Result<(), String> {
    let roster = ledger.roster();
    let count = roster.members().count();
    let names: BTreeSet<_> = roster.members().map(|member| &member.hostname).collect();
    let v4: BTreeSet<_> = roster.members().filter_map(|member| member.v4).collect();
    let v6: BTreeSet<_> = roster.members().map(|member| member.v6).collect();
    same("different names", &names.len(), &count)?;
    same("different IPv4 addresses", &v4.len(), &roster.members().filter(|member| member.v4.is_some()).count())?;
    same("different IPv6 addresses", &v6.len(), &count)?;
    let coordinated = roster.members().any(|member| member.coordinator);
    same("a coordinator while there are members", &coordinated, &(count > 0))
}

fn same<T: PartialEq + Debug>(what: &str, found: &T, expected: &T) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    Err(format!("{what}:\n  the ledger says {found:?}\n  the page says   {expected:?}"))
}
