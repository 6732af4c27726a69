//! Settings that are changed while the engine runs.

use std::fmt;

use bincode::{Decode, Encode};

use super::DnsMode;

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum ConfigRequest {
    /// All settings, and where their values come from.
    List,
    Get {
        key: SettingKey,
    },
    /// Sets one, as the user has written the value.
    Set {
        key: SettingKey,
        value: String,
    },
    /// Takes back what was set.
    Unset {
        key: SettingKey,
    },
}

/// What can be set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum SettingKey {
    /// Whether the kernel may hand over packets of up to 64 KiB.
    Offload,
    /// Bytes in a packet of the device.
    Mtu,
    /// Queues of the device.
    Queues,
    /// Which questions the host sends to the mesh's resolver.
    Dns,
    /// Whether hosts of networks are found by their bare name.
    Search,
}

impl SettingKey {
    pub const ALL: [Self; 5] = [Self::Offload, Self::Mtu, Self::Queues, Self::Dns, Self::Search];

    /// As in the settings file.
    pub fn name(self) -> &'static str {
        match self {
            Self::Offload => "offload",
            Self::Mtu => "mtu",
            Self::Queues => "queues",
            Self::Dns => "dns",
            Self::Search => "search",
        }
    }

    /// The key of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|key| key.name() == name)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum SettingValue {
    Switch(bool),
    Number(u32),
    Dns(DnsMode),
}

/// As it is written to set it.
impl fmt::Display for SettingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Switch(true) => f.write_str("on"),
            Self::Switch(false) => f.write_str("off"),
            Self::Number(number) => number.fmt(f),
            Self::Dns(mode) => f.write_str(mode.name()),
        }
    }
}

/// Where a value comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum SettingOrigin {
    /// Nobody said anything else.
    Default,
    /// The settings file, which root writes.
    InFile,
    /// A request, which outlives restarts.
    Set,
}

impl SettingOrigin {
    /// Stable name, in text and in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::InFile => "file",
            Self::Set => "set",
        }
    }
}

/// One setting: what counts, and what each source says.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SettingStatus {
    pub key: SettingKey,
    pub value: SettingValue,
    pub origin: SettingOrigin,
    pub default: SettingValue,
    pub in_file: Option<SettingValue>,
    pub set: Option<SettingValue>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SettingsReply {
    /// The settings file.
    pub file: String,
    pub settings: Vec<SettingStatus>,
}

/// What became of a request to set or unset.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SettingReply {
    pub setting: SettingStatus,
    /// Whether something else is set than before.
    pub changed: bool,
    pub effect: SettingEffect,
}

/// Since when a setting has its effect.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum SettingEffect {
    /// What runs, runs with it.
    InForce,
    /// It is kept for what comes up next; why nothing runs with it yet, in plain words.
    Later { reason: String },
}
