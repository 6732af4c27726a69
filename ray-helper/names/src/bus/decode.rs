//! Values out of bytes from the bus. Every length is checked against what is there before anything is made of it.

use super::{DEPTH_MAX, Malformed, encode::alignment, value::Value};

/// Longest signature: its length is one byte.
const SIGNATURE_MAX: usize = 255;

/// Reads a message from its beginning, which is what alignment counts from.
#[derive(Debug)]
pub struct Decoder<'a> {
    bytes: &'a [u8],
    at: usize,
    big_endian: bool,
}

impl<'a> Decoder<'a> {
    pub fn new(bytes: &'a [u8], big_endian: bool) -> Self {
        Self { bytes, at: 0, big_endian }
    }

    /// How many bytes have been read.
    pub fn position(&self) -> usize {
        self.at
    }

    /// Reads up to a multiple of `alignment`: zeroes only.
    pub fn align(&mut self, alignment: usize) -> Result<(), Malformed> {
        let padding = self.at.next_multiple_of(alignment).saturating_sub(self.at);
        match self.take(padding)?.iter().all(|byte| *byte == 0) {
            true => Ok(()),
            false => Err(Malformed("something in the space between values")),
        }
    }

    /// Reads all values of a signature, and then nothing may be left.
    pub fn body(&mut self, signature: &str) -> Result<Vec<Value>, Malformed> {
        let values = self.sequence(signature.as_bytes(), DEPTH_MAX)?;
        if self.at == self.bytes.len() { Ok(values) } else { Err(Malformed("bytes after the last value")) }
    }

    /// Reads one value of a type.
    pub fn value(&mut self, signature: &str) -> Result<Value, Malformed> {
        self.single(signature.as_bytes(), DEPTH_MAX)
    }

    pub fn u32(&mut self) -> Result<u32, Malformed> {
        self.number::<4>().map(u32::from_le_bytes)
    }

    fn sequence(&mut self, mut types: &[u8], depth: usize) -> Result<Vec<Value>, Malformed> {
        let mut values = Vec::new();
        while !types.is_empty() {
            let (first, rest) = types.split_at(first_type(types, depth)?);
            values.push(self.single(first, depth)?);
            types = rest;
        }
        Ok(values)
    }

    fn single(&mut self, type_: &[u8], depth: usize) -> Result<Value, Malformed> {
        let deeper = depth.checked_sub(1).ok_or(Malformed("values too deep in each other"))?;
        let (code, rest) = type_.split_first().ok_or(Malformed("no type"))?;
        Ok(match code {
            b'y' => Value::Byte(self.number::<1>().map(u8::from_le_bytes)?),
            b'b' => match self.u32()? {
                0 => Value::Bool(false),
                1 => Value::Bool(true),
                _ => return Err(Malformed("a truth value that is neither")),
            },
            b'n' => Value::I16(self.number().map(i16::from_le_bytes)?),
            b'q' => Value::U16(self.number().map(u16::from_le_bytes)?),
            b'i' => Value::I32(self.number().map(i32::from_le_bytes)?),
            b'u' => Value::U32(self.u32()?),
            b'x' => Value::I64(self.number().map(i64::from_le_bytes)?),
            b't' => Value::U64(self.number().map(u64::from_le_bytes)?),
            b'd' => Value::Double(self.number().map(u64::from_le_bytes)?),
            b's' => Value::Text(self.text()?),
            b'o' => Value::Path(self.text()?),
            b'g' => Value::Signature(self.signature()?),
            b'v' => self.variant(deeper)?,
            b'a' => self.array(rest, deeper)?,
            b'(' => {
                self.align(8)?;
                Value::Struct(self.sequence(inside(rest)?, deeper)?)
            }
            b'{' => {
                self.align(8)?;
                let mut pair = self.sequence(inside(rest)?, deeper)?.into_iter();
                match (pair.next(), pair.next(), pair.next()) {
                    (Some(key), Some(value), None) => Value::Entry(Box::new((key, value))),
                    _ => return Err(Malformed("an entry that is no pair")),
                }
            }
            _ => return Err(Malformed("an unknown type")),
        })
    }

