//! An ordered map whose copies share what they have in common: a copy costs nothing, a change copies one path.
//!
//! The evaluations of neighbouring pasts differ by an entry. Each keeps its own maps, and all of them together are
//! little more than one.

use std::{cmp::Ordering, fmt, sync::Arc};

/// An AVL tree.
#[derive(Clone)]
pub(super) struct Map<K, V> {
    root: Link<K, V>,
    len: usize,
}

/// A map without values.
pub(super) type Set<K> = Map<K, ()>;

type Link<K, V> = Option<Arc<Node<K, V>>>;

#[derive(Clone)]
struct Node<K, V> {
    key: K,
    value: V,
    height: u8,
    left: Link<K, V>,
    right: Link<K, V>,
}

impl<K, V> Default for Map<K, V> {
    fn default() -> Self {
        Self { root: None, len: 0 }
    }
}

impl<K, V> Map<K, V> {
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// Ascending.
    pub(super) fn iter(&self) -> Iter<'_, K, V> {
        let mut iter = Iter { stack: Vec::new() };
        iter.descend(self.root.as_deref());
        iter
    }

    pub(super) fn values(&self) -> impl Iterator<Item = &V> {
        self.iter().map(|(_, value)| value)
    }

    /// The pair with the lowest key.
    pub(super) fn first(&self) -> Option<(&K, &V)> {
        self.iter().next()
    }
}

impl<K: Ord + Clone, V: Clone> Map<K, V> {
    pub(super) fn get(&self, key: &K) -> Option<&V> {
        let mut link = &self.root;
        while let Some(node) = link {
            link = match key.cmp(&node.key) {
                Ordering::Equal => return Some(&node.value),
                Ordering::Less => &node.left,
                Ordering::Greater => &node.right,
            };
        }
        None
    }

    pub(super) fn contains(&self, key: &K) -> bool {
        self.get(key).is_some()
    }

    /// Returns the value that the key had.
    pub(super) fn insert(&mut self, key: K, value: V) -> Option<V> {
        let old = insert(&mut self.root, key, value);
        self.len += usize::from(old.is_none());
        old
    }

    /// Returns the value that the key had.
    pub(super) fn remove(&mut self, key: &K) -> Option<V> {
        if !self.contains(key) {
            return None;
        }
        let old = remove(&mut self.root, key);
        self.len -= usize::from(old.is_some());
        old
    }
}

impl<K: PartialEq, V: PartialEq> PartialEq for Map<K, V> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl<K: Eq, V: Eq> Eq for Map<K, V> {}

impl<K: fmt::Debug, V: fmt::Debug> fmt::Debug for Map<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}

pub(super) struct Iter<'a, K, V> {
    /// The nodes whose left side is done, the next one last.
    stack: Vec<&'a Node<K, V>>,
}

impl<'a, K, V> Iter<'a, K, V> {
    fn descend(&mut self, mut link: Option<&'a Node<K, V>>) {
        while let Some(node) = link {
            self.stack.push(node);
            link = node.left.as_deref();
        }
    }
}

impl<'a, K, V> Iterator for Iter<'a, K, V> {
    type Item = (&'a K, &'a V);

    fn next(&mut self) -> Option<Self::Item> {
        let node = self.stack.pop()?;
        self.descend(node.right.as_deref());
        Some((&node.key, &node.value))
    }
}

fn insert<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>, key: K, value: V) -> Option<V> {
    let Some(shared) = link else {
        *link = Some(Arc::new(Node { key, value, height: 1, left: None, right: None }));
        return None;
    };
    let node = Arc::make_mut(shared);
    let old = match key.cmp(&node.key) {
        Ordering::Equal => return Some(std::mem::replace(&mut node.value, value)),
        Ordering::Less => insert(&mut node.left, key, value),
        Ordering::Greater => insert(&mut node.right, key, value),
    };
    balance(link);
    old
}

