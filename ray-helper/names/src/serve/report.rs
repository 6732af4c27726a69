//! How things are, in bounded words.

use std::{fs, path::Path};

use ray_ipc::names::{Conflict, Report};

use crate::{
    backend::{Host, Outcome},
    choose::{Choice, Look},
    resolv_conf::text::{self, UPSTREAMS_MAX},
};

/// Items of one kind, and bytes of one.
const ITEMS_MAX: usize = 6;
const ITEM_LEN_MAX: usize = 200;
/// The kernel's longest name of an interface.
const INTERFACE_LEN_MAX: usize = 15;

/// The host's own resolvers, as its list tells them.
pub(super) fn listed(look: &Look) -> Host {
    Host { servers: text::upstreams(&look.rest, index_of), search: text::search(&look.rest) }
}

/// What the engine is told.
pub(super) fn report(choice: &Choice, host: &Host, outcome: &Outcome) -> Report {
    let conflicts = choice.conflict.iter().chain(&outcome.conflicts).take(ITEMS_MAX);
    Report {
        backend: choice.backend,
        why: short(&choice.why),
        state: outcome.state,
        set: outcome.set.iter().take(ITEMS_MAX).map(|item| short(item)).collect(),
        conflicts: conflicts
            .map(|conflict| Conflict { what: short(&conflict.what), remedy: short(&conflict.remedy) })
            .collect(),
        upstreams: host.servers.iter().take(UPSTREAMS_MAX).copied().collect(),
        search: host.search.iter().take(ITEMS_MAX).map(|domain| short(domain)).collect(),
    }
}

/// The index of the interface that an address of the link belongs to.
fn index_of(interface: &str) -> Option<u32> {
    let is_name = interface.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
    if !is_name || interface.is_empty() || interface.len() > INTERFACE_LEN_MAX {
        return None;
    }
    fs::read_to_string(Path::new("/sys/class/net").join(interface).join("ifindex")).ok()?.trim().parse().ok()
}

fn short(text: &str) -> String {
    let mut kept = String::new();
    for letter in text.chars().filter(|letter| !letter.is_control()) {
        if kept.len().saturating_add(letter.len_utf8()) > ITEM_LEN_MAX {
            break;
        }
        kept.push(letter);
    }
    kept
}

#[cfg(test)]
mod tests {
    use ray_ipc::names::{self, Backend, NamesReply, State};

    use super::*;
    use crate::resolv_conf::Place;

    #[test]
    fn the_longest_report_fits_into_a_message() {
        let conflict = Conflict { what: "ä".repeat(1000), remedy: "\x1b".repeat(10) + &"x".repeat(1000) };
        let choice = Choice { backend: Backend::File, why: "y".repeat(1000), conflict: Some(conflict.clone()) };
        let outcome = Outcome {
            state: State::Waiting,
            set: vec!["z".repeat(1000); 100],
            conflicts: vec![conflict; 100],
            again: None,
        };
        let domain = format!("{}.example", "d".repeat(247));
        let rest = format!("search {}\n", [domain.as_str(); 10].join(" ")) + &"nameserver fe80::1%1\n".repeat(100);
        let look = Look { place: Place { path: "/etc/resolv.conf".into(), is_linked: false }, rest: rest.into() };
        let report = report(&choice, &listed(&look), &outcome);
        assert_eq!(report.search.len(), 6);
        let packet = names::encode_reply(&NamesReply::Report(report)).unwrap();
        assert!(packet.len() > 4000, "{}", packet.len());
    }

    #[test]
    fn asks_for_the_index_of_interfaces_only() {
        for name in ["", "..", "../../../etc", "lo/ifindex", "a name", "sixteen-letters-"] {
            assert_eq!(index_of(name), None, "{name:?}");
        }
        assert_eq!(index_of("lo"), Some(1));
    }
}
