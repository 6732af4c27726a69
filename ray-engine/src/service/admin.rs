//! `admin`: who coordinates a network.

use ray_ipc::control::{CoordinatorStatus, CoordinatorsReply, MemberReply, MemberRequest, NetworkRequest};

use super::{Core, Result, failure};
use crate::ledger::Action;

impl Core {
    pub(super) fn grant(&mut self, request: &MemberRequest) -> Result<MemberReply> {
        let network = self.governed(request.network.as_deref(), "make coordinators")?;
        let (room, member) = (network.room(), network.member(&request.member)?);
        if member.coordinator {
            return Err(failure::refused(
                format!("{} is a coordinator of {} already", member.hostname, network.name()),
                format!("see: ray admin list {}", network.name()),
            ));
        }
        let (peer, reply) = (member.peer, network.member_reply(&member.peer));
        self.act(room, Action::Grant { member: peer })?;
        Ok(reply)
    }

    pub(super) fn revoke(&mut self, request: &MemberRequest) -> Result<MemberReply> {
        let network = self.governed(request.network.as_deref(), "dismiss coordinators")?;
        let (room, name, member) = (network.room(), network.name(), network.member(&request.member)?);
        if !member.coordinator {
            return Err(failure::refused(
                format!("{} is no coordinator of {name}", member.hostname),
                format!("see: ray admin list {name}"),
            ));
        }
        if member.peer == self.me && network.ledger.coordinators().len() == 1 {
            return Err(failure::refused(
                format!("this node is the last coordinator of {name}"),
                format!("make another one first: ray admin add HOST {name}"),
            ));
        }
        let (peer, reply) = (member.peer, network.member_reply(&member.peer));
        self.act(room, Action::Revoke { member: peer })?;
        Ok(reply)
    }

    pub(super) fn coordinators(&self, request: &NetworkRequest) -> Result<CoordinatorsReply> {
        let network = self.entered(request.network.as_deref())?;
        let coordinators = network.ledger.coordinators().into_iter().map(|seat| CoordinatorStatus {
            endpoint_id: seat.peer.to_string(),
            hostname: network.name_of(&seat.peer),
            granted_by: seat.granted_by.map(|peer| network.name_of(&peer)),
            since: seat.since.0,
            me: seat.peer == self.me,
        });
        Ok(CoordinatorsReply { network: network.name().to_string(), coordinators: coordinators.collect() })
    }
}