    fn array(&mut self, of: &[u8], depth: usize) -> Result<Value, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed("an array too long"))?;
        self.align(alignment(of.first().copied().unwrap_or_default())?)?;
        if of == b"y" {
            return Ok(Value::Bytes(self.take(length)?.to_vec()));
        }
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or(Malformed("an array that goes on after the message"))?;
        let mut items = Vec::new();
        while self.at < end {
            items.push(self.single(of, depth)?);
        }
        if self.at != end {
            return Err(Malformed("an array that ends within an element"));
        }
        Ok(Value::Array(String::from_utf8_lossy(of).into_owned(), items))
    }

    fn variant(&mut self, depth: usize) -> Result<Value, Malformed> {
        let signature = self.signature()?;
        if first_type(signature.as_bytes(), depth)? != signature.len() {
            return Err(Malformed("a variant of several values"));
        }
        self.single(signature.as_bytes(), depth).map(Value::variant)
    }

    fn text(&mut self) -> Result<String, Malformed> {
        let length = usize::try_from(self.u32()?).map_err(|_| Malformed("a string too long"))?;
        self.terminated(length)
    }

    fn signature(&mut self) -> Result<String, Malformed> {
        let [length] = self.number::<1>()?;
        self.terminated(usize::from(length))
    }

    fn terminated(&mut self, length: usize) -> Result<String, Malformed> {
        let text = self.take(length)?;
        let text = str::from_utf8(text).map_err(|_| Malformed("a string that is no UTF-8"))?;
        if text.contains('\0') || self.take(1)? != [0] {
            return Err(Malformed("a string that ends elsewhere"));
        }
        Ok(text.to_owned())
    }

    /// A number's bytes, little endian first.
    fn number<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], Malformed> {
        self.align(LENGTH)?;
        let mut number: [u8; LENGTH] = self.take(LENGTH)?.try_into().map_err(|_| Malformed("too few bytes"))?;
        if self.big_endian {
            number.reverse();
        }
        Ok(number)
    }

    fn take(&mut self, length: usize) -> Result<&'a [u8], Malformed> {
        let end = self.at.checked_add(length).ok_or(Malformed("a value too long"))?;
        let taken = self.bytes.get(self.at..end).ok_or(Malformed("too few bytes"))?;
        self.at = end;
        Ok(taken)
    }
}

/// How long the first complete type of `types` is. No type of length zero exists, so what reads one moves on.
fn first_type(types: &[u8], depth: usize) -> Result<usize, Malformed> {
    let deeper = depth.checked_sub(1).ok_or(Malformed("types too deep in each other"))?;
    if types.len() > SIGNATURE_MAX {
        return Err(Malformed("a signature too long"));
    }
    let rest = types.get(1..).unwrap_or_default();
    match types.first() {
        Some(b'a') => Ok(first_type(rest, deeper)?.saturating_add(1)),
        Some(open @ (b'(' | b'{')) => {
            let close = if *open == b'(' { b')' } else { b'}' };
            let mut length: usize = 1;
            while types.get(length) != Some(&close) {
                let member = first_type(types.get(length..).unwrap_or_default(), deeper)?;
                length = length.saturating_add(member);
            }
            if length == 1 { Err(Malformed("a structure of nothing")) } else { Ok(length.saturating_add(1)) }
        }
        Some(b'y' | b'b' | b'n' | b'q' | b'i' | b'u' | b'x' | b't' | b'd' | b's' | b'o' | b'g' | b'v') => Ok(1),
        Some(_) => Err(Malformed("an unknown type")),
        None => Err(Malformed("a type that is not whole")),
    }
}

/// The types between brackets, the opening one of which has been read.
fn inside(rest: &[u8]) -> Result<&[u8], Malformed> {
    rest.split_last().map(|(_, types)| types).ok_or(Malformed("a type that is not whole"))
}
