//! The file in which the C library finds its resolvers: where it stands, what it says, and how it is replaced.

pub mod place;
pub mod text;
pub mod write;

pub use self::{
    place::{Listed, Place, RESOLV_CONF, Unfit},
    text::Lines,
};
