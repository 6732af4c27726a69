//! `firewall test`: which rule decides about a new flow, and why.

use ray_ipc::control::{FirewallTestReply, FlowDirection, FlowProtocol, Reply};

use super::super::{Core, Result, failure};
use crate::firewall::{Action, Direction, Party, Protocol};

impl Core {
    pub(super) fn test_firewall(
        &mut self,
        peer: &str,
        protocol: FlowProtocol,
        port: Option<u16>,
        direction: FlowDirection,
        network: Option<&str>,
    ) -> Result<Reply> {
        let (protocol, port) = flow(protocol, port)?;
        let named = network.map(|named| self.entered(Some(named))).transpose()?;
        let device = self.device(peer, named)?;
        if device == self.me {
            return Err(failure::usage(format!("{peer} is this host"), "name another member"));
        }
        let network = named.or_else(|| {
            let first = self.shared_rooms(&device).first().copied();
            first.and_then(|room| self.network(room))
        });
        let network = network.ok_or_else(|| failure::not_found(format!("no network is shared with {peer}"), ""))?;
        let direction = match direction {
            FlowDirection::In => Direction::In,
            FlowDirection::Out => Direction::Out,
        };
        let party = Party { peer: device, network: network.room() };
        let (peer, network) = (network.name_of(&device), network.name().to_string());

        let explained = self.ruleset().explain(&party, direction, protocol, port);
        let mut why = explained.to_string();
        let rule = explained.rule.as_ref().map(|(at, rule)| {
            let status = self.rule_status(*at, rule);
            // It quotes the rule with keys; people are told names.
            why = why.replace(&status.stored, &status.shown);
            status
        });
        let allow = explained.action == Action::Allow;
        Ok(Reply::FirewallTest(Box::new(FirewallTestReply { allow, rule, why, network, peer })))
    }
}

fn flow(protocol: FlowProtocol, port: Option<u16>) -> Result<(Protocol, Option<u16>)> {
    let (protocol, has_ports) = match protocol {
        FlowProtocol::Tcp => (Protocol::Tcp, true),
        FlowProtocol::Udp => (Protocol::Udp, true),
        FlowProtocol::Icmp => (Protocol::Icmp, false),
        FlowProtocol::Any => (Protocol::Any, false),
    };
    match (has_ports, port) {
        (true, Some(1..)) | (false, None) => Ok((protocol, port)),
        (true, Some(0) | None) => Err(failure::usage("a flow of tcp or udp has a port from 1 to 65535", "")),
        (false, Some(_)) => Err(failure::usage("only flows of tcp and udp have a port", "")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tcp_and_udp_have_a_port_and_always_one() {
        assert_eq!(flow(FlowProtocol::Tcp, Some(22)), Ok((Protocol::Tcp, Some(22))));
        assert_eq!(flow(FlowProtocol::Icmp, None), Ok((Protocol::Icmp, None)));
        for (protocol, port) in [
            (FlowProtocol::Tcp, None),
            (FlowProtocol::Udp, Some(0)),
            (FlowProtocol::Icmp, Some(22)),
            (FlowProtocol::Any, Some(22)),
        ] {
            assert!(flow(protocol, port).is_err(), "{protocol:?} {port:?}");
        }
    }
}
