//! The control socket: who may ask what, and the conversation with one caller. Layer 6.

mod auth;
mod listener;
mod session;

pub use self::{
    auth::{Actor, Operators},
    listener::{ListenError, Listener},
};
