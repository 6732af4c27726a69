//! The rules of `docs/ledger.md` written down as plainly as they can be: every past is a set, every fold begins anew,
//! nothing is remembered between two questions. Slow, and sharing nothing with the engine but the entries, the
//! addresses and the host names.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::Ipv4Addr,
};

use ray_engine::{
    ident::{Hostname, PeerId, UnixTime, mesh_v4},
    ledger::{Action, EntryId, InviteKey, VerifiedEntry},
};

pub(crate) type Past = BTreeSet<EntryId>;

/// A seat on the reference roster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) hostname: Hostname,
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) coordinator: bool,
    pub(crate) since: EntryId,
}

#[derive(Debug, Clone)]
pub(crate) struct Minted {
    pub(crate) uses: u32,
    pub(crate) used: u32,
    expires: UnixTime,
    hostname: Option<Hostname>,
}

#[derive(Debug, Clone, Default)]
pub(crate) struct State {
    pub(crate) seats: BTreeMap<PeerId, Seat>,
    pub(crate) invites: BTreeMap<InviteKey, Minted>,
}

/// All entries that were ever made, and those of them that stand.
pub(crate) struct Reference {
    entries: BTreeMap<EntryId, VerifiedEntry>,
    pub(crate) standing: BTreeMap<EntryId, Past>,
    genesis: EntryId,
    founder: PeerId,
}

impl Reference {
    pub(crate) fn new(entries: &[VerifiedEntry], genesis: &VerifiedEntry) -> Self {
        let Action::Genesis { founder, .. } = genesis.action() else { panic!("the first entry is a genesis") };
        let entries = entries.iter().map(|entry| (entry.id(), entry.clone())).collect();
        let mut this = Self { entries, standing: BTreeMap::new(), genesis: genesis.id(), founder: *founder };
        let mut refused = BTreeSet::new();
        loop {
            let decided = this.standing.len() + refused.len();
            for entry in this.entries.clone().into_values() {
                let id = entry.id();
                let complete = entry.parents().iter().all(|parent| this.standing.contains_key(parent));
                if !complete || this.standing.contains_key(&id) || refused.contains(&id) {
                    continue;
                }
                let past = this.past_below(entry.parents());
                if this.stands(&entry, &past) {
                    this.standing.insert(id, past);
                } else {
                    refused.insert(id);
                }
            }
            if this.standing.len() + refused.len() == decided {
                return this;
            }
        }
    }

    pub(crate) fn fold_all(&self) -> State {
        self.fold(&self.standing.keys().copied().collect())
    }

    pub(crate) fn heads(&self) -> Vec<EntryId> {
        let parents: BTreeSet<&EntryId> = self.standing.keys().flat_map(|id| self.entries[id].parents()).collect();
        self.standing.keys().filter(|id| !parents.contains(id)).copied().collect()
    }

    fn past_below(&self, parents: &[EntryId]) -> Past {
        let mut past: Past = parents.iter().copied().collect();
        for parent in parents {
            past.extend(&self.standing[parent]);
        }
        past
    }

    fn stands(&self, entry: &VerifiedEntry, past: &Past) -> bool {
        let author = entry.author();
        if self.all(past).any(|earlier| earlier.author() == author && earlier.counter() >= entry.counter()) {
            return false;
        }
        let rules = self.left_in(past, &self.founder).is_empty() && author == self.founder;
        match entry.action() {
            Action::Genesis { .. } => entry.id() == self.genesis,
            Action::MintInvite { .. } | Action::Admit { .. } => rules,
            Action::Redeem { invite: wanted, .. } => self.all(past).any(|earlier| match earlier.action() {
                Action::MintInvite { invite, expires, .. } => invite == wanted && entry.time() < *expires,
                _ => false,
            }),
            Action::Leave => {
                let leaves = self.left_in(past, &author);
                let seats = self.all(past).filter(|earlier| seated_by(earlier) == Some(author));
                let seated = seats
                    .map(VerifiedEntry::id)
                    .any(|seat| !leaves.iter().any(|leave| self.standing[leave].contains(&seat)));
                let state = self.fold(past);
                let abandons = rules && state.seats.contains_key(&author) && state.seats.len() > 1;
                seated && !abandons
            }
        }
    }

    fn fold(&self, set: &Past) -> State {
        let mut state = State::default();
        let mut done = Past::new();
        while done.len() < set.len() {
            let next = set
                .iter()
                .filter(|id| !done.contains(id))
                .find(|id| self.entries[id].parents().iter().all(|parent| done.contains(parent)))
                .expect("a past holds the parents of all it holds");
            done.insert(*next);
            self.apply(&mut state, &self.entries[next]);
        }
        state
    }

    fn apply(&self, state: &mut State, entry: &VerifiedEntry) {
        match entry.action() {
            Action::Genesis { founder, hostname, .. } => {
                state.seat(*founder, hostname, true, entry.id());
            }
            Action::MintInvite { invite, uses, expires, hostname } => {
                let minted = Minted { uses: *uses, used: 0, expires: *expires, hostname: hostname.clone() };
                state.invites.entry(*invite).or_insert(minted);
            }
            Action::Redeem { invite, hostname, .. } => {
                let Some(minted) = state.invites.get(invite).cloned() else { return };
                if minted.used == minted.uses || entry.time() >= minted.expires {
                    return;
                }
                if state.seat(entry.author(), minted.hostname.as_ref().unwrap_or(hostname), false, entry.id()) {
                    state.invites.get_mut(invite).unwrap().used += 1;
                }
            }
            Action::Admit { member, hostname } => {
                state.seat(*member, hostname, false, entry.id());
            }
            Action::Leave => {
                let past = &self.standing.get(&entry.id()).cloned().unwrap_or_default();
                if state.seats.get(&entry.author()).is_some_and(|seat| past.contains(&seat.since)) {
                    state.seats.remove(&entry.author());
                }
            }
        }
    }

    fn left_in(&self, past: &Past, peer: &PeerId) -> Vec<EntryId> {
        let leaves = self.all(past).filter(|entry| entry.author() == *peer && *entry.action() == Action::Leave);
        leaves.map(VerifiedEntry::id).collect()
    }

    fn all<'a>(&'a self, past: &'a Past) -> impl Iterator<Item = &'a VerifiedEntry> {
        past.iter().map(|id| &self.entries[id])
    }
}

impl State {
    fn seat(&mut self, peer: PeerId, wish: &Hostname, coordinator: bool, since: EntryId) -> bool {
        if self.seats.contains_key(&peer) {
            return false;
        }
        let variants = std::iter::once(wish.clone()).chain((2..).map(|number| wish.with_suffix(number)));
        let hostname =
            variants.into_iter().find(|name| self.seats.values().all(|seat| seat.hostname != *name)).unwrap();
        let mut addresses = (0..64).filter_map(|index| mesh_v4(&peer, index));
        let v4 = addresses.find(|address| self.seats.values().all(|seat| seat.v4 != Some(*address)));
        self.seats.insert(peer, Seat { hostname, v4, coordinator, since });
        true
    }
}

fn seated_by(entry: &VerifiedEntry) -> Option<PeerId> {
    match entry.action() {
        Action::Genesis { founder, .. } => Some(*founder),
        Action::Redeem { .. } => Some(entry.author()),
        Action::Admit { member, .. } => Some(*member),
        Action::MintInvite { .. } | Action::Leave => None,
    }
}
