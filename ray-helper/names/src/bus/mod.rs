//! A client of the system bus: calls with a deadline, and the signals it has asked for.
//!
//! The bus carries messages of every user of the host, so what arrives is hostile: a message has a greatest length
//! and a greatest depth, and one that is wrong ends the connection. Nothing is started by a call: a program that
//! does not run keeps no settings.
//!
//! | file | job |
//! |---|---|
//! | [`value`] | what messages carry |
//! | [`encode`] | values as bytes |
//! | [`decode`] | bytes as values |
//! | [`message`] | a message's head and body |
//! | [`connection`] | the socket: login, calls, signals |

mod connection;
pub mod decode;
pub mod encode;
pub mod message;
pub mod value;

pub use self::{
    connection::{Bus, BusError, SYSTEM_BUS},
    message::{Call, Kind, Message},
    value::Value,
};

/// Longest message. Settings of a link or a host are a few kilobytes.
pub const MESSAGE_MAX: usize = 128 * 1024;
/// How deep arrays, structures and variants may stand in each other. Settings of NetworkManager need seven.
pub const DEPTH_MAX: usize = 16;

/// What is wrong with bytes that came from the bus, or with a value that shall go there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

#[cfg(test)]
mod tests;
