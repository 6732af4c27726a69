//! Rayfish end to end: three real processes a host, real TUN devices, namespaces as hosts. Needs root.

mod membership;
mod mesh;
mod privilege;
mod refusals;
mod support;
mod survival;
