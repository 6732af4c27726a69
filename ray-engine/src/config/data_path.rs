//! How the device is made: what root's file says of it and what was set while the engine runs, their bounds, and which counts.

use crate::packet::ipv6;

/// The IPv6 minimum, below which the kernel drops IPv6 from a device.
const MTU_MIN: u16 = ipv6::MTU_MIN;
/// What fits one QUIC datagram on an ordinary 1500-byte path; larger packets would always be split.
const MTU_MAX: u16 = 1400;
/// A device has one at least.
const QUEUES_MIN: usize = 1;

/// What can be chosen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Key {
    Offload,
    Mtu,
    Queues,
}

impl Key {
    pub const ALL: [Self; 3] = [Self::Offload, Self::Mtu, Self::Queues];

    /// As in every file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offload => "offload",
            Self::Mtu => "mtu",
            Self::Queues => "queues",
        }
    }

    /// The key of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }
}

/// What is chosen, whatever the key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Switch(bool),
    Number(u16),
}

/// Everything that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DataPath {
    pub offload: bool,
    pub mtu: u16,
    pub queues: u8,
}

/// One source's word on it; absent where it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices {
    pub offload: Option<bool>,
    pub mtu: Option<u16>,
    pub queues: Option<u8>,
}

impl DataPath {
    const DEFAULT: Self = Self { offload: true, mtu: MTU_MAX, queues: 1 };

    /// What counts where these were chosen.
    pub fn of(choices: Choices) -> Self {
        Self {
            offload: choices.offload.unwrap_or(Self::DEFAULT.offload),
            mtu: choices.mtu.unwrap_or(Self::DEFAULT.mtu),
            queues: choices.queues.unwrap_or(Self::DEFAULT.queues),
        }
    }

    pub fn get(self, key: Key) -> Value {
        match key {
            Key::Offload => Value::Switch(self.offload),
            Key::Mtu => Value::Number(self.mtu),
            Key::Queues => Value::Number(self.queues.into()),
        }
    }
}

impl Choices {
    /// The choice that these words make; an error is what is wrong with them.
    pub fn parse(key: Key, text: &str) -> Result<Self, String> {
        let none = Self::default();
        let chosen = match key {
            Key::Offload => switch(text).map(|on| Self { offload: Some(on), ..none }),
            Key::Mtu => text.parse().ok().map(|mtu| Self { mtu: Some(mtu), ..none }),
            Key::Queues => text.parse().ok().map(|queues| Self { queues: Some(queues), ..none }),
        };
        let chosen = chosen.ok_or_else(|| format!("{text:?} is not {}", allowed(key)))?;
        chosen.check().map_err(|(_, why)| why)?;
        Ok(chosen)
    }

    /// Names the first choice that is out of its bounds, and says what is wrong with it.
    pub fn check(self) -> Result<(), (Key, String)> {
        let within = [
            (Key::Mtu, self.mtu.map(usize::from), usize::from(MTU_MIN)..=usize::from(MTU_MAX)),
            (Key::Queues, self.queues.map(usize::from), QUEUES_MIN..=ray_ipc::limits::QUEUES_MAX),
        ];
        let wrong = |number: usize, key| Err((key, format!("{number} is not {}", allowed(key))));
        within.into_iter().try_for_each(|(key, chosen, bounds)| match chosen {
            Some(number) if !bounds.contains(&number) => wrong(number, key),
            Some(_) | None => Ok(()),
        })
    }

    /// These, and below them the others.
    pub fn over(self, others: Self) -> Self {
        Self {
            offload: self.offload.or(others.offload),
            mtu: self.mtu.or(others.mtu),
            queues: self.queues.or(others.queues),
        }
    }

    pub fn without(mut self, key: Key) -> Self {
        match key {
            Key::Offload => self.offload = None,
            Key::Mtu => self.mtu = None,
            Key::Queues => self.queues = None,
        }
        self
    }

    pub fn get(self, key: Key) -> Option<Value> {
        match key {
            Key::Offload => self.offload.map(Value::Switch),
            Key::Mtu => self.mtu.map(Value::Number),
            Key::Queues => self.queues.map(|queues| Value::Number(queues.into())),
        }
    }
}

/// What a key may be, in words.
fn allowed(key: Key) -> String {
    match key {
        Key::Offload => "on or off".to_owned(),
        Key::Mtu => format!("in {MTU_MIN}..={MTU_MAX}"),
        Key::Queues => format!("in {QUEUES_MIN}..={}", ray_ipc::limits::QUEUES_MAX),
    }
}

/// The words of commands, and those of the file.
fn switch(text: &str) -> Option<bool> {
    match text {
        "on" | "true" => Some(true),
        "off" | "false" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_lies_within_the_bounds() {
        for (key, text, value) in [
            (Key::Offload, "on", Value::Switch(true)),
            (Key::Offload, "off", Value::Switch(false)),
            (Key::Offload, "false", Value::Switch(false)),
            (Key::Mtu, "1280", Value::Number(1280)),
            (Key::Mtu, "1400", Value::Number(1400)),
            (Key::Queues, "1", Value::Number(1)),
            (Key::Queues, "8", Value::Number(8)),
        ] {
            let chosen = Choices::parse(key, text).unwrap();
            assert_eq!(chosen.get(key), Some(value), "{text}");
            assert_eq!(chosen.without(key), Choices::default(), "nothing else is chosen");
        }
    }

    #[test]
    fn refuses_what_no_file_may_say_either() {
        for (key, text) in [
            (Key::Offload, "On"),
            (Key::Offload, "1"),
            (Key::Offload, ""),
            (Key::Mtu, "1279"),
            (Key::Mtu, "1401"),
            (Key::Mtu, "65536"),
            (Key::Mtu, "-1"),
            (Key::Mtu, "on"),
            (Key::Mtu, " 1300"),
            (Key::Queues, "0"),
            (Key::Queues, "9"),
            (Key::Queues, "256"),
        ] {
            assert!(Choices::parse(key, text).is_err(), "{} {text:?}", key.name());
        }
        assert_eq!(Choices::parse(Key::Mtu, "9000").unwrap_err(), "9000 is not in 1280..=1400");
        assert_eq!(Choices::parse(Key::Offload, "no").unwrap_err(), "\"no\" is not on or off");
    }

    #[test]
    fn what_was_set_counts_before_the_file_and_the_file_before_the_default() {
        let file = Choices { mtu: Some(1300), queues: Some(2), offload: None };
        let set = Choices { mtu: Some(1350), ..Choices::default() };
        let counts = DataPath::of(set.over(file));
        assert_eq!(counts, DataPath { offload: true, mtu: 1350, queues: 2 });
        assert_eq!(DataPath::of(set.without(Key::Mtu).over(file)).mtu, 1300);
        assert_eq!(counts.get(Key::Queues), Value::Number(2));
    }

    #[test]
    fn every_key_is_found_by_its_name() {
        for key in Key::ALL {
            assert_eq!(Key::of_name(key.name()), Some(key));
        }
        assert_eq!(Key::of_name("bind_port"), None);
    }
}
