//! The values that messages of the bus carry.

/// One value. Arrays know their elements' type: an empty one has no element that would.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    Byte(u8),
    Bool(bool),
    I16(i16),
    U16(u16),
    I32(i32),
    U32(u32),
    I64(i64),
    U64(u64),
    /// A floating-point number, as its bits: it is only ever handed back.
    Double(u64),
    Text(String),
    Path(String),
    Signature(String),
    /// An array of bytes: the elements need no value each.
    Bytes(Vec<u8>),
    Array(String, Vec<Value>),
    Struct(Vec<Value>),
    /// An entry of a dictionary, which is an array of these.
    Entry(Box<(Value, Value)>),
    Variant(Box<Value>),
}

impl Value {
    /// A string.
    pub fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    /// An array of strings.
    pub fn texts(texts: &[String]) -> Self {
        Self::Array("s".to_owned(), texts.iter().map(Self::text).collect())
    }

    /// A variant.
    pub fn variant(value: Self) -> Self {
        Self::Variant(Box::new(value))
    }

    /// An entry of a dictionary with a string as its key.
    pub fn entry(key: &str, value: Self) -> Self {
        Self::Entry(Box::new((Self::text(key), value)))
    }

    /// What is in a variant, or the value itself.
    pub fn inner(&self) -> &Self {
        match self {
            Self::Variant(value) => value,
            other => other,
        }
    }

    /// The type, as the bus writes it.
    pub fn signature(&self) -> String {
        let mut out = String::new();
        self.add_signature(&mut out);
        out
    }

    /// A string, an object's path or a signature.
    pub fn as_text(&self) -> Option<&str> {
        match self {
            Self::Text(text) | Self::Path(text) | Self::Signature(text) => Some(text),
            _ => None,
        }
    }

    /// An unsigned number of 32 bits.
    pub fn as_u32(&self) -> Option<u32> {
        if let Self::U32(number) = self { Some(*number) } else { None }
    }

    /// Yes or no.
    pub fn as_bool(&self) -> Option<bool> {
        if let Self::Bool(answer) = self { Some(*answer) } else { None }
    }

    /// The elements of an array or the members of a structure; none of anything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::Array(_, items) | Self::Struct(items) => items,
            _ => &[],
        }
    }

    /// What a dictionary has under a string.
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.items().iter().find_map(|item| match item {
            Self::Entry(entry) if entry.0.as_text() == Some(key) => Some(&entry.1),
            _ => None,
        })
    }

    fn add_signature(&self, out: &mut String) {
        match self {
            Self::Byte(_) => out.push('y'),
            Self::Bool(_) => out.push('b'),
            Self::I16(_) => out.push('n'),
            Self::U16(_) => out.push('q'),
            Self::I32(_) => out.push('i'),
            Self::U32(_) => out.push('u'),
            Self::I64(_) => out.push('x'),
            Self::U64(_) => out.push('t'),
            Self::Double(_) => out.push('d'),
            Self::Text(_) => out.push('s'),
            Self::Path(_) => out.push('o'),
            Self::Signature(_) => out.push('g'),
            Self::Variant(_) => out.push('v'),
            Self::Bytes(_) => out.push_str("ay"),
            Self::Array(of, _) => {
                out.push('a');
                out.push_str(of);
            }
            Self::Struct(members) => {
                out.push('(');
                members.iter().for_each(|member| member.add_signature(out));
                out.push(')');
            }
            Self::Entry(entry) => {
                out.push('{');
                entry.0.add_signature(out);
                entry.1.add_signature(out);
                out.push('}');
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_a_dictionary_has_under_a_string() {
        let entries = vec![Value::entry("dns", Value::variant(Value::U32(1))), Value::entry("vpn", Value::Bool(true))];
        let dictionary = Value::Array("{sv}".to_owned(), entries);
        assert_eq!(dictionary.get("dns").map(Value::inner), Some(&Value::U32(1)));
        assert_eq!(dictionary.get("vpn").and_then(Value::as_bool), Some(true));
        assert_eq!(dictionary.get("domains"), None);
        assert_eq!(Value::U32(1).get("dns"), None);
        assert_eq!(dictionary.signature(), "a{sv}");
    }
}
