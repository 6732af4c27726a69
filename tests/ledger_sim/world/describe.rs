//! Names for what happens, for the trace.

use ray_engine::{
    ident::PeerId,
    ledger::{Action, EntryId, VerifiedEntry},
};

use super::World;

const NAMES: [&str; 9] = ["alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan"];

impl World {
    pub(super) fn name(&self, at: usize) -> &'static str {
        NAMES[at]
    }

    pub(crate) fn tell(&self, entry: &VerifiedEntry) -> String {
        let parents: Vec<String> = entry.parents().iter().map(short).collect();
        format!(
            "{} = {}'s #{} {} on [{}]",
            short(&entry.id()),
            self.name_of(&entry.author()),
            entry.counter(),
            self.tell_action(entry.action()),
            parents.join(" ")
        )
    }

    pub(super) fn tell_action(&self, action: &Action) -> String {
        match action {
            Action::Genesis { founder, .. } => format!("genesis for {}", self.name_of(founder)),
            Action::MintInvite { invite, uses, expires, hostname } => {
                let bound = hostname.as_ref().map_or("-", |name| name.as_str());
                format!("mint {:?} uses {uses} until {} bound {bound}", invite, expires.0)
            }
            Action::Redeem { invite, joiner, hostname, .. } => {
                format!("redeem {invite:?} for {} as {hostname}", self.name_of(joiner))
            }
            Action::Admit { member, hostname } => format!("admit {} as {hostname}", self.name_of(member)),
            Action::Welcome { joiner, hostname, .. } => format!("welcome {} as {hostname}", self.name_of(joiner)),
            Action::Remove { member } => format!("remove {}", self.name_of(member)),
            Action::Grant { member } => format!("grant {}", self.name_of(member)),
            Action::Revoke { member } => format!("revoke {}", self.name_of(member)),
            Action::Rename { member, hostname } => format!("rename {} to {hostname}", self.name_of(member)),
            Action::GroupAdd { group, member } => format!("group {group} + {}", self.name_of(member)),
            Action::GroupRemove { group, member } => format!("group {group} - {}", self.name_of(member)),
            Action::CertifyDevice { user, .. } => format!("certify {user:?}"),
            Action::RevokeDevice { user, device, .. } => format!("revoke {} of {user:?}", self.name_of(device)),
            Action::Checkpoint { .. } => "checkpoint".to_owned(),
            Action::RotateEpoch { .. } => "rotate".to_owned(),
            Action::Rekey { .. } => "rekey".to_owned(),
            Action::Unknown { tag, .. } => format!("unknown action {tag}"),
            Action::Suggest { .. } => "suggest".to_owned(),
            other => format!("{other:?}"),
        }
    }

    fn name_of(&self, peer: &PeerId) -> String {
        match self.index_of(peer) {
            Some(at) => self.name(at).to_owned(),
            None if peer.0 == self.room.0 => "the network key".to_owned(),
            None => peer.short(),
        }
    }
}

fn short(id: &EntryId) -> String {
    id.short()[..6].to_owned()
}
