//! What is taken for an answer, what is not, and what is not handed on.

use std::slice;

use super::*;

const QUESTION: &[u8] = b"\x03www\x07example\x03com\x00\x00\x01\x00\x01";
/// Where the first record begins.
const RECORDS_AT: usize = HEADER_LEN + QUESTION.len();

#[test]
fn takes_the_answer_to_its_question_in_any_spelling() {
    let mut answer = message(0x8180, 1, &[address(&[0xc0, 12])]);
    assert_eq!(hear(7, QUESTION, &answer), Heard::Answer(answer.clone()));
    answer[13] = b'W';
    assert_eq!(hear(7, QUESTION, &answer), Heard::Answer(answer));
}

#[test]
fn what_follows_the_last_record_is_not_handed_on() {
    let answer = message(0x8180, 1, &[address(&[0xc0, 12])]);
    let more = [answer.clone(), vec![1, 2, 3]].concat();
    assert_eq!(hear(7, QUESTION, &more), Heard::Answer(answer));
}

#[test]
fn a_reply_with_a_wrong_id_or_question_is_no_answer() {
    let good = message(0x8180, 1, &[address(&[0xc0, 12])]);
    let type_at = RECORDS_AT - 3;
    for (what, at, value) in [
        ("another id", 1, 8),
        ("a query", 2, 0x01),
        ("another operation", 2, 0xa1),
        ("another name", 14, b'x'),
        ("another type", type_at, 28),
        ("another class", type_at + 2, 3),
        ("two questions", 5, 2),
        ("no question", 5, 0),
    ] {
        let mut bad = good.clone();
        bad[at] = value;
        assert_eq!(hear(7, QUESTION, &bad), Heard::Other, "{what}");
    }
    for len in 0..RECORDS_AT {
        assert_eq!(hear(7, QUESTION, &good[..len]), Heard::Other, "{len} bytes");
    }
}

#[test]
fn a_resolver_that_cannot_answer_is_told_from_a_name_that_is_not() {
    for rcode in [0, 1, 3] {
        let said = message(0x8180 | rcode, 0, &[]);
        assert_eq!(hear(7, QUESTION, &said), Heard::Answer(said));
    }
    for rcode in [2, 4, 5, 9] {
        let said = message(0x8180 | rcode, 0, &[]);
        assert_eq!(hear(7, QUESTION, &said), Heard::Unable(Some(said)));
    }
    // Not even the question.
    assert_eq!(hear(7, QUESTION, &[0, 7, 0x81, 0x81, 0, 0, 0, 0, 0, 0, 0, 0]), Heard::Unable(None));
}

#[test]
fn a_truncated_answer_is_its_question_alone() {
    let mut said = message(0x8380, 1, &[address(&[0xc0, 12])]);
    said.truncate(RECORDS_AT + 3);
    let Heard::Truncated(beginning) = hear(7, QUESTION, &said) else { panic!("{said:?}") };
    assert_eq!((beginning.len(), &beginning[4..12]), (RECORDS_AT, &[0, 1, 0, 0, 0, 0, 0, 0][..]));
}

#[test]
fn a_name_that_loops_is_handed_to_nobody() {
    let at = u8::try_from(RECORDS_AT).unwrap();
    for (what, owner) in [
        ("to itself", vec![0xc0, at]),
        ("forwards", vec![0xc0, at + 2, 0xc0, at]),
        ("to a label before itself", vec![1, b'a', 0xc0, at]),
        ("into the header", vec![0xc0, 4]),
        ("beyond the end", vec![0xff, 0xff]),
    ] {
        assert_eq!(hear(7, QUESTION, &message(0x8180, 1, &[address(&owner)])), Heard::Malformed, "{what}");
    }
    // A chain of pointers, each to the one before.
    let chain: Vec<u8> = (0..40).flat_map(|n: u8| [0xc0, if n == 0 { 12 } else { at + 12 + 2 * (n - 1) }]).collect();
    let mut data = record(&[0xc0, 12], 16, &chain);
    data.extend(address(&[0xc0, at + 12 + 2 * 39]));
    assert_eq!(hear(7, QUESTION, &message(0x8180, 2, &[data])), Heard::Malformed, "a chain");
}

