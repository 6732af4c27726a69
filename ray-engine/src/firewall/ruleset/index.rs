//! Finds the rule that decides without a walk through all: by whom it is about, then by port. Only rules without ports
//! or with ranges are tried one after another.

use std::collections::HashMap;

use super::super::rule::{Action, Direction, PeerSelector, Protocol, Rule};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{GroupName, UserKey},
};

#[derive(Debug, Clone, Default)]
pub(super) struct Index {
    devices: HashMap<PeerId, Bucket>,
    users: HashMap<UserKey, Bucket>,
    groups: HashMap<RoomId, HashMap<GroupName, Bucket>>,
    any: Bucket,
}

/// The rules about one peer, user or group, or about anybody.
#[derive(Debug, Clone, Copy)]
pub(super) enum Level<'a> {
    Device(PeerId),
    User(UserKey),
    Group(RoomId, &'a GroupName),
    Any,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Query {
    pub(super) direction: Direction,
    pub(super) protocol: Protocol,
    pub(super) port: Option<u16>,
    pub(super) network: RoomId,
}

/// In each list, denies come first, then the user's own rules, then the order of the list that was compiled.
#[derive(Debug, Clone, Default)]
struct Bucket {
    single: HashMap<(Direction, Protocol, u16), Vec<Entry>>,
    wide: Vec<(Entry, Wide)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Entry {
    allows: bool,
    suggested: bool,
    at: usize,
    network: Option<RoomId>,
}

#[derive(Debug, Clone)]
struct Wide {
    direction: Direction,
    protocol: Protocol,
    /// `None` = all.
    range: Option<(u16, u16)>,
}

impl Index {
    pub(super) fn new<'a>(rules: impl Iterator<Item = (usize, &'a Rule)>) -> Self {
        let mut index = Self::default();
        for (at, rule) in rules {
            let bucket = match &rule.peer {
                PeerSelector::Device(peer) => index.devices.entry(*peer).or_default(),
                PeerSelector::User(user) => index.users.entry(*user).or_default(),
                PeerSelector::Group(group) => match rule.network {
                    Some(network) => index.groups.entry(network).or_default().entry(group.clone()).or_default(),
                    // Nobody is in a group of no network.
                    None => continue,
                },
                PeerSelector::Any => &mut index.any,
            };
            bucket.put(at, rule);
        }
        let groups = index.groups.values_mut().flat_map(HashMap::values_mut);
        for bucket in index.devices.values_mut().chain(index.users.values_mut()).chain(groups).chain([&mut index.any]) {
            bucket.sort();
        }
        index
    }

    /// The rule of this level that counts, if one matches; of the user's own denies only, if asked so.
    pub(super) fn find(&self, level: Level<'_>, query: Query, only_own_denies: bool) -> Option<usize> {
        let bucket = match level {
            Level::Device(peer) => self.devices.get(&peer),
            Level::User(user) => self.users.get(&user),
            Level::Group(network, group) => self.groups.get(&network).and_then(|groups| groups.get(group)),
            Level::Any => Some(&self.any),
        };
        let counts = |entry: &Entry| {
            entry.network.is_none_or(|network| network == query.network)
                && !(only_own_denies && (entry.allows || entry.suggested))
        };
        let bucket = bucket?;
        let single = query.port.and_then(|port| bucket.single.get(&(query.direction, query.protocol, port)));
        let single = single.and_then(|entries| entries.iter().find(|entry| counts(entry)));
        let wide = bucket.wide.iter().find(|(entry, wide)| wide.matches(query) && counts(entry));
        single.into_iter().chain(wide.map(|(entry, _)| entry)).min().map(|entry| entry.at)
    }
}

impl Bucket {
    fn put(&mut self, at: usize, rule: &Rule) {
        let allows = match rule.action {
            Action::Allow => true,
            Action::Deny => false,
        };
        let entry = Entry { allows, suggested: !rule.is_local(), at, network: rule.network };
        let (direction, protocol) = (rule.direction, rule.protocol);
        if rule.ports.is_all() {
            self.wide.push((entry, Wide { direction, protocol, range: None }));
        }
        for range in rule.ports.ranges() {
            if range.first() == range.last() {
                self.single.entry((direction, protocol, range.first())).or_default().push(entry);
            } else {
                self.wide.push((entry, Wide { direction, protocol, range: Some((range.first(), range.last())) }));
            }
        }
    }

    fn sort(&mut self) {
        self.single.values_mut().for_each(|entries| entries.sort_unstable());
        self.wide.sort_by_key(|(entry, _)| *entry);
    }
}

impl Wide {
    fn matches(&self, query: Query) -> bool {
        let in_range = |(first, last): (u16, u16)| query.port.is_some_and(|port| (first..=last).contains(&port));
        self.direction == query.direction && self.protocol.covers(query.protocol) && self.range.is_none_or(in_range)
    }
}
