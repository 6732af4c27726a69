//! Which numbers of a stream have come, and which have not.

use std::{collections::BTreeMap, fmt};

use serde::{Deserialize, Serialize};

/// Holes that a report lists; a stream with more has lost everywhere.
const HOLES_TOLD_MAX: usize = 64;

/// Numbers in a row that never came, from the first to the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hole {
    pub first: u64,
    pub last: u64,
}

/// What a stream lacks.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Missing {
    /// Numbers that never came.
    pub count: u64,
    /// The first of them, in order.
    pub holes: Vec<Hole>,
    /// Further holes that are not listed.
    pub unlisted: usize,
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} missing", self.count)?;
        for (at, Hole { first, last }) in self.holes.iter().enumerate() {
            write!(f, "{} {first}", if at == 0 { ":" } else { "," })?;
            if first < last {
                write!(f, "-{last}")?;
            }
        }
        if self.unlisted > 0 { write!(f, " and {} more holes", self.unlisted) } else { Ok(()) }
    }
}

/// The numbers that have come.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    /// All below have come but those in `holes`.
    next: u64,
    /// The last number of each hole, by its first one.
    holes: BTreeMap<u64, u64>,
}

impl Numbers {
    /// Whether this number had not come before.
    pub(super) fn take(&mut self, number: u64) -> bool {
        if number >= self.next {
            self.expect(number);
            self.next = number.saturating_add(1);
            return true;
        }
        let hole = self.holes.range(..=number).next_back().map(|(first, last)| (*first, *last));
        let Some((first, last)) = hole.filter(|(_, last)| number <= *last) else { return false };
        self.holes.remove(&first);
        if first < number {
            self.holes.insert(first, number - 1);
        }
        if number < last {
            self.holes.insert(number + 1, last);
        }
        true
    }

    /// All below `end` were sent: what has not come of them is missing.
    pub(super) fn expect(&mut self, end: u64) {
        if end > self.next {
            self.holes.insert(self.next, end - 1);
            self.next = end;
        }
    }

    pub(super) fn next(&self) -> u64 {
        self.next
    }

    pub(super) fn missing(&self) -> Missing {
        let all = || self.holes.iter().map(|(first, last)| Hole { first: *first, last: *last });
        let holes: Vec<Hole> = all().take(HOLES_TOLD_MAX).collect();
        Missing {
            count: all().map(|hole| hole.last - hole.first + 1).sum(),
            unlisted: self.holes.len() - holes.len(),
            holes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_whole_stream_lacks_nothing_whatever_its_order() {
        let numbers = taken([2, 0, 1, 4, 3]);
        assert_eq!(numbers.missing(), Missing::default());
        assert_eq!(numbers.next(), 5);
    }

    #[test]
    fn tells_the_first_and_the_last_of_each_hole() {
        let mut numbers = taken([2, 3, 7, 9]);
        assert_eq!(holes(&numbers), [(0, 1), (4, 6), (8, 8)]);
        numbers.expect(12);
        assert_eq!(holes(&numbers), [(0, 1), (4, 6), (8, 8), (10, 11)]);
        assert_eq!(numbers.missing().count, 8);
    }

    #[test]
    fn one_that_comes_late_leaves_the_rest_of_its_hole() {
        for (late, left) in [(4, vec![(5, 6)]), (5, vec![(4, 4), (6, 6)]), (6, vec![(4, 5)])] {
            assert_eq!(holes(&taken([0, 1, 2, 3, 7, late])), left, "{late}");
        }
        assert_eq!(holes(&taken([0, 2, 1])), []);
    }

    #[test]
    fn one_that_comes_twice_counts_once() {
        let mut numbers = taken([0, 1, 5]);
        for (number, is_first) in [(5, false), (0, false), (3, true), (3, false), (6, true)] {
            assert_eq!(numbers.take(number), is_first, "{number}");
        }
    }

    #[test]
    fn lists_so_many_holes_and_counts_all() {
        let missing = taken((0..1000).map(|number| number * 2)).missing();
        assert_eq!((missing.count, missing.holes.len(), missing.unlisted), (999, HOLES_TOLD_MAX, 999 - HOLES_TOLD_MAX));
        assert_eq!(missing.holes[0], Hole { first: 1, last: 1 });
    }

    #[test]
    fn is_told_as_numbers_and_ranges() {
        assert_eq!(taken([0, 1, 3, 7]).missing().to_string(), "4 missing: 2, 4-6");
        assert_eq!(taken([0]).missing().to_string(), "0 missing");
        let many = taken((0..70).map(|number| number * 2)).missing().to_string();
        assert!(many.starts_with("69 missing: 1, 3, ") && many.ends_with(", 127 and 5 more holes"), "{many}");
    }

    fn taken(numbers: impl IntoIterator<Item = u64>) -> Numbers {
        let mut all = Numbers::default();
        for number in numbers {
            all.take(number);
        }
        all
    }

    fn holes(numbers: &Numbers) -> Vec<(u64, u64)> {
        numbers.missing().holes.iter().map(|hole| (hole.first, hole.last)).collect()
    }
}
