//! `up` and `down`: what the user wants of the data plane, remembered across restarts.

use ray_ipc::control::{ErrorCode, ErrorReply, Reply, TunStatus, UpReply};
use tokio::{sync::watch, time::timeout};

use super::{Answer, Core, TUNNEL_TIMEOUT, answer, failure};
use crate::{
    host::{Tun, TunnelState},
    store::Settings,
};

impl Core {
    pub(super) async fn up(&mut self, answer: Answer) {
        let was_up = matches!(*self.tunnel.state().borrow(), TunnelState::Up(_));
        if let Err(error) = self.want_up(true) {
            return answer::send(&answer, Reply::Error(error)).await;
        }
        // Whatever failed before counts no more: the user may have put it right.
        let mut state = self.tunnel.state();
        state.mark_unchanged();
        self.tunnel.nudge();
        tokio::spawn(async move {
            let reply = match timeout(TUNNEL_TIMEOUT, settled(&mut state, was_up)).await {
                Ok(reply) => reply,
                Err(_) => Reply::Error(not_up(&state.borrow())),
            };
            answer::send(&answer, reply).await;
        });
    }

    pub(super) async fn down(&mut self, answer: Answer) {
        let mut state = self.tunnel.state();
        let was_up = matches!(*state.borrow(), TunnelState::Up(_));
        if let Err(error) = self.want_up(false) {
            return answer::send(&answer, Reply::Error(error)).await;
        }
        tokio::spawn(async move {
            let down = state.wait_for(|state| *state == TunnelState::Down);
            let reply = match timeout(TUNNEL_TIMEOUT, down).await {
                Ok(_) => Reply::Down { was_up },
                Err(_) => Reply::Error(failure::fail(ErrorCode::Timeout, "the tunnel does not go down", "")),
            };
            answer::send(&answer, reply).await;
        });
    }

    fn want_up(&mut self, up: bool) -> super::Result<()> {
        if self.wanted_up != up {
            tokio::task::block_in_place(|| self.store.save_settings(&Settings { up }))
                .map_err(|error| failure::store(&error))?;
            self.wanted_up = up;
            self.names.tunnel_wanted(up);
        }
        self.apply();
        Ok(())
    }
}

/// Waits until the tunnel is up, or the next attempt has failed.
async fn settled(state: &mut watch::Receiver<TunnelState>, was_up: bool) -> Reply {
    loop {
        if let TunnelState::Up(tun) = &*state.borrow_and_update() {
            return Reply::Up(UpReply { was_up, tun: tun_status(tun) });
        }
        if state.changed().await.is_err() {
            return Reply::Error(failure::shutting_down());
        }
        if let failed @ TunnelState::Failed { .. } = &*state.borrow() {
            return Reply::Error(not_up(failed));
        }
    }
}

pub(super) fn tun_status(tun: &Tun) -> TunStatus {
    TunStatus {
        ifname: tun.ifname.clone(),
        mtu: tun.mtu,
        queues: tun.queues,
        offload: tun.offload,
        v4: tun.v4,
        v6: tun.v6,
    }
}

/// Why there is no tunnel, and what to do about it.
pub(super) fn not_up(state: &TunnelState) -> ErrorReply {
    match state {
        TunnelState::Down => failure::fail(ErrorCode::Other, "the tunnel is down", "bring it up with `ray up`"),
        TunnelState::Failed { helper_reachable: false, reason } => failure::fail(
            ErrorCode::NotRunning,
            format!("the helper is not running: {reason}"),
            "start it: systemctl start rayfish-helper; the tunnel then comes up by itself",
        ),
        TunnelState::Failed { helper_reachable: true, reason } => failure::refused(
            format!("the helper did not set the tunnel up: {reason}"),
            "see /etc/rayfish/helper.toml and the helper's log",
        ),
        TunnelState::Starting | TunnelState::Up(_) => {
            failure::fail(ErrorCode::Timeout, "the tunnel is still being set up", "try again in a moment")
        }
    }
}
