//! The bus against bytes that are hostile, and a bus that does not answer.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use super::{
    Bus, BusError, Call, DEPTH_MAX, MESSAGE_MAX, Malformed, Value,
    decode::Decoder,
    encode::Encoder,
    message::{self, FIXED},
};

const BUS: &str = "org.freedesktop.DBus";
const PATIENCE: Duration = Duration::from_millis(300);

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

#[test]
fn takes_no_answer_of_another_call_for_its_own() {
    let bus = FakeBus::start("answers", |mut stream, serial| {
        stream.write_all(&answer(2, serial + 7, "s", &Value::text("of another"))).unwrap();
        stream.write_all(&answer(4, serial, "s", &Value::text("a signal"))).unwrap();
        stream.write_all(&answer(2, serial, "s", &Value::text("own"))).unwrap();
    });
    let mut client = Bus::connect(bus.path()).unwrap();
    assert_eq!(client.call(&call(), PATIENCE), Ok(vec![Value::text("own")]));
}

#[test]
fn waits_no_longer_than_it_may() {
    let bus = FakeBus::start("silence", |stream, _| {
        thread::sleep(PATIENCE * 4);
        drop(stream);
    });
    let mut client = Bus::connect(bus.path()).unwrap();
    let since = Instant::now();
    assert_eq!(client.call(&call(), PATIENCE), Err(BusError::TimedOut));
    assert!(since.elapsed() < PATIENCE * 3);
}

/// A user of the host may send signals to anybody.
#[test]
fn a_flood_of_signals_neither_keeps_it_nor_fills_it() {
    let bus = FakeBus::start("flood", |mut stream, serial| {
        let forged = answer(4, serial, "s", &Value::text("forged")).repeat(500);
        stream.write_all(&forged).unwrap();
        stream.write_all(&from(BUS, 4, serial, "s", &Value::text("genuine"))).unwrap();
        while stream.write_all(&forged).is_ok() {}
    });
    let mut client = Bus::connect(bus.path()).unwrap();
    let since = Instant::now();
    assert_eq!(client.call(&call(), PATIENCE), Err(BusError::TimedOut));
    assert!(since.elapsed() < PATIENCE * 3, "{:?}", since.elapsed());
    let signals = client.signals().unwrap();
    assert_eq!(signals.iter().map(|signal| &signal.body[0]).collect::<Vec<_>>(), [&Value::text("genuine")]);
}

#[test]
fn gives_up_a_connection_that_carries_rubbish() {
    let bus = FakeBus::start("rubbish", |mut stream, _| stream.write_all(&[b'x'; 4096]).unwrap());
    let mut client = Bus::connect(bus.path()).unwrap();
    assert!(matches!(client.call(&call(), PATIENCE), Err(BusError::Malformed(_))));
    assert!(client.is_broken());
}

#[test]
fn hands_on_the_words_of_a_refusal_as_one_short_line() {
    let bus = FakeBus::start("words", |mut stream, serial| {
        let words = format!("no\n\x1b[2J{}", "x".repeat(10_000));
        stream.write_all(&answer(3, serial, "s", &Value::text(words))).unwrap();
    });
    let mut client = Bus::connect(bus.path()).unwrap();
    let Err(BusError::Refused { words, .. }) = client.call(&call(), PATIENCE) else { panic!("no refusal") };
    assert!(words.starts_with("no  [2Jx") && words.len() <= 200, "{words:?}");
    assert!(!client.is_broken());
}

/// A bus that logs one client in, answers its `Hello`, and then does as the test says with its next call.
#[derive(Debug)]
struct FakeBus {
    directory: PathBuf,
}

impl FakeBus {
    fn start(name: &str, act: impl FnOnce(UnixStream, u32) + Send + 'static) -> Self {
        let directory = std::env::temp_dir().join(format!("ray-bus-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let listener = UnixListener::bind(directory.join("bus")).unwrap();
        thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            read_until(&mut stream, b"\r\n");
            stream.write_all(b"OK 0123\r\n").unwrap();
            read_until(&mut stream, b"BEGIN\r\n");
            let hello = next_serial(&mut stream);
            stream.write_all(&answer(2, hello, "s", &Value::text(":1.1"))).unwrap();
            let serial = next_serial(&mut stream);
            act(stream, serial);
        });
        Self { directory }
    }

    fn path(&self) -> &str {
        Box::leak(format!("{}/bus", self.directory.display()).into_boxed_str())
    }
}

impl Drop for FakeBus {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

fn call() -> Call<'static> {
    Call { destination: "org.example.a", path: "/", interface: "org.example.a", member: "Ask", body: vec![] }
}

/// A message of a kind that answers the call `serial`.
fn answer(kind: u8, serial: u32, signature: &str, value: &Value) -> Vec<u8> {
    from("org.example.a", kind, serial, signature, value)
}

fn from(sender: &str, kind: u8, serial: u32, signature: &str, value: &Value) -> Vec<u8> {
    let field = |code, value| Value::Struct(vec![Value::Byte(code), Value::variant(value)]);
    let mut fields = vec![
        field(5, Value::U32(serial)),
        field(7, Value::text(sender)),
        field(8, Value::Signature(signature.to_owned())),
    ];
    if kind == 3 {
        fields.push(field(4, Value::text("org.example.Error")));
    }
    let mut body = Encoder::default();
    body.value(value).unwrap();
    let body = body.into_bytes();
    let mut message = Encoder::default();
    message.raw(&[b'l', kind, 0, 1]);
    message.u32(u32::try_from(body.len()).unwrap());
    message.u32(1);
    message.value(&Value::Array("(yv)".to_owned(), fields)).unwrap();
    message.align(8);
    message.raw(&body);
    message.into_bytes()
}

fn read_until(stream: &mut UnixStream, end: &[u8]) {
    let mut read = Vec::new();
    while !read.ends_with(end) {
        let mut byte = [0];
        stream.read_exact(&mut byte).unwrap();
        read.push(byte[0]);
    }
}

fn next_serial(stream: &mut UnixStream) -> u32 {
    let mut head = [0; FIXED];
    stream.read_exact(&mut head).unwrap();
    let mut rest = vec![0; message::length(&head).unwrap() - FIXED];
    stream.read_exact(&mut rest).unwrap();
    u32::from_le_bytes(head[8..12].try_into().unwrap())
}
