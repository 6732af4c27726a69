//! Answers about settings.

use ray_ipc::control::{
    DnsMode, Reply, SettingEffect, SettingKey, SettingOrigin, SettingReply, SettingStatus, SettingValue, SettingsReply,
};

/// One setting from each source, and one that hides what the file says.
pub(crate) fn list() -> Reply {
    let mtu = SettingStatus { set: Some(SettingValue::Number(1280)), ..mtu() };
    reply(vec![
        setting_offload(),
        SettingStatus { value: SettingValue::Number(1280), origin: SettingOrigin::Set, ..mtu },
        queues(),
        dns(),
        search(),
    ])
}

pub(crate) fn one() -> Reply {
    reply(vec![mtu()])
}

pub(crate) fn offload(changed: bool) -> Reply {
    let effect = SettingEffect::InForce;
    Reply::Setting(Box::new(SettingReply { setting: setting_offload(), changed, effect }))
}

pub(crate) fn queues_later() -> Reply {
    let effect = SettingEffect::Later { reason: "the tunnel is down".into() };
    Reply::Setting(Box::new(SettingReply { setting: queues(), changed: true, effect }))
}

fn reply(settings: Vec<SettingStatus>) -> Reply {
    Reply::Settings(SettingsReply { file: "/etc/rayfish/engine.toml".into(), settings })
}

fn setting_offload() -> SettingStatus {
    SettingStatus {
        key: SettingKey::Offload,
        value: SettingValue::Switch(false),
        origin: SettingOrigin::Set,
        default: SettingValue::Switch(true),
        in_file: None,
        set: Some(SettingValue::Switch(false)),
    }
}

fn mtu() -> SettingStatus {
    SettingStatus {
        key: SettingKey::Mtu,
        value: SettingValue::Number(1300),
        origin: SettingOrigin::InFile,
        default: SettingValue::Number(1400),
        in_file: Some(SettingValue::Number(1300)),
        set: None,
    }
}

pub(crate) fn dns_full() -> Reply {
    let effect = SettingEffect::InForce;
    Reply::Setting(Box::new(SettingReply { setting: dns(), changed: true, effect }))
}

fn dns() -> SettingStatus {
    SettingStatus {
        key: SettingKey::Dns,
        value: SettingValue::Dns(DnsMode::Full),
        origin: SettingOrigin::Set,
        default: SettingValue::Dns(DnsMode::Names),
        in_file: Some(SettingValue::Dns(DnsMode::Off)),
        set: Some(SettingValue::Dns(DnsMode::Full)),
    }
}

fn search() -> SettingStatus {
    SettingStatus {
        key: SettingKey::Search,
        value: SettingValue::Switch(false),
        origin: SettingOrigin::Default,
        default: SettingValue::Switch(false),
        in_file: None,
        set: None,
    }
}

fn queues() -> SettingStatus {
    SettingStatus {
        key: SettingKey::Queues,
        value: SettingValue::Number(1),
        origin: SettingOrigin::Default,
        default: SettingValue::Number(1),
        in_file: None,
        set: None,
    }
}
