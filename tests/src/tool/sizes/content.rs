//! What both ends say: contents that each of them knows beforehand, so that every byte can be looked at.

/// Who says a content, so that an echo of our own words is no answer.
#[derive(Debug, Clone, Copy)]
pub(super) enum Voice {
    Asks,
    Answers,
    /// Answers what was not as expected.
    Complains,
}

/// The content of a message: nothing in it repeats, and nothing is like another's. (SplitMix64.)
pub(super) fn content(voice: Voice, message: u64, len: usize) -> Vec<u8> {
    let mut state = (message << 2 | voice as u64).wrapping_mul(0xd134_2543_de82_ef95);
    let mut bytes = Vec::with_capacity(len.next_multiple_of(8));
    while bytes.len() < len {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend_from_slice(&(word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(len);
    bytes
}

/// What answers a message: the other voice where it was right.
pub(super) fn answer(message: u64, heard: &[u8]) -> Vec<u8> {
    let right = heard == content(Voice::Asks, message, heard.len());
    content(if right { Voice::Answers } else { Voice::Complains }, message, heard.len())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_two_contents_are_alike() {
        let contents: BTreeSet<Vec<u8>> = [Voice::Asks, Voice::Answers, Voice::Complains]
            .into_iter()
            .flat_map(|voice| (0..500).map(move |message| content(voice, message, 64)))
            .collect();
        assert_eq!(contents.len(), 1500);
        assert_eq!(content(Voice::Asks, 7, 13), content(Voice::Asks, 7, 64)[..13]);
    }
}
