//! Names on this host, and how one is answered.

use ray_ipc::control::{
    DnsKeeper, DnsMode, DnsQueryReply, DnsReply, DnsState, DnsUpstream, DnsVerdict, HostDns, RecordKind,
};

use super::measure::age;
use crate::{
    escape::escape,
    output::{Palette, Role},
};

/// One sentence: whether programs find mesh names.
pub(crate) fn verdict(status: &DnsReply, palette: Palette) -> String {
    let (role, text) = judge(status);
    format!("{}\n", palette.paint(role, &text))
}

/// With `details_at`, a time, also the host's own settings, and how long ago what has changed.
pub(crate) fn status(status: &DnsReply, details_at: Option<u64>, palette: Palette) -> String {
    let mut text = verdict(status, palette);
    let search = if status.search { "on" } else { "off" };
    text.push_str(&format!("  mode       {} (search {search})\n", status.mode.name()));
    if let Some(host) = &status.host {
        text.push_str(&format!("  backend    {}: {}\n", escape(&host.backend), escape(&host.why)));
        for (number, item) in host.set.iter().enumerate() {
            let label = if number == 0 { "set" } else { "" };
            text.push_str(&format!("  {label:9}  {}\n", escape(item)));
        }
    }
    let answers: Vec<String> = status.answers.iter().map(ToString::to_string).collect();
    let answers = if answers.is_empty() { "nowhere: the tunnel is not up".to_owned() } else { answers.join(", ") };
    text.push_str(&format!("  answers    {answers}\n"));
    text.push_str(&format!("  others     {}\n", others(status)));
    for conflict in status.host.iter().flat_map(|host| &host.conflicts) {
        let mark = palette.paint(Role::Warn, "conflict");
        text.push_str(&format!(
            "  {mark}   {}\n             -> {}\n",
            escape(&conflict.what),
            escape(&conflict.remedy)
        ));
    }
    if let Some(now) = details_at {
        text.push_str(&details(status, now, palette));
    }
    text
}

/// What becomes of questions about other names.
fn others(status: &DnsReply) -> String {
    if !status.forwards {
        return "are not asked here".to_owned();
    }
    let shown = |upstream: &DnsUpstream| {
        let silent = if upstream.answers { "" } else { " (silent)" };
        format!("{}{silent}", upstream.address)
    };
    let upstreams: Vec<String> = status.upstreams.iter().map(shown).collect();
    if upstreams.is_empty() {
        return "fail: the host has no resolver of its own".to_owned();
    }
    format!("are passed on to {}", upstreams.join(", "))
}

fn details(status: &DnsReply, now: u64, palette: Palette) -> String {
    let mut text = String::new();
    if let Some(HostDns { resolvers, search, .. }) = &status.host {
        let resolvers: Vec<String> = resolvers.iter().map(ToString::to_string).collect();
        let or_none = |list: String| if list.is_empty() { "none".to_owned() } else { list };
        text.push_str(&format!("  host's own {}\n", or_none(resolvers.join(", "))));
        let search: Vec<String> = search.iter().map(|domain| escape(domain).into_owned()).collect();
        text.push_str(&format!("  its search {}\n", or_none(search.join(", "))));
    }
    for event in &status.events {
        let since = palette.paint(Role::Dim, &age(now.saturating_sub(event.time)));
        text.push_str(&format!("  {since} ago: {}\n", escape(&event.text)));
    }
    text
}

fn judge(status: &DnsReply) -> (Role, String) {
    if status.mode == DnsMode::Off {
        return (Role::Dim, "names are off: nothing is changed on this host → ray config set dns names".to_owned());
    }
    if status.host.as_ref().is_some_and(|host| host.backend == "off") {
        return (
            Role::Dim,
            "root keeps this host's DNS settings as they are: backend = \"off\" in names.toml".to_owned(),
        );
    }
    if let DnsKeeper::Missing { reason } = &status.keeper {
        let text = format!(
            "programs here do not find mesh names: ray-names is not running: {} → systemctl start rayfish-names",
            escape(reason)
        );
        return (Role::Bad, text);
    }
    if let Some(trouble) = &status.trouble {
        return (Role::Bad, format!("programs here do not find mesh names: {}", escape(trouble)));
    }
    match status.host.as_ref().map(|host| host.state) {
        Some(DnsState::Set) => (Role::Ok, "programs here find mesh names".to_owned()),
        Some(DnsState::Waiting) => (Role::Warn, "programs here do not find mesh names yet".to_owned()),
        Some(DnsState::StoodDown) => {
            (Role::Bad, "programs here do not find mesh names: another program's settings go first".to_owned())
        }
        Some(DnsState::Unset) | None if status.answers.is_empty() => {
            (Role::Dim, "nothing is changed on this host: the tunnel is not up → ray up".to_owned())
        }
        Some(DnsState::Unset) | None => (Role::Warn, "programs here do not find mesh names yet".to_owned()),
    }
}

pub(crate) fn query(found: &DnsQueryReply, palette: Palette) -> String {
    let name = palette.paint(Role::Name, &escape(&found.name));
    let kind = if found.kind == RecordKind::Any { "address" } else { found.kind.name() };
    let mut text = match found.verdict {
        DnsVerdict::Found => found
            .records
            .iter()
            .map(|record| format!("{name}  {}  {}\n", record.kind.name(), escape(&record.data)))
            .collect(),
        DnsVerdict::NoData => format!("{name} exists and has no {kind}\n"),
        DnsVerdict::Missing => format!("{name} does not exist\n"),
        DnsVerdict::Forwarded => {
            let upstreams: Vec<String> = found.upstreams.iter().map(ToString::to_string).collect();
            format!("{name} is not ours; it is passed on to {}\n", upstreams.join(", "))
        }
        DnsVerdict::Refused => format!("{name} is not ours; the question is refused, and the host asks others\n"),
    };
    let through = if found.alias { "an alias of this host for" } else { "short for" };
    if let Some(target) = found.target.as_ref().filter(|target| **target != found.name) {
        text.push_str(&format!("  {through} {}\n", escape(target)));
    }
    if !found.others.is_empty() {
        let others: Vec<String> = found.others.iter().map(|other| escape(other).into_owned()).collect();
        text.push_str(&format!("  ambiguous: it could also mean {}\n", others.join(", ")));
    }
    if let Some(network) = &found.network {
        text.push_str(&format!("  network {}\n", escape(network)));
    }
    text
}
