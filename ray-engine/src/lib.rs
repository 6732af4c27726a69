//! The unprivileged half of Rayfish: everything that talks to the network.
//!
//! Modules are layers; each may use those above it in this list, never those below:
//!
//! | layer | modules | world |
//! |---|---|---|
//! | 0 | [`ident`] | values |
//! | 1 | [`packet`], [`ledger`], [`dns`] | bytes |
//! | 2 | [`route`], [`firewall`], [`sync`], [`queue`] | decisions |
//! | 3 | [`plane`] | decisions in order |
//! | 4 | [`tun`], [`mesh`], [`store`], [`host`], [`config`], [`probe`], [`feed`], [`publish`], [`resolver`] | one external world each |
//! | 5 | [`forward`], [`service`] | tasks |
//! | 6 | [`control`], [`readiness`] | the control socket; the service manager |
//! | 7 | [`engine`] | wiring |

pub mod config;
pub mod control;
pub mod dns;
pub mod engine;
pub mod feed;
pub mod firewall;
pub mod forward;
pub mod host;
pub mod ident;
pub mod ledger;
pub mod mesh;
pub mod packet;
pub mod plane;
pub mod probe;
pub mod publish;
pub mod queue;
pub mod readiness;
pub mod resolver;
pub mod route;
pub mod service;
pub mod store;
pub mod sync;
pub mod tun;
