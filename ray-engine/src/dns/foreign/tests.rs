//! What of a client's question goes out, and what of the answer comes back.

use super::*;
use crate::dns::{Response, Transport, Zone, respond};

const QUERY: &[u8] = b"\x12\x34\x01\x30\x00\x01\x00\x00\x00\x00\x00\x00\x03Www\x07exAmple\x03com\x00\x00\x01\x00\x01";

#[test]
fn a_question_goes_out_with_another_id_and_spelling_and_nothing_else_of_the_client() {
    let mut query = with_edns(QUERY, 4096, 0x8000);
    // A cookie, between this client and us alone.
    let option = [0, 10, 0, 8, 1, 2, 3, 4, 5, 6, 7, 8];
    let len_at = query.len() - 1;
    query[len_at] = 12;
    query.extend_from_slice(&option);
    let out = foreign(&query, Transport::Udp).exchange(u64::MAX).query(7);
    let expected = b"\x00\x07\x01\x30\x00\x01\x00\x00\x00\x00\x00\x01\x03WWW\x07EXAMPLE\x03COM\x00\x00\x01\x00\x01";
    assert_eq!(out, [&expected[..], &[0, 0, 41, 4, 208, 0, 0, 0x80, 0, 0, 0]].concat());
}

#[test]
fn a_client_without_edns_asks_without() {
    let out = foreign(QUERY, Transport::Udp).exchange(0).query(7);
    assert_eq!(out[2..12], [1, 0x30, 0, 1, 0, 0, 0, 0, 0, 0]);
    assert_eq!(&out[12..], b"\x03www\x07example\x03com\x00\x00\x01\x00\x01");
}

#[test]
fn what_is_asked_alike_is_one_question_and_what_is_not_is_not() {
    let one = foreign(QUERY, Transport::Udp);
    let mut other = QUERY.to_ascii_lowercase();
    other[..2].copy_from_slice(&[9, 9]);
    assert_eq!(foreign(&other, Transport::Tcp).question(), one.question(), "id, spelling and transport do not matter");
    let last_of_type = QUERY.len() - 3;
    for (what, at, value) in [("another type", last_of_type, 28), ("no recursion", 2, 0), ("unchecked", 3, 0x10)] {
        let mut other = QUERY.to_vec();
        other[at] = value;
        assert_ne!(foreign(&other, Transport::Udp).question(), one.question(), "{what}");
    }
    let (plain, signed) = (with_edns(QUERY, 1232, 0), with_edns(QUERY, 1232, 0x8000));
    let [plain, signed] = [plain, signed].map(|query| foreign(&query, Transport::Udp));
    assert!(plain.question() != signed.question() && plain.question() != one.question());
}

#[test]
fn the_client_gets_the_answer_with_its_own_id_and_spelling() {
    let reply = foreign(QUERY, Transport::Udp).relay(&answer(1));
    assert_eq!(reply[..2], [0x12, 0x34]);
    assert_eq!(reply[12..QUERY.len()], QUERY[12..]);
    assert_eq!(reply[QUERY.len()..], answer(1)[QUERY.len()..], "records as they came");
    assert_eq!(reply[2..12], answer(1)[2..12], "flags and counts as they came");
}

#[test]
fn the_client_gets_no_more_than_it_takes() {
    let long = answer(40);
    assert!((513..1232).contains(&long.len()));
    let cut = foreign(QUERY, Transport::Udp).relay(&long);
    assert_eq!(cut[12..], QUERY[12..], "the question alone");
    assert_eq!((cut[2] & 0x82, &cut[4..12]), (0x82, &[0, 1, 0, 0, 0, 0, 0, 0][..]), "a reply, truncated");

    let takes_more = with_edns(QUERY, 1232, 0);
    assert_eq!(foreign(&takes_more, Transport::Udp).relay(&long).len(), long.len());
    assert_eq!(foreign(QUERY, Transport::Tcp).relay(&long).len(), long.len());
    let cut = foreign(&takes_more, Transport::Udp).relay(&answer(100));
    assert_eq!((cut[2] & 0x02, cut[11], cut.len()), (0x02, 1, takes_more.len()), "truncated, with an OPT record");
}

#[test]
fn says_so_when_nobody_answers_or_nobody_is_asked() {
    for (reply, rcode) in [(foreign(QUERY, Transport::Udp).failure(), 2), (foreign(QUERY, Transport::Udp).refusal(), 5)]
    {
        assert_eq!((reply[0], reply[1], reply[2], reply[3] & 0x0f), (0x12, 0x34, 0x81, rcode));
        assert_eq!(reply[12..], QUERY[12..]);
    }
}

#[test]
fn an_answer_too_short_for_its_question_fails() {
    let foreign = foreign(QUERY, Transport::Udp);
    for len in 0..QUERY.len() {
        assert_eq!(foreign.relay(&answer(1)[..len]), foreign.failure(), "{len} bytes");
    }
}

#[test]
fn only_a_long_name_tells_by_its_spelling_that_it_is_ours() {
    let long = foreign(QUERY, Transport::Udp);
    assert!(long.exchange(0b1010).is_distinctive());
    assert!(!long.exchange(0).is_distinctive(), "spelt as everyone does");
    let short = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01t\x02co\x00\x00\x01\x00\x01";
    assert!(!foreign(short, Transport::Udp).exchange(0b101).is_distinctive());
    let spelt = long.exchange(0b1010);
    assert_eq!(foreign(&spelt.query(1), Transport::Udp).spelling(), spelt.spelling());
}

fn foreign(query: &[u8], transport: Transport) -> Foreign {
    match respond(&Zone::default(), query, transport) {
        Response::Foreign(foreign) => foreign,
        other => panic!("{other:?}"),
    }
}

fn with_edns(query: &[u8], size: u16, flags: u16) -> Vec<u8> {
    let mut query = query.to_vec();
    query[11] = 1;
    let ([size, size_low], [flags, flags_low]) = (size.to_be_bytes(), flags.to_be_bytes());
    query.extend_from_slice(&[0, 0, 41, size, size_low, 0, 0, flags, flags_low, 0, 0]);
    query
}

/// An answer with so many addresses.
fn answer(records: u8) -> Vec<u8> {
    let mut answer = QUERY.to_ascii_lowercase();
    answer[..12].copy_from_slice(&[0, 7, 0x81, 0xa0, 0, 1, 0, records, 0, 0, 0, 0]);
    for n in 0..records {
        answer.extend_from_slice(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, n]);
    }
    answer
}
