//! The one place where rosters become what is in force: policy and names, who may link, who is synced with, what peers are
//! told, what may be read of what is published, and the device's addresses.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    net::{IpAddr, Ipv4Addr},
    time::Instant,
};

use super::{Core, Network};
use crate::{
    dns::{Host, Zone},
    host::TunnelWanted,
    ident::{PeerId, RoomId, mesh_v4, mesh_v6},
    ledger::Member,
    plane::Snapshot,
    route::RouteTable,
};

/// Candidates of an address before a first network has settled it; the first that may be held.
const INDEXES_TRIED: u32 = 64;

impl Core {
    /// Makes the present rosters count.
    pub(super) fn apply(&mut self) {
        self.dirty = false;
        self.conflicts.clear();
        let own_v4 = self.own_v4();
        let own_v6 = mesh_v6(&self.me);
        let claims =
            self.live_networks().flat_map(|network| network.ledger.roster().members()).filter(|m| m.peer != self.me);
        let routes: RouteTable = claims
            .flat_map(|m| {
                self.v4_of(m).map(|v4| (IpAddr::V4(v4), m.peer)).into_iter().chain([(IpAddr::V6(m.v6), m.peer)])
            })
            .collect();
        self.conflicts.extend(routes.refused().iter().map(|(address, peer)| {
            format!(
                "{address} of {} is taken by another member or not a mesh address; it is not reachable there",
                peer.short()
            )
        }));
        self.accept_by_itself();
        let rules = self.ruleset();
        let handles: BTreeMap<u16, RoomId> =
            self.live_networks().map(|network| (network.handle, network.room())).collect();
        self.live.replace(Snapshot {
            own_v4,
            own_v6,
            routes,
            zone: self.zone(),
            rules,
            handles,
            shared: self.shared(),
        });
        self.names.control.want(self.names_wanted());
        let up = self.wanted_up || self.names.holds_tunnel();
        self.tunnel.want(TunnelWanted { up, shape: self.config.shape(), v4: own_v4, v6: own_v6 });

        let members: BTreeSet<PeerId> = self
            .live_networks()
            .flat_map(|network| network.ledger.roster().members())
            .map(|member| member.peer)
            .filter(|peer| *peer != self.me)
            .collect();
        self.wanted_since.retain(|peer, _| members.contains(peer));
        self.last_seen.retain(|peer, _| members.contains(peer));
        for peer in &members {
            self.wanted_since.entry(*peer).or_insert_with(Instant::now);
        }
        // Told first: a link that ends with this still carries what its peer needs to know.
        self.pair_up();
        for link in self.mesh.links().all() {
            self.tell(&link);
        }
        self.mesh.replace_members(&members);

        self.prune_knocks();
        self.drop_network_keys();
        self.review_duties();
        self.review_publication();
    }

    /// The networks that each peer shares with this node, in the order in which both try them.
    fn shared(&self) -> HashMap<PeerId, Vec<RoomId>> {
        let mut shared: HashMap<PeerId, Vec<RoomId>> = HashMap::new();
        for network in self.live_networks() {
            for member in network.ledger.roster().members().filter(|member| member.peer != self.me) {
                shared.entry(member.peer).or_default().push(network.room());
            }
        }
        for (peer, rooms) in &mut shared {
            // What a linked peer has not named, it would not take packets of.
            if rooms.iter().any(|room| self.has_named(peer, *room)) {
                rooms.retain(|room| self.has_named(peer, *room));
            }
        }
        shared
    }

    /// Those that the peer shares, as [`Core::shared`] has them.
    pub(super) fn shared_rooms(&self, peer: &PeerId) -> Vec<RoomId> {
        self.live.snapshot().shared.get(peer).cloned().unwrap_or_default()
    }

    /// The networks that this node takes part in.
    pub(super) fn live_networks(&self) -> impl Iterator<Item = &Network> {
        self.networks.iter().filter(|network| network.is_live(&self.me))
    }

    /// The IPv4 address at which a member can be reached.
    pub(super) fn v4_of(&self, member: &Member) -> Option<Ipv4Addr> {
        let without = if member.peer == self.me { self.ipv6_only } else { self.ipv6_only_peers.contains(&member.peer) };
        member.v4.filter(|_| !without)
    }

    /// The IPv4 address of this node: what the first network has settled, or the first candidate.
    fn own_v4(&mut self) -> Option<Ipv4Addr> {
        if self.ipv6_only {
            return None;
        }
        let held: Vec<Ipv4Addr> =
            self.live_networks().filter_map(|network| network.ledger.roster().get(&self.me)?.v4).collect();
        if held.iter().collect::<BTreeSet<_>>().len() > 1 {
            self.conflicts.push(
                "this node's IPv4 address differs between its networks; only the first network's is in use".to_owned(),
            );
        }
        held.first().copied().or_else(|| (0..INDEXES_TRIED).find_map(|index| mesh_v4(&self.me, index)))
    }

    fn zone(&self) -> Zone {
        let hosts = self.live_networks().flat_map(|network| {
            network.ledger.roster().members().map(|member| Host {
                host: member.hostname.clone(),
                network: network.name().clone(),
                v4: self.v4_of(member),
                v6: member.v6,
            })
        });
        Zone::new(hosts).with_aliases(self.zone_aliases())
    }
}
