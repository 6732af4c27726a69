//! Settings that can be changed while the engine runs: what root's file says of them and what was set, their bounds, and which
//! counts.

use ray_ipc::control::{DnsMode, SettingKey, SettingValue};

use crate::packet::ipv6;

/// The IPv6 minimum, below which the kernel drops IPv6 from a device.
const MTU_MIN: u16 = ipv6::MTU_MIN;
/// What fits one QUIC datagram on an ordinary 1500-byte path; larger packets would always be split.
const MTU_MAX: u16 = 1400;
/// A device has one at least.
const QUEUES_MIN: usize = 1;

/// Everything that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Effective {
    pub offload: bool,
    pub mtu: u16,
    pub queues: u8,
    pub dns: DnsMode,
    pub search: bool,
}

/// One source's word on it; absent where it says nothing.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Choices {
    pub offload: Option<bool>,
    pub mtu: Option<u16>,
    pub queues: Option<u8>,
    pub dns: Option<DnsMode>,
    pub search: Option<bool>,
}

impl Effective {
    const DEFAULT: Self = Self { offload: true, mtu: MTU_MAX, queues: 1, dns: DnsMode::Names, search: false };

    /// What counts where these were chosen.
    pub fn of(choices: Choices) -> Self {
        Self {
            offload: choices.offload.unwrap_or(Self::DEFAULT.offload),
            mtu: choices.mtu.unwrap_or(Self::DEFAULT.mtu),
            queues: choices.queues.unwrap_or(Self::DEFAULT.queues),
            dns: choices.dns.unwrap_or(Self::DEFAULT.dns),
            search: choices.search.unwrap_or(Self::DEFAULT.search),
        }
    }

    pub fn get(self, key: SettingKey) -> SettingValue {
        match key {
            SettingKey::Offload => SettingValue::Switch(self.offload),
            SettingKey::Mtu => SettingValue::Number(self.mtu.into()),
            SettingKey::Queues => SettingValue::Number(self.queues.into()),
            SettingKey::Dns => SettingValue::Dns(self.dns),
            SettingKey::Search => SettingValue::Switch(self.search),
        }
    }
}

impl Choices {
    /// The choice that these words make; an error is what is wrong with them.
    pub fn parse(key: SettingKey, text: &str) -> Result<Self, String> {
        let none = Self::default();
        let chosen = match key {
            SettingKey::Offload => switch(text).map(|on| Self { offload: Some(on), ..none }),
            SettingKey::Mtu => text.parse().ok().map(|mtu| Self { mtu: Some(mtu), ..none }),
            SettingKey::Queues => text.parse().ok().map(|queues| Self { queues: Some(queues), ..none }),
            SettingKey::Dns => DnsMode::of_name(text).map(|mode| Self { dns: Some(mode), ..none }),
            SettingKey::Search => switch(text).map(|on| Self { search: Some(on), ..none }),
        };
        let chosen = chosen.ok_or_else(|| format!("{text:?} is not {}", allowed(key)))?;
        chosen.check().map_err(|(_, why)| why)?;
        Ok(chosen)
    }

    /// Names the first choice that is out of its bounds, and says what is wrong with it.
    pub fn check(self) -> Result<(), (SettingKey, String)> {
        let within = [
            (SettingKey::Mtu, self.mtu.map(usize::from), usize::from(MTU_MIN)..=usize::from(MTU_MAX)),
            (SettingKey::Queues, self.queues.map(usize::from), QUEUES_MIN..=ray_ipc::limits::QUEUES_MAX),
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
            dns: self.dns.or(others.dns),
            search: self.search.or(others.search),
        }
    }

    pub fn without(mut self, key: SettingKey) -> Self {
        match key {
            SettingKey::Offload => self.offload = None,
            SettingKey::Mtu => self.mtu = None,
            SettingKey::Queues => self.queues = None,
            SettingKey::Dns => self.dns = None,
            SettingKey::Search => self.search = None,
        }
        self
    }

