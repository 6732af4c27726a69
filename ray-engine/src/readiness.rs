//! Tells the service manager how the engine is: ready when its address can be used, alive while its service answers.
//! Layer 6. Without a manager (`sd_notify(3)`) nobody is told.

use std::{
    env,
    net::{IpAddr, UdpSocket},
    time::Duration,
};

use sd_notify::NotifyState;
use tokio::{
    sync::watch,
    time::{interval, sleep, timeout},
};

use crate::{
    host::{Tun, TunnelState},
    service::Service,
};

/// Between looks whether the address is there: the kernel announces it to nobody.
const LOOK: Duration = Duration::from_millis(100);

/// Begins to tell. Started services may count on the mesh address once the engine is ready.
pub fn start(state: watch::Receiver<TunnelState>, service: Service) {
    if env::var_os("NOTIFY_SOCKET").is_none() {
        return;
    }
    tokio::spawn(announce(state));
    if let Some(limit) = sd_notify::watchdog_enabled() {
        tokio::spawn(beat(limit / 2, service));
    }
}

/// Tells that the engine ends.
pub fn stopping() {
    tell(&[NotifyState::Stopping]);
}

async fn announce(mut state: watch::Receiver<TunnelState>) {
    let mut ready = false;
    loop {
        let now = state.borrow_and_update().clone();
        tell(&[NotifyState::Status(&words(&now))]);
        while !ready && matches!(now, TunnelState::Up(_)) && !is_ready(&now) && !state.has_changed().unwrap_or(true) {
            sleep(LOOK).await;
        }
        if !ready && is_ready(&now) {
            ready = true;
            tell(&[NotifyState::Ready]);
        }
        if state.changed().await.is_err() {
            return;
        }
    }
}

/// Says that the engine is alive for as long as the service, which owns everything, comes to answer.
async fn beat(period: Duration, service: Service) {
    let mut ticks = interval(period);
    loop {
        ticks.tick().await;
        match timeout(period, service.pulse()).await {
            Ok(true) => tell(&[NotifyState::Watchdog]),
            Ok(false) => return,
            Err(_) => tracing::error!("the service does not answer"),
        }
    }
}

/// Where no tunnel is wanted there is no address to wait for.
fn is_ready(state: &TunnelState) -> bool {
    match state {
        TunnelState::Down => true,
        TunnelState::Up(tun) => addresses(tun).all(is_bindable),
        TunnelState::Starting | TunnelState::Failed { .. } => false,
    }
}

fn addresses(tun: &Tun) -> impl Iterator<Item = IpAddr> {
    tun.v4.map(IpAddr::V4).into_iter().chain([IpAddr::V6(tun.v6)])
}

/// Tried, not concluded: what counts is that a service that binds it can.
fn is_bindable(address: IpAddr) -> bool {
    UdpSocket::bind((address, 0)).is_ok()
}

fn words(state: &TunnelState) -> String {
    match state {
        TunnelState::Down => "no tunnel is wanted".to_owned(),
        TunnelState::Starting => "setting the tunnel up".to_owned(),
        TunnelState::Up(Tun { ifname, unattended: None, .. }) => format!("tunnel up: {ifname}"),
        TunnelState::Up(Tun { ifname, unattended: Some(reason), .. }) => {
            format!("tunnel up: {ifname}, without a helper: {reason}")
        }
        TunnelState::Failed { reason, .. } => format!("no tunnel: {reason}"),
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::warn!(%error, "telling the service manager");
    }
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;
    use crate::host::Shape;

    #[test]
    fn is_ready_when_every_address_can_be_bound_or_none_is_wanted() {
        let tun = |v4, v6| {
            TunnelState::Up(Tun {
                ifname: "ray0".to_owned(),
                mtu: 1280,
                queues: 1,
                offload: true,
                v4,
                v6,
                outside: Vec::new(),
                shape: Shape { mtu: 1280, queues: 1, offload: true },
                unattended: None,
            })
        };
        assert!(is_ready(&TunnelState::Down));
        assert!(is_ready(&tun(Some(Ipv4Addr::LOCALHOST), Ipv6Addr::LOCALHOST)));
        assert!(is_ready(&tun(None, Ipv6Addr::LOCALHOST)));
        // Documentation addresses: no host has them.
        assert!(!is_ready(&tun(Some(Ipv4Addr::new(192, 0, 2, 1)), Ipv6Addr::LOCALHOST)));
        assert!(!is_ready(&tun(None, Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1))));
        assert!(!is_ready(&TunnelState::Starting));
        assert!(!is_ready(&TunnelState::Failed { helper_reachable: true, reason: String::new() }));
    }
}
