//! The history of a network, one entry after the other: they are shown as they arrive.

use ray_ipc::control::{LogDone, LogEffect, LogEntry};

use super::{ledger::entries, measure::utc_minute};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

/// Room for a common host name. Longer ones move the rest of their line.
const AUTHOR_WIDTH: usize = 12;

/// When, who, what, and whether it did anything.
pub(crate) fn entry(entry: &LogEntry, palette: Palette) -> String {
    let author = escape(&entry.author);
    let padding = " ".repeat(AUTHOR_WIDTH.saturating_sub(author.chars().count()));
    let time = palette.paint(Role::Dim, &utc_minute(entry.time));
    let name = palette.paint(Role::Name, &author);
    let text = escape(&entry.text);
    let effect = match &entry.effect {
        LogEffect::Counted => String::new(),
        LogEffect::NoEffect { reason } => {
            format!(" {}", palette.paint(Role::Warn, &format!("(no effect: {})", escape(reason))))
        }
        LogEffect::Unknown => format!(" {}", palette.paint(Role::Warn, "(of a newer release: no effect here)")),
    };
    format!("{time}  {name}{padding}  {text}{effect}\n")
}

pub(crate) fn sum(told: usize, done: &LogDone) -> String {
    let unconfirmed = match done.unconfirmed {
        0 => String::new(),
        count => format!("; {count} unconfirmed"),
    };
    let network = escape(&done.network);
    let all = entries(done.entries);
    format!("{told} of {all} of {network}; times in UTC, signatures verified{unconfirmed}\n")
}
