//! The identity and the name of a network.

use std::{fmt, str::FromStr};

use data_encoding::HEXLOWER;

use super::{
    hostname::{LABEL_MAX, NameError, check_label},
    peer::{NotAnId, parse_hex32},
};

/// The public key of a network. It finds the network, admits nobody and reveals no member.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RoomId(pub [u8; 32]);

impl RoomId {
    /// The first ten hex digits, for people.
    pub fn short(&self) -> String {
        HEXLOWER.encode(&self.0[..5])
    }
}

impl fmt::Display for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for RoomId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RoomId({})", self.short())
    }
}

impl FromStr for RoomId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        parse_hex32(text).map(Self)
    }
}

/// A network's name: one DNS label, never `ray` itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkName(String);

impl NetworkName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NetworkName {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_label(text, LABEL_MAX)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for NetworkName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_network_may_have_the_name_of_a_public_domain_but_none_that_programs_look_for() {
        for harmless in ["com", "dev", "arpa", "google", "0", "xn--p1ai"] {
            assert!(harmless.parse::<NetworkName>().is_ok(), "{harmless}: it is always followed by .ray");
        }
        for looked_for in ["localhost", "local", "wpad", "isatap", "ray"] {
            assert_eq!(looked_for.parse::<NetworkName>(), Err(NameError::Reserved), "{looked_for}");
        }
        for none in ["", "_tcp", "a.b", "com.", "a\u{7}", "a ", "\u{e9}", "-a", &"a".repeat(64)] {
            assert!(none.parse::<NetworkName>().is_err(), "{none:?}");
        }
    }
}
