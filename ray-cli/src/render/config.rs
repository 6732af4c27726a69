//! Settings that are changed while the engine runs.

use ray_ipc::control::{SettingEffect, SettingOrigin, SettingReply, SettingStatus, SettingsReply};

use super::table::{Cell, Row, aligned, headings};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

pub(crate) fn list(settings: &SettingsReply, palette: Palette) -> String {
    let mut rows = vec![headings(&["SETTING", "VALUE", "FROM", "DEFAULT"])];
    rows.extend(settings.settings.iter().map(row));
    format!("{}file: {}\n", aligned(&rows, palette), escape(&settings.file))
}

/// What counts after a change, why, and since when.
pub(crate) fn change(change: &SettingReply, palette: Palette) -> String {
    let SettingReply { setting, changed, effect } = change;
    let name = palette.paint(Role::Name, setting.key.name());
    let again = if *changed { "" } else { "as before, " };
    let effect = match effect {
        SettingEffect::InForce => "in force".to_owned(),
        SettingEffect::Later { reason } => format!("not in force yet: {}", escape(reason)),
    };
    format!("{name}: {} ({}), {again}{effect}\n", setting.value, setting.origin.name())
}

fn row(setting: &SettingStatus) -> Row {
    // A value in the file that does not count would be looked for in vain.
    let hidden = setting.in_file.filter(|_| setting.origin == SettingOrigin::Set);
    let from = match hidden {
        Some(value) => format!("{}, file: {value}", setting.origin.name()),
        None => setting.origin.name().to_owned(),
    };
    let cells = vec![
        Cell::new(Role::Name, setting.key.name()),
        Cell::plain(setting.value.to_string()),
        Cell::plain(from),
        Cell::new(Role::Dim, setting.default.to_string()),
    ];
    Row { mark: Cell::plain(" "), cells, below: vec![] }
}
