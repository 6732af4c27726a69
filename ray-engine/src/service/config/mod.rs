//! `config`: what an admin sets while the engine runs, above what root's file says, kept across restarts.
//!
//! What would change the tunnel ([`trial`]) or the host's DNS settings ([`names`]) is tried before it is kept: a value that is
//! refused is taken back, so that no restart finds it. A tunnel that is not up at present is no reason to refuse.

mod names;
mod trial;

use std::{error::Error as _, path::PathBuf};

use ray_ipc::control::{
    ConfigRequest, ErrorCode, ErrorReply, Reply, SettingKey, SettingOrigin, SettingStatus, SettingsReply,
};

pub(super) use self::trial::Trial;
use super::{Answer, Core, Result, answer, failure};
use crate::{
    config::{Choices, Effective},
    host::Shape,
    store::{Store, StoreError},
};

/// The settings that can be changed, by where they come from.
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
        let Effective { offload, mtu, queues, .. } = self.counts();
        Shape { mtu, queues, offload }
    }

    pub(super) fn counts(&self) -> Effective {
        Effective::of(self.set.over(self.file))
    }

    fn status(&self, key: SettingKey) -> SettingStatus {
        let (in_file, set) = (self.file.get(key), self.set.get(key));
        let origin = match (set, in_file) {
            (Some(_), _) => SettingOrigin::Set,
            (None, Some(_)) => SettingOrigin::InFile,
            (None, None) => SettingOrigin::Default,
        };
        SettingStatus {
            key,
            value: self.counts().get(key),
            origin,
            default: Effective::of(Choices::default()).get(key),
            in_file,
            set,
        }
    }

    fn reply(&self, keys: &[SettingKey]) -> Reply {
        let settings = keys.iter().map(|key| self.status(*key)).collect();
        Reply::Settings(SettingsReply { file: self.path.display().to_string(), settings })
    }

    /// What made the present value of a key count, in words.
    fn deed(&self, key: SettingKey) -> String {
        let verb = if self.set.get(key).is_some() { "setting" } else { "unsetting" };
        format!("{verb} {}, to {}", key.name(), self.counts().get(key))
    }
}

impl Core {
    pub(super) async fn config(&mut self, request: ConfigRequest, answer: Answer) {
        let (key, next) = match request {
            ConfigRequest::List => return answer::send(&answer, self.config.reply(&SettingKey::ALL)).await,
            ConfigRequest::Get { key } => return answer::send(&answer, self.config.reply(&[key])).await,
            ConfigRequest::Set { key, value } => (key, self.with_value(key, &value)),
            ConfigRequest::Unset { key } => (key, Ok(self.config.set.without(key))),
        };
        match next {
            Ok(_) if self.config.trying => answer::send(&answer, Reply::Error(busy(key))).await,
            Ok(next) => match key {
                SettingKey::Offload | SettingKey::Mtu | SettingKey::Queues => self.try_config(key, next, answer),
                SettingKey::Dns | SettingKey::Search => self.try_names(key, next, answer),
            },
            Err(error) => answer::send(&answer, Reply::Error(error)).await,
        }
    }

    /// Everything that is set, with this value in place of the key's.
    fn with_value(&self, key: SettingKey, value: &str) -> Result<Choices> {
        let chosen = Choices::parse(key, value).map_err(|why| {
            let like = Effective::of(Choices::default()).get(key);
            let (key, hint) = (key.name(), format!("choose another: ray config set {} {like}", key.name()));
            failure::usage(format!("setting {key}: {why}"), hint)
        })?;
        Ok(chosen.over(self.config.set))
    }

    fn keep_config(&mut self) -> Result<()> {
        let set = self.config.set;
        let lines: Vec<_> =
            SettingKey::ALL.into_iter().filter_map(|key| Some((key.name(), set.get(key)?.to_string()))).collect();
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
        let key = SettingKey::of_name(name).ok_or_else(|| "there is no such setting".to_owned());
        match key.and_then(|key| Choices::parse(key, text)) {
            Ok(chosen) => set = chosen.over(set),
            Err(why) => {
                warnings.push(format!("what `ray config` has set for {name:?} does not count: {why}; set it again"));
            }
        }
    }
    (set, warnings)
}

fn busy(key: SettingKey) -> ErrorReply {
    let hint = "try again in a moment, then see: ray config";
    failure::fail(ErrorCode::Refused, format!("setting {}: another change is being tried", key.name()), hint)
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

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
        let set = Choices { offload: Some(false), mtu: Some(1350), ..Choices::default() };
        let config = Config { path: "engine.toml".into(), file, set, trying: false, warnings: vec![] };
        let told = |key| {
            let status = config.status(key);
            (status.value.to_string(), status.origin, status.in_file.map(|value| value.to_string()))
        };
        assert_eq!(told(SettingKey::Offload), ("off".to_owned(), SettingOrigin::Set, None));
        assert_eq!(told(SettingKey::Mtu), ("1350".to_owned(), SettingOrigin::Set, Some("1300".to_owned())));
        assert_eq!(told(SettingKey::Queues), ("1".to_owned(), SettingOrigin::Default, None));
        assert_eq!(config.shape(), Shape { mtu: 1350, queues: 1, offload: false });
        let unset = Config { set: set.without(SettingKey::Mtu), ..config };
        assert_eq!(unset.status(SettingKey::Mtu).origin, SettingOrigin::InFile);
        assert_eq!(unset.deed(SettingKey::Mtu), "unsetting mtu, to 1300");
    }
}
