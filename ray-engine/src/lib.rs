//! The unprivileged half of Rayfish: everything that talks to the network.
//!
//! Modules are layers; each may use those above it in this list, never those below:
//!
//! | layer | modules | world |
//! |---|---|---|
//! | 0 | [`ident`] | values |
//! | 1 | [`packet`], [`ledger`], [`dns`] | bytes |
//! | 2 | [`route`] | decisions |
//! | 3 | [`plane`] | decisions in order |
//! | 4 | `tun`, `mesh`, `store`, `host` | one external world each |
//! | 5 | `forward`, `service` | tasks |
//! | 6 | `control` | the control socket |
//! | 7 | `engine` | wiring |

pub mod ident;
pub mod ledger;
