//! A fast hash with a secret of this process: peers choose what is hashed, and must not choose where it lands.

use std::hash::{BuildHasher, Hasher, RandomState};

/// Odd, and with its bits spread; the secret is what protects.
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

#[derive(Debug, Clone)]
pub(super) struct Keyed {
    start: u64,
    factor: u64,
}

impl Default for Keyed {
    fn default() -> Self {
        let random = RandomState::new();
        Self { start: random.hash_one(0u8), factor: random.hash_one(1u8) | 1 }
    }
}

impl BuildHasher for Keyed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded { state: self.start, factor: self.factor }
    }
}

/// Each word is mixed in by a multiplication to twice its width, folded to one.
#[derive(Debug)]
pub(super) struct Folded {
    state: u64,
    factor: u64,
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        let (words, rest) = bytes.as_chunks::<8>();
        for word in words {
            self.write_u64(u64::from_ne_bytes(*word));
        }
        if !rest.is_empty() {
            let mut last = [0; 8];
            for (to, from) in last.iter_mut().zip(rest) {
                *to = *from;
            }
            self.write_u64(u64::from_ne_bytes(last) ^ ((rest.len() as u64) << 56));
        }
    }

    fn write_u64(&mut self, word: u64) {
        self.state = fold(self.state ^ word, self.factor);
    }

    fn finish(&self) -> u64 {
        fold(self.state, SPREAD)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    (product as u64) ^ ((product >> 64) as u64)
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn spreads_keys_that_differ_in_one_bit() {
        let keyed = Keyed::default();
        let hash = |bytes: &[u8]| {
            let mut hasher = keyed.build_hasher();
            hasher.write(bytes);
            hasher.finish()
        };
        let mut low = HashSet::new();
        for bit in 0..70 * 8 {
            let mut key = [0u8; 70];
            key[bit / 8] = 1 << (bit % 8);
            low.insert(hash(&key) & 0xffff);
        }
        assert!(low.len() > 540, "{} of 560 differ in their low bits", low.len());
    }

    #[test]
    fn two_processes_hash_differently() {
        assert_ne!(Keyed::default().hash_one(7u64), Keyed::default().hash_one(7u64));
    }
}
