//! Names as programs see them: a server of public ones, and those who look them up.

pub mod files;
pub mod gopher;
pub mod server;
pub mod watch;
pub mod zone;
