//! Inside one node: its namespaces, its files, its interfaces, and the way in.

pub mod enter;
mod files;
pub mod holder;
pub mod mounts;
pub mod netlink;
pub mod privileges;
mod root;
pub mod wire;
