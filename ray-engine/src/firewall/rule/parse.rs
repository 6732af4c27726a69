//! Reads a rule's text:
//!
//! ```text
//! in|out allow|deny tcp|udp|icmp|any [PORTS] [from|to PEER] [on NETWORK] [until TIME]
//! PORTS    22   8000-8010   22,80,8000-8010          for tcp and udp; without them, all
//! PEER     any   a device   user:NAME   group:NAME   `from` with in, `to` with out; without it, any
//! NETWORK  any   a network                           without it, any; a group needs its network
//! TIME     2026-12-31T23:59:59Z
//! ```
//!
//! Words stand in this order, one space or more apart. A device, a user and a network are 64 hexadecimal digits, or a
//! name that the caller resolves.

use std::{fmt, str::SplitAsciiWhitespace};

use super::{
    super::limits::{PORT_RANGES_MAX, RULE_TEXT_MAX},
    Action, Direction, Origin, PeerSelector, PortRange, Ports, Protocol, Rule, date,
};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{GroupName, UserKey},
};

const USER: &str = "user:";
const GROUP: &str = "group:";
/// What a message repeats of a wrong word.
const QUOTED_MAX: usize = 80;

/// A name that stands where keys are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Name<'a> {
    Device(&'a str),
    User(&'a str),
    Network(&'a str),
}

/// Why a name gives no key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NameError {
    Unknown,
    Ambiguous,
    /// Only keys are taken here.
    NotAKey,
}

/// Why a text is not a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RuleError {
    TooLong,
    NotPrintable,
    /// Something else was expected here; with what stands there, empty at the end.
    Expected(&'static str, String),
    Surplus(String),
    BadPort(String),
    TooManyPorts,
    PortsWithoutPorts,
    BadTime(String),
    BadGroup(String),
    GroupWithoutNetwork,
    Name(NameError, String),
}

/// Reads a rule in which names may stand; `resolve` gives their keys.
pub fn parse(text: &str, resolve: impl Fn(Name<'_>) -> Result<[u8; 32], NameError>) -> Result<Rule, RuleError> {
    if text.len() > RULE_TEXT_MAX {
        return Err(RuleError::TooLong);
    }
    if !text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()) {
        return Err(RuleError::NotPrintable);
    }
    let mut words = Words { words: text.split_ascii_whitespace(), next: None };
    words.step();
    let direction = words.one_of("in or out", &[("in", Direction::In), ("out", Direction::Out)])?;
    let action = words.one_of("allow or deny", &[("allow", Action::Allow), ("deny", Action::Deny)])?;
    let protocol = words.one_of(
        "tcp, udp, icmp or any",
        &[("tcp", Protocol::Tcp), ("udp", Protocol::Udp), ("icmp", Protocol::Icmp), ("any", Protocol::Any)],
    )?;
    let ports = match words.next {
        Some(word) if word.starts_with(|first: char| first.is_ascii_digit()) => {
            words.step();
            if !protocol.has_ports() {
                return Err(RuleError::PortsWithoutPorts);
            }
            read_ports(word)?
        }
        _ => Ports::ALL,
    };
    let preposition = match direction {
        Direction::In => "from",
        Direction::Out => "to",
    };
    let peer = match words.after(preposition, "a peer")? {
        Some(word) => read_peer(word, &resolve)?,
        None => PeerSelector::Any,
    };
    let network = match words.after("on", "a network")? {
        Some("any") | None => None,
        Some(word) => Some(RoomId(key_or_name(word, Name::Network(word), &resolve)?)),
    };
    let expires = match words.after("until", "a time")? {
        Some(word) => Some(date::read(word).ok_or_else(|| RuleError::BadTime(quoted(word)))?),
        None => None,
    };
    if let Some(surplus) = words.next {
        return Err(RuleError::Surplus(quoted(surplus)));
    }
    if matches!(peer, PeerSelector::Group(_)) && network.is_none() {
        return Err(RuleError::GroupWithoutNetwork);
    }
    Ok(Rule { direction, action, protocol, ports, peer, network, expires, origin: Origin::Local })
}

/// Reads a rule as it is stored and sent: with keys only.
pub fn parse_bytes(bytes: &[u8]) -> Result<Rule, RuleError> {
    let text = str::from_utf8(bytes).map_err(|_| RuleError::NotPrintable)?;
    parse(text, |_| Err(NameError::NotAKey))
}

struct Words<'a> {
    words: SplitAsciiWhitespace<'a>,
    next: Option<&'a str>,
}

