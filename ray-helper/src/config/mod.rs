//! Root's policy: parses the flat `key = value` text that bounds everything the helper may do. Pure.
//!
//! A strict subset of TOML: one pair a line, values are `"text"` without escapes or plain decimal numbers, `#` begins a
//! comment. An unknown key, a key given twice or a value out of its range refuses the whole file.

use std::{error::Error, fmt, net::IpAddr, time::Duration};

use ray_ipc::limits::{QUEUES_MAX, ROUTES_MAX};

use crate::prefix::{MESH_V4, MESH_V6, Prefix};

/// IPv6 needs 1280; the device and the kernel's counters end at 65535.
const MTU_FLOOR: u32 = 1280;
const MTU_CEILING: u32 = 65535;
/// The protocol's own bounds, which a policy may lower.
const QUEUES_CEILING: u32 = 8;
const ROUTES_CEILING: u32 = 1024;
const _: () = assert!(QUEUES_CEILING as usize == QUEUES_MAX && ROUTES_CEILING as usize == ROUTES_MAX);
/// An hour without an engine is not a restart any more.
const GRACE_S_MAX: u32 = 3600;
/// Room for hosts must remain, and the host bits must have a first and a last.
const V4_LEN_MAX: u8 = 30;
const V6_LEN_MAX: u8 = 126;
/// An engine needs up to 121 routes to go around one address, and may have 1024.
const KEEP_MAX: usize = 8;
/// What the kernel shows for every user that a user namespace does not map: nobody in particular, so never the engine.
const OVERFLOW_UID: u32 = 65534;

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub engine_user: EngineUser,
    /// Matches `ray[0-9]{1,3}`.
    pub interface: String,
    /// `None` on hosts where something else owns 100.64.0.0/10.
    pub prefix_v4: Option<Prefix>,
    pub prefix_v6: Prefix,
    pub mtu_min: u16,
    pub mtu_max: u16,
    pub queues_max: u8,
    pub routes_max: u16,
    /// How long the device outlives its engine.
    pub grace: Duration,
    /// Addresses inside the mesh prefixes that stay the host's own: no route may take them.
    pub keep: Vec<IpAddr>,
}

/// Who may connect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EngineUser {
    Name(String),
    Uid(u32),
}

impl fmt::Display for EngineUser {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Uid(uid) => uid.fmt(f),
        }
    }
}

/// Why a text is no policy, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Counted from 1; 0 where no line is at fault.
    pub line: usize,
    pub key: String,
    pub problem: Problem,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Problem {
    NotAPair,
    UnknownKey,
    GivenTwice,
    NotAValue,
    Missing,
    User,
    Interface,
    PrefixV4,
    PrefixV6,
    NumberOutside {
        min: u32,
        max: u32,
    },
    /// `mtu_min` is above `mtu_max`.
    MtuOrder,
    Keep,
    /// Neither this nor that.
    NotOneOf(&'static str),
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("reading the policy: ")?;
        if self.line > 0 {
            write!(f, "line {}: ", self.line)?;
        }
        write!(f, "{:?} ", self.key)?;
        match self.problem {
            Problem::NotAPair => f.write_str("is no `key = value` pair"),
            Problem::UnknownKey => f.write_str("is not a known key"),
            Problem::GivenTwice => f.write_str("is given twice"),
            Problem::NotAValue => f.write_str("has a value that is neither \"text\" nor a plain number"),
            Problem::Missing => f.write_str("is missing"),
            Problem::User => f.write_str("wants a user name or number in quotes, and neither root nor nobody"),
            Problem::Interface => f.write_str("wants \"ray\" and one to three digits"),
            Problem::PrefixV4 => f.write_str("wants a network inside 100.64.0.0/10, or \"none\""),
            Problem::PrefixV6 => f.write_str("wants a network inside 200::/7"),
            Problem::NumberOutside { min, max } => write!(f, "wants a number from {min} to {max}"),
            Problem::MtuOrder => f.write_str("is above mtu_max"),
            Problem::Keep => {
                write!(f, "wants up to {KEEP_MAX} addresses inside the mesh prefixes, with commas between them")
            }
            Problem::NotOneOf(words) => write!(f, "wants one of {words}, in quotes"),
        }
    }
}

