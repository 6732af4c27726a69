//! `nuke`: ends a network for all its members.

use ray_ipc::control::{NetworkRequest, NukeReply};

use super::{Core, Result};
use crate::ledger::Action;

impl Core {
    pub(super) fn nuke(&mut self, request: &NetworkRequest) -> Result<NukeReply> {
        let network = self.governed(request.network.as_deref(), "end the network")?;
        let (room, name) = (network.room(), network.name().to_string());
        let told = self.linked_members(room).len();
        self.act(room, Action::Dissolve)?;
        Ok(NukeReply { network: name, told: u32::try_from(told).unwrap_or(u32::MAX) })
    }
}
