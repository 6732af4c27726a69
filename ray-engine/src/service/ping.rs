//! `ping`: echo requests that enter where the device's packets enter, are answered by the peer's kernel behind its own
//! device, and are taken out just before this host's device.

use std::{
    net::{IpAddr, Ipv6Addr},
    sync::Arc,
    time::{Duration, Instant},
};

use ray_ipc::{
    control::{ErrorReply, PathState, PingReply, PingRequest, PingSummary, Reply},
    limits::PING_COUNT_MAX,
};
use tokio::time::{sleep, timeout};

use super::{
    Answer, Core, Inject, answer, failure,
    status::{micros, path_state},
    tunnel::not_up,
};
use crate::{
    firewall::Denied, host::TunnelState, ident::PeerId, mesh::Mesh, packet::icmp, plane::DropReason, probe::Probes,
};

/// What an ordinary ping carries.
const PAYLOAD: [u8; 56] = [0x5a; 56];
/// Below this a ping is a flood.
const INTERVAL_MIN_MS: u32 = 10;
const TIMEOUT_MAX_MS: u32 = 60_000;

/// One run of echo requests.
struct Run {
    peer: PeerId,
    name: String,
    source: IpAddr,
    destination: IpAddr,
    count: u32,
    interval: Duration,
    timeout: Duration,
    mesh: Mesh,
    probes: Arc<Probes>,
    inject: Inject,
}

impl Core {
    pub(super) async fn ping(&self, request: PingRequest, answer: Answer) {
        match self.prepare_ping(&request) {
            Ok(run) => {
                tokio::spawn(run.run(answer));
            }
            Err(error) => answer::send(&answer, Reply::Error(error)).await,
        }
    }

    fn prepare_ping(&self, request: &PingRequest) -> super::Result<Run> {
        if !(1..=PING_COUNT_MAX).contains(&request.count) {
            return Err(failure::usage(format!("count {}: not in 1 to {PING_COUNT_MAX}", request.count), ""));
        }
        let (network, member) = self.member(&request.target)?;
        if member.peer == self.me {
            return Err(failure::usage(format!("{} is this node", request.target), "name another member"));
        }
        let state = self.tunnel.state().borrow().clone();
        if !matches!(state, TunnelState::Up(_)) {
            return Err(not_up(&state));
        }
        let snapshot = self.live.snapshot();
        let by_v6 = request.v6 || request.target.parse::<Ipv6Addr>().is_ok();
        let (source, destination) = match (snapshot.own_v4, self.v4_of(member)) {
            (Some(own), Some(theirs)) if !by_v6 => (IpAddr::V4(own), IpAddr::V4(theirs)),
            _ => (IpAddr::V6(snapshot.own_v6), IpAddr::V6(member.v6)),
        };
        Ok(Run {
            peer: member.peer,
            name: format!("{}.{network}.ray", member.hostname),
            source,
            destination,
            count: request.count,
            interval: Duration::from_millis(request.interval_ms.max(INTERVAL_MIN_MS).into()),
            timeout: Duration::from_millis(request.timeout_ms.clamp(1, TIMEOUT_MAX_MS).into()),
            mesh: self.mesh.clone(),
            probes: self.probes.clone(),
            inject: self.inject.clone(),
        })
    }
}

impl Run {
    async fn run(self, answer: Answer) {
        let [low, high, ..] = crate::mesh::random_key();
        let id = u16::from_le_bytes([low, high]);
        let (mut rtts, mut sent) = (Vec::new(), 0);
        for seq in 1..=self.count {
            let started = Instant::now();
            let rtt = match self.once(id, seq).await {
                Ok(rtt) => rtt,
                Err(denied) => return answer::send(&answer, Reply::Error(self.forbidden(denied))).await,
            };
            sent += 1;
            rtts.extend(rtt);
            let reply = PingReply { seq, rtt_us: rtt.map(micros), path: self.path() };
            if answer.send(Reply::Ping(reply)).await.is_err() {
                return;
            }
            if seq < self.count {
                sleep(self.interval.saturating_sub(started.elapsed())).await;
            }
        }
        answer::send(&answer, Reply::PingDone(self.summary(sent, &rtts))).await;
    }

    /// Sends one request and waits for its answer; `None` without one, an error where this host's own firewall forbids it.
    async fn once(&self, id: u16, seq: u32) -> Result<Option<Duration>, Denied> {
        match self.exchange(id, seq).await {
            Ok(rtt) => Ok(Some(rtt)),
            Err(Some(DropReason::Firewall(denied))) => Err(denied),
            Err(_) => Ok(None),
        }
    }

    /// The error says why the request was dropped here, if it was.
    async fn exchange(&self, id: u16, seq: u32) -> Result<Duration, Option<DropReason>> {
        // Sequence numbers wrap, as they do in every ping.
        let [low, high, ..] = seq.to_le_bytes();
        let seq = u16::from_le_bytes([low, high]);
        let awaited = self.probes.expect(self.peer, id, seq).ok_or(None)?;
        let packet = icmp::echo_request(self.source, self.destination, id, seq, &PAYLOAD).ok_or(None)?;
        let sent = Instant::now();
        match (self.inject)(&packet) {
            Ok(()) => {}
            Err(DropReason::NoLink) => {
                self.mesh.hurry(&self.peer);
                timeout(self.timeout, self.mesh.links().wait_for(&self.peer)).await.map_err(|_| None)?;
                (self.inject)(&packet).map_err(Some)?;
            }
            Err(reason) => {
                tracing::debug!(reason = reason.name(), "an echo request was dropped");
                return Err(Some(reason));
            }
        }
        let awaited = timeout(self.timeout.saturating_sub(sent.elapsed()), awaited);
        let arrived = awaited.await.ok().and_then(Result::ok).ok_or(None)?;
        Ok(arrived.saturating_duration_since(sent))
    }

    fn forbidden(&self, denied: Denied) -> ErrorReply {
        failure::refused(
            format!("this host's own firewall forbids echo requests to {}: {denied}", self.name),
            format!("see which rule decides: ray firewall test {} icmp --out", self.name),
        )
    }

    fn path(&self) -> PathState {
        self.mesh.links().get(&self.peer).map_or(PathState::Absent, |link| path_state(link.path().0))
    }

    fn summary(&self, sent: u32, rtts: &[Duration]) -> PingSummary {
        let received = u32::try_from(rtts.len()).unwrap_or(u32::MAX);
        let average = rtts.iter().sum::<Duration>().checked_div(received);
        PingSummary {
            peer: self.name.clone(),
            address: self.destination.to_string(),
            sent,
            received,
            min_us: rtts.iter().min().copied().map(micros),
            avg_us: average.map(micros),
            max_us: rtts.iter().max().copied().map(micros),
            path: self.path(),
        }
    }
}