impl Error for ConfigError {}

/// A value as written.
#[derive(Debug)]
pub enum Value<'a> {
    Text(&'a str),
    Number(u32),
}

/// One line of the policy.
#[derive(Debug)]
pub struct Pair<'a> {
    pub line: usize,
    pub key: &'a str,
    pub value: Value<'a>,
}

impl Pair<'_> {
    pub fn fault(&self, problem: Problem) -> ConfigError {
        ConfigError { line: self.line, key: self.key.into(), problem }
    }
}

/// Parses a policy.
pub fn parse(text: &str) -> Result<Config, ConfigError> {
    let pairs = parse_pairs(text)?;
    let engine = pairs.iter().find(|pair| pair.key == "engine_user").ok_or(ConfigError {
        line: 0,
        key: "engine_user".into(),
        problem: Problem::Missing,
    })?;
    let mut config = defaults(user(&engine.value).map_err(|problem| engine.fault(problem))?);
    for pair in &pairs {
        assign(&mut config, pair.key, &pair.value).map_err(|problem| pair.fault(problem))?;
    }
    if config.mtu_min > config.mtu_max {
        return Err(ConfigError { line: 0, key: "mtu_min".into(), problem: Problem::MtuOrder });
    }
    Ok(config)
}

/// The pairs of a policy, each key once.
pub fn parse_pairs(text: &str) -> Result<Vec<Pair<'_>>, ConfigError> {
    let mut pairs: Vec<Pair<'_>> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let fault = |key: &str, problem| ConfigError { line: number, key: key.into(), problem };
        let (key, value) = line.split_once('=').ok_or_else(|| fault(line, Problem::NotAPair))?;
        let key = key.trim();
        if pairs.iter().any(|earlier| earlier.key == key) {
            return Err(fault(key, Problem::GivenTwice));
        }
        let value = parse_value(value.trim()).ok_or_else(|| fault(key, Problem::NotAValue))?;
        pairs.push(Pair { line: number, key, value });
    }
    Ok(pairs)
}

fn defaults(engine_user: EngineUser) -> Config {
    Config {
        engine_user,
        interface: "ray0".into(),
        prefix_v4: Some(MESH_V4),
        prefix_v6: MESH_V6,
        mtu_min: 1280,
        mtu_max: 9000,
        queues_max: 8,
        routes_max: 1024,
        grace: Duration::from_secs(30),
        keep: Vec::new(),
    }
}

fn assign(config: &mut Config, key: &str, value: &Value<'_>) -> Result<(), Problem> {
    match key {
        "engine_user" => config.engine_user = user(value)?,
        "interface" => config.interface = interface(value)?,
        "prefix_v4" => config.prefix_v4 = prefix_v4(value)?,
        "prefix_v6" => config.prefix_v6 = prefix_inside(value, MESH_V6, V6_LEN_MAX).ok_or(Problem::PrefixV6)?,
        "mtu_min" => config.mtu_min = number(value, MTU_FLOOR, MTU_CEILING)?,
        "mtu_max" => config.mtu_max = number(value, MTU_FLOOR, MTU_CEILING)?,
        "queues_max" => config.queues_max = number(value, 1, QUEUES_CEILING)?,
        "routes_max" => config.routes_max = number(value, 1, ROUTES_CEILING)?,
        "grace_s" => config.grace = Duration::from_secs(number::<u16>(value, 0, GRACE_S_MAX)?.into()),
        "keep" => config.keep = keep(value)?,
        _ => return Err(Problem::UnknownKey),
    }
    Ok(())
}

