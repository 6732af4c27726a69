//! Requests of the engine. Values are as they came off the wire; the receiver's policy judges them.

use crate::codec;

/// One intent of the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamesRequest {
    /// First message of a connection: the protocol version the engine speaks.
    Hello { version: u16 },
    /// Make the host ask the mesh's resolver, exactly so.
    ReplaceDns(Wanted),
    /// Undo everything.
    Release,
    /// Say how things are.
    Look,
}

/// How the host shall use the mesh's resolver.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    pub mode: Mode,
    /// Whether the resolver is reached over IPv4; over IPv6 it always is.
    pub v4: bool,
    /// Names of networks whose hosts shall be found by their bare name: search domains `<network>.ray`.
    pub search: Vec<String>,
}

/// Which names the mesh's resolver is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Those of the mesh, where the host can tell names apart; else all.
    Names,
    /// All.
    Full,
}

codec::message!(enum NamesRequest {
    0 => Hello { version },
    1 => ReplaceDns(wanted),
    2 => Release,
    3 => Look,
});
codec::message!(struct Wanted { mode, v4, search });
codec::message!(enum Mode { 0 => Names, 1 => Full });