fn remove<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>, key: &K) -> Option<V> {
    let node = Arc::make_mut(link.as_mut()?);
    let old = match key.cmp(&node.key) {
        Ordering::Less => remove(&mut node.left, key),
        Ordering::Greater => remove(&mut node.right, key),
        Ordering::Equal => {
            let (left, mut right) = (node.left.take(), node.right.take());
            let old = node.value.clone();
            *link = match (left, take_first(&mut right)) {
                (left, None) => left,
                (left, Some((key, value))) => Some(Arc::new(Node { key, value, height: 1, left, right })),
            };
            Some(old)
        }
    };
    balance(link);
    old
}

/// Removes the pair with the lowest key.
fn take_first<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>) -> Option<(K, V)> {
    let node = Arc::make_mut(link.as_mut()?);
    if node.left.is_none() {
        let pair = (node.key.clone(), node.value.clone());
        let right = node.right.take();
        *link = right;
        return Some(pair);
    }
    let first = take_first(&mut node.left);
    balance(link);
    first
}

/// Restores the heights' difference of at most one at this node, whose sides are balanced.
fn balance<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>) {
    let Some(shared) = link else { return };
    let node = Arc::make_mut(shared);
    let (left, right) = (height(&node.left), height(&node.right));
    if left > right + 1 {
        if node.left.as_ref().is_some_and(|left| height(&left.left) < height(&left.right)) {
            rotate_left(&mut node.left);
        }
        rotate_right(link);
    } else if right > left + 1 {
        if node.right.as_ref().is_some_and(|right| height(&right.right) < height(&right.left)) {
            rotate_right(&mut node.right);
        }
        rotate_left(link);
    } else {
        node.measure();
    }
}

fn rotate_left<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>) {
    let Some(mut top) = link.take() else { return };
    let node = Arc::make_mut(&mut top);
    *link = node.right.take();
    let Some(risen) = link.as_mut().map(Arc::make_mut) else { return };
    node.right = risen.left.take();
    node.measure();
    risen.left = Some(top);
    risen.measure();
}

fn rotate_right<K: Ord + Clone, V: Clone>(link: &mut Link<K, V>) {
    let Some(mut top) = link.take() else { return };
    let node = Arc::make_mut(&mut top);
    *link = node.left.take();
    let Some(risen) = link.as_mut().map(Arc::make_mut) else { return };
    node.left = risen.right.take();
    node.measure();
    risen.right = Some(top);
    risen.measure();
}

fn height<K, V>(link: &Link<K, V>) -> u8 {
    link.as_ref().map_or(0, |node| node.height)
}

impl<K, V> Node<K, V> {
    fn measure(&mut self) {
        self.height = 1 + height(&self.left).max(height(&self.right));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn agrees_with_the_standard_map_and_leaves_its_copies_alone() {
        let mut state = 7u64;
        let mut random = |below: u64| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % below
        };
        let (mut map, mut model) = (Map::default(), BTreeMap::new());
        let mut copies = Vec::new();
        for step in 0..20_000u64 {
            let key = random(700);
            if random(5) < 3 {
                assert_eq!(map.insert(key, step), model.insert(key, step));
            } else {
                assert_eq!(map.remove(&key), model.remove(&key));
            }
            assert_eq!(map.len(), model.len());
            let probe = random(700);
            assert_eq!(map.get(&probe), model.get(&probe));
            if step % 997 == 0 {
                copies.push((map.clone(), model.clone()));
                assert!(checked_height(&map.root) <= 14, "700 keys need no more");
            }
        }
        for (map, model) in copies {
            assert!(map.iter().eq(model.iter()));
            assert_eq!(map.first(), model.first_key_value());
        }
    }

    fn checked_height(link: &Link<u64, u64>) -> u8 {
        let Some(node) = link else { return 0 };
        let (left, right) = (checked_height(&node.left), checked_height(&node.right));
        assert!(left.abs_diff(right) <= 1);
        assert_eq!(node.height, 1 + left.max(right));
        node.height
    }
}
