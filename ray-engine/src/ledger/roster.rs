//! The fold: what the entries that stand add up to, applied one by one in the order that all nodes share.
//!
//! Authority was settled before, by each entry's own past. What is settled here is what only the whole can decide:
//! which of several concurrent claims comes first.

use std::{
    collections::{BTreeMap, BTreeSet},
    error::Error,
    fmt,
    net::{Ipv4Addr, Ipv6Addr},
};

use super::{
    action::{Action, InviteKey},
    entry::{EntryId, VerifiedEntry},
    limits::{INVITES_MAX, MEMBERS_MAX, V4_CANDIDATES_MAX},
    names::Names,
};
use crate::ident::{CollisionIndex, Hostname, NetworkName, PeerId, RoomId, UnixTime, mesh_v4, mesh_v6};

/// The members and invites of a network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Roster {
    /// Before the genesis entry is known, the first digits of the room id.
    pub name: NetworkName,
    members: BTreeMap<PeerId, Member>,
    invites: BTreeMap<InviteKey, InviteState>,
    names: Names,
    addresses: BTreeSet<Ipv4Addr>,
}

/// A node that is on the roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    pub peer: PeerId,
    /// Unique in the network.
    pub hostname: Hostname,
    pub index: CollisionIndex,
    /// Unique in the network; `None` where every candidate was held.
    pub v4: Option<Ipv4Addr>,
    pub v6: Ipv6Addr,
    pub coordinator: bool,
    /// The entry that seated it.
    pub since: EntryId,
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
}

/// Why an invite admits nobody.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InviteRefusal {
    Unknown,
    Expired,
    UsedUp,
}

impl fmt::Display for InviteRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "the invite is not known to this network",
            Self::Expired => "the invite has expired",
            Self::UsedUp => "the invite is used up",
        })
    }
}

impl Error for InviteRefusal {}

impl Roster {
    /// By peer id, ascending.
    pub fn members(&self) -> impl Iterator<Item = &Member> {
        self.members.values()
    }

    pub fn get(&self, peer: &PeerId) -> Option<&Member> {
        self.members.get(peer)
    }

    pub fn is_member(&self, peer: &PeerId) -> bool {
        self.members.contains_key(peer)
    }

    pub fn is_coordinator(&self, peer: &PeerId) -> bool {
        self.get(peer).is_some_and(|member| member.coordinator)
    }

    /// By invite key, ascending.
    pub fn invites(&self) -> impl Iterator<Item = &InviteState> {
        self.invites.values()
    }

    pub fn invite(&self, key: &InviteKey) -> Option<&InviteState> {
        self.invites.get(key)
    }

    /// Whether the invite admits somebody at `time`.
    pub fn check_invite(&self, key: &InviteKey, time: UnixTime) -> Result<&InviteState, InviteRefusal> {
        let invite = self.invite(key).ok_or(InviteRefusal::Unknown)?;
        if invite.expires <= time {
            return Err(InviteRefusal::Expired);
        }
        if invite.used >= invite.uses {
            return Err(InviteRefusal::UsedUp);
        }
        Ok(invite)
    }

    /// Whether `peer` is a coordinator, there is no other, and members would remain without one.
    pub(super) fn needs_coordinator(&self, peer: &PeerId) -> bool {
        let another = self.members().any(|member| member.coordinator && member.peer != *peer);
        self.is_coordinator(peer) && !another && self.members.len() > 1
    }

    pub(super) fn is_full(&self) -> bool {
        self.members.len() >= MEMBERS_MAX
    }

    pub(super) fn invites_are_full(&self) -> bool {
        self.invites.len() >= INVITES_MAX
    }

    /// The roster before any entry.
    pub(super) fn empty(room: RoomId) -> Self {
        Self {
            name: placeholder(room),
            members: BTreeMap::new(),
            invites: BTreeMap::new(),
            names: Names::default(),
            addresses: BTreeSet::new(),
        }
    }

    /// Applies the next entry of the fold order. `knew` tells whether an entry lies in this one's past.
    pub(super) fn apply(&mut self, entry: &VerifiedEntry, knew: impl Fn(&EntryId) -> bool) {
        match entry.action() {
            Action::Genesis { name, founder, hostname } => {
                self.name = name.clone();
                self.seat(*founder, hostname, true, entry.id());
            }
            Action::MintInvite { invite, uses, expires, hostname } => {
                let state = InviteState {
                    key: *invite,
                    uses: *uses,
                    used: 0,
                    expires: *expires,
                    hostname: hostname.clone(),
                    minted_by: entry.author(),
                    since: entry.id(),
                };
                if !self.invites_are_full() {
                    self.invites.entry(*invite).or_insert(state);
                }
            }
            Action::Redeem { invite, hostname, .. } => self.redeem(entry, invite, hostname),
            Action::Admit { member, hostname } => {
                self.seat(*member, hostname, false, entry.id());
            }
            Action::Leave => {
                // A seat that the leaver did not know of was taken after, or beside, its leave: it keeps that one.
                if self.get(&entry.author()).is_some_and(|member| knew(&member.since)) {
                    self.unseat(&entry.author());
                }
            }
        }
    }

    /// A joiner that is seated already uses nothing up, so a repeated redeem does not cost a second use.
    fn redeem(&mut self, entry: &VerifiedEntry, key: &InviteKey, wish: &Hostname) {
        let Ok(invite) = self.check_invite(key, entry.time()) else { return };
        let hostname = invite.hostname.clone().unwrap_or_else(|| wish.clone());
        if self.seat(entry.author(), &hostname, false, entry.id())
            && let Some(invite) = self.invites.get_mut(key)
        {
            invite.used += 1;
        }
    }

    fn seat(&mut self, peer: PeerId, wish: &Hostname, coordinator: bool, since: EntryId) -> bool {
        if self.is_member(&peer) || self.is_full() {
            return false;
        }
        let hostname = self.names.take(wish);
        let (index, v4) = self.take_address(&peer);
        let member = Member { peer, hostname, index, v4, v6: mesh_v6(&peer), coordinator, since };
        self.members.insert(peer, member);
        true
    }

    fn unseat(&mut self, peer: &PeerId) {
        let Some(member) = self.members.remove(peer) else { return };
        self.names.release(&member.hostname);
        if let Some(address) = member.v4 {
            self.addresses.remove(&address);
        }
    }

    /// The first candidate that nobody holds.
    fn take_address(&mut self, peer: &PeerId) -> (CollisionIndex, Option<Ipv4Addr>) {
        for index in 0..V4_CANDIDATES_MAX {
            if let Some(address) = mesh_v4(peer, index)
                && self.addresses.insert(address)
            {
                return (index, Some(address));
            }
        }
        (V4_CANDIDATES_MAX, None)
    }
}

fn placeholder(room: RoomId) -> NetworkName {
    #[expect(clippy::expect_used, reason = "ten hexadecimal digits are a label")]
    room.short().parse().expect("ten hexadecimal digits are a label")
}
