//! The roster: what the entries that count add up to. `fold` makes it; this is how it is read.

use std::{
    collections::BTreeSet,
    error::Error,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
    sync::Arc,
};

use super::{
    action::{GroupName, InviteKey, Mode, RuleText, Scope, UserKey},
    entry::EntryId,
    history::Key,
    limits::{CHECKPOINT_TOLERANCE_S, INVITES_MAX, MEMBERS_MAX},
    names::Names,
    tally::Tally,
    tree::{Map, Set},
};
use crate::ident::{CollisionIndex, Hostname, NetworkName, PeerId, RoomId, UnixTime};

/// The members of a network, its invites, and what else is settled.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// Before the genesis entry is known, the first digits of the room id.
    pub name: NetworkName,
    pub mode: Mode,
    pub epoch: Option<Epoch>,
    /// The key that signs the discovery record.
    pub discovery: [u8; 32],
    /// Members that were not seen for so many seconds are removed; 0 = never.
    pub ephemeral: u32,
    pub(super) set_by: SetBy,
    pub(super) dissolved: bool,
    pub(super) seats: Map<PeerId, Arc<Seat>>,
    /// By the key of the entry that seated them.
    pub(super) by_seat: Map<Key, PeerId>,
    /// The grants that make each node a coordinator if it has a seat.
    pub(super) grants: Map<PeerId, Arc<Vec<Key>>>,
    /// How many nodes have both.
    pub(super) granted: usize,
    /// Who coordinates because nobody was granted to.
    pub(super) successor: Option<PeerId>,
    pub(super) invites: Map<InviteKey, Arc<InviteState>>,
    pub(super) names: Names,
    pub(super) addresses: Set<Ipv4Addr>,
    pub(super) groups: Map<GroupName, Arc<BTreeSet<PeerId>>>,
    pub(super) suggestions: Arc<Vec<Suggestion>>,
    pub(super) revoked_devices: Set<(UserKey, PeerId)>,
    /// When the last checkpoint was signed.
    pub(super) checkpoint: Option<UnixTime>,
    pub(super) tally: Tally,
}

/// The keys of the entries that made the settings.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct SetBy {
    pub(super) mode: Option<Key>,
    pub(super) epoch: Option<Key>,
    pub(super) discovery: Option<Key>,
    pub(super) ephemeral: Option<Key>,
}

/// A member and the entry that seated it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Seat {
    pub(super) member: Member,
    pub(super) key: Key,
}

/// A node that is on the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub peer: PeerId,
    /// Unique in the network.
    pub hostname: Hostname,
    /// Whether an invite or a coordinator gave it the name.
    pub bound: bool,
    pub index: CollisionIndex,
    /// Unique in the network; `None` where every candidate was held.
    pub v4: Option<Ipv4Addr>,
    pub v6: Ipv6Addr,
    pub coordinator: bool,
    /// The entry that seated it.
    pub since: EntryId,
    /// Whose device it is.
    pub user: Option<UserKey>,
}

/// What is published is encrypted with a key that only members have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Epoch {
    /// The entry that began it.
    pub id: EntryId,
    /// The hash of its key.
    pub commitment: [u8; 32],
}

/// A firewall rule that coordinators propose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Suggestion {
    /// The entry that proposed it.
    pub id: EntryId,
    pub author: PeerId,
    pub scope: Scope,
    pub rule: RuleText,
}

/// An invite that was minted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InviteState {
    pub key: InviteKey,
    pub uses: u32,
    /// How many members it seated.
    pub used: u32,
    /// The first second in which it admits nobody.
    pub expires: UnixTime,
    /// The host name that it gives, whatever the joiner wishes.
    pub hostname: Option<Hostname>,
    pub minted_by: PeerId,
    /// The entry that minted it.
    pub since: EntryId,
    pub revoked: bool,
}

/// Why an invite admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteRefusal {
    Unknown,
    Revoked,
    Expired,
    UsedUp,
}

impl fmt::Display for InviteRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the invite is not known to this network",
            Self::Revoked => "the invite was revoked",
            Self::Expired => "the invite has expired",
            Self::UsedUp => "the invite is used up",
        })
    }
}

impl Error for InviteRefusal {}

