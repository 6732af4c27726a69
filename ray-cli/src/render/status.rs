//! `ray status`: the verdict first, then what is wrong with its remedy, then the peers.

use std::collections::BTreeMap;

use ray_ipc::control::{
    HelperState, MemberState, MemberStatus, NetworkStatus, PathState, Standing, StatusReply, WaitingReply,
};

use super::{
    counted,
    device::device,
    engine, ledger,
    measure::{age, bytes, lasting, rtt},
    mode_name,
    table::{Cell, Row, aligned, headings},
};
use crate::{
    escape::escape,
    json::status::is_up,
    output::{Palette, Role},
};

const HEADINGS: [&str; 6] = ["HOST", "ADDRESS", "PATH", "RTT", "SENT/RECEIVED", "SEEN"];

pub(crate) fn all(status: &StatusReply, verbose: bool, palette: Palette) -> String {
    let mut text = verdict(status, palette);
    for warning in warnings(status) {
        text.push_str(&format!("{} {warning}\n", palette.paint(Role::Warn, "!")));
    }
    if verbose {
        text.push('\n');
        text.push_str(&details(status));
    }
    if status.networks.is_empty() && status.waiting.is_empty() {
        text.push_str("\nno network yet: `ray create NAME` founds one, `ray join CODE` enters one\n");
    }
    for network in &status.networks {
        text.push('\n');
        match network.standing {
            Standing::Member => text.push_str(&network_text(network, is_up(status), verbose, palette)),
            Standing::Out { .. } | Standing::Ended { .. } => text.push_str(&past_text(network, verbose, palette)),
        }
    }
    for waiting in &status.waiting {
        text.push('\n');
        text.push_str(&waiting_text(waiting, palette));
    }
    text
}

/// The first line: what works.
pub(crate) fn verdict(status: &StatusReply, palette: Palette) -> String {
    let state = match (is_up(status), status.wanted_up) {
        (true, _) => palette.paint(Role::Ok, "up"),
        (false, true) => palette.paint(Role::Bad, "not up"),
        (false, false) => palette.paint(Role::Warn, "down"),
    };
    let networks: Vec<_> =
        status.networks.iter().filter(|network| matches!(network.standing, Standing::Member)).collect();
    let mut parts = vec![state, counted(networks.len(), "network")];
    if is_up(status) {
        parts.push(Peers::of(&networks).to_string());
    }
    parts.push(match status.helper {
        HelperState::Connected => "helper ok".to_owned(),
        HelperState::Idle => "helper idle".to_owned(),
        HelperState::Missing { .. } => palette.paint(Role::Bad, "helper missing"),
    });
    format!("{}\n", parts.join(" · "))
}

/// What a user should know, with the remedy.
fn warnings(status: &StatusReply) -> Vec<String> {
    let mut warnings = Vec::new();
    if let HelperState::Missing { reason } = &status.helper {
        warnings.push(format!("no helper: {} → systemctl start rayfish-helper", escape(reason)));
    }
    if let Some(missing) = status.confinement.missing.first() {
        warnings.push(format!("the engine is not fully confined: {} → ray doctor", escape(missing)));
    }
    if !status.wanted_up {
        warnings.push("no packets flow → ray up".to_owned());
    }
    warnings.extend(status.warnings.iter().map(|warning| escape(warning).into_owned()));
    warnings
}

fn details(status: &StatusReply) -> String {
    let mut text = format!("engine  {}\n", engine::one_line(&status.engine));
    if let Some(tun) = &status.tun {
        text.push_str(&format!("device  {}\n", device(tun)));
    }
    for address in &status.underlay {
        text.push_str(&format!("bound   {}\n", escape(address)));
    }
    for drop in &status.drops {
        text.push_str(&format!("drops   {} {}\n", drop.packets, escape(&drop.reason)));
    }
    text
}

fn network_text(network: &NetworkStatus, up: bool, verbose: bool, palette: Palette) -> String {
    let name = escape(&network.name);
    let mut text = palette.paint(Role::Name, &name);
    if network.coordinator {
        text.push_str(" · coordinator");
    }
    text.push_str(&format!(" · {} · {}", mode_name(network.mode), counted(network.members.len(), "member")));
    if network.ephemeral_s > 0 {
        text.push_str(&format!(" · ephemeral {}", lasting(network.ephemeral_s.into())));
    }
    text.push('\n');
    text.push_str(&ledger::pending(network, palette));
    if verbose {
        text.push_str(&ledger::details(network));
    }
    // While nothing flows, a list of peers would only look as if something did.
    if up || verbose {
        let mut rows = vec![headings(&HEADINGS)];
        let (me, others): (Vec<_>, Vec<_>) = network.members.iter().partition(|member| member.me);
        rows.extend(me.into_iter().chain(others).map(|member| row(member, verbose)));
        text.push_str(&aligned(&rows, palette));
    }
    if network.members.iter().all(|member| member.me) {
        text.push_str(&format!("  nobody else yet → ray invite {name}\n"));
    }
    text
}

