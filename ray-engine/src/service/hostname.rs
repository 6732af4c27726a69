//! `hostname`: gives this node or another member a new host name.

use ray_ipc::control::{MemberReply, RenameRequest};

use super::{Core, Network, Result, failure};
use crate::{
    ident::Hostname,
    ledger::{Action, Member},
};

impl Core {
    pub(super) fn rename(&mut self, request: &RenameRequest) -> Result<MemberReply> {
        let hostname: Hostname =
            request.hostname.parse().map_err(|error| failure::bad_name("host name", &request.hostname, error))?;
        let network = self.entered(request.network.as_deref())?;
        let own = self.me.to_string();
        let member = network.member(request.member.as_deref().unwrap_or(&own))?;
        let (room, peer) = (network.room(), member.peer);
        self.may_rename(network, member, &hostname)?;
        let binds = network.ledger.roster().is_coordinator(&self.me);
        if member.hostname != hostname || (binds && !member.bound) {
            check_free(network, &hostname, Some(member))?;
            self.act(room, Action::Rename { member: peer, hostname })?;
        }
        Ok(self.chosen(Some(&room.to_string()))?.member_reply(&peer))
    }

    fn may_rename(&self, network: &Network, member: &Member, hostname: &Hostname) -> Result<()> {
        if network.ledger.roster().is_coordinator(&self.me) {
            return Ok(());
        }
        let command = format!("ray hostname {hostname} --member {} --network {}", member.hostname, network.name());
        let ask = failure::ask_coordinator(network, &command);
        if member.peer != self.me {
            return Err(failure::refused(
                format!("only a coordinator of {} may rename {}", network.name(), member.hostname),
                ask,
            ));
        }
        if member.bound {
            return Err(failure::refused(
                format!(
                    "the name {} was given to this node by a coordinator of {}, and only one may change it",
                    member.hostname,
                    network.name()
                ),
                ask,
            ));
        }
        Ok(())
    }
}

/// Refuses a name that another member holds: what one asks for by name shall not become a variant of it.
pub(super) fn check_free(network: &Network, hostname: &Hostname, except: Option<&Member>) -> Result<()> {
    let mut others = network.ledger.roster().members().filter(|m| except.is_none_or(|except| except.peer != m.peer));
    match others.find(|member| member.hostname == *hostname) {
        None => Ok(()),
        Some(holder) => Err(failure::refused(
            format!("{hostname} is the name of a member of {} already ({})", network.name(), holder.peer.short()),
            "choose another host name, or have that member renamed first",
        )),
    }
}
