//! Who had which host name at a point of the history, and who made which invite: what makes plain words of ids.
//!
//! Follows the fold's rules for names; only words depend on it.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    ident::{Hostname, PeerId},
    ledger::{Action, InviteKey, VerifiedEntry},
};

/// The first suffix that is tried.
const SUFFIX_FIRST: u32 = 2;

/// What the entries up to some point say.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// The last name of everybody who ever had or wished for one.
    known: BTreeMap<PeerId, Hostname>,
    seated: BTreeMap<PeerId, Seat>,
    held: BTreeMap<Hostname, PeerId>,
    /// By what stands before the suffix: all suffixes below this number are held.
    lowest: BTreeMap<String, u32>,
    invites: BTreeMap<InviteKey, Minted>,
    coordinators: BTreeSet<PeerId>,
}

#[derive(Debug)]
struct Seat {
    hostname: Hostname,
    bound: bool,
}

#[derive(Debug)]
struct Minted {
    by: PeerId,
    hostname: Option<Hostname>,
}

impl Names {
    /// The host name of the peer now, or its last one; the beginning of its id if it never had one.
    pub(super) fn of(&self, peer: &PeerId) -> String {
        self.known.get(peer).map_or_else(|| peer.short(), ToString::to_string)
    }

    /// Who made the invite.
    pub(super) fn minter(&self, invite: &InviteKey) -> Option<String> {
        self.invites.get(invite).map(|minted| self.of(&minted.by))
    }

    /// Takes the next entry of the fold order in. `counted` tells whether it had an effect.
    pub(super) fn follow(&mut self, entry: &VerifiedEntry, counted: bool) {
        if counted {
            return self.apply(entry);
        }
        // Whoever never got a seat is called as it wished to be.
        if let Action::Redeem { joiner: peer, hostname, .. }
        | Action::Welcome { joiner: peer, hostname, .. }
        | Action::Admit { member: peer, hostname } = entry.action()
        {
            self.known.entry(*peer).or_insert_with(|| hostname.clone());
        }
    }

    fn apply(&mut self, entry: &VerifiedEntry) {
        match entry.action() {
            Action::Genesis { founder, hostname, .. } => {
                self.coordinators.insert(*founder);
                self.seat(*founder, hostname, false);
            }
            Action::MintInvite { invite, hostname, .. } => {
                let minted = Minted { by: entry.author(), hostname: hostname.clone() };
                self.invites.entry(*invite).or_insert(minted);
            }
            Action::Redeem { invite, joiner, hostname, .. } => {
                let given = self.invites.get(invite).and_then(|minted| minted.hostname.clone());
                self.seat(*joiner, given.as_ref().unwrap_or(hostname), given.is_some());
            }
            Action::Admit { member: peer, hostname } | Action::Welcome { joiner: peer, hostname, .. } => {
                self.seat(*peer, hostname, false);
            }
            Action::Leave => self.unseat(&entry.author()),
            Action::Remove { member } => self.unseat(member),
            Action::Rename { member, hostname } => {
                let bound = entry.author() != *member || self.coordinators.contains(member);
                self.unname(member);
                self.seat(*member, hostname, bound);
            }
            Action::Grant { member } => {
                self.coordinators.insert(*member);
            }
            Action::Revoke { member } => {
                self.coordinators.remove(member);
            }
            Action::RevokeInvite { .. }
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
            | Action::Withdraw { .. }
            | Action::Unknown { .. } => {}
        }
    }

    fn seat(&mut self, peer: PeerId, wish: &Hostname, bound: bool) {
        let hostname = match self.held.get(wish).copied() {
            None => wish.clone(),
            Some(holder) if bound && self.seated.get(&holder).is_some_and(|seat| !seat.bound) => {
                let other = self.variant(wish);
                self.hold(holder, other, false);
                wish.clone()
            }
            Some(_) => self.variant(wish),
        };
        self.hold(peer, hostname, bound);
    }

    fn hold(&mut self, peer: PeerId, hostname: Hostname, bound: bool) {
        self.held.insert(hostname.clone(), peer);
        self.known.insert(peer, hostname.clone());
        self.seated.insert(peer, Seat { hostname, bound });
    }

    fn unseat(&mut self, peer: &PeerId) {
        self.coordinators.remove(peer);
        self.unname(peer);
    }

    fn unname(&mut self, peer: &PeerId) {
        let Some(seat) = self.seated.remove(peer) else { return };
        self.held.remove(&seat.hostname);
        let Some((base, suffix)) = seat.hostname.as_str().rsplit_once('-') else { return };
        if let (Some(lowest), Ok(number)) = (self.lowest.get_mut(base), suffix.parse::<u32>()) {
            *lowest = (*lowest).min(number.max(SUFFIX_FIRST));
        }
    }

    /// The lowest free variant of a held name.
    fn variant(&mut self, wish: &Hostname) -> Hostname {
        let first = wish.with_suffix(SUFFIX_FIRST);
        let base = first.as_str().rsplit_once('-').map_or("", |(base, _)| base);
        let lowest = self.lowest.entry(base.to_owned()).or_insert(SUFFIX_FIRST);
        loop {
            let name = wish.with_suffix(*lowest);
            *lowest += 1;
            if !self.held.contains_key(&name) {
                return name;
            }
        }
    }
}
