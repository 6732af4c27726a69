//! Whether an entry may stand. Judged by the entry's own past alone, so that every node that holds the entry judges
//! alike and nothing that arrives later changes the judgement.

use std::{error::Error, fmt};

use super::{
    action::{Action, InviteKey, Mode},
    entry::{EntryId, VerifiedEntry},
    history::{History, Right},
    limits::{AUTHOR_ENTRIES_PER_HOUR, AUTHOR_HOUR_S, COORDINATORS_MAX, EXPIRY_TOLERANCE_S, Index, MEMBER_ENTRIES_MAX},
    view::View,
};
use crate::ident::{PeerId, UnixTime};

/// Why a ledger does not take an entry in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    OtherNetwork,
    SecondGenesis,
    /// The author's counter is not the next one of those in the entry's past.
    Counter,
    /// The author is no coordinator and has made as many entries as a member may.
    MemberQuota,
    /// The author has made as many entries in this hour as anybody may.
    HourQuota,
    Dissolved,
    NotMember,
    NotCoordinator,
    AboutItself,
    UnknownInvite,
    InviteRevoked,
    InviteExpired,
    AlreadyMember,
    /// The joiner was removed, and only an admit brings it back.
    Removed,
    /// The joiner's signature is from before it left, or from another branch.
    After,
    NotOpen,
    LastCoordinator,
    UnknownMember,
    AlreadyCoordinator,
    CoordinatorsFull,
    NotACoordinator,
    NameBound,
    UnknownSuggestion,
    LedgerFull,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherNetwork => "the entry belongs to another network",
            Self::SecondGenesis => "the network has begun with another entry",
            Self::Counter => "the author's counter is not the next one",
            Self::MemberQuota => "the author has made as many entries as a member may",
            Self::HourQuota => "the author has made too many entries in an hour",
            Self::Dissolved => "the network was dissolved",
            Self::NotMember => "the author was no member",
            Self::NotCoordinator => "the author was no coordinator",
            Self::AboutItself => "a coordinator leaves and does not remove itself",
            Self::UnknownInvite => "the author did not know of such an invite",
            Self::InviteRevoked => "the invite was revoked",
            Self::InviteExpired => "the invite had expired",
            Self::AlreadyMember => "the joiner was a member already",
            Self::Removed => "the joiner was removed from the network",
            Self::After => "the joiner signed for another time",
            Self::NotOpen => "the network was not open",
            Self::LastCoordinator => "no coordinator would have remained",
            Self::UnknownMember => "the entry is about a node that was no member",
            Self::AlreadyCoordinator => "the member was a coordinator already",
            Self::CoordinatorsFull => "the network had as many coordinators as it can have",
            Self::NotACoordinator => "the member was no coordinator",
            Self::NameBound => "the member's name was given to it by a coordinator",
            Self::UnknownSuggestion => "the author did not know of such a suggestion",
            Self::LedgerFull => "the ledger is full",
        })
    }
}

impl Error for Refusal {}

/// Whether `entry` may stand on top of `past`, and by what right.
pub(super) fn judge(history: &History, past: &View, entry: &VerifiedEntry) -> Result<Right, Refusal> {
    let author = entry.author();
    if past.counter(&author).checked_add(1) != Some(entry.counter()) {
        return Err(Refusal::Counter);
    }
    if matches!(entry.action(), Action::Genesis { .. }) {
        let right = Right { deciding: false, ground: None };
        return if history.len() == 0 { Ok(right) } else { Err(Refusal::SecondGenesis) };
    }
    let roster = past.roster();
    if roster.dissolved {
        return Err(Refusal::Dissolved);
    }
    if !roster.is_member(&author) {
        return Err(Refusal::NotMember);
    }
    let coordinator = roster.is_coordinator(&author);
    let deciding = decides(entry.action(), coordinator);
    if deciding && !coordinator {
        return Err(Refusal::NotCoordinator);
    }
    check_quota(history, past, entry, coordinator)?;
    check_action(history, past, entry, coordinator)?;
    let ground = if deciding { roster.ground(&author).and_then(|key| history.number(&key.id)) } else { None };
    Ok(Right { deciding, ground })
}

/// Whether an entry with this action is a coordinator's.
fn decides(action: &Action, by_coordinator: bool) -> bool {
    match action {
        Action::MintInvite { .. }
        | Action::Admit { .. }
        | Action::Remove { .. }
        | Action::Grant { .. }
        | Action::Revoke { .. }
        | Action::RevokeInvite { .. }
        | Action::SetMode { .. }
        | Action::RotateEpoch { .. }
        | Action::Rekey { .. }
        | Action::SetEphemeral { .. }
        | Action::Checkpoint { .. }
        | Action::Dissolve
        | Action::GroupAdd { .. }
        | Action::GroupRemove { .. }
        | Action::Suggest { .. }
        | Action::Withdraw { .. } => true,
        Action::Rename { .. } => by_coordinator,
        Action::Genesis { .. }
        | Action::Redeem { .. }
        | Action::Leave
        | Action::Welcome { .. }
        | Action::CertifyDevice { .. }
        | Action::RevokeDevice { .. }
        | Action::Unknown { .. } => false,
    }
}

fn check_quota(history: &History, past: &View, entry: &VerifiedEntry, coordinator: bool) -> Result<(), Refusal> {
    let (author, counter) = (entry.author(), entry.counter());
    if !coordinator && counter > MEMBER_ENTRIES_MAX {
        return Err(Refusal::MemberQuota);
    }
    let Some(before) = counter.checked_sub(AUTHOR_ENTRIES_PER_HOUR) else { return Ok(()) };
    let within_the_hour = |&&number: &&Index| {
        past.marks().has(number) && history.entry(number).time().0.abs_diff(entry.time().0) < AUTHOR_HOUR_S
    };
    match history.counted(author, before).iter().find(within_the_hour) {
        Some(_) => Err(Refusal::HourQuota),
        None => Ok(()),
    }
}

