//! Who decides, in the order in which they prevail over each other.

use super::{
    action::Action,
    history::{History, Key},
    roster::Roster,
};
use crate::ident::{PeerId, UnixTime};

/// A coordinator and how it became one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seniority {
    pub peer: PeerId,
    /// `None` for the founder, and for whoever succeeded because no coordinator was left.
    pub granted_by: Option<PeerId>,
    pub since: UnixTime,
}

/// The most senior first: whose entry has the lowest key.
pub(super) fn by_seniority(history: &History, roster: &Roster) -> Vec<Seniority> {
    let coordinators = roster.members().filter(|member| member.coordinator);
    let mut ranked: Vec<(Key, Seniority)> = coordinators
        .filter_map(|member| {
            let ground = roster.ground(&member.peer)?;
            let entry = history.entry(history.number(&ground.id)?);
            let granted_by = matches!(entry.action(), Action::Grant { .. }).then(|| entry.author());
            Some((ground, Seniority { peer: member.peer, granted_by, since: entry.time() }))
        })
        .collect();
    ranked.sort_unstable_by_key(|(key, _)| *key);
    ranked.into_iter().map(|(_, seniority)| seniority).collect()
}
