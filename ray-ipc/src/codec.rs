//! The one place that knows bincode: bounded encoding and decoding of a whole message.
//!
//! Fixed-width integers, little endian, `u32` enum tags. A decoder never allocates more than its limit, and a message
//! with bytes left over is refused, so that every accepted message has exactly one encoding.

use std::fmt;

use bincode::{
    Decode, Encode,
    config::{Configuration, Fixint, Limit, LittleEndian},
};

type Bounded<const LIMIT: usize> = Configuration<LittleEndian, Fixint, Limit<LIMIT>>;

/// Why bytes are not a message.
#[derive(Debug)]
pub enum CodecError {
    /// Not an encoding of the type: unknown tag, short input, invalid text, or over the limit.
    Malformed(bincode::error::DecodeError),
    /// A whole message, then more bytes.
    Trailing { surplus: usize },
    /// The value does not fit the limit.
    TooLarge(bincode::error::EncodeError),
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Malformed(_) => f.write_str("decoding a message"),
            Self::Trailing { surplus } => write!(f, "decoding a message: {surplus} bytes too many"),
            Self::TooLarge(_) => f.write_str("encoding a message"),
        }
    }
}

impl std::error::Error for CodecError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Malformed(cause) => Some(cause),
            Self::TooLarge(cause) => Some(cause),
            Self::Trailing { .. } => None,
        }
    }
}

/// Encodes `value` into at most `LIMIT` bytes.
pub fn encode<const LIMIT: usize, T: Encode>(value: &T) -> Result<Vec<u8>, CodecError> {
    // bincode applies the limit to decoding only.
    let bytes = bincode::encode_to_vec(value, bounded::<LIMIT>()).map_err(CodecError::TooLarge)?;
    if bytes.len() > LIMIT {
        return Err(CodecError::TooLarge(bincode::error::EncodeError::UnexpectedEnd));
    }
    Ok(bytes)
}

/// Decodes exactly one `T` that fills `bytes`, reading (and allocating) at most `LIMIT` bytes.
pub fn decode<const LIMIT: usize, T: Decode<()>>(bytes: &[u8]) -> Result<T, CodecError> {
    let (value, consumed) = bincode::decode_from_slice(bytes, bounded::<LIMIT>()).map_err(CodecError::Malformed)?;
    match bytes.len().checked_sub(consumed) {
        Some(0) => Ok(value),
        surplus => Err(CodecError::Trailing { surplus: surplus.unwrap_or(0) }),
    }
}

/// Implements bincode's traits for a type whose fields are listed in the order of its definition, with the bytes that the
/// derive macros of bincode would give it: a variant is its tag as a `u32`, then its fields.
///
/// The messages of the privileged programs are listed rather than derived, so that those are built without the derive
/// macros and their parser.
#[cfg(any(feature = "helper", feature = "names"))]
macro_rules! message {
    (struct $name:ident { $($field:ident),+ }) => {
        impl ::bincode::Encode for $name {
            fn encode<E: ::bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), ::bincode::error::EncodeError> {
                let Self { $($field),+ } = self;
                $(::bincode::Encode::encode($field, encoder)?;)+
                Ok(())
            }
        }
        impl<Context> ::bincode::Decode<Context> for $name {
            fn decode<D: ::bincode::de::Decoder<Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, ::bincode::error::DecodeError> {
                Ok(Self { $($field: ::bincode::Decode::decode(decoder)?),+ })
            }
        }
    };
    (enum $name:ident {
        $($tag:literal => $variant:ident $({ $($field:ident),+ })? $(($item:ident))?),+ $(,)?
    }) => {
        impl ::bincode::Encode for $name {
            fn encode<E: ::bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), ::bincode::error::EncodeError> {
                match self {
                    $(Self::$variant $({ $($field),+ })? $(($item))? => {
                        let tag: u32 = $tag;
                        ::bincode::Encode::encode(&tag, encoder)?;
                        $($(::bincode::Encode::encode($field, encoder)?;)+)?
                        $(::bincode::Encode::encode($item, encoder)?;)?
                    })+
                }
                Ok(())
            }
        }
        impl<Context> ::bincode::Decode<Context> for $name {
            fn decode<D: ::bincode::de::Decoder<Context = Context>>(
                decoder: &mut D,
            ) -> Result<Self, ::bincode::error::DecodeError> {
                let tag: u32 = ::bincode::Decode::decode(decoder)?;
                match tag {
                    $($tag => {
                        $($(let $field = ::bincode::Decode::decode(decoder)?;)+)?
                        $(let $item = ::bincode::Decode::decode(decoder)?;)?
                        Ok(Self::$variant $({ $($field),+ })? $(($item))?)
                    })+
                    _ => Err(::bincode::error::DecodeError::UnexpectedVariant {
                        type_name: stringify!($name),
                        allowed: &::bincode::error::AllowedEnumVariants::Allowed(&[$($tag),+]),
                        found: tag,
                    }),
                }
            }
        }
    };
}
#[cfg(any(feature = "helper", feature = "names"))]
pub(crate) use message;

fn bounded<const LIMIT: usize>() -> Bounded<LIMIT> {
    bincode::config::standard().with_fixed_int_encoding().with_limit::<LIMIT>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_trailing_bytes() {
        let mut bytes = encode::<64, _>(&7u32).unwrap();
        bytes.push(0);
        assert!(matches!(decode::<64, u32>(&bytes), Err(CodecError::Trailing { surplus: 1 })));
    }

    #[test]
    fn refuses_a_length_beyond_the_limit_without_allocating_it() {
        let claims_four_gib = (u64::from(u32::MAX)).to_le_bytes();
        assert!(matches!(decode::<64, Vec<u8>>(&claims_four_gib), Err(CodecError::Malformed(_))));
    }

    #[test]
    fn refuses_to_encode_beyond_the_limit() {
        assert!(matches!(encode::<8, _>(&vec![0u8; 64]), Err(CodecError::TooLarge(_))));
    }
}
