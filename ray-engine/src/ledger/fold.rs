//! The fold: applies the entries that count to the roster, one by one, in the order that all nodes share.
//!
//! Authority was settled before, by each entry's own past, and so was what concurrent ends void. What is settled here is
//! which of several claims comes first.

use std::sync::Arc;

use super::{
    action::{Action, GroupName, InviteKey, UserKey},
    entry::VerifiedEntry,
    history::{Key, ended_by},
    limits::{GROUPS_MAX, SUGGESTIONS_MAX, V4_CANDIDATES_MAX},
    roster::{Epoch, InviteState, Member, Roster, Seat, Suggestion},
    told::NothingReason,
};
use crate::ident::{CollisionIndex, Hostname, PeerId, mesh_v4, mesh_v6};

/// An entry that counts, at its turn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Turn<'a> {
    pub(super) entry: &'a VerifiedEntry,
    pub(super) key: Key,
    /// Whether its author decides as a coordinator.
    pub(super) deciding: bool,
}

type Outcome = Result<(), NothingReason>;

impl Roster {
    /// Applies the next entry of the order.
    pub(super) fn apply(&mut self, turn: Turn<'_>) -> Outcome {
        let author = turn.entry.author();
        // An end is one whether or not there is a seat to free.
        if let Some((peer, _)) = ended_by(&author, turn.entry.action()) {
            self.end_coordinatorship(&peer);
        }
        let founds = matches!(turn.entry.action(), Action::Genesis { .. });
        let outcome = if turn.deciding || founds || self.seats.contains(&author) {
            self.perform(turn)
        } else {
            Err(NothingReason::AuthorNotSeated)
        };
        self.settle_succession();
        outcome
    }

    fn perform(&mut self, turn: Turn<'_>) -> Outcome {
        let (entry, key) = (turn.entry, turn.key);
        match entry.action() {
            Action::Genesis { name, founder, hostname } => {
                self.name = name.clone();
                self.grant(founder, key);
                self.seat(turn, *founder, hostname, false)
            }
            Action::MintInvite { .. } => self.mint(entry),
            Action::Redeem { invite, joiner, hostname, .. } => self.redeem(turn, invite, *joiner, hostname),
            Action::Admit { member: node, hostname } | Action::Welcome { joiner: node, hostname, .. } => {
                self.seat(turn, *node, hostname, false)
            }
            Action::Leave => self.unseat(&entry.author()),
            Action::Remove { member } => self.unseat(member),
            Action::Grant { member } => {
                self.grant(member, key);
                Ok(())
            }
            Action::Revoke { .. } => Ok(()),
            Action::RevokeInvite { invite } => self.close_invite(invite),
            Action::Rename { member, hostname } => self.rename(member, hostname, turn.deciding),
            Action::SetMode { mode } => set(&mut self.set_by.mode, key, &mut self.mode, *mode),
            Action::RotateEpoch { commitment } => {
                let epoch = Epoch { id: entry.id(), commitment: *commitment };
                set(&mut self.set_by.epoch, key, &mut self.epoch, Some(epoch))
            }
            Action::Rekey { discovery } => set(&mut self.set_by.discovery, key, &mut self.discovery, *discovery),
            Action::SetEphemeral { seconds } => set(&mut self.set_by.ephemeral, key, &mut self.ephemeral, *seconds),
            Action::Checkpoint { .. } => {
                self.checkpoint = Some(entry.time());
                Ok(())
            }
            Action::Dissolve => {
                self.dissolved = true;
                Ok(())
            }
            Action::CertifyDevice { user, .. } => self.certify(&entry.author(), *user),
            Action::RevokeDevice { user, device, .. } => self.uncertify(*user, *device),
            Action::GroupAdd { group, member } => self.group_add(group, *member),
            Action::GroupRemove { group, member } => self.group_remove(group, member),
            Action::Suggest { scope, rule } => self.suggest(Suggestion {
                id: entry.id(),
                author: entry.author(),
                scope: scope.clone(),
                rule: rule.clone(),
            }),
            Action::Withdraw { suggestion } => {
                let at = self.suggestions.iter().position(|other| other.id == *suggestion);
                let at = at.ok_or(NothingReason::UnknownSuggestion)?;
                let withdrawn = Arc::make_mut(&mut self.suggestions).remove(at);
                self.tally.subtract(&withdrawn.digest_item());
                Ok(())
            }
            Action::Unknown { .. } => Ok(()),
        }
    }

    fn mint(&mut self, entry: &VerifiedEntry) -> Outcome {
        let Action::MintInvite { invite, uses, expires, hostname } = entry.action() else { return Ok(()) };
        if self.invites.contains(invite) {
            return Err(NothingReason::InviteExists);
        }
        if self.invites_are_full() {
            return Err(NothingReason::InvitesFull);
        }
        self.put_invite(InviteState {
            key: *invite,
            uses: *uses,
            used: 0,
            expires: *expires,
            hostname: hostname.clone(),
            minted_by: entry.author(),
            since: entry.id(),
            revoked: false,
        });
        Ok(())
    }

