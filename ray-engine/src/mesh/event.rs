//! What the mesh tells the rest of the engine. Decisions come back through the `reply` of an event.

use std::{fmt, sync::Arc};

use tokio::sync::oneshot;

use super::{Link, wire::LinkMessage};
use crate::ident::{PeerId, RoomId};

#[derive(Debug)]
pub enum MeshEvent {
    /// A link is up and its stream open.
    LinkUp(Arc<Link>),
    /// A link that was up is gone.
    LinkDown(Arc<Link>),
    /// The peer said something on the link's stream.
    Message { link: Arc<Link>, message: LinkMessage },
    /// A stranger shows an invite. The answer: the entries of the network.
    JoinAsked { peer: PeerId, room: RoomId, invite: [u8; 32], proof: [u8; 64], reply: JoinReplySender },
    /// A stranger hands over its redeem entry, last, and before it what that rests on. The answer: nothing more to send.
    JoinRedeemed { peer: PeerId, room: RoomId, entries: Vec<Vec<u8>>, reply: JoinReplySender },
}

/// Where the decision on a join step goes: the entries to send, or why not.
pub(super) type JoinReplySender = oneshot::Sender<Result<Vec<Vec<u8>>, JoinRefusal>>;

/// Why a member does not let a joiner in. Unknown network and unknown invite are one answer, so that a guess learns
/// nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum JoinRefusal {
    /// No such network, no such invite, or a proof that does not fit.
    InviteUnknown,
    InviteExpired,
    InviteUsedUp,
    /// The redeem entry is not what the rules allow.
    EntryInvalid,
    /// The member cannot store the entry.
    Internal,
}

impl fmt::Display for JoinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::InviteUnknown => "the invite is not known there",
            Self::InviteExpired => "the invite has expired",
            Self::InviteUsedUp => "the invite has been used up",
            Self::EntryInvalid => "the entry that redeems the invite was not accepted",
            Self::Internal => "the member could not record the join",
        })
    }
}
