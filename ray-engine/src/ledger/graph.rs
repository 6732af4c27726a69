//! Who came before whom: the entries as a graph, numbered in the order in which they arrived.
//!
//! Parents arrive before their children, so an entry's number is above those of its whole past. In a history without
//! concurrency each entry covers all numbers below its own and questions about its past are answered by comparing two
//! numbers; only a stretch with concurrency is walked.

use std::collections::BTreeSet;

use super::limits::Index;

/// Where an entry stands: its parents, and how much of the history it surely knows.
#[derive(Debug, Clone)]
pub(super) struct Place {
    parents: Vec<Index>,
    /// All numbers below this one are in the past, and this one is not.
    covers: Index,
}

impl Place {
    pub(super) fn parents(&self) -> &[Index] {
        &self.parents
    }
}

/// All places. Node `n` is the entry that arrived as number `n`.
#[derive(Debug, Clone, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
}

#[derive(Debug, Clone)]
struct Node {
    place: Place,
    /// The first number of the unbroken chain of only children that ends here; steps over it count as one.
    chain: Index,
}

impl Graph {
    pub(super) fn len(&self) -> Index {
        Index::try_from(self.nodes.len()).unwrap_or(Index::MAX)
    }

    /// The place below these parents, whether an entry stands there or not.
    pub(super) fn place(&self, parents: Vec<Index>) -> Place {
        let mut covers = parents.iter().map(|&parent| self.covers_through(parent)).max().unwrap_or(0);
        if parents.len() > 1 {
            let beyond = self.past_from(&parents, covers);
            while beyond.contains(&covers) {
                covers += 1;
            }
        }
        Place { parents, covers }
    }

    /// Puts the next entry at a place of this graph and returns its number.
    pub(super) fn push(&mut self, place: Place) -> Index {
        let number = self.len();
        let chain = match (place.parents.as_slice(), self.nodes.last()) {
            ([parent], Some(last)) if parent.checked_add(1) == Some(number) => last.chain,
            _ => number,
        };
        self.nodes.push(Node { place, chain });
        number
    }

    /// The place of an entry that is here.
    pub(super) fn place_of(&self, number: Index) -> Option<&Place> {
        Some(&self.node(number)?.place)
    }

    /// Whether the past of a place is all there is.
    pub(super) fn knows_all(&self, place: &Place) -> bool {
        place.covers == self.len()
    }

    /// Whether `target` lies in the past of `place`.
    pub(super) fn in_past(&self, place: &Place, target: Index) -> bool {
        if target < place.covers {
            return true;
        }
        let mut stack = place.parents.clone();
        let mut seen = BTreeSet::new();
        while let Some(number) = stack.pop() {
            if number < target {
                continue;
            }
            let Some(node) = self.node(number) else { continue };
            if node.chain <= target || target < node.place.covers {
                return true;
            }
            if seen.insert(node.chain) {
                stack.extend(self.place_of(node.chain).map(|place| place.parents.as_slice()).unwrap_or_default());
            }
        }
        false
    }

    /// Whether `target` lies in the past of the entry with this number.
    pub(super) fn knew(&self, number: Index, target: Index) -> bool {
        self.place_of(number).is_some_and(|place| self.in_past(place, target))
    }

    /// For each number, whether it is one of `from` or in the past of one of them.
    pub(super) fn mark(&self, from: &[Index]) -> Vec<bool> {
        let mut marked = vec![false; self.nodes.len()];
        let mut stack = from.to_vec();
        while let Some(number) = stack.pop() {
            let (Some(mark), Some(node)) = (slot(&mut marked, number), self.node(number)) else { continue };
            if !std::mem::replace(mark, true) {
                stack.extend(&node.place.parents);
            }
        }
        marked
    }

    /// The past of a place as marks.
    pub(super) fn mark_past(&self, place: &Place) -> Vec<bool> {
        self.mark(&place.parents)
    }

    /// As [`Place::covers`], for a child of `parent`.
    fn covers_through(&self, parent: Index) -> Index {
        match self.place_of(parent) {
            Some(place) if place.covers == parent => parent + 1,
            Some(place) => place.covers,
            None => 0,
        }
    }

    /// `from` and their past, down to the number `floor`.
    fn past_from(&self, from: &[Index], floor: Index) -> BTreeSet<Index> {
        let mut found = BTreeSet::new();
        let mut stack = from.to_vec();
        while let Some(number) = stack.pop() {
            if number < floor || !found.insert(number) {
                continue;
            }
            stack.extend(self.place_of(number).map(|place| place.parents.as_slice()).unwrap_or_default());
        }
        found
    }

    fn node(&self, number: Index) -> Option<&Node> {
        self.nodes.get(usize::try_from(number).ok()?)
    }
}

fn slot(marked: &mut [bool], number: Index) -> Option<&mut bool> {
    marked.get_mut(usize::try_from(number).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agrees_with_a_plain_walk_on_every_pair_of_many_random_graphs() {
        for seed in 1..60u64 {
            let mut state = seed;
            let mut random = |below: u32| {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                u32::try_from(state >> 33).unwrap() % below
            };
            let mut graph = Graph::default();
            let mut pasts: Vec<BTreeSet<Index>> = Vec::new();
            for number in 0..60u32 {
                let count = if number == 0 { 0 } else { [1, 1, 1, 2, 3][random(5) as usize] };
                let recent = random(3) > 0;
                let parents: BTreeSet<Index> = (0..count)
                    .map(|_| if recent { number - 1 - random(4).min(number - 1) } else { random(number) })
                    .collect();
                let mut past = parents.clone();
                for parent in &parents {
                    past.extend(&pasts[*parent as usize]);
                }
                let place = graph.place(parents.into_iter().collect());
                assert_eq!(graph.knows_all(&place), past.len() == number as usize, "seed {seed} number {number}");
                assert_eq!(graph.push(place), number);
                pasts.push(past);
            }
            for number in 0..60 {
                let place = graph.place_of(number).unwrap();
                let marks = graph.mark_past(place);
                for target in 0..60 {
                    let expected = pasts[number as usize].contains(&target);
                    assert_eq!(graph.in_past(place, target), expected, "seed {seed}: {target} before {number}");
                    assert_eq!(marks[target as usize], expected);
                }
            }
        }
    }
}
