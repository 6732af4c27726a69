//! What a refused sender is told: a TCP reset, or that it is prohibited. Never an answer that could be answered.

use std::net::IpAddr;

use crate::packet::{ICMP, ICMPV6, Parsed, TCP, icmp, tcp};

/// The answer to a refused packet, from its destination to its source. `None` where there must be none.
pub(super) fn answer(refused: &Parsed<'_>) -> Option<Vec<u8>> {
    if refused.is_fragment() || !is_one_host(refused.src()) || !is_one_host(refused.dst()) {
        return None;
    }
    match refused.protocol() {
        TCP => {
            let segment = tcp::segment_of(refused).filter(|segment| !segment.flags.rst)?;
            tcp::reset(refused.dst(), refused.src(), refused.flow()?, &segment)
        }
        ICMP | ICMPV6 => match icmp::message_of(refused)? {
            icmp::Message::EchoRequest { .. } => icmp::prohibited(refused),
            icmp::Message::EchoReply { .. } | icmp::Message::Error(_) | icmp::Message::Other => None,
        },
        _ => icmp::prohibited(refused),
    }
}

fn is_one_host(address: IpAddr) -> bool {
    let everybody = match address {
        IpAddr::V4(v4) => v4.is_broadcast() || v4.octets().first() == Some(&0),
        IpAddr::V6(v6) => v6.is_unspecified(),
    };
    !everybody && !address.is_multicast() && !address.is_loopback()
}

#[cfg(test)]
mod tests;
