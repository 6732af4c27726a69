//! What the demo found, as one JSON object.

use serde::{Deserialize, Serialize};

use crate::tool::ps::ProcessInfo;

pub(super) const SCHEMA: &str = "ray.lab.demo/1";

/// The whole demo.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct DemoReport {
    pub schema: String,
    pub ok: bool,
    /// Best of a few round trips through the tunnel, by the kernel's ICMP.
    pub ping4_ms: f64,
    pub ping6_ms: f64,
    /// Round trip as `ray ping` measures it.
    pub ray_ping_ms: Option<f64>,
    /// A and AAAA of the other host's name were its mesh addresses.
    pub dns_ok: bool,
    /// A page of the other host, by name.
    pub tcp_ok: bool,
    /// How n1 reaches n2 in the end: direct or relay.
    pub path: Option<String>,
    /// Of n1; the same for each node is in `nodes`.
    pub engine_uid: u32,
    pub engine_caps: String,
    pub helper_sockets: Vec<String>,
    pub nodes: Vec<NodeReport>,
    pub seconds: f64,
}

/// One host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeReport {
    pub name: String,
    pub v4: Option<String>,
    pub v6: String,
    pub helper: ProcessInfo,
    pub engine: ProcessInfo,
}