#[test]
fn a_name_with_a_64_byte_label_or_of_256_bytes_is_handed_to_nobody() {
    for (len, fits) in [(63, true), (64, false), (0x80, false)] {
        let owner = [&[len][..], &vec![b'a'; len.into()], &[0]].concat();
        let heard = hear(7, QUESTION, &message(0x8180, 1, &[address(&owner)]));
        assert_eq!(matches!(heard, Heard::Answer(_)), fits, "a label of {len} bytes");
    }
    for (last, fits) in [(61, true), (62, false)] {
        let label = |len: u8| [&[len][..], &vec![b'a'; len.into()]].concat();
        let owner = [label(63), label(63), label(63), label(last), vec![0]].concat();
        let heard = hear(7, QUESTION, &message(0x8180, 1, &[address(&owner)]));
        assert_eq!(matches!(heard, Heard::Answer(_)), fits, "a name of {} bytes", owner.len());
    }
}

#[test]
fn records_that_lie_about_their_length_or_number_are_handed_to_nobody() {
    let good = address(&[0xc0, 12]);
    let mut long = good.clone();
    long[11] = 5;
    for (what, said) in [
        ("a record too few", message(0x8180, 2, slice::from_ref(&good))),
        ("many too few", message(0x8180, 0xffff, slice::from_ref(&good))),
        ("data beyond the end", message(0x8180, 1, &[long])),
        ("half a record", message(0x8180, 1, &[good[..8].to_vec()])),
        ("an address of three bytes", message(0x8180, 1, &[record(&[0xc0, 12], 1, &[1, 2, 3])])),
        ("an address of four bytes as IPv6", message(0x8180, 1, &[record(&[0xc0, 12], 28, &[1, 2, 3, 4])])),
        ("a name shorter than its data", message(0x8180, 1, &[record(&[0xc0, 12], 5, &[0xc0, 12, 0])])),
        ("a name longer than its data", message(0x8180, 1, &[record(&[0xc0, 12], 5, &[1])])),
    ] {
        assert_eq!(hear(7, QUESTION, &said), Heard::Malformed, "{what}");
    }
}

#[test]
fn names_in_the_data_of_records_are_looked_at() {
    let loops = {
        let at = u8::try_from(RECORDS_AT + 12).unwrap();
        move |before: u8| vec![0xc0, at + before]
    };
    let with = |front: &[u8], name: &[u8], back: &[u8]| [front, name, back].concat();
    for (kind, front, back) in [(2, 0, 0), (5, 0, 0), (12, 0, 0), (39, 0, 0), (15, 2, 0), (33, 6, 0), (6, 0, 20)] {
        let (front, back) = (vec![0; front], vec![0; back]);
        let name = if kind == 6 { vec![0xc0, 12, 0xc0, 12] } else { vec![0xc0, 12] };
        let good = message(0x8180, 1, &[record(&[0xc0, 12], kind, &with(&front, &name, &back))]);
        assert_eq!(hear(7, QUESTION, &good), Heard::Answer(good), "type {kind}");
        let bad = with(&front, &loops(u8::try_from(front.len()).unwrap()), &back);
        let bad = message(0x8180, 1, &[record(&[0xc0, 12], kind, &bad)]);
        assert_eq!(hear(7, QUESTION, &bad), Heard::Malformed, "type {kind}");
    }
}

fn message(flags: u16, records: u16, bytes: &[Vec<u8>]) -> Vec<u8> {
    let mut message = Vec::new();
    for word in [7, flags, 1, records, 0, 0] {
        message.extend_from_slice(&word.to_be_bytes());
    }
    message.extend_from_slice(QUESTION);
    message.extend(bytes.concat());
    message
}

fn address(owner: &[u8]) -> Vec<u8> {
    record(owner, 1, &[192, 0, 2, 1])
}

fn record(owner: &[u8], kind: u16, data: &[u8]) -> Vec<u8> {
    let mut record = owner.to_vec();
    record.extend_from_slice(&kind.to_be_bytes());
    record.extend_from_slice(&[0, 1, 0, 0, 0, 60]);
    record.extend_from_slice(&u16::try_from(data.len()).unwrap().to_be_bytes());
    record.extend_from_slice(data);
    record
}
