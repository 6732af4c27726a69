//! The process that owns everything in a lab.
//!
//! | part | job |
//! |---|---|
//! | [`outer`] | stays in the host's namespaces: binds the socket, waits for the end, cuts the lifeline |
//! | [`inner`] | PID 1 of the lab: builds it, serves clients; when it dies the kernel ends all the rest |

pub mod inner;
mod node;
pub mod outer;
mod processes;
mod programs;
mod ready;
mod report;
mod rootless;
mod serve;

pub use self::rootless::{id_maps, missing, on_path};
