//! `config`: what an admin sets while the engine runs, above what root's file says, kept across restarts.
//!
//! What would change the tunnel is tried before it is kept: a value that the helper or the kernel refuses is taken back, so
//! that no restart finds it. A tunnel that is not up at present is no reason to refuse.

use std::{error::Error as _, path::PathBuf};

use ray_ipc::control::{
    ConfigRequest, ErrorCode, ErrorReply, Reply, SettingEffect, SettingKey, SettingOrigin, SettingReply, SettingStatus,
    SettingValue, SettingsReply,
};
use tokio::{sync::watch, time::timeout};

use super::{Answer, Command, Core, Result, TUNNEL_TIMEOUT, answer, failure, tunnel::not_up};
use crate::{
    config::{Choices, DataPath, Key, Value},
    host::{Shape, Tun, TunnelState},
    store::{Store, StoreError},
};

/// The settings of the device, by where they come from.
#[derive(Debug)]
pub(super) struct Config {
    /// Root's file.
    path: PathBuf,
    file: Choices,
    set: Choices,
    /// Whether a change is being tried.
    trying: bool,
    /// What a user should know about what is kept, in words.
    pub(super) warnings: Vec<String>,
}

/// A change that has been tried.
#[derive(Debug)]
pub(super) struct Trial {
    key: Key,
    before: Choices,
    outcome: Result<SettingEffect>,
    answer: Answer,
}

impl Config {
    /// Nothing that is kept can stop the engine: what cannot be used does not count, and is told.
    pub(super) fn load(store: &Store, (path, file): (PathBuf, Choices)) -> Self {
        let (set, warnings) = kept(store.config());
        for warning in &warnings {
            tracing::error!("{warning}");
        }
        Self { path, file, set, trying: false, warnings }
    }

    pub(super) fn shape(&self) -> Shape {
        let DataPath { offload, mtu, queues } = self.counts();
        Shape { mtu, queues, offload }
    }

    fn counts(&self) -> DataPath {
        DataPath::of(self.set.over(self.file))
    }

    fn status(&self, key: Key) -> SettingStatus {
        let (in_file, set) = (self.file.get(key), self.set.get(key));
        let origin = match (set, in_file) {
            (Some(_), _) => SettingOrigin::Set,
            (None, Some(_)) => SettingOrigin::InFile,
            (None, None) => SettingOrigin::Default,
        };
        SettingStatus {
            key: key_shown(key),
            value: shown(self.counts().get(key)),
            origin,
            default: shown(DataPath::of(Choices::default()).get(key)),
            in_file: in_file.map(shown),
            set: set.map(shown),
        }
    }

    fn reply(&self, keys: &[Key]) -> Reply {
        let settings = keys.iter().map(|key| self.status(*key)).collect();
        Reply::Settings(SettingsReply { file: self.path.display().to_string(), settings })
    }

    /// What made the present value of a key count, in words.
    fn deed(&self, key: Key) -> String {
        let verb = if self.set.get(key).is_some() { "setting" } else { "unsetting" };
        format!("{verb} {}, to {}", key.name(), shown(self.counts().get(key)))
    }
}

impl Core {
    pub(super) async fn config(&mut self, request: ConfigRequest, answer: Answer) {
        let (key, next) = match request {
            ConfigRequest::List => return answer::send(&answer, self.config.reply(&Key::ALL)).await,
            ConfigRequest::Get { key } => return answer::send(&answer, self.config.reply(&[meant(key)])).await,
            ConfigRequest::Set { key, value } => (meant(key), self.with_value(meant(key), &value)),
            ConfigRequest::Unset { key } => (meant(key), Ok(self.config.set.without(meant(key)))),
        };
        match next {
            Ok(_) if self.config.trying => answer::send(&answer, Reply::Error(busy(key))).await,
            Ok(next) => self.try_config(key, next, answer),
            Err(error) => answer::send(&answer, Reply::Error(error)).await,
        }
    }

    /// Everything that is set, with this value in place of the key's.
    fn with_value(&self, key: Key, value: &str) -> Result<Choices> {
        let chosen = Choices::parse(key, value).map_err(|why| {
            let like = shown(DataPath::of(Choices::default()).get(key));
            let (key, hint) = (key.name(), format!("choose another: ray config set {} {like}", key.name()));
            failure::usage(format!("setting {key}: {why}"), hint)
        })?;
        Ok(chosen.over(self.config.set))
    }

