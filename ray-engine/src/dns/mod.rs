//! Answers questions about `.ray` names and mesh addresses. Layer 1: a zone and a query in, a reply out.
//!
//! There is no recursion and no cache: whatever is not ours is refused.
#![forbid(unsafe_code)]

mod answer;
mod message;
mod reverse;
mod zone;

pub use self::{
    answer::answer,
    zone::{Host, Zone},
};