impl<'a> Words<'a> {
    fn step(&mut self) {
        self.next = self.words.next();
    }

    fn one_of<T: Copy>(&mut self, expected: &'static str, choices: &[(&str, T)]) -> Result<T, RuleError> {
        let word = self.next.unwrap_or_default();
        self.step();
        let choice = choices.iter().find(|(choice, _)| *choice == word);
        choice.map(|(_, value)| *value).ok_or_else(|| RuleError::Expected(expected, quoted(word)))
    }

    /// The word behind `introduction`, if that comes next.
    fn after(&mut self, introduction: &str, expected: &'static str) -> Result<Option<&'a str>, RuleError> {
        if self.next != Some(introduction) {
            return Ok(None);
        }
        self.step();
        let word = self.next.ok_or(RuleError::Expected(expected, String::new()))?;
        self.step();
        Ok(Some(word))
    }
}

fn read_ports(word: &str) -> Result<Ports, RuleError> {
    let bad = |item: &str| RuleError::BadPort(quoted(item));
    let mut ranges = Vec::new();
    for item in word.split(',') {
        if ranges.len() == PORT_RANGES_MAX {
            return Err(RuleError::TooManyPorts);
        }
        let (first, last) = item.split_once('-').unwrap_or((item, item));
        let ends = port(first).zip(port(last)).and_then(|(first, last)| PortRange::new(first, last));
        ranges.push(ends.ok_or_else(|| bad(item))?);
    }
    Ports::of(ranges).ok_or(RuleError::TooManyPorts)
}

/// Digits only, and no more than needed.
fn port(text: &str) -> Option<u16> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && !text.starts_with('0');
    plain.then(|| text.parse().ok()).flatten()
}

fn read_peer(
    word: &str,
    resolve: &impl Fn(Name<'_>) -> Result<[u8; 32], NameError>,
) -> Result<PeerSelector, RuleError> {
    if word == "any" {
        return Ok(PeerSelector::Any);
    }
    if let Some(group) = word.strip_prefix(GROUP) {
        let group: GroupName = group.parse().map_err(|_| RuleError::BadGroup(quoted(group)))?;
        return Ok(PeerSelector::Group(group));
    }
    if let Some(user) = word.strip_prefix(USER) {
        return Ok(PeerSelector::User(UserKey(key_or_name(user, Name::User(user), resolve)?)));
    }
    Ok(PeerSelector::Device(PeerId(key_or_name(word, Name::Device(word), resolve)?)))
}

/// A key in digits is never taken for a name.
fn key_or_name(
    word: &str,
    name: Name<'_>,
    resolve: &impl Fn(Name<'_>) -> Result<[u8; 32], NameError>,
) -> Result<[u8; 32], RuleError> {
    match word.parse::<PeerId>() {
        Ok(key) => Ok(key.0),
        Err(_) => resolve(name).map_err(|error| RuleError::Name(error, quoted(word))),
    }
}

fn quoted(word: &str) -> String {
    word.chars().take(QUOTED_MAX).collect()
}

impl fmt::Display for RuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLong => write!(f, "a rule has at most {RULE_TEXT_MAX} characters"),
            Self::NotPrintable => f.write_str("a rule consists of printable ASCII characters"),
            Self::Expected(expected, found) if found.is_empty() => write!(f, "the rule ends before {expected}"),
            Self::Expected(expected, found) => write!(f, "a rule has {expected} where {found:?} stands"),
            Self::Surplus(found) => write!(f, "{found:?} is not understood at this place of a rule"),
            Self::BadPort(found) => write!(f, "{found:?} is neither a port from 1 to 65535 nor a range of them"),
            Self::TooManyPorts => write!(f, "a rule has at most {PORT_RANGES_MAX} ports and ranges"),
            Self::PortsWithoutPorts => f.write_str("only rules for tcp and udp have ports"),
            Self::BadTime(found) => write!(f, "{found:?} is not a time like 2026-12-31T23:59:59Z"),
            Self::BadGroup(found) => write!(f, "{found:?} is not the name of a group"),
            Self::GroupWithoutNetwork => f.write_str("a rule for a group names the group's network after \"on\""),
            Self::Name(NameError::Unknown, name) => write!(f, "no member, user or network is called {name:?}"),
            Self::Name(NameError::Ambiguous, name) => write!(f, "more than one is called {name:?}"),
            Self::Name(NameError::NotAKey, name) => write!(f, "{name:?} is not a key of 64 hexadecimal digits"),
        }
    }
}

impl std::error::Error for RuleError {}