fn parse_value(text: &str) -> Option<Value<'_>> {
    let (value, rest) = match text.strip_prefix('"') {
        Some(quoted) => {
            let (inner, rest) = quoted.split_once('"')?;
            let plain = !inner.contains('\\') && !inner.chars().any(char::is_control);
            (plain.then_some(Value::Text(inner))?, rest)
        }
        None => {
            let end = text.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(text.len());
            let (digits, rest) = text.split_at(end);
            let canonical = digits == "0" || !digits.starts_with('0');
            (Value::Number(canonical.then(|| digits.parse().ok())??), rest)
        }
    };
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')).then_some(value)
}

/// Who the engine is.
pub fn user(value: &Value<'_>) -> Result<EngineUser, Problem> {
    let text = match value {
        Value::Text(text) => *text,
        Value::Number(_) => return Err(Problem::User),
    };
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        let uid: u32 = text.parse().map_err(|_| Problem::User)?;
        // The highest number means "no user" to the kernel.
        return if matches!(uid, 0 | OVERFLOW_UID | u32::MAX) { Err(Problem::User) } else { Ok(EngineUser::Uid(uid)) };
    }
    let first_fits = text.starts_with(|letter: char| letter.is_ascii_alphabetic() || letter == '_');
    let rest_fits = text.chars().all(|letter| letter.is_ascii_alphanumeric() || "_-.".contains(letter));
    // 32 is the longest login name that the C library's records hold.
    if first_fits && rest_fits && text.len() <= 32 { Ok(EngineUser::Name(text.into())) } else { Err(Problem::User) }
}

/// The name of the mesh's interface.
pub fn interface(value: &Value<'_>) -> Result<String, Problem> {
    match value {
        Value::Text(text) => {
            let digits = text.strip_prefix("ray").ok_or(Problem::Interface)?;
            let fits = (1..=3).contains(&digits.len()) && digits.bytes().all(|byte| byte.is_ascii_digit());
            fits.then(|| (*text).to_owned()).ok_or(Problem::Interface)
        }
        Value::Number(_) => Err(Problem::Interface),
    }
}

fn prefix_v4(value: &Value<'_>) -> Result<Option<Prefix>, Problem> {
    match value {
        Value::Text("none") => Ok(None),
        Value::Text(_) | Value::Number(_) => {
            prefix_inside(value, MESH_V4, V4_LEN_MAX).ok_or(Problem::PrefixV4).map(Some)
        }
    }
}

fn prefix_inside(value: &Value<'_>, mesh: Prefix, len_max: u8) -> Option<Prefix> {
    let prefix: Prefix = match value {
        Value::Text(text) => text.parse().ok()?,
        Value::Number(_) => return None,
    };
    (mesh.covers(&prefix) && prefix.len_bits() <= len_max).then_some(prefix)
}

fn keep(value: &Value<'_>) -> Result<Vec<IpAddr>, Problem> {
    let Value::Text(text) = value else { return Err(Problem::Keep) };
    let parse = |word: &str| word.trim().parse().ok().filter(|address| is_mesh(*address)).ok_or(Problem::Keep);
    if text.is_empty() {
        return Ok(Vec::new());
    }
    let addresses: Vec<IpAddr> = text.split(',').map(parse).collect::<Result<_, _>>()?;
    if addresses.len() <= KEEP_MAX { Ok(addresses) } else { Err(Problem::Keep) }
}

fn is_mesh(address: IpAddr) -> bool {
    MESH_V4.contains(address) || MESH_V6.contains(address)
}

fn number<T: TryFrom<u32>>(value: &Value<'_>, min: u32, max: u32) -> Result<T, Problem> {
    let outside = Problem::NumberOutside { min, max };
    match value {
        Value::Number(number) if (min..=max).contains(number) => T::try_from(*number).map_err(|_| outside),
        Value::Number(_) | Value::Text(_) => Err(outside),
    }
}

#[cfg(test)]
mod tests;
