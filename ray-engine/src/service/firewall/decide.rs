//! `firewall accept`, `deny` and `auto-accept`: what this host makes of suggestions.

use std::collections::BTreeMap;

use ray_ipc::control::{SuggestionRequest, SuggestionsReply};

use super::{
    super::{Core, Result, failure},
    suggestion::{Heard, Verdict},
};
use crate::{
    ident::RoomId,
    ledger::EntryId,
    store::{Decided, FirewallRecord},
};

/// Decisions about suggestions of one network that are remembered: those that stand, and as many again that were withdrawn
/// and may stand again when histories merge.
const DECIDED_MAX: usize = 512;

impl Core {
    /// Accepts or declines one suggestion, or all that wait.
    pub(super) fn decide(&mut self, request: &SuggestionRequest, accepted: bool) -> Result<SuggestionsReply> {
        let networks = self.asked_networks(request.network.as_deref())?;
        let heard = || networks.iter().flat_map(|network| self.heard_in(network));
        let chosen: Vec<Heard<'_>> = match &request.id {
            None => heard().filter(Heard::is_pending).collect(),
            Some(id) => {
                let mut found: Vec<_> = heard().filter(|heard| is_called(heard.suggestion.id, id)).collect();
                match (found.pop(), found.len()) {
                    (Some(one), 0) => vec![one],
                    (Some(_), others) => return Err(ambiguous(id, others + 1)),
                    (None, _) => return Err(unknown(id, request.network.as_deref())),
                }
            }
        };
        if let (true, Some(Err(reason))) = (accepted, chosen.first().map(|heard| &heard.rule)) {
            return Err(failure::refused(
                format!("accepting a suggestion: this release cannot read it: {reason}"),
                "ask its author, or update this node",
            ));
        }
        let wanted = if accepted { Verdict::Accepted } else { Verdict::Declined };
        let ids: Vec<EntryId> = chosen.iter().map(|heard| heard.suggestion.id).collect();
        let new = chosen.iter().filter(|heard| heard.verdict != wanted).map(|heard| heard.suggestion.id);
        let new: Vec<EntryId> = new.collect();
        if !new.is_empty() {
            let record = self.record_with(&new, accepted);
            self.change_firewall(record)?;
        }
        let mut reply = self.suggestions(request.network.as_deref())?;
        let ids: Vec<String> = ids.iter().map(ToString::to_string).collect();
        reply.suggestions.retain(|suggestion| ids.contains(&suggestion.origin.id));
        Ok(reply)
    }

    /// Shows or sets whether suggestions are accepted by themselves. Those that wait are, too.
    pub(super) fn auto_accept(&mut self, network: Option<&str>, on: Option<bool>) -> Result<SuggestionsReply> {
        if let Some(on) = on {
            let room = self.entered(network)?.room();
            self.remember_auto_accept(room, on).map_err(|error| failure::store(&error))?;
            self.apply();
        }
        self.suggestions(network)
    }

    /// Accepts what waits in the networks where that happens by itself.
    pub(in crate::service) fn accept_by_itself(&mut self) {
        let heard = self.heard().filter(|heard| self.firewall.record.auto_accept.contains(&heard.network.room()));
        let waiting: Vec<EntryId> = heard.filter(Heard::is_pending).map(|heard| heard.suggestion.id).collect();
        if waiting.is_empty() {
            return;
        }
        let record = self.record_with(&waiting, true);
        match self.keep_firewall(record) {
            Ok(()) => tracing::info!(rules = waiting.len(), "accepted what coordinators suggest"),
            // It counts when it is stored: at the next change, or the next start.
            Err(error) => tracing::error!(%error, "accepting what coordinators suggest"),
        }
    }

    /// What is remembered, with these decided too.
    pub(super) fn record_with(&self, ids: &[EntryId], accepted: bool) -> FirewallRecord {
        let mut record = self.firewall.record.clone();
        let mut standing: BTreeMap<EntryId, RoomId> = BTreeMap::new();
        for network in self.live_networks() {
            standing.extend(network.ledger.roster().suggestions().map(|suggestion| (suggestion.id, network.room())));
        }
        for id in ids {
            let Some(room) = standing.get(id) else { continue };
            record.decided.retain(|decided| (decided.room, decided.suggestion) != (*room, *id));
            record.decided.push(Decided { room: *room, suggestion: *id, accepted });
            forget_old(&mut record.decided, *room, |suggestion| standing.contains_key(suggestion));
        }
        record
    }
}

/// Keeps the decisions of one network within their bound: the oldest goes whose suggestion does not stand.
fn forget_old(decided: &mut Vec<Decided>, room: RoomId, stands: impl Fn(&EntryId) -> bool) {
    let of_room = decided.iter().filter(|decided| decided.room == room).count();
    if of_room > DECIDED_MAX
        && let Some(at) = decided.iter().position(|decided| decided.room == room && !stands(&decided.suggestion))
    {
        decided.remove(at);
    }
}

/// By its id or the start of it.
pub(super) fn is_called(suggestion: EntryId, named: &str) -> bool {
    !named.is_empty() && suggestion.to_string().starts_with(&named.to_ascii_lowercase())
}

pub(super) fn ambiguous(id: &str, count: usize) -> ray_ipc::control::ErrorReply {
    failure::not_found(format!("{count} suggestions begin with {id:?}"), "give more of the id")
}

fn unknown(id: &str, network: Option<&str>) -> ray_ipc::control::ErrorReply {
    let of = network.map(|network| format!(" of {network}")).unwrap_or_default();
    failure::not_found(format!("no suggestion{of} to this host begins with {id:?}"), "see: ray firewall pending")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_oldest_decision_that_means_nothing_any_more_is_forgotten() {
        let id = |n: usize| EntryId([&n.to_le_bytes()[..], &[0; 24]].concat().try_into().unwrap());
        let (home, work) = (RoomId([1; 32]), RoomId([2; 32]));
        let one = |room, n| Decided { room, suggestion: id(n), accepted: false };
        let mut decided: Vec<_> = (0..DECIDED_MAX + 1).map(|n| one(home, n)).collect();
        decided.insert(0, one(work, 9000));
        forget_old(&mut decided, home, |suggestion| *suggestion == id(0));
        assert_eq!(decided.len(), DECIDED_MAX + 1);
        assert!(decided.contains(&one(work, 9000)) && decided.contains(&one(home, 0)));
        assert!(!decided.contains(&one(home, 1)));
        forget_old(&mut decided, home, |_| false);
        assert_eq!(decided.len(), DECIDED_MAX + 1, "within the bound nothing is forgotten");
    }

    #[test]
    fn a_suggestion_is_called_by_the_start_of_its_id() {
        let id = EntryId([0xab; 32]);
        assert!(is_called(id, "abab") && is_called(id, "ABAB") && is_called(id, &id.to_string()));
        assert!(!is_called(id, "") && !is_called(id, "ba"));
    }
}
