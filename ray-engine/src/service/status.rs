//! `status` and `version`: everything there is to show, as it is at this moment.

use std::time::{Duration, Instant};

use data_encoding::HEXLOWER;
use nix::unistd::Uid;
use ray_ipc::control::{
    ConfinementStatus, DropCount, EngineInfo, HelperState, MemberState, MemberStatus, NetworkStatus, PathState,
    PublicationStatus, Standing, StatusReply, WaitingReply,
};

use super::{Core, Network, PublicationState, Waiting, mode::shown, tunnel::tun_status};
use crate::{
    host::TunnelState,
    ident::PeerId,
    ledger::Member,
    mesh::{Contact, LinkPath},
};

/// A first dial takes so long at the most before the peer counts as offline.
const CONNECTING: Duration = Duration::from_secs(15);

impl Core {
    pub(super) fn engine_info(&self) -> EngineInfo {
        EngineInfo {
            release: env!("CARGO_PKG_VERSION").to_owned(),
            endpoint_id: self.me.to_string(),
            pid: std::process::id(),
            uid: Uid::effective().as_raw(),
        }
    }

    pub(super) fn status(&self) -> StatusReply {
        let state = self.tunnel.state().borrow().clone();
        let (helper, tun) = match &state {
            TunnelState::Up(tun) => match &tun.unattended {
                None => (HelperState::Connected, Some(tun_status(tun))),
                Some(reason) => (HelperState::Missing { reason: reason.clone() }, Some(tun_status(tun))),
            },
            TunnelState::Failed { helper_reachable: false, reason } => {
                (HelperState::Missing { reason: reason.clone() }, None)
            }
            TunnelState::Failed { helper_reachable: true, .. } => (HelperState::Connected, None),
            TunnelState::Down | TunnelState::Starting => (HelperState::Idle, None),
        };
        let mut warnings: Vec<String> =
            self.conflicts.iter().chain(self.notices.iter().map(|(_, words)| words)).cloned().collect();
        warnings.extend(self.warnings.iter().chain(&self.config.warnings).cloned());
        if let (TunnelState::Failed { helper_reachable: true, reason }, true) = (&state, self.wanted_up) {
            warnings.push(format!("the tunnel is wanted but not up: {reason}"));
        }
        if let TunnelState::Up(tun) = &state {
            warnings.extend(self.outside_warnings(&tun.outside));
        }
        warnings.extend(self.names_warnings());
        warnings.extend(self.firewall_warnings());
        warnings.extend(self.networks.iter().flat_map(|network| self.network_warnings(network)));
        let drops = self.live.drops.snapshot().into_iter().filter(|(_, packets)| *packets > 0);
        StatusReply {
            engine: self.engine_info(),
            helper,
            wanted_up: self.wanted_up,
            tun,
            underlay: self.mesh.bound_sockets().iter().map(ToString::to_string).collect(),
            confinement: ConfinementStatus {
                landlock_abi: self.confinement.landlock_abi,
                missing: self.confinement.missing().into_iter().map(str::to_owned).collect(),
            },
            waiting: self.waiting().into_iter().map(waiting_reply).collect(),
            networks: self.networks.iter().map(|network| self.network_status(network)).collect(),
            drops: drops.map(|(reason, packets)| DropCount { reason: reason.to_owned(), packets }).collect(),
            warnings,
        }
    }

    fn network_status(&self, network: &Network) -> NetworkStatus {
        let (room, ledger) = (network.room(), &network.ledger);
        let roster = ledger.roster();
        let mut members: Vec<_> = roster.members().map(|member| self.member_status(network, member)).collect();
        members.sort_by(|a, b| a.hostname.cmp(&b.hostname));
        NetworkStatus {
            name: roster.name.to_string(),
            room_id: room.to_string(),
            hostname: roster.get(&self.me).map(|me| me.hostname.to_string()).unwrap_or_default(),
            coordinator: roster.is_coordinator(&self.me),
            members,
            mode: shown(roster.mode),
            standing: standing(network, &self.me),
            ephemeral_s: roster.ephemeral,
            entries: count(ledger.len()),
            unconfirmed: count(ledger.unanchored()),
            unknown_entries: count(ledger.unknown()),
            requests: count(self.knocks(room).len()),
            publication: publication(self.publication(room)),
        }
    }

    fn member_status(&self, network: &Network, member: &Member) -> MemberStatus {
        MemberStatus {
            hostname: member.hostname.to_string(),
            fqdn: format!("{}.{}.ray", member.hostname, network.name()),
            endpoint_id: member.peer.to_string(),
            v4: self.v4_of(member),
            v6: member.v6,
            coordinator: member.coordinator,
            me: member.peer == self.me,
            state: self.member_state(member),
        }
    }

    fn member_state(&self, member: &Member) -> MemberState {
        if member.peer == self.me {
            return MemberState::Me;
        }
        if let Some(contact) = self.mesh.links().contact(&member.peer) {
            return online(&contact);
        }
        let last_seen = self.last_seen.get(&member.peer).map(Instant::elapsed);
        let since = self.wanted_since.get(&member.peer).map(Instant::elapsed);
        if last_seen.is_none() && since.is_some_and(|since| since < CONNECTING) && self.mesh.dials(&member.peer) {
            return MemberState::Connecting;
        }
        MemberState::Offline { last_seen_s: last_seen.map(|ago| ago.as_secs()) }
    }
}

fn waiting_reply(waiting: Waiting) -> WaitingReply {
    WaitingReply { room_id: waiting.room.to_string(), hostname: waiting.hostname.to_string() }
}

fn standing(network: &Network, me: &PeerId) -> Standing {
    match network.standing(me) {
        super::Standing::Member => Standing::Member,
        super::Standing::Out(reason) => Standing::Out { reason },
        super::Standing::Ended(by) => Standing::Ended { by: network.ended_by().unwrap_or(by) },
    }
}

fn publication(state: PublicationState) -> PublicationStatus {
    PublicationStatus {
        discovery_key: HEXLOWER.encode(&state.discovery),
        publisher: state.publisher,
        seen_s: state.seen.map(|seen| seen.elapsed().as_secs()),
        error: state.error,
    }
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn online(contact: &Contact) -> MemberState {
    let ((path, rtt), traffic) = (contact.link.path(), contact.traffic);
    MemberState::Online {
        path: path_state(path),
        rtt_us: micros(rtt),
        since_s: contact.since.elapsed().as_secs(),
        tx_bytes: traffic.sent.bytes,
        rx_bytes: traffic.received.bytes,
        tx_packets: traffic.sent.packets,
        rx_packets: traffic.received.packets,
        lost_packets: traffic.lost,
    }
}

pub(super) fn path_state(path: LinkPath) -> PathState {
    match path {
        LinkPath::Direct(remote) => PathState::Direct { remote },
        LinkPath::Relay(url) => PathState::Relay { url },
        LinkPath::Unsettled => PathState::Unsettled,
    }
}

pub(super) fn micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
