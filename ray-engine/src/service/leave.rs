//! `leave`: gives up the seat in a network and forgets it.

use ray_ipc::control::{LeaveReply, LeaveRequest};

use super::{Core, Result, failure, now};
use crate::ledger::Action;

impl Core {
    pub(super) fn leave(&mut self, request: &LeaveRequest) -> Result<LeaveReply> {
        let network = self.chosen(Some(&request.network))?;
        let (room, name) = (network.room(), network.name().to_string());
        let entry =
            network.ledger.author(&self.key, Action::Leave, now()).map_err(|error| failure::author(&name, &error))?;
        let told = self.linked_members(room).len();
        // On disk first: a crash from here on finds this node off the roster and forgets the network at the next start.
        self.take_entries(room, vec![entry.clone()]).map_err(|error| failure::store(&error))?;
        self.publish(room, &[entry]);
        tokio::task::block_in_place(|| self.remove_network(room)).map_err(|error| failure::store(&error))?;
        self.apply();
        Ok(LeaveReply { name, told: u32::try_from(told).unwrap_or(u32::MAX) })
    }
}
