//! Messages of the bus that are hostile.

use super::{
    DEPTH_MAX, MESSAGE_MAX, Malformed, Value,
    decode::Decoder,
    encode::Encoder,
    message::{self, FIXED},
};

#[test]
fn reads_back_what_it_writes() {
    let value = Value::Array(
        "{sv}".to_owned(),
        vec![
            Value::entry("y", Value::variant(Value::Byte(1))),
            Value::entry("b", Value::variant(Value::Bool(true))),
            Value::entry("n", Value::variant(Value::I16(-2))),
            Value::entry("q", Value::variant(Value::U16(2))),
            Value::entry("i", Value::variant(Value::I32(-3))),
            Value::entry("x", Value::variant(Value::I64(-4))),
            Value::entry("t", Value::variant(Value::U64(4))),
            Value::entry("d", Value::variant(Value::Double(1.5f64.to_bits()))),
            Value::entry("o", Value::variant(Value::Path("/a/b".to_owned()))),
            Value::entry("g", Value::variant(Value::Signature("a{sv}".to_owned()))),
            Value::entry("ay", Value::variant(Value::Bytes(vec![1, 2, 3]))),
            Value::entry("as", Value::variant(Value::texts(&[]))),
            Value::entry("(iay)", Value::variant(Value::Struct(vec![Value::I32(2), Value::Bytes(vec![10, 0, 0, 1])]))),
        ],
    );
    let mut encoder = Encoder::default();
    encoder.value(&value).unwrap();
    let bytes = encoder.into_bytes();
    assert_eq!(Decoder::new(&bytes, false).body("a{sv}"), Ok(vec![value]));
}

#[test]
fn reads_either_order_of_bytes() {
    for (bytes, big) in [([0, 0, 0, 7], true), ([7, 0, 0, 0], false)] {
        assert_eq!(Decoder::new(&bytes, big).body("u"), Ok(vec![Value::U32(7)]));
    }
}

#[test]
fn refuses_values_that_are_not_what_they_say() {
    let refused: [(&str, &[u8]); 22] = [
        ("b", &[2, 0, 0, 0]),
        ("u", &[1, 2, 3]),
        ("u", &[1, 2, 3, 4, 5]),
        ("yu", &[1, 1, 0, 0, 1, 0, 0, 0]),
        ("s", &[1, 0, 0, 0, b'a', b'b']),
        ("s", &[1, 0, 0, 0, 0, 0]),
        ("s", &[1, 0, 0, 0, 0xff, 0]),
        ("s", &[0xff, 0xff, 0xff, 0xff, b'a', 0]),
        ("au", &[3, 0, 0, 0, 1, 0, 0, 0]),
        ("au", &[0xff, 0xff, 0xff, 0xff]),
        ("ay", &[4, 0, 0, 0, 1, 2, 3]),
        ("a", &[0, 0, 0, 0]),
        ("az", &[0, 0, 0, 0]),
        ("h", &[0, 0, 0, 0]),
        ("()", &[]),
        ("(", &[]),
        ("(u", &[0; 8]),
        ("a{s}", &[8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a{suu}", &[1, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("v", &[1, b'z', 0]),
        ("v", &[2, b'y', b'y', 0, 1, 2]),
        ("v", &[0, 0]),
    ];
    for (signature, bytes) in refused {
        assert!(Decoder::new(bytes, false).body(signature).is_err(), "{signature} {bytes:?}");
    }
}

#[test]
fn refuses_values_too_deep_in_each_other() {
    let nested = |depth: usize| {
        let mut bytes = Vec::new();
        for _ in 1..depth {
            bytes.extend([1, b'v', 0]);
        }
        bytes.extend([1, b'y', 0, 9]);
        Decoder::new(&bytes, false).body("v").map(drop)
    };
    assert_eq!(nested(DEPTH_MAX / 2 - 1), Ok(()));
    assert!(matches!(nested(DEPTH_MAX), Err(Malformed(_))));
    assert!(matches!(nested(10_000), Err(Malformed(_))));
    let arrays = format!("{}y", "a".repeat(200));
    assert!(Decoder::new(&[0; 1024], false).body(&arrays).is_err());
    let structures = format!("{}y{}", "(".repeat(100), ")".repeat(100));
    assert!(Decoder::new(&[0; 1024], false).body(&structures).is_err());
    let mut deep = Value::Byte(1);
    for _ in 0..DEPTH_MAX {
        deep = Value::variant(deep);
    }
    assert!(Encoder::default().value(&deep).is_err());
}

#[test]
fn refuses_a_message_longer_than_any_that_is_expected_before_it_comes() {
    for (body, fields) in [(MESSAGE_MAX, 0), (0, MESSAGE_MAX), (u32::MAX as usize, u32::MAX as usize)] {
        let mut head = [0; FIXED];
        head[..4].copy_from_slice(&[b'l', 2, 0, 1]);
        head[4..8].copy_from_slice(&u32::try_from(body).unwrap().to_le_bytes());
        head[12..].copy_from_slice(&u32::try_from(fields).unwrap().to_le_bytes());
        assert!(message::length(&head).is_err(), "{body} {fields}");
    }
}

#[test]
fn refuses_an_array_whose_elements_are_of_different_types() {
    let mixed = Value::Array("u".to_owned(), vec![Value::U32(1), Value::Byte(1)]);
    assert!(Encoder::default().value(&mixed).is_err());
    assert!(Encoder::default().value(&Value::text("a\0b")).is_err());
}
