//! What programs on the host send to those with root's rights.

use ray_names::bus::{
    Call, MESSAGE_MAX, Value,
    decode::Decoder,
    encode::Encoder,
    message::{self, FIXED},
};

/// A message of the system bus, as any user of the host may send it.
pub(crate) fn bus(bytes: &[u8]) {
    if let Some(head) = bytes.first_chunk::<FIXED>()
        && let Ok(length) = message::length(head)
    {
        assert!((FIXED..=MESSAGE_MAX).contains(&length), "a message of {length} bytes");
    }
    let Ok(message) = message::decode(bytes) else { return };
    let mut encoder = Encoder::default();
    for value in &message.body {
        encoder.value(value).unwrap_or_else(|error| panic!("a value that was read is not written: {error:?}"));
    }
    let signature: String = message.body.iter().map(Value::signature).collect();
    let again = Decoder::new(&encoder.into_bytes(), false).body(&signature);
    assert_eq!(again.as_ref(), Ok(&message.body), "a value reads otherwise after it was written");
}

pub(crate) fn bus_samples() -> Vec<Vec<u8>> {
    let dictionary = Value::Array(
        "{sv}".to_owned(),
        vec![
            Value::entry(
                "DNS",
                Value::variant(Value::Array(
                    "(iay)".to_owned(),
                    vec![Value::Struct(vec![Value::I32(2), Value::Bytes(vec![10, 0, 0, 1])])],
                )),
            ),
            Value::entry("LLMNR", Value::variant(Value::text("no"))),
            Value::entry(
                "Routes",
                Value::variant(Value::Array("v".to_owned(), vec![Value::variant(Value::Bool(true))])),
            ),
        ],
    );
    let bodies = [
        vec![],
        vec![Value::text("org.example.keeper"), Value::text(""), Value::text(":1.7")],
        vec![dictionary],
        vec![Value::U64(7), Value::Double(0), Value::Byte(1), Value::Path("/a".to_owned())],
        vec![Value::texts(&["a".to_owned()]), Value::Signature("a{sv}".to_owned()), Value::I16(-1)],
    ];
    let call =
        |body| Call { destination: "org.example.a", path: "/a", interface: "org.example.a", member: "Ask", body };
    bodies.into_iter().filter_map(|body| call(body).encode(7).ok()).collect()
}
