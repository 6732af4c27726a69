//! The firewall of this host: what holds, which rules, and what one of them decides.

use ray_ipc::control::{FirewallReply, FirewallTestReply, RuleStatus};

use super::{
    counted,
    invite::shortened,
    measure::moment,
    table::{Cell, Row, aligned, headings},
};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

/// Characters of a suggestion's id.
const ID_CHARS: usize = 10;

pub(crate) fn shown(firewall: &FirewallReply, verbose: bool, now_s: u64, palette: Palette) -> String {
    let mut text = verdict(firewall, palette);
    if firewall.rules.is_empty() {
        text.push_str("  no rules\n");
    } else {
        text.push_str(&table(&firewall.rules, verbose, now_s, palette));
    }
    if firewall.pending > 0 {
        let verb = if firewall.pending == 1 { "waits" } else { "wait" };
        let pending = format!("{} {verb} for a decision", counted(firewall.pending, "suggestion"));
        text.push_str(&format!("  {}\n", palette.paint(Role::Warn, &pending)));
    }
    text
}

pub(crate) fn changed(firewall: &FirewallReply) -> String {
    let change = firewall.change.as_deref().unwrap_or("nothing changed: it is so already");
    format!("{}\n", escape(change))
}

pub(crate) fn tested(tested: &FirewallTestReply, palette: Palette) -> String {
    let verdict = if tested.allow { palette.paint(Role::Ok, "allowed") } else { palette.paint(Role::Bad, "denied") };
    let peer = palette.paint(Role::Name, &format!("{}.{}", escape(&tested.peer), escape(&tested.network)));
    let mut text = format!("{verdict} · {peer}\n  {}\n", escape(&tested.why));
    if let Some(rule) = &tested.rule {
        text.push_str(&format!("  rule {}: {}\n", rule.number, escape(&rule.shown)));
        text.extend(from(rule).map(|from| format!("  {}\n", palette.paint(Role::Dim, &from))));
    }
    text
}

/// The first line: whether rules count, and what holds without one.
fn verdict(firewall: &FirewallReply, palette: Palette) -> String {
    let state = if firewall.on {
        palette.paint(Role::Ok, "firewall on")
    } else {
        palette.paint(Role::Bad, "firewall off: every member reaches all of this host")
    };
    let default = |allow| if allow { "allow" } else { "deny" };
    let refused = if firewall.reject { "are told" } else { "are not told" };
    let (inbound, outbound) = (default(firewall.inbound_allow), default(firewall.outbound_allow));
    format!("{state} · default in {inbound}, out {outbound} · refused senders {refused}\n")
}

fn table(rules: &[RuleStatus], verbose: bool, now_s: u64, palette: Palette) -> String {
    let has_expiry = rules.iter().any(|rule| rule.expires_at.is_some());
    let mut names = vec!["NO", "RULE"];
    if has_expiry {
        names.insert(1, "EXPIRES");
    }
    let mut rows = vec![headings(&names)];
    rows.extend(rules.iter().map(|rule| row(rule, has_expiry, verbose, now_s)));
    aligned(&rows, palette)
}

fn row(rule: &RuleStatus, has_expiry: bool, verbose: bool, now_s: u64) -> Row {
    let mut cells = vec![Cell::plain(rule.number.to_string())];
    if has_expiry {
        cells.push(Cell::plain(rule.expires_at.map_or_else(|| "-".to_owned(), |at| moment(at, now_s))));
    }
    cells.push(Cell::new(Role::Name, escape(&rule.shown)));
    let mut below = Vec::new();
    if verbose {
        below.push(Cell::new(Role::Dim, format!("keys {}", escape(&rule.stored))));
    }
    below.extend(from(rule).map(|from| Cell::new(Role::Dim, from)));
    Row { mark: Cell::plain(" "), cells, below }
}

/// Where a rule came from, if not from this host's own user.
fn from(rule: &RuleStatus) -> Option<String> {
    let origin = rule.suggestion.as_ref()?;
    let id = shortened(&origin.id, ID_CHARS);
    Some(format!("suggested by {} of {}, {id}", escape(&origin.author), escape(&origin.network)))
}
