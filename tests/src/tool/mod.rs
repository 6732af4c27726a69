//! Small network tools, so that a lab needs no program that a host may lack. Each prints data on stdout and returns
//! why it failed.

pub mod blob;
pub mod bulk;
pub mod caller;
pub mod capture;
pub mod dns;
pub mod dns_abuse;
pub mod dns_query;
mod endpoint;
pub mod flood;
pub mod hold;
pub mod http;
pub mod names;
pub mod notify;
pub mod ping;
pub mod ps;
pub mod reach;
pub mod rogue;
pub mod sizes;
pub mod stranger;
pub mod stream;
pub mod swarm;
pub mod udp;

use std::{fmt, io};

/// Why a tool did not do its job.
#[derive(Debug)]
pub struct ToolError {
    what: String,
    cause: Option<io::Error>,
}

impl ToolError {
    fn new(what: impl Into<String>) -> Self {
        Self { what: what.into(), cause: None }
    }
}

impl fmt::Display for ToolError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for ToolError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.cause.as_ref().map(|cause| cause as _)
    }
}

fn failed<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> ToolError {
    let what = what.into();
    move |cause| ToolError { what, cause: Some(cause.into()) }
}