impl Roster {
    /// By peer id, ascending. A dissolved network has none.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.seats.values().take_while(|_| !self.dissolved).map(|seat| &seat.member)
    }

    pub fn get(&self, peer: &PeerId) -> Option<&Member> {
        self.seats.get(peer).filter(|_| !self.dissolved).map(|seat| &seat.member)
    }

    pub fn is_member(&self, peer: &PeerId) -> bool {
        self.get(peer).is_some()
    }

    /// As [`Self::is_member`], and where the network was dissolved whether the node had a seat to the end.
    pub fn has_seat(&self, peer: &PeerId) -> bool {
        self.seats.get(peer).is_some()
    }

    pub fn is_coordinator(&self, peer: &PeerId) -> bool {
        self.get(peer).is_some_and(|member| member.coordinator)
    }

    /// By invite key, ascending.
    pub fn invites(&self) -> impl Iterator<Item = &InviteState> {
        self.invites.values().map(|invite| &**invite)
    }

    pub fn invite(&self, key: &InviteKey) -> Option<&InviteState> {
        self.invites.get(key).map(|invite| &**invite)
    }

    /// Whether the invite admits somebody at `time`.
    pub fn check_invite(&self, key: &InviteKey, time: UnixTime) -> Result<&InviteState, InviteRefusal> {
        let invite = self.invite(key).ok_or(InviteRefusal::Unknown)?;
        if invite.revoked {
            return Err(InviteRefusal::Revoked);
        }
        if invite.expires <= time || self.confirmed_after(invite) {
            return Err(InviteRefusal::Expired);
        }
        if invite.used >= invite.uses {
            return Err(InviteRefusal::UsedUp);
        }
        Ok(invite)
    }

    /// By name, ascending. Each has members.
    pub fn groups(&self) -> impl Iterator<Item = (&GroupName, &BTreeSet<PeerId>)> {
        self.groups.iter().map(|(group, members)| (group, &**members))
    }

    /// In the order of the fold.
    pub fn suggestions(&self) -> impl Iterator<Item = &Suggestion> {
        self.suggestions.iter()
    }

    /// How many coordinators there are.
    pub(super) fn coordinators_len(&self) -> usize {
        if self.dissolved { 0 } else { self.granted + usize::from(self.successor.is_some()) }
    }

    /// Whether `peer` is a coordinator and no other is.
    pub(super) fn is_only_coordinator(&self, peer: &PeerId) -> bool {
        self.is_coordinator(peer) && self.coordinators_len() == 1
    }

    pub(super) fn is_only_member(&self, peer: &PeerId) -> bool {
        self.is_member(peer) && self.seats.len() == 1
    }

    /// The key of the entry by which a coordinator is one.
    pub(super) fn ground(&self, peer: &PeerId) -> Option<Key> {
        let seat = self.seats.get(peer).filter(|seat| !self.dissolved && seat.member.coordinator)?;
        match self.grants.get(peer) {
            Some(grants) => grants.iter().min().copied(),
            None => Some(seat.key),
        }
    }

    pub(super) fn is_full(&self) -> bool {
        self.seats.len() >= MEMBERS_MAX
    }

    pub(super) fn invites_are_full(&self) -> bool {
        self.invites.len() >= INVITES_MAX
    }

    /// Whether a coordinator confirmed the history so late that what comes now is too late for the invite.
    pub(super) fn confirmed_after(&self, invite: &InviteState) -> bool {
        let limit = invite.expires.0.saturating_add(CHECKPOINT_TOLERANCE_S);
        self.checkpoint.is_some_and(|signed| signed.0 >= limit)
    }

    /// The roster before any entry.
    pub(super) fn empty(room: RoomId) -> Self {
        Self {
            name: placeholder(room),
            mode: Mode::default(),
            epoch: None,
            discovery: room.0,
            ephemeral: 0,
            set_by: SetBy::default(),
            dissolved: false,
            seats: Map::default(),
            by_seat: Map::default(),
            grants: Map::default(),
            granted: 0,
            successor: None,
            invites: Map::default(),
            names: Names::default(),
            addresses: Set::default(),
            groups: Map::default(),
            suggestions: Arc::default(),
            revoked_devices: Set::default(),
            checkpoint: None,
            tally: Tally::default(),
        }
    }
}

fn placeholder(room: RoomId) -> NetworkName {
    #[expect(clippy::expect_used, reason = "ten hexadecimal digits are a label")]
    room.short().parse().expect("ten hexadecimal digits are a label")
}
