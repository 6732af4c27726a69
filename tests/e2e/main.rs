//! Rayfish end to end: three real processes a host, real TUN devices, namespaces as hosts. Needs root.
#![allow(clippy::expect_used, clippy::panic, clippy::unwrap_used, reason = "whatever goes wrong here ends the test")]

mod access;
mod crash;
mod doctor;
mod firewall;
mod firewall_differential;
mod firewall_flood;
mod firewall_live;
mod firewall_reach;
mod firewall_rules;
mod firewall_suggestions;
mod former;
mod governing;
mod membership;
mod mesh;
mod modes;
mod names_hosts;
mod names_matrix;
mod names_peace;
mod names_programs;
mod privilege;
mod publication;
mod readiness;
mod recovery;
mod refusals;
mod removal;
mod sandbox;
mod settings;
mod sizes;
mod soak;
mod soak_books;
mod soak_load;
mod splits;
mod support;
mod survival;
mod survival_restarts;
