//! Answers questions about `.ray` names and mesh addresses. Layer 1: a zone and a query in, a reply out.
//!
//! There is no recursion and no cache: a question about a name that is not ours comes back as a [`Foreign`], for who may
//! ask another resolver, and to refuse for who may not. What another resolver says is read here too.
#![forbid(unsafe_code)]

mod answer;
mod foreign;
mod heard;
mod look_up;
mod message;
mod reverse;
mod zone;

pub use self::{
    answer::{Response, answer, respond},
    foreign::{Exchange, Foreign, Question},
    heard::Heard,
    look_up::{LookUp, Outcome, Record, look_up},
    message::Transport,
    zone::{Alias, Host, Zone},
};
