//! The control socket: who may ask what, and the conversation with one caller. Layer 6.

mod access;
mod caller;
mod check;
mod listener;
#[cfg(test)]
mod matrix;
mod need;
mod session;

pub use self::{
    access::{Access, Judged},
    caller::{Caller, OverflowIds},
    check::check,
    listener::{ListenError, Listener},
    need::{Need, need},
};
