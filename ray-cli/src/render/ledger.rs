//! What `ray status` says of a network's history and of where it is published.

use ray_ipc::control::{NetworkStatus, PublicationStatus};

use super::{counted, measure::age};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

/// What is not settled, in one line where there is something.
pub(super) fn pending(network: &NetworkStatus, palette: Palette) -> String {
    let mut parts = Vec::new();
    if network.requests > 0 {
        let verb = if network.requests == 1 { "asks" } else { "ask" };
        parts.push(format!("{} {verb} to be let in", counted(network.requests, "host")));
    }
    if network.unconfirmed > 0 {
        parts.push(format!("{} unconfirmed", entries(network.unconfirmed)));
    }
    if network.unknown_entries > 0 {
        parts.push(format!("{} of a newer release", entries(network.unknown_entries)));
    }
    if parts.is_empty() { String::new() } else { format!("  {}\n", palette.paint(Role::Warn, &parts.join(" · "))) }
}

/// The lines of `--verbose`.
pub(super) fn details(network: &NetworkStatus) -> String {
    let publication = &network.publication;
    format!(
        "  room id {}\n  record  {}\n          {}\n  history {}, {} unconfirmed, {} unknown\n",
        escape(&network.room_id),
        escape(&publication.discovery_key),
        published(publication),
        entries(network.entries),
        network.unconfirmed,
        network.unknown_entries,
    )
}

fn published(publication: &PublicationStatus) -> String {
    let done = if publication.publisher { "published by this host" } else { "published by others, found" };
    let mut text = match publication.seen_s {
        Some(seconds) => format!("{done} {} ago", age(seconds)),
        None if publication.publisher => "not published by this host yet".to_owned(),
        None => "not found yet".to_owned(),
    };
    if let Some(error) = &publication.error {
        text.push_str(&format!("; the last attempt failed: {}", escape(error)));
    }
    text
}

/// `1 entry`, `2 entries`.
pub(super) fn entries(count: u32) -> String {
    if count == 1 { "1 entry".to_owned() } else { format!("{count} entries") }
}