    /// A joiner that is seated already uses nothing up, so a repeated redeem does not cost a second use.
    fn redeem(&mut self, turn: Turn<'_>, key: &InviteKey, joiner: PeerId, wish: &Hostname) -> Outcome {
        let invite = self.invites.get(key).ok_or(NothingReason::InviteUnknown)?;
        if invite.revoked {
            return Err(NothingReason::InviteRevoked);
        }
        if self.confirmed_after(invite) {
            return Err(NothingReason::InviteExpired);
        }
        if invite.used >= invite.uses {
            return Err(NothingReason::InviteUsedUp);
        }
        let mut invite = InviteState::clone(invite);
        invite.used += 1;
        self.seat(turn, joiner, invite.hostname.as_ref().unwrap_or(wish), invite.hostname.is_some())?;
        self.put_invite(invite);
        Ok(())
    }

    fn close_invite(&mut self, key: &InviteKey) -> Outcome {
        let invite = self.invites.get(key).ok_or(NothingReason::InviteUnknown)?;
        if invite.revoked {
            return Err(NothingReason::InviteRevoked);
        }
        let mut invite = InviteState::clone(invite);
        invite.revoked = true;
        self.put_invite(invite);
        Ok(())
    }

    fn seat(&mut self, turn: Turn<'_>, peer: PeerId, wish: &Hostname, bound: bool) -> Outcome {
        if self.seats.contains(&peer) {
            return Err(NothingReason::AlreadyMember);
        }
        if self.is_full() {
            return Err(NothingReason::MembersFull);
        }
        let hostname = self.take_name(peer, wish, bound);
        let (index, v4) = self.take_address(&peer);
        let coordinator = self.grants.contains(&peer);
        self.granted += usize::from(coordinator);
        let since = turn.entry.id();
        let member = Member { peer, hostname, bound, index, v4, v6: mesh_v6(&peer), coordinator, since, user: None };
        self.by_seat.insert(turn.key, peer);
        self.put_seat(Seat { member, key: turn.key });
        Ok(())
    }

    fn unseat(&mut self, peer: &PeerId) -> Outcome {
        let seat = self.seats.remove(peer).ok_or(NothingReason::NotMember)?;
        self.tally.subtract(&seat.member.digest_item());
        self.by_seat.remove(&seat.key);
        self.names.release(&seat.member.hostname);
        if let Some(address) = seat.member.v4 {
            self.addresses.remove(&address);
        }
        let groups: Vec<GroupName> =
            self.groups().filter(|(_, peers)| peers.contains(peer)).map(|(g, _)| g.clone()).collect();
        for group in groups {
            self.group_remove(&group, peer)?;
        }
        Ok(())
    }

    fn rename(&mut self, peer: &PeerId, wish: &Hostname, deciding: bool) -> Outcome {
        let seat = self.seats.get(peer).ok_or(NothingReason::NotMember)?;
        if seat.member.bound && !deciding {
            return Err(NothingReason::NameBound);
        }
        let mut seat = Seat::clone(seat);
        self.names.release(&seat.member.hostname);
        seat.member.hostname = self.take_name(*peer, wish, deciding);
        seat.member.bound = deciding;
        self.put_seat(seat);
        Ok(())
    }

    /// The wish or a variant of it. A bound name is taken from whoever holds it and was not given it.
    fn take_name(&mut self, peer: PeerId, wish: &Hostname, bound: bool) -> Hostname {
        let holder = self.names.holder(wish).and_then(|holder| self.seats.get(&holder));
        let Some(mut holder) = holder.filter(|holder| bound && !holder.member.bound).map(|seat| Seat::clone(seat))
        else {
            return self.names.take(wish, peer);
        };
        self.names.seize(wish, peer);
        holder.member.hostname = self.names.take_variant(wish, holder.member.peer);
        self.put_seat(holder);
        wish.clone()
    }

    /// The first candidate that nobody holds.
    fn take_address(&mut self, peer: &PeerId) -> (CollisionIndex, Option<std::net::Ipv4Addr>) {
        for index in 0..V4_CANDIDATES_MAX {
            if let Some(address) = mesh_v4(peer, index)
                && !self.addresses.contains(&address)
            {
                self.addresses.insert(address, ());
                return (index, Some(address));
            }
        }
        (V4_CANDIDATES_MAX, None)
    }

    fn grant(&mut self, peer: &PeerId, key: Key) {
        let mut grants = self.grants.get(peer).cloned().unwrap_or_default();
        Arc::make_mut(&mut grants).push(key);
        if self.grants.insert(*peer, grants).is_none() && self.seats.contains(peer) {
            self.granted += 1;
            self.show_coordinator(peer, true);
        }
    }