    /// Has the tunnel take `next`; what comes of that is heard later.
    fn try_config(&mut self, key: Key, next: Choices, answer: Answer) {
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
    pub(super) async fn finish_config(&mut self, trial: Trial) {
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

    fn keep_config(&mut self) -> Result<()> {
        let set = self.config.set;
        let lines: Vec<_> =
            Key::ALL.into_iter().filter_map(|key| Some((key.name(), shown(set.get(key)?).to_string()))).collect();
        tokio::task::block_in_place(|| self.store.save_config(&lines)).map_err(|error| failure::store(&error))?;
        self.config.warnings.clear();
        Ok(())
    }
}

/// What the state directory holds, and what of it does not count.
fn kept(found: Result<Vec<(String, String)>, StoreError>) -> (Choices, Vec<String>) {
    let lines = match found {
        Ok(lines) => lines,
        Err(error) => {
            let cause = error.source().map_or_else(String::new, |cause| format!(": {cause}"));
            let told = format!("{error}{cause}: nothing that `ray config` has set counts; set it again");
            return (Choices::default(), vec![told]);
        }
    };
    let mut set = Choices::default();
    let mut warnings = Vec::new();
    for (name, text) in &lines {
        let key = Key::of_name(name).ok_or_else(|| "there is no such setting".to_owned());
        match key.and_then(|key| Choices::parse(key, text)) {
            Ok(chosen) => set = chosen.over(set),
            Err(why) => {
                warnings.push(format!("what `ray config` has set for {name:?} does not count: {why}; set it again"));
            }
        }
    }
    (set, warnings)
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

fn busy(key: Key) -> ErrorReply {
    let hint = "try again in a moment, then see: ray config";
    failure::fail(ErrorCode::Refused, format!("setting {}: another change is being tried", key.name()), hint)
}

fn meant(key: SettingKey) -> Key {
    match key {
        SettingKey::Offload => Key::Offload,
        SettingKey::Mtu => Key::Mtu,
        SettingKey::Queues => Key::Queues,
    }
}

fn key_shown(key: Key) -> SettingKey {
    match key {
        Key::Offload => SettingKey::Offload,
        Key::Mtu => SettingKey::Mtu,
        Key::Queues => SettingKey::Queues,
    }
}

fn shown(value: Value) -> SettingValue {
    match value {
        Value::Switch(on) => SettingValue::Switch(on),
        Value::Number(number) => SettingValue::Number(number.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::{io, net::Ipv6Addr};

    use super::*;

    const SHAPE: Shape = Shape { mtu: 1300, queues: 1, offload: true };

    #[test]
    fn what_is_kept_and_cannot_be_meant_does_not_count_and_is_told() {
        let lines = [("mtu", "9000"), ("queues", "2"), ("offload", "maybe"), ("bind_port", "1")];
        let (set, warnings) = kept(Ok(lines.map(|(key, value)| (key.to_owned(), value.to_owned())).to_vec()));
        assert_eq!(set, Choices { queues: Some(2), ..Choices::default() });
        assert_eq!(warnings.len(), 3, "{warnings:?}");
        assert!(warnings[0].contains("\"mtu\" does not count: 9000 is not in 1280..=1400"), "{warnings:?}");
        let damaged = io::ErrorKind::InvalidData.into();
        let (set, warnings) = kept(Err(StoreError::Io { doing: "reading", path: "config".into(), cause: damaged }));
        assert_eq!(set, Choices::default());
        assert!(warnings[0].starts_with("reading config: invalid data: nothing"), "{warnings:?}");
    }

    #[test]
    fn a_setting_tells_which_source_counts_and_what_each_says() {
        let file = Choices { mtu: Some(1300), ..Choices::default() };
        let set = Choices { offload: Some(false), mtu: Some(1350), queues: None };
        let config = Config { path: "engine.toml".into(), file, set, trying: false, warnings: vec![] };
        let told = |key| {
            let status = config.status(key);
            (status.value.to_string(), status.origin, status.in_file.map(|value| value.to_string()))
        };
        assert_eq!(told(Key::Offload), ("off".to_owned(), SettingOrigin::Set, None));
        assert_eq!(told(Key::Mtu), ("1350".to_owned(), SettingOrigin::Set, Some("1300".to_owned())));
        assert_eq!(told(Key::Queues), ("1".to_owned(), SettingOrigin::Default, None));
        assert_eq!(config.shape(), Shape { mtu: 1350, queues: 1, offload: false });
        let unset = Config { set: set.without(Key::Mtu), ..config };
        assert_eq!(unset.status(Key::Mtu).origin, SettingOrigin::InFile);
        assert_eq!(unset.deed(Key::Mtu), "unsetting mtu, to 1300");
    }

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
