//! `group`: sets of members under a name, for rules.

use ray_ipc::control::{GroupRequest, GroupStatus, GroupsReply};

use super::super::{Core, Network, Result, failure};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{Action, GroupName},
};

impl Core {
    pub(in crate::service) fn group(&mut self, request: &GroupRequest) -> Result<GroupsReply> {
        match request {
            GroupRequest::List { network } => self.entered(network.as_deref()).map(Network::groups_reply),
            GroupRequest::Add { network, group, member } => {
                let (room, group, peer, is_in) = self.membership(network.as_deref(), group, member)?;
                if !is_in {
                    self.act(room, Action::GroupAdd { group, member: peer })?;
                }
                self.entered(Some(&room.to_string())).map(Network::groups_reply)
            }
            GroupRequest::Remove { network, group, member } => {
                let (room, group, peer, is_in) = self.membership(network.as_deref(), group, member)?;
                if !is_in {
                    return Err(failure::not_found(
                        format!("{member} is not in the group {group}"),
                        format!("see who is: ray group list {}", self.entered(Some(&room.to_string()))?.name()),
                    ));
                }
                self.act(room, Action::GroupRemove { group, member: peer })?;
                self.entered(Some(&room.to_string())).map(Network::groups_reply)
            }
        }
    }

    /// What a change is about, and whether the member is in the group.
    fn membership(
        &self,
        network: Option<&str>,
        group: &str,
        member: &str,
    ) -> Result<(RoomId, GroupName, PeerId, bool)> {
        let network = self.governed(network, "change its groups")?;
        let group: GroupName = group.parse().map_err(|error| failure::bad_name("group name", group, error))?;
        let peer = network.member(member)?.peer;
        let is_in = network.ledger.roster().groups().any(|(name, members)| *name == group && members.contains(&peer));
        Ok((network.room(), group, peer, is_in))
    }
}

impl Network {
    fn groups_reply(&self) -> GroupsReply {
        let groups = self.ledger.roster().groups().map(|(group, members)| {
            let mut members: Vec<String> = members.iter().map(|peer| self.name_of(peer)).collect();
            members.sort();
            GroupStatus { name: group.to_string(), members }
        });
        GroupsReply { network: self.name().to_string(), groups: groups.collect() }
    }
}