    /// Grants that do not know of an end do not count beside it, and those that do come later: all that were seen are over.
    fn end_coordinatorship(&mut self, peer: &PeerId) {
        if self.grants.remove(peer).is_some() && self.seats.contains(peer) {
            self.granted -= 1;
            self.show_coordinator(peer, false);
        }
    }

    /// Where no member was granted to, the one that has its seat from the lowest entry coordinates.
    fn settle_succession(&mut self) {
        let heir = if self.granted > 0 { None } else { self.by_seat.first().map(|(_, peer)| *peer) };
        if heir == self.successor {
            return;
        }
        if let Some(former) = self.successor.filter(|former| !self.grants.contains(former)) {
            self.show_coordinator(&former, false);
        }
        if let Some(heir) = heir {
            self.show_coordinator(&heir, true);
        }
        self.successor = heir;
    }

    fn show_coordinator(&mut self, peer: &PeerId, coordinator: bool) {
        if let Some(mut seat) = self.seats.get(peer).map(|seat| Seat::clone(seat)) {
            seat.member.coordinator = coordinator;
            self.put_seat(seat);
        }
    }

    fn certify(&mut self, device: &PeerId, user: UserKey) -> Outcome {
        if self.revoked_devices.contains(&(user, *device)) {
            return Err(NothingReason::DeviceRevoked);
        }
        self.set_user(device, Some(user))
    }

    fn uncertify(&mut self, user: UserKey, device: PeerId) -> Outcome {
        if self.revoked_devices.insert((user, device), ()).is_some() {
            return Err(NothingReason::DeviceRevoked);
        }
        self.tally.add(&super::digest::revoked_device(&user, &device));
        if self.seats.get(&device).is_some_and(|seat| seat.member.user == Some(user)) {
            self.set_user(&device, None)?;
        }
        Ok(())
    }

    fn set_user(&mut self, device: &PeerId, user: Option<UserKey>) -> Outcome {
        let mut seat = self.seats.get(device).map(|seat| Seat::clone(seat)).ok_or(NothingReason::NotMember)?;
        seat.member.user = user;
        self.put_seat(seat);
        Ok(())
    }

    fn group_add(&mut self, group: &GroupName, peer: PeerId) -> Outcome {
        if !self.seats.contains(&peer) {
            return Err(NothingReason::NotMember);
        }
        let mut peers = match self.groups.get(group) {
            None if self.groups.len() >= GROUPS_MAX => return Err(NothingReason::GroupsFull),
            known => known.cloned().unwrap_or_default(),
        };
        if peers.contains(&peer) {
            return Err(NothingReason::AlreadyInGroup);
        }
        Arc::make_mut(&mut peers).insert(peer);
        self.groups.insert(group.clone(), peers);
        self.tally.add(&super::digest::grouped(group, &peer));
        Ok(())
    }

    fn group_remove(&mut self, group: &GroupName, peer: &PeerId) -> Outcome {
        let peers = self.groups.get(group).filter(|peers| peers.contains(peer));
        let mut peers = peers.cloned().ok_or(NothingReason::NotInGroup)?;
        Arc::make_mut(&mut peers).remove(peer);
        if peers.is_empty() {
            self.groups.remove(group);
        } else {
            self.groups.insert(group.clone(), peers);
        }
        self.tally.subtract(&super::digest::grouped(group, peer));
        Ok(())
    }

    fn suggest(&mut self, suggestion: Suggestion) -> Outcome {
        if self.suggestions.len() >= SUGGESTIONS_MAX {
            return Err(NothingReason::SuggestionsFull);
        }
        self.tally.add(&suggestion.digest_item());
        Arc::make_mut(&mut self.suggestions).push(suggestion);
        Ok(())
    }

    /// All changes of members go through here, so that the digest follows.
    fn put_seat(&mut self, seat: Seat) {
        self.tally.add(&seat.member.digest_item());
        if let Some(old) = self.seats.insert(seat.member.peer, Arc::new(seat)) {
            self.tally.subtract(&old.member.digest_item());
        }
    }

    /// All changes of invites go through here, so that the digest follows.
    fn put_invite(&mut self, invite: InviteState) {
        self.tally.add(&invite.digest_item());
        if let Some(old) = self.invites.insert(invite.key, Arc::new(invite)) {
            self.tally.subtract(&old.digest_item());
        }
    }
}

/// A setting is what the entry with the highest key says, wherever it stands in the order.
fn set<T>(by: &mut Option<Key>, key: Key, value: &mut T, new: T) -> Outcome {
    if by.is_none_or(|by| by < key) {
        *by = Some(key);
        *value = new;
    }
    Ok(())
}
