//! `kick`: removes a member, and has the key changed that it knows.

use ray_ipc::control::{MemberReply, MemberRequest};

use super::{Core, Result, failure};
use crate::ledger::Action;

impl Core {
    pub(super) fn kick(&mut self, request: &MemberRequest) -> Result<MemberReply> {
        let network = self.governed(request.network.as_deref(), "remove members")?;
        let (room, name) = (network.room(), network.name().to_string());
        let member = network.member(&request.member)?.peer;
        if member == self.me {
            return Err(failure::refused(
                format!("{} is this node itself, which nobody needs to remove from {name}", request.member),
                format!("leave it: ray leave {name}"),
            ));
        }
        let reply = network.member_reply(&member);
        self.act(room, Action::Remove { member })?;
        // The removal stands by itself; a coordinator that finds the epoch older than it makes up for what fails here.
        if let Err(error) = self.rotate_epoch(room) {
            tracing::error!(network = %name, error = %error.message, "replacing the epoch key after a removal");
        }
        Ok(reply)
    }
}
