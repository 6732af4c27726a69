//! Host names inside a network: one lower-case DNS label.

use std::{fmt, str::FromStr};

/// Longest label in bytes (RFC 1035, 2.3.4).
pub(super) const LABEL_MAX: usize = 63;
/// Longest base of a name that got a `-2` style suffix; leaves room for `-` and five digits.
const SUFFIX_BASE_MAX: usize = LABEL_MAX - 6;
/// Names that programs give a meaning of their own.
const RESERVED: [&str; 5] = ["ray", "localhost", "wpad", "isatap", "local"];

/// A host name: 1 to 63 of `a-z 0-9 -`, no hyphen at either end, and none of the reserved names.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Hostname(String);

impl Hostname {
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Makes a name out of a system's host name: the first label, lower case, other characters as hyphens.
    /// `node` where nothing is left.
    pub fn from_system(text: &str) -> Self {
        let label = text.split('.').next().unwrap_or_default();
        let mapped: String = label
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' })
            .take(LABEL_MAX)
            .collect();
        mapped.trim_matches('-').parse().unwrap_or_else(|_| Self("node".to_owned()))
    }

    /// The same name with `-<number>` appended, cut so that it stays a label.
    pub fn with_suffix(&self, number: u32) -> Self {
        let base = self.0.get(..SUFFIX_BASE_MAX).unwrap_or(&self.0).trim_end_matches('-');
        Self(format!("{base}-{}", number % 100_000))
    }
}

impl FromStr for Hostname {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        check_label(text, LABEL_MAX)?;
        Ok(Self(text.to_owned()))
    }
}

impl fmt::Display for Hostname {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Why text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    Empty,
    TooLong,
    Character,
    Hyphen,
    Reserved,
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Empty => "a name needs at least one character",
            Self::TooLong => "a name has at most 63 characters",
            Self::Character => "a name consists of a-z, 0-9 and hyphens",
            Self::Hyphen => "a name neither starts nor ends with a hyphen",
            Self::Reserved => "the name is reserved",
        })
    }
}

impl std::error::Error for NameError {}

pub(super) fn check_label(text: &str, max: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if text.len() > max {
        return Err(NameError::TooLong);
    }
    if !text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-') {
        return Err(NameError::Character);
    }
    if text.starts_with('-') || text.ends_with('-') {
        return Err(NameError::Hyphen);
    }
    if RESERVED.contains(&text) {
        return Err(NameError::Reserved);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_every_name_that_is_not_a_plain_label() {
        for (text, error) in [
            ("", NameError::Empty),
            ("a.b", NameError::Character),
            ("Alice", NameError::Character),
            ("a_b", NameError::Character),
            ("\u{1b}[31mred", NameError::Character),
            ("\u{202e}abc", NameError::Character),
            ("nul\0", NameError::Character),
            ("-a", NameError::Hyphen),
            ("a-", NameError::Hyphen),
            ("localhost", NameError::Reserved),
            ("wpad", NameError::Reserved),
            ("isatap", NameError::Reserved),
            ("local", NameError::Reserved),
            ("_tcp", NameError::Character),
            ("_ldap._tcp", NameError::Character),
            ("ray", NameError::Reserved),
        ] {
            assert_eq!(text.parse::<Hostname>(), Err(error), "{text:?}");
        }
        assert_eq!("a".repeat(64).parse::<Hostname>(), Err(NameError::TooLong));
        assert!("a".repeat(63).parse::<Hostname>().is_ok());
    }

    #[test]
    fn makes_a_label_of_any_system_name() {
        assert_eq!(Hostname::from_system("Web_01.example").as_str(), "web-01");
        assert_eq!(Hostname::from_system("").as_str(), "node");
        assert_eq!(Hostname::from_system("localhost").as_str(), "node");
        assert_eq!(Hostname::from_system("\u{fc}\u{fc}").as_str(), "node");
    }

    #[test]
    fn a_suffixed_name_is_still_a_label() {
        let longest: Hostname = "a".repeat(63).parse().unwrap();
        let suffixed = longest.with_suffix(12);
        assert_eq!(suffixed.as_str().parse::<Hostname>(), Ok(suffixed.clone()));
        assert!(suffixed.as_str().ends_with("-12"));
    }
}
