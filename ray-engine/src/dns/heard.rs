//! What another resolver has said: whether it answers our question, and whether it may be handed on.
//!
//! It is walked from end to end, so that no program of this host gets a name that loops, a record that is longer than the
//! message, or counts that lie.

use super::message::{FLAG_RESPONSE, FLAG_TRUNCATED, HEADER_LEN};

/// As many bytes of names as one name may have.
const NAME_MAX: usize = 255;
/// Every pointer points backwards, so this ends no chain that anyone has a use for.
const JUMPS_MAX: usize = 32;
const OPCODE_MASK: u16 = 0x7800;
const RCODE_MASK: u16 = 0x000f;

/// What a message is to a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// The answer, whole.
    Answer(Vec<u8>),
    /// The beginning of the answer; the whole comes over TCP.
    Truncated(Vec<u8>),
    /// This resolver cannot or will not answer; what it says, if it says so with the question.
    Unable(Option<Vec<u8>>),
    /// Breaks the format.
    Malformed,
    /// No answer to this question.
    Other,
}

/// The flags of a message.
pub(super) fn flags(bytes: &[u8]) -> Option<u16> {
    word(bytes, 2)
}

/// `question` is in lower case.
pub(super) fn hear(id: u16, question: &[u8], bytes: &[u8]) -> Heard {
    let Some(header) = bytes.first_chunk::<HEADER_LEN>() else { return Heard::Other };
    let at = |index: usize| u16::from_be_bytes([header[index], header[index + 1]]);
    let flags = at(2);
    if at(0) != id || flags & FLAG_RESPONSE == 0 || flags & OPCODE_MASK != 0 {
        return Heard::Other;
    }
    let rcode = flags & RCODE_MASK;
    if at(4) == 0 && rcode != 0 {
        // As servers write it that did not read as far as the question.
        return Heard::Unable(None);
    }
    let end = HEADER_LEN + question.len();
    let asked = bytes.get(HEADER_LEN..end).is_some_and(|theirs| theirs.eq_ignore_ascii_case(question));
    if at(4) != 1 || !asked {
        return Heard::Other;
    }
    if flags & FLAG_TRUNCATED != 0 {
        // What is cut may be cut anywhere.
        let mut question = bytes.get(..end).unwrap_or_default().to_vec();
        question.get_mut(6..HEADER_LEN).unwrap_or_default().fill(0);
        return Heard::Truncated(question);
    }
    let records = usize::from(at(6)) + usize::from(at(8)) + usize::from(at(10));
    let Some(end) = walk(bytes, end, records) else { return Heard::Malformed };
    let message = bytes.get(..end).unwrap_or_default().to_vec();
    // Server failure, not implemented, refused, and whatever is not defined: another one may know.
    if matches!(rcode, 0 | 1 | 3) { Heard::Answer(message) } else { Heard::Unable(Some(message)) }
}

/// Where the last of `records` records ends, if each is well formed.
fn walk(bytes: &[u8], mut at: usize, records: usize) -> Option<usize> {
    for _ in 0..records {
        at = name(bytes, at)?;
        let kind = word(bytes, at)?;
        let data_at = at + 10;
        at = data_at + usize::from(word(bytes, at + 8)?);
        bytes.get(data_at..at)?;
        names_of(kind, bytes, data_at, at)?;
    }
    Some(at)
}

/// Checks the names in a record's data, for the types that may compress them (RFC 3597, 4) and those that programs follow.
fn names_of(kind: u16, bytes: &[u8], at: usize, end: usize) -> Option<()> {
    let whole = |at: usize| (name(bytes, at)? == end).then_some(());
    match kind {
        // NS, CNAME, PTR, DNAME.
        2 | 5 | 12 | 39 => whole(at),
        // MX.
        15 => whole(at + 2),
        // SRV.
        33 => whole(at + 6),
        // SOA: two names and five numbers.
        6 => {
            let second = name(bytes, at)?;
            (name(bytes, second)? + 20 == end).then_some(())
        }
        // A and AAAA.
        1 => (end - at == 4).then_some(()),
        28 => (end - at == 16).then_some(()),
        _ => Some(()),
    }
}

/// Where the name that begins at `start` ends, if it is one.
fn name(bytes: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut lowest, mut end) = (start, start, None);
    let (mut len, mut jumps) = (1, 0);
    loop {
        let label = usize::from(*bytes.get(at)?);
        match label {
            0 => return Some(end.unwrap_or(at + 1)),
            1..=63 => {
                len += 1 + label;
                if len > NAME_MAX {
                    return None;
                }
                bytes.get(at + 1..at + 1 + label)?;
                at += 1 + label;
            }
            0xc0.. => {
                let target = usize::from(word(bytes, at)? & 0x3fff);
                jumps += 1;
                // Each lower than all before, and never into the header: no loop.
                if target >= lowest || target < HEADER_LEN || jumps > JUMPS_MAX {
                    return None;
                }
                end = end.or(Some(at + 2));
                (at, lowest) = (target, target);
            }
            _ => return None,
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*bytes.get(at..)?.first_chunk()?))
}

#[cfg(test)]
mod tests;
