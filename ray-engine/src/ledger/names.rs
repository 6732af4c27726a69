//! The host names of a roster: each is held once, later wishes for a held name get the lowest free suffix.

use super::tree::Map;
use crate::ident::{Hostname, PeerId};

/// The first suffix that is tried.
const SUFFIX_FIRST: u32 = 2;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Names {
    /// Who holds each name.
    held: Map<Hostname, PeerId>,
    /// By what stands before the suffix: all suffixes below this number are held. Saves counting up again for each of
    /// many like names.
    lowest: Map<String, u32>,
}

impl Names {
    pub(super) fn holder(&self, name: &Hostname) -> Option<PeerId> {
        self.held.get(name).copied()
    }

    /// Takes the wished name, or its first free variant.
    pub(super) fn take(&mut self, wish: &Hostname, peer: PeerId) -> Hostname {
        if self.held.contains(wish) {
            return self.take_variant(wish, peer);
        }
        self.held.insert(wish.clone(), peer);
        wish.clone()
    }

    /// Gives the name to `peer`, whoever holds it. Its holder needs another one.
    pub(super) fn seize(&mut self, name: &Hostname, peer: PeerId) {
        self.held.insert(name.clone(), peer);
    }

    /// Takes the first free variant of a name that is held.
    pub(super) fn take_variant(&mut self, wish: &Hostname, peer: PeerId) -> Hostname {
        let base = base_of(wish);
        let mut number = self.lowest.get(&base).copied().unwrap_or(SUFFIX_FIRST);
        let mut name = wish.with_suffix(number);
        while self.held.contains(&name) {
            number += 1;
            name = wish.with_suffix(number);
        }
        self.lowest.insert(base, number + 1);
        self.held.insert(name.clone(), peer);
        name
    }

    /// Gives a name back.
    pub(super) fn release(&mut self, name: &Hostname) {
        self.held.remove(name);
        let Some((base, suffix)) = name.as_str().rsplit_once('-') else { return };
        let Ok(number) = suffix.parse::<u32>() else { return };
        if number < SUFFIX_FIRST || number.to_string() != suffix {
            return;
        }
        let base = base.to_owned();
        if self.lowest.get(&base).is_some_and(|lowest| number < *lowest) {
            self.lowest.insert(base, number);
        }
    }
}

/// What stands before the hyphen and the number in every variant of a name.
fn base_of(name: &Hostname) -> String {
    let variant = name.with_suffix(SUFFIX_FIRST);
    variant.as_str().rsplit_once('-').map_or_else(String::new, |(base, _)| base.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_wish_for_a_held_name_gets_the_lowest_free_suffix() {
        let mut names = Names::default();
        assert_eq!(taken(&mut names, "nas-3"), "nas-3");
        assert_eq!(taken(&mut names, "nas"), "nas");
        assert_eq!(taken(&mut names, "nas"), "nas-2");
        assert_eq!(taken(&mut names, "nas"), "nas-4");
        names.release(&"nas-3".parse().unwrap());
        assert_eq!(taken(&mut names, "nas"), "nas-3");
        assert_eq!(taken(&mut names, "nas"), "nas-5");
        names.release(&"nas".parse().unwrap());
        assert_eq!(taken(&mut names, "nas"), "nas");
    }

    #[test]
    fn long_names_that_share_their_beginning_never_share_a_variant() {
        let mut names = Names::default();
        let (one, two) = (format!("{}-aaaa", "n".repeat(56)), format!("{}-bbbb", "n".repeat(56)));
        for (wish, held) in [(&one, 61), (&two, 61), (&one, 58), (&two, 58)] {
            assert_eq!(taken(&mut names, wish).len(), held);
        }
        assert_eq!(names.held.len(), 4);
        names.release(&format!("{}-2", "n".repeat(56)).parse().unwrap());
        assert!(taken(&mut names, &two).ends_with("n-2"));
    }

    #[test]
    fn gives_a_whole_network_of_like_names_a_name_each() {
        let mut names = Names::default();
        for _ in 0..crate::ledger::limits::MEMBERS_MAX {
            taken(&mut names, "node");
        }
        assert_eq!(names.held.len(), crate::ledger::limits::MEMBERS_MAX);
        assert!(names.held.contains(&"node-10000".parse::<Hostname>().unwrap()));
    }

    fn taken(names: &mut Names, wish: &str) -> String {
        names.take(&wish.parse().unwrap(), PeerId([1; 32])).to_string()
    }
}
