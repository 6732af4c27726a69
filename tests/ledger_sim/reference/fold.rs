//! "The fold": entries that are not void, applied one after the other.

use std::{
    collections::{BTreeMap, BTreeSet},
    net::{Ipv4Addr, Ipv6Addr},
};

use ray_engine::{
    ident::{Hostname, PeerId, UnixTime, mesh_v4, mesh_v6},
    ledger::{Action, EntryId, GroupName, InviteKey, Mode, RuleText, Scope, UserKey},
};

use super::{Reference, Set, counting::Counted};

const EXPIRY_TOLERANCE_S: u64 = 24 * 3600;
const MEMBERS_MAX: usize = 10_000;
const INVITES_MAX: usize = 20_000;
const GROUPS_MAX: usize = 256;
const SUGGESTIONS_MAX: usize = 256;
const V4_CANDIDATES: u32 = 64;

/// All that the page says of a set of entries.
pub(crate) struct View {
    pub(crate) void: Set,
    pub(crate) ends: Vec<usize>,
    pub(crate) order: Vec<usize>,
    pub(crate) unanchored: Vec<usize>,
    pub(crate) name: String,
    pub(crate) seats: BTreeMap<PeerId, Seat>,
    /// Each with the entry that its coordinatorship rests on.
    pub(crate) coordinators: BTreeMap<PeerId, usize>,
    pub(crate) invites: BTreeMap<InviteKey, Minted>,
    pub(crate) groups: BTreeMap<GroupName, BTreeSet<PeerId>>,
    pub(crate) suggestions: BTreeMap<EntryId, (PeerId, Scope, RuleText)>,
    pub(crate) mode: Mode,
    pub(crate) epoch: Option<(EntryId, [u8; 32])>,
    pub(crate) discovery: [u8; 32],
    pub(crate) ephemeral: u32,
    pub(crate) dissolved: Option<EntryId>,
    /// Devices that their users took back.
    pub(super) taken_back: BTreeSet<(UserKey, PeerId)>,
    last_checkpoint: Option<UnixTime>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seat {
    pub(crate) hostname: Hostname,
    pub(crate) bound: bool,
    pub(crate) index: u32,
    pub(crate) v4: Option<Ipv4Addr>,
    pub(crate) v6: Ipv6Addr,
    pub(crate) since: EntryId,
    pub(crate) user: Option<UserKey>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Minted {
    pub(crate) uses: u32,
    pub(crate) used: u32,
    pub(crate) expires: UnixTime,
    pub(crate) hostname: Option<Hostname>,
    pub(crate) minted_by: PeerId,
    pub(crate) since: EntryId,
    pub(crate) revoked: bool,
}

impl Reference {
    pub(super) fn fold(&self, set: &Set) -> View {
        let mut view = View::new(self.count(set), self.room.0);
        for number in view.order.clone() {
            if !view.void.has(number) {
                self.apply(&mut view, number);
            }
        }
        self.set_registers(&mut view);
        if view.dissolved.is_some() {
            view.seats.clear();
        }
        view.coordinators = self.coordinators(&view);
        view
    }

    /// What the entry with the highest key says.
    fn set_registers(&self, view: &mut View) {
        let mut order: Vec<usize> = view.order.iter().copied().filter(|number| !view.void.has(*number)).collect();
        order.sort_by_key(|number| self.key(*number));
        for number in order {
            let entry = self.entry(number);
            match entry.action() {
                Action::SetMode { mode } => view.mode = *mode,
                Action::RotateEpoch { commitment } => view.epoch = Some((entry.id(), *commitment)),
                Action::Rekey { discovery } => view.discovery = *discovery,
                Action::SetEphemeral { seconds } => view.ephemeral = *seconds,
                Action::Dissolve => {
                    view.dissolved.get_or_insert(entry.id());
                }
                _ => {}
            }
        }
    }

    fn coordinators(&self, view: &View) -> BTreeMap<PeerId, usize> {
        let mut coordinators = BTreeMap::new();
        let mut order = view.order.clone();
        order.sort_by_key(|number| self.key(*number));
        for number in order {
            let named = match self.entry(number).action() {
                Action::Genesis { founder: member, .. } | Action::Grant { member } => *member,
                _ => continue,
            };
            let mut ends = view.ends.iter();
            let ended = ends.any(|end| self.ends_coordinatorship(*end) == Some(named) && self.knows(*end, number));
            if !view.void.has(number) && !ended && view.seats.contains_key(&named) {
                coordinators.entry(named).or_insert(number);
            }
        }
        if coordinators.is_empty() {
            let seats = view.seats.iter().map(|(peer, seat)| (self.numbers[&seat.since], *peer));
            coordinators.extend(seats.min_by_key(|(since, _)| self.key(*since)).map(|(since, peer)| (peer, since)));
        }
        coordinators
    }

    fn apply(&self, view: &mut View, number: usize) {
        let fact = &self.facts[number];
        let (entry, author) = (&fact.entry, fact.entry.author());
        let by_coordinator = fact.ground.is_some();
        let begins = matches!(entry.action(), Action::Genesis { .. });
        if !by_coordinator && !begins && !view.seats.contains_key(&author) {
            return;
        }
        match entry.action() {
            Action::Genesis { name, founder, hostname } => {
                view.name = name.as_str().to_owned();
                view.seat(*founder, hostname, false, entry.id());
            }
            Action::MintInvite { invite, uses, expires, hostname } => {
                let room = view.invites.len() < INVITES_MAX;
                if room && !view.invites.contains_key(invite) {
                    let (uses, expires, hostname) = (*uses, *expires, hostname.clone());
                    let since = entry.id();
                    let minted = Minted { uses, used: 0, expires, hostname, minted_by: author, since, revoked: false };
                    view.invites.insert(*invite, minted);
                }
            }
            Action::Redeem { invite, joiner, hostname, .. } => {
                let Some(minted) = view.invites.get(invite).cloned() else { return };
                let end = minted.expires.0.saturating_add(EXPIRY_TOLERANCE_S);
                let in_time = view.last_checkpoint.is_none_or(|time| time.0 < end);
                let wish = minted.hostname.as_ref().unwrap_or(hostname);
                let open = !minted.revoked && minted.used < minted.uses && in_time;
                if open && view.seat(*joiner, wish, minted.hostname.is_some(), entry.id()) {
                    view.invites.get_mut(invite).unwrap().used += 1;
                }
            }
            Action::Admit { member: joiner, hostname } | Action::Welcome { joiner, hostname, .. } => {
                view.seat(*joiner, hostname, false, entry.id());
            }
            Action::Leave => self.unseat(view, number, author),
            Action::Remove { member } => self.unseat(view, number, *member),
            Action::RevokeInvite { invite } => {
                if let Some(minted) = view.invites.get_mut(invite) {
                    minted.revoked = true;
                }
            }
            Action::Rename { member, hostname } => {
                let Some(mut seat) = view.seats.remove(member) else { return };
                if by_coordinator || !seat.bound {
                    seat.hostname = view.name_for(hostname, by_coordinator);
                    seat.bound = by_coordinator;
                }
                view.seats.insert(*member, seat);
            }
            Action::Checkpoint { .. } => view.last_checkpoint = Some(entry.time()),
            Action::CertifyDevice { user, .. } => {
                if !view.taken_back.contains(&(*user, author)) {
                    view.seats.get_mut(&author).unwrap().user = Some(*user);
                }
            }
            Action::RevokeDevice { user, device, .. } => {
                view.taken_back.insert((*user, *device));
                if let Some(seat) = view.seats.get_mut(device).filter(|seat| seat.user == Some(*user)) {
                    seat.user = None;
                }
            }
            Action::GroupAdd { group, member } => {
                let room = view.groups.contains_key(group) || view.groups.len() < GROUPS_MAX;
                if room && view.seats.contains_key(member) {
                    view.groups.entry(group.clone()).or_default().insert(*member);
                }
            }
            Action::GroupRemove { group, member } => view.ungroup(Some(group), member),
            Action::Suggest { scope, rule } => {
                if view.suggestions.len() < SUGGESTIONS_MAX {
                    view.suggestions.insert(entry.id(), (author, scope.clone(), rule.clone()));
                }
            }
            Action::Withdraw { suggestion } => {
                view.suggestions.remove(suggestion);
            }
            Action::Grant { .. }
            | Action::Revoke { .. }
            | Action::SetMode { .. }
            | Action::RotateEpoch { .. }
            | Action::Rekey { .. }
            | Action::SetEphemeral { .. }
            | Action::Dissolve
            | Action::Unknown { .. } => {}
        }
    }

    fn unseat(&self, view: &mut View, number: usize, peer: PeerId) {
        let seat = view.seats.get(&peer).map(|seat| self.numbers[&seat.since]);
        if seat.is_some_and(|seat| self.knows(number, seat)) {
            view.seats.remove(&peer);
            view.ungroup(None, &peer);
        }
    }
}

impl View {
    fn new(counted: Counted, discovery: [u8; 32]) -> Self {
        let Counted { ends, void, order, unanchored } = counted;
        Self {
            void,
            ends,
            order,
            unanchored,
            name: String::new(),
            seats: BTreeMap::new(),
            coordinators: BTreeMap::new(),
            invites: BTreeMap::new(),
            groups: BTreeMap::new(),
            suggestions: BTreeMap::new(),
            mode: Mode::Closed,
            epoch: None,
            discovery,
            ephemeral: 0,
            dissolved: None,
            taken_back: BTreeSet::new(),
            last_checkpoint: None,
        }
    }

    fn seat(&mut self, peer: PeerId, wish: &Hostname, bound: bool, since: EntryId) -> bool {
        if self.seats.contains_key(&peer) || self.seats.len() >= MEMBERS_MAX {
            return false;
        }
        let hostname = self.name_for(wish, bound);
        let free = |v4: &Ipv4Addr| self.seats.values().all(|seat| seat.v4 != Some(*v4));
        let address = (0..V4_CANDIDATES).find_map(|index| Some((index, mesh_v4(&peer, index).filter(free)?)));
        let (index, v4) = address.map_or((0, None), |(index, v4)| (index, Some(v4)));
        let v6 = mesh_v6(&peer);
        self.seats.insert(peer, Seat { hostname, bound, index, v4, v6, since, user: None });
        true
    }

    /// The name that whoever wishes for `wish` gets. A bound one takes it from a holder whose name is not bound.
    fn name_for(&mut self, wish: &Hostname, bound: bool) -> Hostname {
        let holder = self.seats.iter().find(|(_, seat)| seat.hostname == *wish).map(|(peer, _)| *peer);
        let Some(holder) = holder else { return wish.clone() };
        let held = |name: &Hostname| self.seats.values().any(|seat| seat.hostname == *name);
        let variant = (2..).map(|number| wish.with_suffix(number)).find(|name| !held(name)).unwrap();
        let seat = self.seats.get_mut(&holder).unwrap();
        if !bound || seat.bound {
            return variant;
        }
        seat.hostname = variant;
        wish.clone()
    }

    /// Takes a member out of a group, or out of all.
    fn ungroup(&mut self, only: Option<&GroupName>, member: &PeerId) {
        for (group, members) in &mut self.groups {
            if only.is_none_or(|only| only == group) {
                members.remove(member);
            }
        }
        self.groups.retain(|_, members| !members.is_empty());
    }
}
