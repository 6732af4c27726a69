//! A message of the bus: its head and its body.

use super::{MESSAGE_MAX, Malformed, decode::Decoder, encode::Encoder, value::Value};

/// The part of the head that every message has, up to the length of its fields.
pub const FIXED: usize = 16;
const LITTLE: u8 = b'l';
const BIG: u8 = b'B';
const PROTOCOL: u8 = 1;
/// A call that starts no program.
const NO_AUTO_START: u8 = 2;
const FIELDS: &str = "a(yv)";

const PATH: u8 = 1;
const INTERFACE: u8 = 2;
const MEMBER: u8 = 3;
const ERROR_NAME: u8 = 4;
const REPLY_SERIAL: u8 = 5;
const DESTINATION: u8 = 6;
const SENDER: u8 = 7;
const SIGNATURE: u8 = 8;

/// What is asked of another program.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call<'a> {
    pub destination: &'a str,
    pub path: &'a str,
    pub interface: &'a str,
    pub member: &'a str,
    pub body: Vec<Value>,
}

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Call,
    Return,
    Error,
    Signal,
    /// Of a later version of the bus: to be ignored.
    Other,
}

/// A message that came in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub kind: Kind,
    /// Of the call that this answers.
    pub answers: Option<u32>,
    pub path: Option<String>,
    pub interface: Option<String>,
    pub member: Option<String>,
    pub error: Option<String>,
    /// Who sent it; the bus writes this.
    pub sender: Option<String>,
    pub body: Vec<Value>,
}

impl Call<'_> {
    /// The whole message, as number `serial` of its connection.
    pub fn encode(&self, serial: u32) -> Result<Vec<u8>, Malformed> {
        let field = |code: u8, value: Value| Value::Struct(vec![Value::Byte(code), Value::variant(value)]);
        let mut fields = vec![
            field(PATH, Value::Path(self.path.to_owned())),
            field(DESTINATION, Value::text(self.destination)),
            field(INTERFACE, Value::text(self.interface)),
            field(MEMBER, Value::text(self.member)),
        ];
        if !self.body.is_empty() {
            let signature: String = self.body.iter().map(Value::signature).collect();
            fields.push(field(SIGNATURE, Value::Signature(signature)));
        }
        let mut body = Encoder::default();
        self.body.iter().try_for_each(|value| body.value(value))?;
        let length = u32::try_from(body.len()).map_err(|_| Malformed("a message too long"))?;

        let mut message = Encoder::default();
        message.raw(&[LITTLE, 1, NO_AUTO_START, PROTOCOL]);
        message.u32(length);
        message.u32(serial);
        message.value(&Value::Array("(yv)".to_owned(), fields))?;
        message.align(8);
        message.raw(&body.into_bytes());
        if message.len() > MESSAGE_MAX { Err(Malformed("a message too long")) } else { Ok(message.into_bytes()) }
    }
}

/// How long the message is whose first bytes these are.
pub fn length(head: &[u8; FIXED]) -> Result<usize, Malformed> {
    let mut decoder = Decoder::new(head, is_big_endian(head)?);
    // Four single bytes.
    decoder.u32()?;
    if head[3] != PROTOCOL {
        return Err(Malformed("another version of the bus"));
    }
    let too_long = Malformed("a message longer than any that is expected");
    let body = usize::try_from(decoder.u32()?).map_err(|_| too_long)?;
    decoder.u32()?;
    let fields = usize::try_from(decoder.u32()?).map_err(|_| too_long)?;
    if body > MESSAGE_MAX || fields > MESSAGE_MAX {
        return Err(too_long);
    }
    let length = FIXED.saturating_add(fields).next_multiple_of(8).saturating_add(body);
    if length > MESSAGE_MAX { Err(too_long) } else { Ok(length) }
}

/// Reads a whole message.
pub fn decode(bytes: &[u8]) -> Result<Message, Malformed> {
    let head = bytes.first_chunk::<FIXED>().ok_or(Malformed("too few bytes"))?;
    if length(head)? != bytes.len() {
        return Err(Malformed("a message of another length than it says"));
    }
    let mut decoder = Decoder::new(bytes, is_big_endian(head)?);
    for _ in 0..3 {
        decoder.u32()?;
    }
    let fields = decoder.value(FIELDS)?;
    decoder.align(8)?;
    let kind = match head[1] {
        1 => Kind::Call,
        2 => Kind::Return,
        3 => Kind::Error,
        4 => Kind::Signal,
        _ => Kind::Other,
    };
    let mut message = Message {
        kind,
        answers: None,
        path: None,
        interface: None,
        member: None,
        error: None,
        sender: None,
        body: vec![],
    };
    let mut signature = String::new();
    for field in fields.items() {
        let [Value::Byte(code), Value::Variant(value)] = field.items() else {
            return Err(Malformed("a field of no known form"));
        };
        let text = || value.as_text().map(str::to_owned).ok_or(Malformed("a field of another type"));
        match *code {
            PATH => message.path = Some(text()?),
            INTERFACE => message.interface = Some(text()?),
            MEMBER => message.member = Some(text()?),
            ERROR_NAME => message.error = Some(text()?),
            SENDER => message.sender = Some(text()?),
            SIGNATURE => signature = text()?,
            REPLY_SERIAL => message.answers = Some(value.as_u32().ok_or(Malformed("a field of another type"))?),
            // Who it is for, how many descriptors came with it (none: they were not agreed on), and later ones.
            _ => {}
        }
    }
    message.body = decoder.body(&signature)?;
    Ok(message)
}

fn is_big_endian(head: &[u8; FIXED]) -> Result<bool, Malformed> {
    match head[0] {
        LITTLE => Ok(false),
        BIG => Ok(true),
        _ => Err(Malformed("no message of the bus")),
    }
}
