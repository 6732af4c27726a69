//! Values as the bus wants them: little endian, each aligned to its own size.

use super::{DEPTH_MAX, Malformed, value::Value};

/// Bytes of a message from its beginning, which is what alignment counts from.
#[derive(Debug, Default)]
pub struct Encoder {
    bytes: Vec<u8>,
}

impl Encoder {
    /// The bytes so far.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }

    /// How many bytes there are.
    pub fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Whether there is nothing yet.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Zeroes up to a multiple of `alignment`.
    pub fn align(&mut self, alignment: usize) {
        self.bytes.resize(self.bytes.len().next_multiple_of(alignment), 0);
    }

    /// Adds bytes as they are.
    pub fn raw(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds a value.
    pub fn value(&mut self, value: &Value) -> Result<(), Malformed> {
        self.nested(value, DEPTH_MAX)
    }

    /// Adds a number, aligned to its size.
    pub fn u32(&mut self, number: u32) {
        self.align(4);
        self.raw(&number.to_le_bytes());
    }

    fn nested(&mut self, value: &Value, depth: usize) -> Result<(), Malformed> {
        let deeper = depth.checked_sub(1).ok_or(Malformed("values too deep in each other"))?;
        match value {
            Value::Byte(number) => self.raw(&[*number]),
            Value::Bool(answer) => self.u32(u32::from(*answer)),
            Value::I16(number) => self.number(&number.to_le_bytes()),
            Value::U16(number) => self.number(&number.to_le_bytes()),
            Value::I32(number) => self.number(&number.to_le_bytes()),
            Value::U32(number) => self.number(&number.to_le_bytes()),
            Value::I64(number) => self.number(&number.to_le_bytes()),
            Value::U64(number) | Value::Double(number) => self.number(&number.to_le_bytes()),
            Value::Text(text) | Value::Path(text) => self.text(text)?,
            Value::Signature(text) => self.signature(text)?,
            Value::Bytes(bytes) => {
                self.u32(length(bytes.len())?);
                self.raw(bytes);
            }
            Value::Array(of, items) => self.array(of, items, deeper)?,
            Value::Struct(members) => {
                self.align(8);
                members.iter().try_for_each(|member| self.nested(member, deeper))?;
            }
            Value::Entry(entry) => {
                self.align(8);
                self.nested(&entry.0, deeper)?;
                self.nested(&entry.1, deeper)?;
            }
            Value::Variant(value) => {
                self.signature(&value.signature())?;
                self.nested(value, deeper)?;
            }
        }
        Ok(())
    }

    fn array(&mut self, of: &str, items: &[Value], depth: usize) -> Result<(), Malformed> {
        self.align(4);
        let place = self.bytes.len();
        self.u32(0);
        // The space before the first element does not count.
        self.align(alignment(of.as_bytes().first().copied().unwrap_or_default())?);
        let first = self.bytes.len();
        for item in items {
            if item.signature() != of {
                return Err(Malformed("an array with elements of different types"));
            }
            self.nested(item, depth)?;
        }
        let bytes = length(self.bytes.len().saturating_sub(first))?.to_le_bytes();
        if let Some(place) = self.bytes.get_mut(place..).and_then(<[u8]>::first_chunk_mut) {
            *place = bytes;
        }
        Ok(())
    }

    fn number(&mut self, bytes: &[u8]) {
        self.align(bytes.len());
        self.raw(bytes);
    }

    fn text(&mut self, text: &str) -> Result<(), Malformed> {
        if text.contains('\0') {
            return Err(Malformed("a zero byte in a string"));
        }
        self.u32(length(text.len())?);
        self.raw(text.as_bytes());
        self.raw(&[0]);
        Ok(())
    }

    fn signature(&mut self, text: &str) -> Result<(), Malformed> {
        let length = u8::try_from(text.len()).map_err(|_| Malformed("a signature too long"))?;
        self.raw(&[length]);
        self.raw(text.as_bytes());
        self.raw(&[0]);
        Ok(())
    }
}

/// What a value of the type that begins with `code` is aligned to.
pub(super) fn alignment(code: u8) -> Result<usize, Malformed> {
    match code {
        b'y' | b'g' | b'v' => Ok(1),
        b'n' | b'q' => Ok(2),
        b'b' | b'i' | b'u' | b's' | b'o' | b'a' => Ok(4),
        b'x' | b't' | b'd' | b'(' | b'{' => Ok(8),
        _ => Err(Malformed("an unknown type")),
    }
}

fn length(bytes: usize) -> Result<u32, Malformed> {
    u32::try_from(bytes).map_err(|_| Malformed("a value too long"))
}