    pub fn get(self, key: SettingKey) -> Option<SettingValue> {
        match key {
            SettingKey::Offload => self.offload.map(SettingValue::Switch),
            SettingKey::Mtu => self.mtu.map(|mtu| SettingValue::Number(mtu.into())),
            SettingKey::Queues => self.queues.map(|queues| SettingValue::Number(queues.into())),
            SettingKey::Dns => self.dns.map(SettingValue::Dns),
            SettingKey::Search => self.search.map(SettingValue::Switch),
        }
    }
}

/// What a key may be, in words.
pub(super) fn allowed(key: SettingKey) -> String {
    match key {
        SettingKey::Offload | SettingKey::Search => "on or off".to_owned(),
        SettingKey::Dns => "off, names or full".to_owned(),
        SettingKey::Mtu => format!("in {MTU_MIN}..={MTU_MAX}"),
        SettingKey::Queues => format!("in {QUEUES_MIN}..={}", ray_ipc::limits::QUEUES_MAX),
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
            (SettingKey::Offload, "on", SettingValue::Switch(true)),
            (SettingKey::Offload, "off", SettingValue::Switch(false)),
            (SettingKey::Offload, "false", SettingValue::Switch(false)),
            (SettingKey::Mtu, "1280", SettingValue::Number(1280)),
            (SettingKey::Mtu, "1400", SettingValue::Number(1400)),
            (SettingKey::Queues, "1", SettingValue::Number(1)),
            (SettingKey::Queues, "8", SettingValue::Number(8)),
            (SettingKey::Dns, "off", SettingValue::Dns(DnsMode::Off)),
            (SettingKey::Dns, "names", SettingValue::Dns(DnsMode::Names)),
            (SettingKey::Dns, "full", SettingValue::Dns(DnsMode::Full)),
            (SettingKey::Search, "on", SettingValue::Switch(true)),
        ] {
            let chosen = Choices::parse(key, text).unwrap();
            assert_eq!(chosen.get(key), Some(value), "{text}");
            assert_eq!(chosen.without(key), Choices::default(), "nothing else is chosen");
        }
    }

    #[test]
    fn refuses_what_no_file_may_say_either() {
        for (key, text) in [
            (SettingKey::Offload, "On"),
            (SettingKey::Offload, "1"),
            (SettingKey::Offload, ""),
            (SettingKey::Mtu, "1279"),
            (SettingKey::Mtu, "1401"),
            (SettingKey::Mtu, "65536"),
            (SettingKey::Mtu, "-1"),
            (SettingKey::Mtu, "on"),
            (SettingKey::Mtu, " 1300"),
            (SettingKey::Queues, "0"),
            (SettingKey::Queues, "9"),
            (SettingKey::Queues, "256"),
            (SettingKey::Dns, "on"),
            (SettingKey::Dns, "Names"),
            (SettingKey::Dns, ""),
            (SettingKey::Search, "home"),
        ] {
            assert!(Choices::parse(key, text).is_err(), "{} {text:?}", key.name());
        }
        assert_eq!(Choices::parse(SettingKey::Mtu, "9000").unwrap_err(), "9000 is not in 1280..=1400");
        assert_eq!(Choices::parse(SettingKey::Offload, "no").unwrap_err(), "\"no\" is not on or off");
    }

    #[test]
    fn what_was_set_counts_before_the_file_and_the_file_before_the_default() {
        let file = Choices { mtu: Some(1300), queues: Some(2), dns: Some(DnsMode::Off), ..Choices::default() };
        let set = Choices { mtu: Some(1350), ..Choices::default() };
        let counts = Effective::of(set.over(file));
        assert_eq!(counts, Effective { offload: true, mtu: 1350, queues: 2, dns: DnsMode::Off, search: false });
        assert_eq!(Effective::of(set.without(SettingKey::Mtu).over(file)).mtu, 1300);
        assert_eq!(counts.get(SettingKey::Queues), SettingValue::Number(2));
    }
}
