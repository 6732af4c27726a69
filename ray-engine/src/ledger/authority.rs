//! Whether an entry may stand. Judged by the entry's own past alone, so that every node that holds the entry judges
//! alike and nothing that arrives later changes the judgement.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
};

use super::{
    action::{Action, InviteKey},
    entry::{EntryError, VerifiedEntry},
    graph::{Graph, Place},
    limits::Index,
    roster::{InviteRefusal, Roster},
};
use crate::ident::{PeerId, UnixTime};

/// Why a ledger does not take an entry in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    OtherNetwork,
    SecondGenesis,
    /// The author counted no further than in an entry that it had made before.
    Counter,
    NotCoordinator,
    UnknownInvite,
    InviteExpired,
    NotMember,
    LastCoordinator,
    LedgerFull,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::OtherNetwork => "the entry belongs to another network",
            Self::SecondGenesis => "the network has begun with another entry",
            Self::Counter => "the author has used this counter before",
            Self::NotCoordinator => "the author was no coordinator",
            Self::UnknownInvite => "the author did not know of such an invite",
            Self::InviteExpired => "the invite had expired",
            Self::NotMember => "the author was no member",
            Self::LastCoordinator => "the last coordinator left while members remained",
            Self::LedgerFull => "the ledger is full",
        })
    }
}

impl Error for Refusal {}

/// Why an entry of our own is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorError {
    NotFounded,
    Founded,
    NotCoordinator,
    NotMember,
    AlreadyMember,
    LastCoordinator,
    MembersFull,
    InvitesFull,
    InviteExists,
    InviteExpires,
    Invite(InviteRefusal),
    CounterSpent,
    Entry(EntryError),
    Refused(Refusal),
}

impl fmt::Display for AuthorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFounded => "the network's first entry is not known yet",
            Self::Founded => "the network has been founded before",
            Self::NotCoordinator => "only a coordinator may do this",
            Self::NotMember => "this node is not a member of the network",
            Self::AlreadyMember => "the node is a member of the network already",
            Self::LastCoordinator => "the last coordinator cannot leave while other members remain",
            Self::MembersFull => "the network has as many members as it can hold",
            Self::InvitesFull => "the network has as many invites as it can hold",
            Self::InviteExists => "the network knows an invite with this key already",
            Self::InviteExpires => "the invite would expire before it can be used",
            Self::Invite(_) => "the invite admits nobody",
            Self::CounterSpent => "this node has used up its counter in the network",
            Self::Entry(_) => "the entry would not be valid",
            Self::Refused(_) => "the network would not accept the entry",
        })
    }
}

impl Error for AuthorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invite(cause) => Some(cause),
            Self::Entry(cause) => Some(cause),
            Self::Refused(cause) => Some(cause),
            Self::NotFounded
            | Self::Founded
            | Self::NotCoordinator
            | Self::NotMember
            | Self::AlreadyMember
            | Self::LastCoordinator
            | Self::MembersFull
            | Self::InvitesFull
            | Self::InviteExists
            | Self::InviteExpires
            | Self::CounterSpent => None,
        }
    }
}

/// Which entries of a ledger bear on authority, found by what they are about.
#[derive(Debug, Clone, Default)]
pub(super) struct Facts {
    founder: Option<PeerId>,
    counters: BTreeSet<(PeerId, u64, Index)>,
    /// By peer: the entries that seat it, or would if the fold found nothing against it.
    seats: BTreeMap<PeerId, Vec<Index>>,
    leaves: BTreeMap<PeerId, Vec<Index>>,
    mints: BTreeMap<InviteKey, Vec<(Index, UnixTime)>>,
}

impl Facts {
    /// Remembers an entry that stands.
    pub(super) fn note(&mut self, number: Index, entry: &VerifiedEntry) {
        let author = entry.author();
        self.counters.insert((author, entry.counter(), number));
        match entry.action() {
            Action::Genesis { founder, .. } => {
                self.founder = Some(*founder);
                self.seats.entry(*founder).or_default().push(number);
            }
            Action::MintInvite { invite, expires, .. } => {
                self.mints.entry(*invite).or_default().push((number, *expires));
            }
            Action::Redeem { .. } => self.seats.entry(author).or_default().push(number),
            Action::Admit { member, .. } => self.seats.entry(*member).or_default().push(number),
            Action::Leave => self.leaves.entry(author).or_default().push(number),
        }
    }

    pub(super) fn is_founded(&self) -> bool {
        self.founder.is_some()
    }

    /// The highest counter that an author has used; 0 if none.
    pub(super) fn last_counter(&self, author: &PeerId) -> u64 {
        self.counters.range((*author, 0, 0)..=(*author, u64::MAX, Index::MAX)).next_back().map_or(0, |entry| entry.1)
    }

    /// The entries that an entry of this author must have in its past for it to stand.
    pub(super) fn grounds(&self, author: &PeerId, action: &Action) -> Vec<Index> {
        let seat = self.seats.get(author).and_then(|seats| seats.last()).copied();
        let mint = match action {
            Action::Redeem { invite, .. } => self.mints.get(invite).and_then(|mints| mints.first()).map(|mint| mint.0),
            Action::Genesis { .. } | Action::MintInvite { .. } | Action::Admit { .. } | Action::Leave => None,
        };
        seat.into_iter().chain(mint).collect()
    }

