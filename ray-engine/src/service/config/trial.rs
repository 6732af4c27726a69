//! Tries a setting of the device: the tunnel takes it, or it is taken back.

use ray_ipc::control::{ErrorReply, Reply, SettingEffect, SettingKey, SettingReply};
use tokio::{sync::watch, time::timeout};

use super::super::{Answer, Command, Core, Result, TUNNEL_TIMEOUT, answer, failure, tunnel::not_up};
use crate::{
    config::Choices,
    host::{Shape, Tun, TunnelState},
};

/// A change that has been tried.
#[derive(Debug)]
pub(in crate::service) struct Trial {
    pub(super) key: SettingKey,
    pub(super) before: Choices,
    pub(super) outcome: Result<SettingEffect>,
    pub(super) answer: Answer,
}

impl Core {
    /// Has the tunnel take `next`; what comes of that is heard later.
    pub(super) fn try_config(&mut self, key: SettingKey, next: Choices, answer: Answer) {
        let before = std::mem::replace(&mut self.config.set, next);
        self.config.trying = true;
        let (mut state, shape, commands) = (self.tunnel.state(), self.config.shape(), self.commands.clone());
        state.mark_unchanged();
        let was_up = matches!(*state.borrow(), TunnelState::Up(_) | TunnelState::Starting);
        self.apply();
        // What failed before may have failed of this setting.
        self.tunnel.nudge();
        tokio::spawn(async move {
            let outcome = match timeout(TUNNEL_TIMEOUT, taken(&mut state, shape, was_up)).await {
                Ok(outcome) => outcome,
                Err(_) => untaken(&state.borrow(), was_up),
            };
            let trial = Trial { key, before, outcome, answer };
            if let Some(commands) = commands.upgrade() {
                // An engine that shuts down has kept nothing, and said nothing.
                let _ = commands.send(Command::ConfigTried(Box::new(trial))).await;
            }
        });
    }

    /// Keeps what the tunnel has taken, and takes back what it has not.
    pub(in crate::service) async fn finish_config(&mut self, trial: Trial) {
        let Trial { key, before, outcome, answer } = trial;
        self.config.trying = false;
        let kept = match outcome {
            Ok(effect) => self.keep_config().map(|()| effect),
            Err(error) => {
                let message = format!("{}: {}", self.config.deed(key), error.message);
                Err(ErrorReply { message, ..error })
            }
        };
        let reply = match kept {
            Ok(effect) => {
                let changed = self.config.set.get(key) != before.get(key);
                Reply::Setting(Box::new(SettingReply { setting: self.config.status(key), changed, effect }))
            }
            Err(error) => {
                self.config.set = before;
                self.apply();
                Reply::Error(error)
            }
        };
        answer::send(&answer, reply).await;
    }
}

/// Waits until the tunnel runs in this shape, or it is clear that it does not at present.
async fn taken(state: &mut watch::Receiver<TunnelState>, shape: Shape, was_up: bool) -> Result<SettingEffect> {
    // A failure of before says nothing about this.
    let mut fresh = state.has_changed().unwrap_or(true);
    loop {
        let now = state.borrow_and_update().clone();
        match &now {
            TunnelState::Up(tun) if tun.shape == shape => return Ok(SettingEffect::InForce),
            TunnelState::Up(Tun { unattended: Some(_), .. }) | TunnelState::Down => return untaken(&now, was_up),
            TunnelState::Failed { .. } if fresh => return untaken(&now, was_up),
            TunnelState::Up(_) | TunnelState::Starting | TunnelState::Failed { .. } => {}
        }
        if state.changed().await.is_err() {
            return Err(failure::shutting_down());
        }
        fresh = true;
    }
}

/// A tunnel that was up and does not come up again has failed of the setting; any other takes it when it does.
fn untaken(state: &TunnelState, was_up: bool) -> Result<SettingEffect> {
    match state {
        TunnelState::Up(Tun { unattended: Some(reason), .. }) => {
            Ok(SettingEffect::Later { reason: format!("the helper is not running: {reason}") })
        }
        TunnelState::Failed { helper_reachable: true, .. } | TunnelState::Starting | TunnelState::Up(_) if was_up => {
            let error = not_up(state);
            Err(ErrorReply { hint: Some("it is as before: ray config".to_owned()), ..error })
        }
        TunnelState::Down | TunnelState::Failed { .. } | TunnelState::Starting | TunnelState::Up(_) => {
            Ok(SettingEffect::Later { reason: not_up(state).message })
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use ray_ipc::control::ErrorCode;

    use super::*;

    const SHAPE: Shape = Shape { mtu: 1300, queues: 1, offload: true };

    #[tokio::test]
    async fn a_tunnel_that_was_up_and_is_refused_the_shape_fails_the_setting() {
        let refused = TunnelState::Failed { helper_reachable: true, reason: "refused".to_owned() };
        let absent = TunnelState::Failed { helper_reachable: false, reason: "gone".to_owned() };
        let up = |shape, unattended: Option<&str>| TunnelState::Up(tun(shape, unattended));
        let other = Shape { mtu: 1400, ..SHAPE };
        let error = after(&[TunnelState::Starting, refused.clone()], true).await.unwrap_err();
        assert_eq!(error.code, ErrorCode::Refused);
        assert!(error.hint.unwrap().contains("ray config"));
        assert_eq!(after(&[TunnelState::Starting, up(SHAPE, None)], true).await, Ok(SettingEffect::InForce));
        for (states, was_up) in [
            (vec![refused], false),
            (vec![absent], true),
            (vec![TunnelState::Down], false),
            (vec![up(other, Some("gone"))], true),
        ] {
            let effect = after(&states, was_up).await;
            assert!(matches!(effect, Ok(SettingEffect::Later { .. })), "{states:?}: {effect:?}");
        }
    }

    #[tokio::test]
    async fn a_failure_of_before_is_no_answer() {
        let failed = TunnelState::Failed { helper_reachable: true, reason: "refused".to_owned() };
        let (sender, mut state) = watch::channel(failed);
        state.mark_unchanged();
        let waiting = tokio::spawn(async move { taken(&mut state, SHAPE, false).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        sender.send_replace(TunnelState::Up(tun(SHAPE, None)));
        assert_eq!(waiting.await.unwrap(), Ok(SettingEffect::InForce));
    }

    /// What comes of a setting where the tunnel becomes these things, one after the other.
    async fn after(states: &[TunnelState], was_up: bool) -> Result<SettingEffect> {
        let (sender, mut state) = watch::channel(TunnelState::Up(tun(Shape { queues: 8, ..SHAPE }, None)));
        state.mark_unchanged();
        let waiting = tokio::spawn(async move { taken(&mut state, SHAPE, was_up).await });
        for state in states {
            tokio::task::yield_now().await;
            sender.send_replace(state.clone());
        }
        waiting.await.unwrap()
    }

    fn tun(shape: Shape, unattended: Option<&str>) -> Tun {
        Tun {
            ifname: "ray0".to_owned(),
            mtu: shape.mtu,
            queues: shape.queues,
            offload: shape.offload,
            v4: None,
            v6: Ipv6Addr::LOCALHOST,
            outside: Vec::new(),
            shape,
            unattended: unattended.map(str::to_owned),
        }
    }
}
