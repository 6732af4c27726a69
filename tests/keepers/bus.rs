//! The client of the bus, and a bus that is hostile or does not answer.

use std::{
    io::{Read, Write},
    os::unix::net::{UnixListener, UnixStream},
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

use ray_names::bus::{
    Bus, BusError, Call, Value,
    encode::Encoder,
    message::{self, FIXED},
};

const BUS: &str = "org.freedesktop.DBus";
const PATIENCE: Duration = Duration::from_millis(300);

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
