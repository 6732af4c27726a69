//! What became of each entry, for people who read the history.

use std::fmt;

use super::entry::VerifiedEntry;

/// An entry and what it did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told<'a> {
    pub entry: &'a VerifiedEntry,
    pub effect: Effect,
}

/// What an entry did to the roster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    Counted,
    /// It does not count, because of something that happened at the same time.
    Void(VoidReason),
    /// It counts and found nothing to change.
    Nothing(NothingReason),
    /// Said by a newer program.
    Unknown,
}

/// Why an entry does not count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum VoidReason {
    AuthorEnded,
    NodeEnded,
    InviteClosed,
    RightVoid,
}

impl fmt::Display for VoidReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthorEnded => "its author's right to it ended at the same time",
            Self::NodeEnded => "the node that it is about was put out at the same time",
            Self::InviteClosed => "the invite was revoked at the same time",
            Self::RightVoid => "what gave its author the right to it does not count",
        })
    }
}

/// Why an entry that counts changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NothingReason {
    AuthorNotSeated,
    AlreadyMember,
    NotMember,
    MembersFull,
    InviteExists,
    InvitesFull,
    InviteUnknown,
    InviteRevoked,
    InviteUsedUp,
    InviteExpired,
    NameBound,
    GroupsFull,
    AlreadyInGroup,
    NotInGroup,
    SuggestionsFull,
    UnknownSuggestion,
    DeviceRevoked,
}

impl fmt::Display for NothingReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AuthorNotSeated => "its author had no seat when its turn came",
            Self::AlreadyMember => "the node had a seat already",
            Self::NotMember => "the node had no seat",
            Self::MembersFull => "the network had as many members as it can hold",
            Self::InviteExists => "the invite was minted before",
            Self::InvitesFull => "the network had as many invites as it can hold",
            Self::InviteUnknown => "the invite was not open",
            Self::InviteRevoked => "the invite was revoked",
            Self::InviteUsedUp => "the invite was used up",
            Self::InviteExpired => "the invite had expired",
            Self::NameBound => "a coordinator gave the member its name",
            Self::GroupsFull => "the network had as many groups as it can hold",
            Self::AlreadyInGroup => "the member was in the group already",
            Self::NotInGroup => "the member was not in the group",
            Self::SuggestionsFull => "the network had as many suggestions as it can hold",
            Self::UnknownSuggestion => "the suggestion was gone already",
            Self::DeviceRevoked => "the user had revoked the device",
        })
    }
}