    /// Whether `entry` may stand on top of `past`. `needs_coordinator` tells whether, by the fold of that past, a peer
    /// is the last coordinator among several members; it is costly and asked only for a coordinator's leave.
    pub(super) fn judge(
        &self,
        entry: &VerifiedEntry,
        past: Past<'_>,
        needs_coordinator: impl FnOnce(&PeerId) -> bool,
    ) -> Result<(), Refusal> {
        let author = entry.author();
        if self.has_counted_as_far(&author, entry.counter(), past) {
            return Err(Refusal::Counter);
        }
        match entry.action() {
            Action::Genesis { .. } if self.is_founded() => Err(Refusal::SecondGenesis),
            Action::Genesis { .. } => Ok(()),
            Action::MintInvite { .. } | Action::Admit { .. } if !self.was_coordinator(&author, past) => {
                Err(Refusal::NotCoordinator)
            }
            Action::MintInvite { .. } | Action::Admit { .. } => Ok(()),
            Action::Redeem { invite, .. } => self.judge_redeem(invite, entry.time(), past),
            Action::Leave if !self.had_seat(&author, past) => Err(Refusal::NotMember),
            Action::Leave if self.was_coordinator(&author, past) && needs_coordinator(&author) => {
                Err(Refusal::LastCoordinator)
            }
            Action::Leave => Ok(()),
        }
    }

    fn has_counted_as_far(&self, author: &PeerId, counter: u64, past: Past<'_>) -> bool {
        let mut as_far = self.counters.range((*author, counter, 0)..=(*author, u64::MAX, Index::MAX));
        as_far.any(|&(_, _, number)| past.contains(number))
    }

    /// The founder, until it leaves.
    fn was_coordinator(&self, peer: &PeerId, past: Past<'_>) -> bool {
        self.founder == Some(*peer) && !any_in(past, self.leaves.get(peer))
    }

    /// Some mint of the key must be known to the redeemer and not over at the redeemer's own time.
    fn judge_redeem(&self, invite: &InviteKey, time: UnixTime, past: Past<'_>) -> Result<(), Refusal> {
        let mints = self.mints.get(invite).map(Vec::as_slice).unwrap_or_default();
        let mut refusal = Refusal::UnknownInvite;
        for (number, expires) in mints {
            if past.contains(*number) {
                if time < *expires {
                    return Ok(());
                }
                refusal = Refusal::InviteExpired;
            }
        }
        Err(refusal)
    }

    /// Some entry in the past seats the peer, and no leave in the past came after it.
    fn had_seat(&self, peer: &PeerId, past: Past<'_>) -> bool {
        let seats = self.seats.get(peer).map(Vec::as_slice).unwrap_or_default();
        let leaves = self.leaves.get(peer).map(Vec::as_slice).unwrap_or_default();
        seats.iter().rev().any(|seat| {
            let mut later_leaves = leaves.iter().rev().take_while(|leave| *leave > seat);
            past.contains(*seat) && !later_leaves.any(|leave| past.contains(*leave) && past.graph.knew(*leave, *seat))
        })
    }
}

/// The past of the entry that is judged.
#[derive(Debug, Clone, Copy)]
pub(super) struct Past<'a> {
    pub(super) graph: &'a Graph,
    pub(super) place: &'a Place,
}

impl Past<'_> {
    fn contains(&self, number: Index) -> bool {
        self.graph.in_past(self.place, number)
    }
}

fn any_in(past: Past<'_>, numbers: Option<&Vec<Index>>) -> bool {
    numbers.is_some_and(|numbers| numbers.iter().any(|number| past.contains(*number)))
}

/// Whether an author may say this on top of all that is known. Refuses whatever the fold would ignore.
pub(super) fn permit(roster: &Roster, author: &PeerId, action: &Action, now: UnixTime) -> Result<(), AuthorError> {
    match action {
        Action::Genesis { .. } => Err(AuthorError::Founded),
        Action::MintInvite { invite, expires, .. } => {
            if !roster.is_coordinator(author) {
                return Err(AuthorError::NotCoordinator);
            }
            if roster.invite(invite).is_some() {
                return Err(AuthorError::InviteExists);
            }
            if *expires <= now {
                return Err(AuthorError::InviteExpires);
            }
            if roster.invites_are_full() { Err(AuthorError::InvitesFull) } else { Ok(()) }
        }
        Action::Redeem { invite, .. } => {
            permit_seat(roster, author)?;
            roster.check_invite(invite, now).map(|_| ()).map_err(AuthorError::Invite)
        }
        Action::Admit { member, .. } => {
            if !roster.is_coordinator(author) {
                return Err(AuthorError::NotCoordinator);
            }
            permit_seat(roster, member)
        }
        Action::Leave if !roster.is_member(author) => Err(AuthorError::NotMember),
        Action::Leave if roster.needs_coordinator(author) => Err(AuthorError::LastCoordinator),
        Action::Leave => Ok(()),
    }
}

fn permit_seat(roster: &Roster, peer: &PeerId) -> Result<(), AuthorError> {
    if roster.is_member(peer) {
        return Err(AuthorError::AlreadyMember);
    }
    if roster.is_full() { Err(AuthorError::MembersFull) } else { Ok(()) }
}
