//! A sum of hashes: the same for the same items in whatever order they came, and kept up to date item by item.

/// The sum of 32-byte numbers, little-endian, modulo 2^256.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Tally([u64; 4]);

impl Tally {
    pub(super) fn add(&mut self, item: &[u8]) {
        let mut carry = false;
        for (sum, word) in self.0.iter_mut().zip(words(item)) {
            let (added, over) = sum.overflowing_add(word);
            let (added, over_again) = added.overflowing_add(u64::from(carry));
            *sum = added;
            carry = over || over_again;
        }
    }

    /// Takes back what was added.
    pub(super) fn subtract(&mut self, item: &[u8]) {
        let mut borrow = false;
        for (sum, word) in self.0.iter_mut().zip(words(item)) {
            let (left, under) = sum.overflowing_sub(word);
            let (left, under_again) = left.overflowing_sub(u64::from(borrow));
            *sum = left;
            borrow = under || under_again;
        }
    }

    pub(super) fn bytes(&self) -> [u8; 32] {
        let mut out = [0; 32];
        for (chunk, word) in out.chunks_exact_mut(8).zip(self.0) {
            chunk.copy_from_slice(&word.to_le_bytes());
        }
        out
    }
}

/// The hash of an item as a number.
fn words(item: &[u8]) -> [u64; 4] {
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(blake3::hash(item).as_bytes().as_chunks::<8>().0) {
        *word = u64::from_le_bytes(*chunk);
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_no_order_and_takes_back_what_was_added() {
        let (mut one, mut other) = (Tally::default(), Tally::default());
        for item in 0..200u8 {
            one.add(&[item]);
            other.add(&[199 - item]);
        }
        assert_eq!(one, other);
        for item in 1..200u8 {
            one.subtract(&[item]);
        }
        assert_eq!(one.bytes(), *blake3::hash(&[0]).as_bytes());
        one.subtract(&[0]);
        assert_eq!(one, Tally::default());
    }

    #[test]
    fn carries_over_all_its_words() {
        let mut low = Tally([u64::MAX, u64::MAX, u64::MAX, 0]);
        let before = low;
        low.add(b"item");
        low.subtract(b"item");
        assert_eq!(low, before);
        let [word, ..] = words(b"item");
        assert!(word > 0, "the lowest word must overflow");
        low.add(b"item");
        assert_eq!(low.0[3], words(b"item")[3] + 1);
    }
}
