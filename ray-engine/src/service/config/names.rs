//! Tries a setting of names: the host's keeper of DNS settings takes it, or it is taken back.

use std::time::Duration;

use ray_ipc::control::{ErrorReply, SettingEffect, SettingKey};
use tokio::{sync::watch, time::timeout};

use super::{
    super::{Answer, Command, Core, Result, failure, tunnel::not_up},
    Trial,
};
use crate::{
    config::Choices,
    host::{NamesState, NamesWanted, TunnelState},
};

/// Files and a few messages of the system bus; what takes longer goes on by itself.
const NAMES_TIMEOUT: Duration = Duration::from_secs(4);

impl Core {
    /// Has the host take `next`; what comes of that is heard later.
    pub(super) fn try_names(&mut self, key: SettingKey, next: Choices, answer: Answer) {
        let before = std::mem::replace(&mut self.config.set, next);
        self.config.trying = true;
        let (mut state, wanted) = (self.names.control.state(), self.names_wanted());
        let down = match &*self.tunnel.state().borrow() {
            TunnelState::Up(_) => None,
            state => Some(not_up(state).message),
        };
        let commands = self.commands.clone();
        self.apply();
        tokio::spawn(async move {
            let outcome = match (wanted, down) {
                (Some(_), Some(reason)) => Ok(SettingEffect::Later { reason }),
                (wanted, _) => match timeout(NAMES_TIMEOUT, taken(&mut state, wanted)).await {
                    Ok(outcome) => outcome,
                    Err(_) => Ok(SettingEffect::Later { reason: "ray-names has not answered yet".to_owned() }),
                },
            };
            if let Some(commands) = commands.upgrade() {
                // An engine that shuts down has kept nothing, and said nothing.
                let _ = commands.send(Command::ConfigTried(Box::new(Trial { key, before, outcome, answer }))).await;
            }
        });
    }
}

/// Waits until the host was asked for exactly this, or nobody is there to ask.
async fn taken(state: &mut watch::Receiver<NamesState>, wanted: Option<NamesWanted>) -> Result<SettingEffect> {
    loop {
        {
            let now = state.borrow_and_update();
            let asked = now.asked.as_ref().map(|asked| (asked.mode, &asked.search));
            let asked_for_it = asked == wanted.as_ref().map(|wanted| (wanted.mode, &wanted.search));
            match (&now.missing, &now.trouble) {
                (None, Some(trouble)) if asked_for_it => return Err(refused(trouble)),
                (None, None) if asked_for_it => return Ok(SettingEffect::InForce),
                // Whoever is not there has nothing of ours.
                (Some(_), _) if wanted.is_none() => return Ok(SettingEffect::InForce),
                (Some(reason), _) => {
                    return Ok(SettingEffect::Later { reason: format!("ray-names is not running: {reason}") });
                }
                (None, _) => {}
            }
        }
        if state.changed().await.is_err() {
            return Err(failure::shutting_down());
        }
    }
}

fn refused(trouble: &str) -> ErrorReply {
    failure::refused(trouble, "it is as before: ray config; see also: ray dns status")
}

#[cfg(test)]
mod tests {
    use ray_ipc::{
        control::ErrorCode,
        names::{Mode, Wanted},
    };

    use super::*;

    #[tokio::test]
    async fn what_the_keeper_refuses_fails_and_what_it_has_done_is_in_force() {
        let done = NamesState { asked: Some(asked(Mode::Full)), ..NamesState::default() };
        assert_eq!(after(done.clone(), Some(Mode::Full)).await, Ok(SettingEffect::InForce));
        let refused = NamesState { trouble: Some("root does not".to_owned()), ..done };
        assert_eq!(after(refused, Some(Mode::Full)).await.unwrap_err().code, ErrorCode::Refused);
        assert_eq!(after(NamesState::default(), None).await, Ok(SettingEffect::InForce));
    }

    #[tokio::test]
    async fn who_is_absent_takes_it_later_and_has_nothing_to_give_back() {
        let absent = NamesState { missing: Some("no socket".to_owned()), ..NamesState::default() };
        assert!(matches!(after(absent.clone(), Some(Mode::Names)).await, Ok(SettingEffect::Later { .. })));
        assert_eq!(after(absent, None).await, Ok(SettingEffect::InForce));
    }

    #[tokio::test]
    async fn an_answer_to_what_was_asked_before_is_no_answer() {
        let before =
            NamesState { asked: Some(asked(Mode::Names)), trouble: Some("no".to_owned()), ..NamesState::default() };
        let (sender, mut state) = watch::channel(before);
        let wanted = Some(NamesWanted { mode: Mode::Full, search: Vec::new() });
        let waiting = tokio::spawn(async move { taken(&mut state, wanted).await });
        tokio::task::yield_now().await;
        assert!(!waiting.is_finished());
        sender.send_replace(NamesState { asked: Some(asked(Mode::Full)), ..NamesState::default() });
        assert_eq!(waiting.await.unwrap(), Ok(SettingEffect::InForce));
    }

    async fn after(state: NamesState, mode: Option<Mode>) -> Result<SettingEffect> {
        let (_sender, mut state) = watch::channel(state);
        taken(&mut state, mode.map(|mode| NamesWanted { mode, search: Vec::new() })).await
    }

    fn asked(mode: Mode) -> Wanted {
        Wanted { mode, v4: true, search: Vec::new() }
    }
}
