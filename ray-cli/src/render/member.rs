//! Members, coordinators, and who wants to be one.

use ray_ipc::control::{CoordinatorStatus, CoordinatorsReply, JoinAsked, MemberReply, RequestsReply};

use super::{
    counted,
    measure::moment,
    table::{Cell, Row, aligned, headings},
};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

pub(crate) fn accepted(member: &MemberReply, palette: Palette) -> String {
    let (name, network) = names(member, palette);
    format!("let {name} into {network}\n")
}

pub(crate) fn denied(member: &MemberReply, palette: Palette) -> String {
    let (name, network) = names(member, palette);
    format!("did not let {name} into {network}\n")
}

pub(crate) fn kicked(member: &MemberReply, palette: Palette) -> String {
    let (name, network) = names(member, palette);
    format!("removed {name} from {network}; its links close as members hear of it\n")
}

pub(crate) fn granted(member: &MemberReply, palette: Palette) -> String {
    let (name, network) = names(member, palette);
    format!("{name} is a coordinator of {network}\n")
}

pub(crate) fn revoked(member: &MemberReply, palette: Palette) -> String {
    let (name, network) = names(member, palette);
    format!("{name} is no coordinator of {network} any more\n")
}

/// The name that it has, and why it is not the one that was wished for.
pub(crate) fn renamed(member: &MemberReply, wish: &str, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &format!("{}.{}.ray", escape(&member.hostname), escape(&member.network)));
    let taken = if member.hostname == wish { String::new() } else { format!(", as {} is taken", escape(wish)) };
    format!("the name is {name}{taken}\n")
}

pub(crate) fn requests(requests: &RequestsReply, now_s: u64, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &escape(&requests.network));
    let asking = counted(requests.requests.len(), "host");
    let verb = if requests.requests.len() == 1 { "asks" } else { "ask" };
    if requests.requests.is_empty() {
        return format!("{name} · nobody asks to be let in\n");
    }
    let mut rows = vec![headings(&["HOST", "ASKED"])];
    rows.extend(requests.requests.iter().map(|asked| asked_row(asked, now_s)));
    format!("{name} · {asking} {verb} to be let in\n{}", aligned(&rows, palette))
}

/// The whole id is shown: it alone tells one who calls itself bob from another.
fn asked_row(asked: &JoinAsked, now_s: u64) -> Row {
    let id = Cell::new(Role::Dim, format!("id   {}", escape(&asked.endpoint_id)));
    let cells =
        vec![Cell::new(Role::Name, escape(&asked.hostname).into_owned()), Cell::plain(moment(asked.asked_at, now_s))];
    Row { mark: Cell::plain(" "), cells, below: vec![id] }
}

pub(crate) fn coordinators(coordinators: &CoordinatorsReply, now_s: u64, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &escape(&coordinators.network));
    let mut rows = vec![headings(&["HOST", "SINCE", "GRANTED BY"])];
    rows.extend(coordinators.coordinators.iter().map(|coordinator| coordinator_row(coordinator, now_s)));
    let count = counted(coordinators.coordinators.len(), "coordinator");
    format!("{name} · {count}, the most senior first\n{}", aligned(&rows, palette))
}

fn coordinator_row(coordinator: &CoordinatorStatus, now_s: u64) -> Row {
    let granted_by = coordinator.granted_by.as_deref().map_or("-".into(), escape);
    let mut cells = vec![
        Cell::new(Role::Name, escape(&coordinator.hostname).into_owned()),
        Cell::plain(moment(coordinator.since, now_s)),
        Cell::plain(granted_by),
    ];
    if coordinator.me {
        cells.push(Cell::new(Role::Dim, "me"));
    }
    Row { mark: Cell::plain(" "), cells, below: vec![] }
}

/// Host name and network.
fn names(member: &MemberReply, palette: Palette) -> (String, String) {
    (palette.paint(Role::Name, &escape(&member.hostname)), palette.paint(Role::Name, &escape(&member.network)))
}
