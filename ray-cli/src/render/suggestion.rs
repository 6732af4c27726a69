//! Rules that coordinators suggest.

use ray_ipc::control::{SuggestionScope, SuggestionState, SuggestionStatus, SuggestionsReply};

use super::{
    counted,
    invite::{key_chars, shortened},
    measure::moment,
    table::{Cell, Row, aligned, headings},
};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

/// What waits, in the order of the numbers that a user chooses by.
pub(crate) fn waiting(reply: &SuggestionsReply) -> impl Iterator<Item = &SuggestionStatus> {
    reply.suggestions.iter().filter(|suggestion| suggestion.state == SuggestionState::Pending)
}

/// All of them, with what was decided.
pub(crate) fn list(reply: &SuggestionsReply, now_s: u64, palette: Palette) -> String {
    if reply.suggestions.is_empty() {
        return "no suggestions\n".to_owned();
    }
    let mut rows = vec![headings(&["ID", "STATE", "NETWORK", "BY", "FOR", "SUGGESTED"])];
    let chars = id_chars(reply.suggestions.iter());
    rows.extend(reply.suggestions.iter().map(|suggestion| row(suggestion, chars, now_s)));
    format!("{}\n{}", count(reply), aligned(&rows, palette))
}

/// Those that wait, to choose from.
pub(crate) fn numbered(reply: &SuggestionsReply, now_s: u64, palette: Palette) -> String {
    let mut rows = vec![headings(&["NO", "ID", "STATE", "NETWORK", "BY", "FOR", "SUGGESTED"])];
    let chars = id_chars(waiting(reply));
    rows.extend(waiting(reply).zip(1..).map(|(suggestion, number): (_, u32)| {
        let mut row = row(suggestion, chars, now_s);
        row.cells.insert(0, Cell::plain(number.to_string()));
        row
    }));
    if rows.len() == 1 {
        return format!("{}\n", count(reply));
    }
    format!("{}\n{}", count(reply), aligned(&rows, palette))
}

/// What has become of each.
pub(crate) fn decided(reply: &SuggestionsReply) -> String {
    if reply.suggestions.is_empty() {
        return "no suggestion waits\n".to_owned();
    }
    let chars = id_chars(reply.suggestions.iter());
    let line = |suggestion: &SuggestionStatus| {
        let (_, state) = state(&suggestion.state);
        let id = shortened(&suggestion.origin.id, chars);
        let reason = match &suggestion.state {
            SuggestionState::Unreadable { reason } => format!(": {}", escape(reason)),
            SuggestionState::Pending | SuggestionState::Accepted | SuggestionState::Declined => String::new(),
        };
        format!("{state} {id} of {}: {}{reason}\n", escape(&suggestion.origin.network), escape(&suggestion.rule))
    };
    reply.suggestions.iter().map(line).collect()
}

pub(crate) fn suggested(suggestion: &SuggestionStatus) -> String {
    format!("suggested {}\n", told(suggestion))
}

pub(crate) fn withdrawn(suggestion: &SuggestionStatus) -> String {
    format!("withdrew {}\n", told(suggestion))
}

/// By network.
pub(crate) fn auto_accept(reply: &SuggestionsReply, palette: Palette) -> String {
    let line = |(network, on): &(String, bool)| {
        let how = if *on { "are accepted by themselves" } else { "wait for a decision" };
        format!("suggestions of {} {how}\n", palette.paint(Role::Name, &escape(network)))
    };
    reply.auto_accept.iter().map(line).collect()
}

fn count(reply: &SuggestionsReply) -> String {
    let waiting = waiting(reply).count();
    let decided = reply.suggestions.len() - waiting;
    let verb = if waiting == 1 { "waits" } else { "wait" };
    let others = if decided == 0 { String::new() } else { format!(", {decided} decided or unreadable") };
    format!("{} {verb} for a decision{others}", counted(waiting, "suggestion"))
}

/// The rule stands below, where there is room for it.
fn row(suggestion: &SuggestionStatus, chars: usize, now_s: u64) -> Row {
    let (role, state) = state(&suggestion.state);
    let cells = vec![
        Cell::plain(shortened(&suggestion.origin.id, chars)),
        Cell::new(role, state),
        Cell::plain(escape(&suggestion.origin.network)),
        Cell::plain(escape(&suggestion.origin.author)),
        Cell::plain(scope(&suggestion.scope)),
        Cell::plain(moment(suggestion.time, now_s)),
    ];
    let mut below = vec![Cell::new(Role::Name, escape(&suggestion.rule))];
    if let SuggestionState::Unreadable { reason } = &suggestion.state {
        below.push(Cell::new(Role::Warn, escape(reason)));
    }
    Row { mark: Cell::plain(" "), cells, below }
}

fn told(suggestion: &SuggestionStatus) -> String {
    let id = shortened(&suggestion.origin.id, id_chars([suggestion].into_iter()));
    let (network, rule) = (escape(&suggestion.origin.network), escape(&suggestion.rule));
    format!("{id} to {} of {network}: {rule}", scope(&suggestion.scope))
}

fn id_chars<'a>(suggestions: impl Iterator<Item = &'a SuggestionStatus>) -> usize {
    key_chars(suggestions.map(|suggestion| suggestion.origin.id.as_str()).collect())
}

fn state(state: &SuggestionState) -> (Role, &'static str) {
    match state {
        SuggestionState::Pending => (Role::Warn, "waiting"),
        SuggestionState::Accepted => (Role::Ok, "accepted"),
        SuggestionState::Declined => (Role::Dim, "denied"),
        SuggestionState::Unreadable { .. } => (Role::Bad, "unreadable"),
    }
}

/// As in the arguments.
fn scope(scope: &SuggestionScope) -> String {
    match scope {
        SuggestionScope::All => "all".to_owned(),
        SuggestionScope::Member(member) => escape(member).into_owned(),
        SuggestionScope::Group(group) => format!("group:{}", escape(group)),
    }
}
