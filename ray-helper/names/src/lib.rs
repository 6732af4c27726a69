//! Makes the host ask the mesh's resolver for mesh names, and undoes it.
//!
//! Root without any capability: root's files and the system bus trust the user, and nothing else is needed.
#![forbid(unsafe_code)]

pub mod backend;
pub mod bus;
