//! Which heads an entry names when there are more than it may: those that lead to what it rests on come first.

use std::collections::BTreeSet;

use super::{
    action::Action,
    history::{History, Key, ended_by, seated_by},
    limits::{Index, PARENTS_MAX},
    roster::Roster,
};
use crate::ident::PeerId;

pub(super) fn choose(
    history: &History,
    roster: &Roster,
    heads: &[Index],
    author: &PeerId,
    action: &Action,
) -> BTreeSet<Index> {
    let reaches: Vec<_> = heads.iter().map(|&head| (head, history.reach(&[head]))).collect();
    let mut chosen = BTreeSet::new();
    for need in needs(history, roster, author, action) {
        let leads = |head: &&Index| reaches.iter().any(|(other, reach)| other == *head && reach.has(need));
        if chosen.len() < PARENTS_MAX
            && !chosen.iter().any(|head| leads(&head))
            && let Some(head) = heads.iter().find(leads)
        {
            chosen.insert(*head);
        }
    }
    for &head in heads {
        if chosen.len() < PARENTS_MAX {
            chosen.insert(head);
        }
    }
    chosen
}

/// The entries that have to be in the past of an entry for it to stand, the most important first.
fn needs(history: &History, roster: &Roster, author: &PeerId, action: &Action) -> Vec<Index> {
    let number = |key: Option<Key>| key.and_then(|key| history.number(&key.id));
    let mut needs = Vec::new();
    // Not knowing its own last entry would make it a fork.
    needs.extend(history.by(author).iter().max_by_key(|&&own| history.entry(own).counter()));
    needs.extend(number(roster.seats.get(author).map(|seat| seat.key)));
    needs.extend(number(roster.ground(author)));
    let target = seated_by(action).or(ended_by(author, action).map(|(peer, _)| peer));
    let target = match action {
        Action::Grant { member } | Action::Rename { member, .. } | Action::GroupAdd { member, .. } => Some(*member),
        _ => target,
    };
    if let Some(peer) = target {
        needs.extend(number(roster.seats.get(&peer).map(|seat| seat.key)));
        needs.extend(number(roster.ground(&peer)));
        needs.extend(history.ends(&peer).iter().rev());
    }
    if let Action::Redeem { invite, .. } | Action::RevokeInvite { invite } = action {
        needs.extend(roster.invite(invite).and_then(|invite| history.number(&invite.since)));
        needs.extend(history.closings(invite));
    }
    if let Action::Withdraw { suggestion } = action {
        needs.extend(history.number(suggestion));
    }
    if let Action::Welcome { .. } = action {
        needs.extend(number(roster.set_by.mode));
    }
    needs
}
