//! What the mesh tells the rest of the engine. Decisions come back through the `reply` of an event.

use std::{fmt, sync::Arc};

use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::{Link, wire::LinkMessage};
use crate::{
    ident::{Hostname, PeerId, RoomId},
    ledger::{EntryId, Ledger, VerifiedEntry},
};

#[derive(Debug)]
pub enum MeshEvent {
    /// A link is up and its stream open.
    LinkUp(Arc<Link>),
    /// A link that was up is gone.
    LinkDown(Arc<Link>),
    /// The peer said something on the link's stream.
    Message { link: Arc<Link>, message: LinkMessage, credit: Credit },
    /// A stranger wants a seat.
    JoinAsked { peer: PeerId, room: RoomId, by: By, reply: oneshot::Sender<Result<Door, JoinRefusal>> },
    /// A stranger that was offered the ledger says that it enters. The answer: the entry that seats it, after all that
    /// the ledger did not have when it was offered.
    JoinEntered { peer: PeerId, room: RoomId, entering: Entering, reply: oneshot::Sender<Result<Seating, JoinRefusal>> },
    /// A peer that is dialled closed the link: we are on no roster of its.
    TurnedAway(PeerId),
    /// Somebody says that it is a former member and knows something. The answer: a copy of the ledger to try it on.
    HandInAsked { peer: PeerId, room: RoomId, reply: oneshot::Sender<Result<Box<Ledger>, JoinRefusal>> },
    /// What a former member handed in makes it a member again. The answer: that it is one now.
    HandedIn {
        peer: PeerId,
        room: RoomId,
        entries: Vec<VerifiedEntry>,
        reply: oneshot::Sender<Result<(), JoinRefusal>>,
    },
}

/// Room in memory that a message takes until it is dealt with; dropping it lets the peer send more.
#[derive(Debug)]
pub struct Credit(#[expect(dead_code, reason = "held for its drop")] pub(super) OwnedSemaphorePermit);

/// On what ground a stranger wants a seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum By {
    /// An invite, and the proof that the stranger holds it.
    Invite { invite: [u8; 32], proof: [u8; 64] },
    /// Its wish alone, and its signature over it.
    Knock { hostname: Hostname, after: Option<EntryId>, consent: [u8; 64] },
}

/// What a stranger at the door gets.
#[derive(Debug)]
pub enum Door {
    /// The entries of the network, and its heads.
    Offer { room: RoomId, entries: Vec<Vec<u8>>, heads: Vec<EntryId> },
    /// Coordinators have been told; ask again.
    Waiting,
}

/// A stranger's last word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entering {
    /// The entry by which it left earlier.
    pub leave: Option<Vec<u8>>,
    pub hostname: Hostname,
    pub after: Option<EntryId>,
    pub by: Ticket,
    /// Heads of what it was offered.
    pub have: Vec<EntryId>,
}

/// What the entry that seats a stranger rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ticket {
    /// An invite, and its signature over the joiner's words.
    Invite { invite: [u8; 32], proof: [u8; 64] },
    /// The joiner's own signature over its words.
    Consent([u8; 64]),
}

/// What became of a stranger that entered.
#[derive(Debug, PartialEq, Eq)]
pub enum Seating {
    Seated(Vec<Vec<u8>>),
    /// A coordinator has to decide first.
    Waiting,
}

/// Why a member does not let a joiner in. Unknown network, closed network and unknown invite are one answer, so that a
/// guess learns nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub enum JoinRefusal {
    /// No such network, one that lets nobody in without an invite, no such invite, or a proof that does not fit.
    Unknown,
    InviteExpired,
    InviteUsedUp,
    InviteRevoked,
    /// A coordinator said no.
    Denied,
    /// The joiner was removed before; only a coordinator's word brings it back.
    Removed,
    /// What the joiner said does not fit the network's history.
    Invalid,
    /// The member cannot let anybody in at the moment.
    NotNow,
}

impl fmt::Display for JoinRefusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "there is no way in by this invite or room id",
            Self::InviteExpired => "the invite has expired",
            Self::InviteUsedUp => "the invite has been used up",
            Self::InviteRevoked => "the invite has been revoked",
            Self::Denied => "a coordinator denied the request",
            Self::Removed => "this node was removed from the network",
            Self::Invalid => "the network's history does not allow it",
            Self::NotNow => "the member cannot let anybody in at the moment",
        })
    }
}
