//! Flows that were dropped, one line each as they happen.

use std::net::{IpAddr, SocketAddr};

use ray_ipc::control::{DroppedFlow, FlowDirection};

use super::{counted, measure::utc_second};
use crate::{
    escape::escape,
    output::{Palette, Role},
};

/// When, which way, whose, what, and why.
pub(crate) fn dropped(flow: &DroppedFlow, palette: Palette) -> String {
    let time = palette.paint(Role::Dim, &utc_second(flow.time_ms / 1000));
    let direction = match flow.direction {
        FlowDirection::In => "in ",
        FlowDirection::Out => "out",
    };
    let peer = palette.paint(Role::Name, &format!("{}.{}", escape(&flow.peer), escape(&flow.network)));
    let (src, dst) = (end(flow.src, flow.src_port), end(flow.dst, flow.dst_port));
    let protocol = protocol_name(flow.protocol);
    let reason = palette.paint(Role::Warn, &escape(&flow.reason));
    let more = if flow.suppressed == 0 { String::new() } else { format!(" (before it {} untold)", flow.suppressed) };
    format!("{time}  {direction}  {peer}  {protocol} {src} → {dst}  {reason}{more}\n")
}

pub(crate) fn sum(told: u64) -> String {
    format!("{}; times in UTC\n", counted(told, "dropped flow"))
}

/// As rules call it, where they do.
pub(crate) fn protocol_name(protocol: u8) -> String {
    match protocol {
        1 | 58 => "icmp".to_owned(),
        6 => "tcp".to_owned(),
        17 => "udp".to_owned(),
        other => format!("protocol-{other}"),
    }
}

fn end(address: IpAddr, port: Option<u16>) -> String {
    port.map_or_else(|| address.to_string(), |port| SocketAddr::new(address, port).to_string())
}
