//! The ports of a rule: all, or a list of ranges in order, disjoint and apart.

use super::super::limits::PORT_RANGES_MAX;

/// One equal to another selects the same ports.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Ports(Vec<PortRange>);

/// Both ends included, the first at least 1 and not above the last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl Ports {
    pub const ALL: Self = Self(Vec::new());

    /// Brings ranges into order and joins what touches. `None` if there are none, or too many.
    pub fn of(mut ranges: Vec<PortRange>) -> Option<Self> {
        if ranges.is_empty() || ranges.len() > PORT_RANGES_MAX {
            return None;
        }
        ranges.sort_unstable();
        let mut joined: Vec<PortRange> = Vec::with_capacity(ranges.len());
        for range in ranges {
            match joined.last_mut() {
                Some(open) if u32::from(range.first) <= u32::from(open.last) + 1 => {
                    open.last = open.last.max(range.last)
                }
                _ => joined.push(range),
            }
        }
        Some(Self(joined))
    }

    pub fn is_all(&self) -> bool {
        self.0.is_empty()
    }

    pub fn ranges(&self) -> &[PortRange] {
        &self.0
    }

    pub fn contains(&self, port: u16) -> bool {
        self.is_all() || self.0.iter().any(|range| (range.first..=range.last).contains(&port))
    }
}

impl PortRange {
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (first > 0 && first <= last).then_some(Self { first, last })
    }

    pub fn first(self) -> u16 {
        self.first
    }

    pub fn last(self) -> u16 {
        self.last
    }
}