fn check_action(history: &History, past: &View, entry: &VerifiedEntry, coordinator: bool) -> Result<(), Refusal> {
    let (author, roster) = (entry.author(), past.roster());
    let member = |peer: &PeerId| if roster.is_member(peer) { Ok(()) } else { Err(Refusal::UnknownMember) };
    match entry.action() {
        Action::Redeem { invite, joiner, after, .. } => {
            check_redeem(history, past, invite, entry.time())?;
            check_joiner(history, past, joiner, *after)
        }
        Action::Welcome { joiner, after, .. } => {
            if roster.mode != Mode::Open {
                return Err(Refusal::NotOpen);
            }
            check_joiner(history, past, joiner, *after)
        }
        Action::Leave if roster.is_only_coordinator(&author) && !roster.is_only_member(&author) => {
            Err(Refusal::LastCoordinator)
        }
        Action::Remove { member: target } if *target == author => Err(Refusal::AboutItself),
        Action::Remove { member: target } => member(target),
        Action::Grant { member: target } => {
            member(target)?;
            if roster.is_coordinator(target) {
                return Err(Refusal::AlreadyCoordinator);
            }
            if roster.coordinators_len() >= COORDINATORS_MAX { Err(Refusal::CoordinatorsFull) } else { Ok(()) }
        }
        Action::Revoke { member: target } if !roster.is_coordinator(target) => Err(Refusal::NotACoordinator),
        Action::Revoke { member: target } if *target == author && roster.is_only_coordinator(&author) => {
            Err(Refusal::LastCoordinator)
        }
        Action::RevokeInvite { invite } if !any_held(history, past, history.mints(invite)) => {
            Err(Refusal::UnknownInvite)
        }
        Action::Rename { member: target, .. } => {
            member(target)?;
            if coordinator {
                return Ok(());
            }
            if *target != author {
                return Err(Refusal::NotCoordinator);
            }
            if roster.get(&author).is_some_and(|own| own.bound) { Err(Refusal::NameBound) } else { Ok(()) }
        }
        Action::Withdraw { suggestion } => match history.number(suggestion) {
            Some(number) if past.holds(history, number) && is_suggestion(history, number) => Ok(()),
            Some(_) | None => Err(Refusal::UnknownSuggestion),
        },
        Action::Genesis { .. }
        | Action::MintInvite { .. }
        | Action::Admit { .. }
        | Action::Leave
        | Action::Revoke { .. }
        | Action::RevokeInvite { .. }
        | Action::SetMode { .. }
        | Action::RotateEpoch { .. }
        | Action::Rekey { .. }
        | Action::SetEphemeral { .. }
        | Action::Checkpoint { .. }
        | Action::Dissolve
        | Action::CertifyDevice { .. }
        | Action::RevokeDevice { .. }
        | Action::GroupAdd { .. }
        | Action::GroupRemove { .. }
        | Action::Suggest { .. }
        | Action::Unknown { .. } => Ok(()),
    }
}

/// Some mint of the key that counts must be known to the author and not be over at the author's own time.
fn check_redeem(history: &History, past: &View, invite: &InviteKey, time: UnixTime) -> Result<(), Refusal> {
    let mut refusal = Refusal::UnknownInvite;
    let mints = history.mints(invite).iter().filter(|&&mint| past.holds(history, mint));
    let open = mints.map(|&mint| history.action(mint)).any(|action| {
        refusal = Refusal::InviteExpired;
        let Action::MintInvite { expires, .. } = action else { return false };
        time.0 < expires.0.saturating_add(EXPIRY_TOLERANCE_S)
    });
    if any_held(history, past, history.closings(invite)) {
        return Err(Refusal::InviteRevoked);
    }
    if open { Ok(()) } else { Err(refusal) }
}

fn check_joiner(history: &History, past: &View, joiner: &PeerId, after: Option<EntryId>) -> Result<(), Refusal> {
    if past.roster().is_member(joiner) {
        return Err(Refusal::AlreadyMember);
    }
    if removal(history, past, joiner).is_some() {
        return Err(Refusal::Removed);
    }
    if last_leave(history, past, joiner) != after { Err(Refusal::After) } else { Ok(()) }
}

/// The latest removal of a node that counts.
pub(super) fn removal(history: &History, view: &View, peer: &PeerId) -> Option<Index> {
    let removals = history
        .ends(peer)
        .iter()
        .copied()
        .filter(|&end| matches!(history.action(end), Action::Remove { .. }) && view.holds(history, end));
    removals.max_by_key(|&end| history.key(end))
}

/// The leave of a node with the highest counter; of several, which a fork makes, the one with the lowest id.
pub(super) fn last_leave(history: &History, view: &View, peer: &PeerId) -> Option<EntryId> {
    let leaves = history.ends(peer).iter().filter(|&&end| view.marks().has(end)).map(|&end| history.entry(end));
    let leaves = leaves.filter(|entry| matches!(entry.action(), Action::Leave));
    let last = leaves.min_by_key(|entry| (std::cmp::Reverse(entry.counter()), entry.id()));
    last.map(VerifiedEntry::id)
}

fn any_held(history: &History, past: &View, numbers: &[Index]) -> bool {
    numbers.iter().any(|&number| past.holds(history, number))
}

fn is_suggestion(history: &History, number: Index) -> bool {
    matches!(history.action(number), Action::Suggest { .. })
}