/// A network that this node is not in any more: nothing to reach there.
fn past_text(network: &NetworkStatus, verbose: bool, palette: Palette) -> String {
    let (state, how) = match &network.standing {
        Standing::Member => ("member", String::new()),
        Standing::Out { reason } => ("not a member", format!(": {}", escape(reason))),
        Standing::Ended { by } => ("ended", format!(" by {}", escape(by))),
    };
    let (name, state) = (palette.paint(Role::Name, &escape(&network.name)), palette.paint(Role::Bad, state));
    let details = if verbose { ledger::details(network) } else { String::new() };
    format!("{name} · {state}{how}\n{details}")
}

fn waiting_text(waiting: &WaitingReply, palette: Palette) -> String {
    format!(
        "{} · to be let in as {}\n  room id {}\n  a coordinator has to accept it; to stop asking → ray leave ROOM-ID\n",
        palette.paint(Role::Warn, "waiting"),
        escape(&waiting.hostname),
        escape(&waiting.room_id),
    )
}

/// A star marks those who may invite.
fn row(member: &MemberStatus, verbose: bool) -> Row {
    let address = member.v4.map_or_else(|| "-".to_owned(), |v4| v4.to_string());
    let star = if member.coordinator { "*" } else { "" };
    let mut cells = vec![Cell::new(Role::Name, format!("{}{star}", escape(&member.hostname))), Cell::plain(address)];
    let (mark, state) = state_cells(&member.state);
    cells.extend(state);
    let mut below = Vec::new();
    if verbose || member.v4.is_none() {
        below.push(format!("v6   {}", member.v6));
    }
    if verbose {
        below.push(format!("name {}", escape(&member.fqdn)));
        below.push(format!("id   {}", escape(&member.endpoint_id)));
        below.extend(via(&member.state));
    }
    Row { mark, cells, below: below.into_iter().map(|line| Cell::new(Role::Dim, line)).collect() }
}

/// The mark and the columns from PATH on.
fn state_cells(state: &MemberState) -> (Cell, Vec<Cell>) {
    match state {
        MemberState::Me => (Cell::plain(" "), vec![Cell::new(Role::Dim, "me")]),
        MemberState::Online { path, rtt_us, tx_bytes, rx_bytes, .. } => {
            let (role, mark, name) = match path {
                PathState::Direct { .. } => (Role::Ok, "●", "direct"),
                PathState::Relay { .. } => (Role::Warn, "◐", "relay"),
                PathState::Unsettled | PathState::Absent => (Role::Warn, "◌", "unsettled"),
            };
            let cells = vec![
                Cell::new(role, name),
                Cell::plain(rtt(*rtt_us)),
                Cell::plain(format!("↑{} ↓{}", bytes(*tx_bytes), bytes(*rx_bytes))),
                Cell::plain("now"),
            ];
            (Cell::new(role, mark), cells)
        }
        MemberState::Connecting => (Cell::new(Role::Warn, "◌"), vec![Cell::new(Role::Warn, "connecting")]),
        MemberState::Offline { last_seen_s } => {
            let seen = last_seen_s.map_or_else(|| "-".to_owned(), |seconds| format!("{} ago", age(seconds)));
            let cells = [Cell::new(Role::Bad, "offline"), Cell::plain("-"), Cell::plain("-"), Cell::plain(seen)];
            (Cell::new(Role::Bad, "○"), cells.into())
        }
    }
}

/// The other end of the path and the age of the link.
fn via(state: &MemberState) -> Option<String> {
    match state {
        MemberState::Online { path, since_s, .. } => {
            Some(format!("via  {}, for {}", super::whole_path(path), age(*since_s)))
        }
        MemberState::Me | MemberState::Connecting | MemberState::Offline { .. } => None,
    }
}

/// Peers over all networks, each counted once.
#[derive(Debug, Default, PartialEq, Eq)]
struct Peers {
    all: usize,
    direct: usize,
    relay: usize,
    unsettled: usize,
}

impl Peers {
    fn of(networks: &[&NetworkStatus]) -> Self {
        let members = networks.iter().flat_map(|network| &network.members).filter(|member| !member.me);
        let by_id: BTreeMap<&str, &MemberState> =
            members.map(|member| (member.endpoint_id.as_str(), &member.state)).collect();
        let mut peers = Self { all: by_id.len(), ..Self::default() };
        for state in by_id.values() {
            match state {
                MemberState::Online { path: PathState::Direct { .. }, .. } => peers.direct += 1,
                MemberState::Online { path: PathState::Relay { .. }, .. } => peers.relay += 1,
                MemberState::Online { path: PathState::Unsettled | PathState::Absent, .. } => peers.unsettled += 1,
                MemberState::Me | MemberState::Connecting | MemberState::Offline { .. } => {}
            }
        }
        peers
    }
}

impl std::fmt::Display for Peers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let online = self.direct + self.relay + self.unsettled;
        if self.all == 0 {
            return f.write_str("no peers");
        }
        write!(f, "{online}/{} online", counted(self.all, "peer"))?;
        let kinds = [(self.direct, "direct"), (self.relay, "relay"), (self.unsettled, "unsettled")];
        let kinds: Vec<_> =
            kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
        if kinds.is_empty() { Ok(()) } else { write!(f, " ({})", kinds.join(", ")) }
    }
}
