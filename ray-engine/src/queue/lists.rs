//! Several first-in first-out lists in one piece of memory.
//!
//! Buffers of their own would each keep the most that ever waited in them: sixty-four times a queue's bound. Here it is
//! once, and adding allocates nothing once the memory has grown.

use super::Micros;

/// One item that waits.
#[derive(Debug)]
pub(super) struct Entry<T> {
    pub(super) item: T,
    /// As weighed when it came.
    pub(super) bytes: usize,
    pub(super) since: Micros,
}

#[derive(Debug)]
pub(super) struct Lists<T> {
    nodes: Vec<Node<T>>,
    ends: Vec<Option<Ends>>,
    /// The first of the nodes that hold nothing.
    free: Option<usize>,
}

#[derive(Debug)]
struct Node<T> {
    entry: Option<Entry<T>>,
    next: Option<usize>,
}

#[derive(Debug, Clone, Copy)]
struct Ends {
    first: usize,
    last: usize,
}

impl<T> Lists<T> {
    /// `count` lists, all empty.
    pub(super) fn new(count: usize) -> Self {
        Self { nodes: Vec::new(), ends: vec![None; count], free: None }
    }

    pub(super) fn push_back(&mut self, list: usize, entry: Entry<T>) {
        let at = self.place(entry);
        self.ends[list] = match self.ends[list] {
            None => Some(Ends { first: at, last: at }),
            Some(ends) => {
                self.nodes[ends.last].next = Some(at);
                Some(Ends { last: at, ..ends })
            }
        };
    }

    pub(super) fn front(&self, list: usize) -> Option<&Entry<T>> {
        self.nodes[self.ends[list]?.first].entry.as_ref()
    }

    pub(super) fn pop_front(&mut self, list: usize) -> Option<Entry<T>> {
        let ends = self.ends[list]?;
        let node = &mut self.nodes[ends.first];
        let entry = node.entry.take();
        self.ends[list] = node.next.map(|first| Ends { first, ..ends });
        node.next = self.free.replace(ends.first);
        entry
    }

    /// Entries that fit without more memory.
    #[cfg(test)]
    pub(super) fn capacity(&self) -> usize {
        self.nodes.capacity()
    }

    fn place(&mut self, entry: Entry<T>) -> usize {
        let node = Node { entry: Some(entry), next: None };
        match self.free {
            Some(at) => {
                self.free = self.nodes[at].next;
                self.nodes[at] = node;
                at
            }
            None => {
                self.nodes.push(node);
                self.nodes.len() - 1
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::packet::samples::Random;

    #[test]
    fn every_list_behaves_as_one_of_its_own() {
        let mut random = Random::new(3);
        let mut lists = Lists::new(5);
        let mut model = vec![VecDeque::new(); 5];
        for number in 0..20_000 {
            let list = random.below(5);
            match random.below(20) {
                0..=9 => {
                    lists.push_back(list, entry(number));
                    model[list].push_back(number);
                }
                _ => {
                    assert_eq!(lists.front(list).map(|entry| entry.item), model[list].front().copied());
                    assert_eq!(lists.pop_front(list).map(|entry| entry.item), model[list].pop_front());
                }
            }
        }
        for (list, mut wanted) in model.into_iter().enumerate() {
            while let Some(item) = wanted.pop_front() {
                assert_eq!(lists.pop_front(list).map(|entry| entry.item), Some(item));
            }
            assert!(lists.pop_front(list).is_none());
        }
    }

    #[test]
    fn takes_memory_for_the_most_that_waited_at_once_and_no_more() {
        let mut lists = Lists::new(64);
        for list in 0..64 {
            (0..100).for_each(|number| lists.push_back(list, entry(number)));
            while lists.pop_front(list).is_some() {}
        }
        assert_eq!(lists.nodes.len(), 100);
    }

    fn entry(item: u32) -> Entry<u32> {
        Entry { item, bytes: 1, since: 0 }
    }
}
