//! The domains that belong to the mesh: its own, and the reverse ones of its addresses.

use std::net::IpAddr;

use ray_ipc::names::{Mode, Wanted};

use crate::policy::{DOMAIN, SERVER_V4, SERVER_V6};

/// Names of addresses in 100.64.0.0/10 end in one of these first numbers and `100.in-addr.arpa`.
const REVERSE_V4: std::ops::RangeInclusive<u8> = 64..=127;
/// Names of addresses in 200::/7 end in these.
const REVERSE_V6: [&str; 2] = ["2.0.ip6.arpa", "3.0.ip6.arpa"];

/// A domain that a service is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Domain {
    /// Without a dot at its end; the root is a dot.
    pub name: String,
    /// Whether names in it are only asked for, and not made by adding it to a short name.
    pub routing: bool,
}

/// Where the resolver is asked, the preferred one first.
pub fn servers(wanted: &Wanted) -> Vec<IpAddr> {
    let v4 = wanted.v4.then_some(IpAddr::V4(SERVER_V4));
    v4.into_iter().chain([IpAddr::V6(SERVER_V6)]).collect()
}

/// What the resolver is asked for. In mode `Full` the root is among it.
pub fn domains(wanted: &Wanted) -> Vec<Domain> {
    let all = match wanted.mode {
        Mode::Full => Some(".".to_owned()),
        Mode::Names => None,
    };
    let routing = all.into_iter().chain([DOMAIN.to_owned()]).chain(reverse());
    let routing = routing.map(|name| Domain { name, routing: true });
    search(wanted).map(|name| Domain { name, routing: false }).chain(routing).collect()
}

/// The search domains.
pub fn search(wanted: &Wanted) -> impl Iterator<Item = String> + '_ {
    wanted.search.iter().map(|network| format!("{network}.{DOMAIN}"))
}

/// The reverse domains.
pub fn reverse() -> impl Iterator<Item = String> {
    REVERSE_V4.map(|second| format!("{second}.100.in-addr.arpa")).chain(REVERSE_V6.map(str::to_owned))
}

/// What was set, in words.
pub fn in_words(wanted: &Wanted) -> Vec<String> {
    let join = |parts: Vec<String>| parts.join(", ");
    let servers = format!("resolver {}", join(servers(wanted).iter().map(IpAddr::to_string).collect()));
    let asked = match wanted.mode {
        Mode::Full => "asked for all names".to_owned(),
        Mode::Names => format!("asked for {DOMAIN} and the mesh's addresses"),
    };
    let searched: Vec<String> = search(wanted).collect();
    let searched = (!searched.is_empty()).then(|| format!("search {}", join(searched)));
    [servers, asked].into_iter().chain(searched).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reverse_domain_is_the_meshs_and_no_more() {
        let reverse: Vec<String> = reverse().collect();
        assert_eq!(reverse.len(), 66);
        assert!(reverse.contains(&"64.100.in-addr.arpa".to_owned()));
        assert!(reverse.contains(&"127.100.in-addr.arpa".to_owned()));
        for foreign in ["63.100.in-addr.arpa", "128.100.in-addr.arpa", "100.in-addr.arpa", "ip6.arpa", "4.0.ip6.arpa"] {
            assert!(!reverse.contains(&foreign.to_owned()), "{foreign}");
        }
    }

    #[test]
    fn asks_for_all_names_only_in_mode_full() {
        let wanted = |mode| Wanted { mode, v4: true, search: vec!["home".to_owned()] };
        let root = Domain { name: ".".to_owned(), routing: true };
        assert!(domains(&wanted(Mode::Full)).contains(&root));
        assert!(!domains(&wanted(Mode::Names)).contains(&root));
        let searched: Vec<Domain> =
            domains(&wanted(Mode::Names)).into_iter().filter(|domain| !domain.routing).collect();
        assert_eq!(searched, [Domain { name: "home.ray".to_owned(), routing: false }]);
    }

    #[test]
    fn names_no_server_of_a_family_that_is_off() {
        let wanted = Wanted { mode: Mode::Names, v4: false, search: vec![] };
        assert_eq!(servers(&wanted), [IpAddr::V6(SERVER_V6)]);
    }
}
