//! Whether this node may say something on top of all that it knows. Refuses whatever the fold would ignore, so that
//! nobody is told of a success that is none.

use std::{error::Error, fmt};

use super::{
    action::{Action, Mode},
    authority::{Refusal, last_leave, removal},
    entry::EntryError,
    history::History,
    limits::{COORDINATORS_MAX, GROUPS_MAX, SUGGESTIONS_MAX},
    roster::{InviteRefusal, Roster},
    view::View,
};
use crate::ident::{PeerId, UnixTime};

/// Why an entry of our own is not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AuthorError {
    NotFounded,
    Founded,
    Dissolved,
    NotMember,
    NotCoordinator,
    /// The node that is to be let in is in already.
    AlreadyMember,
    /// The node that is to be let in was removed before, and only a coordinator's admit brings it back.
    RemovedBefore,
    /// The joiner's signature is from before it left.
    StaleProof,
    NotOpen,
    /// The node that the action is about is no member.
    UnknownMember,
    /// A node does not remove itself.
    AboutItself,
    AlreadyCoordinator,
    NotACoordinator,
    /// No coordinator would remain.
    LastCoordinator,
    CoordinatorsFull,
    MembersFull,
    InvitesFull,
    InviteExists,
    InviteExpires,
    Invite(InviteRefusal),
    NameBound,
    SameName,
    SameMode,
    GroupsFull,
    AlreadyInGroup,
    NotInGroup,
    SuggestionsFull,
    UnknownSuggestion,
    DeviceRevoked,
    /// This program does not know what it would say.
    UnknownAction,
    /// This node has made as many entries as it may, for now or for good.
    Quota,
    LedgerFull,
    Entry(EntryError),
    Refused(Refusal),
}

impl fmt::Display for AuthorError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFounded => "the network's first entry is not known yet",
            Self::Founded => "the network has been founded before",
            Self::Dissolved => "the network was dissolved",
            Self::NotMember => "this node is not a member of the network",
            Self::NotCoordinator => "only a coordinator may do this",
            Self::AlreadyMember => "the node is a member of the network already",
            Self::RemovedBefore => "the node was removed from the network; only a coordinator can admit it again",
            Self::StaleProof => "the joiner has left since it asked",
            Self::NotOpen => "the network is not open to everybody",
            Self::UnknownMember => "the node is not a member of the network",
            Self::AboutItself => "a node leaves and does not remove itself",
            Self::AlreadyCoordinator => "the member is a coordinator already",
            Self::NotACoordinator => "the member is not a coordinator",
            Self::LastCoordinator => "the members would be left without a coordinator",
            Self::CoordinatorsFull => "the network has as many coordinators as it can have",
            Self::MembersFull => "the network has as many members as it can hold",
            Self::InvitesFull => "the network has as many invites as it can hold",
            Self::InviteExists => "the network knows an invite with this key already",
            Self::InviteExpires => "the invite would expire before it can be used",
            Self::Invite(_) => "the invite admits nobody",
            Self::NameBound => "the name was given by a coordinator or an invite, and only a coordinator can change it",
            Self::SameName => "the member has this name already",
            Self::SameMode => "the network has this mode already",
            Self::GroupsFull => "the network has as many groups as it can hold",
            Self::AlreadyInGroup => "the member is in the group already",
            Self::NotInGroup => "the member is not in the group",
            Self::SuggestionsFull => "the network has as many suggestions as it can hold",
            Self::UnknownSuggestion => "the network has no such suggestion",
            Self::DeviceRevoked => "the user has revoked this device",
            Self::UnknownAction => "this program does not know such an action",
            Self::Quota => "this node has made as many entries as the network allows",
            Self::LedgerFull => "the history of the network has reached its greatest length",
            Self::Entry(_) => "the entry would not be valid",
            Self::Refused(_) => "the network would not accept the entry",
        })
    }
}

impl Error for AuthorError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Invite(cause) => Some(cause),
            Self::Entry(cause) => Some(cause),
            Self::Refused(cause) => Some(cause),
            _ => None,
        }
    }
}

impl From<Refusal> for AuthorError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::MemberQuota | Refusal::HourQuota => Self::Quota,
            Refusal::LedgerFull => Self::LedgerFull,
            other => Self::Refused(other),
        }
    }
}

/// Whether `author` may say this at `now`, if all that is known is `view`.
pub(super) fn permit(
    history: &History,
    view: &View,
    author: &PeerId,
    action: &Action,
    now: UnixTime,
) -> Result<(), AuthorError> {
    let roster = view.roster();
    if roster.dissolved {
        return Err(AuthorError::Dissolved);
    }
    if matches!(action, Action::Genesis { .. }) {
        return Err(AuthorError::Founded);
    }
    if !roster.is_member(author) {
        return Err(AuthorError::NotMember);
    }
    let coordinator = || if roster.is_coordinator(author) { Ok(()) } else { Err(AuthorError::NotCoordinator) };
    match action {
        Action::MintInvite { invite, expires, .. } => {
            coordinator()?;
            refuse_if(roster.invite(invite).is_some(), AuthorError::InviteExists)?;
            refuse_if(*expires <= now, AuthorError::InviteExpires)?;
            refuse_if(roster.invites_are_full(), AuthorError::InvitesFull)
        }
        Action::Redeem { invite, joiner, after, .. } => {
            permit_seat(roster, joiner)?;
            refuse_if(removal(history, view, joiner).is_some(), AuthorError::RemovedBefore)?;
            roster.check_invite(invite, now).map_err(AuthorError::Invite)?;
            refuse_if(last_leave(history, view, joiner) != *after, AuthorError::StaleProof)
        }
        Action::Welcome { joiner, after, .. } => {
            refuse_if(roster.mode != Mode::Open, AuthorError::NotOpen)?;
            permit_seat(roster, joiner)?;
            refuse_if(removal(history, view, joiner).is_some(), AuthorError::RemovedBefore)?;
            refuse_if(last_leave(history, view, joiner) != *after, AuthorError::StaleProof)
        }
        Action::Admit { member, .. } => {
            coordinator()?;
            permit_seat(roster, member)
        }
        Action::Leave => {
            let deserts = roster.is_only_coordinator(author) && !roster.is_only_member(author);
            refuse_if(deserts, AuthorError::LastCoordinator)
        }
        Action::Remove { member } => {
            coordinator()?;
            refuse_if(member == author, AuthorError::AboutItself)?;
            known(roster, member)
        }
        Action::Grant { member } => {
            coordinator()?;
            known(roster, member)?;
            refuse_if(roster.is_coordinator(member), AuthorError::AlreadyCoordinator)?;
            refuse_if(roster.coordinators_len() >= COORDINATORS_MAX, AuthorError::CoordinatorsFull)
        }
        Action::Revoke { member } => {
            coordinator()?;
            known(roster, member)?;
            refuse_if(!roster.is_coordinator(member), AuthorError::NotACoordinator)?;
            refuse_if(roster.is_only_coordinator(member), AuthorError::LastCoordinator)
        }
        Action::RevokeInvite { invite } => {
            coordinator()?;
            let state = roster.invite(invite).ok_or(AuthorError::Invite(InviteRefusal::Unknown))?;
            refuse_if(state.revoked, AuthorError::Invite(InviteRefusal::Revoked))
        }
        Action::Rename { member, hostname } => {
            if member != author {
                coordinator()?;
            }
            let own = roster.get(member).ok_or(AuthorError::UnknownMember)?;
            let deciding = roster.is_coordinator(author);
            refuse_if(own.bound && !deciding, AuthorError::NameBound)?;
            refuse_if(own.hostname == *hostname && own.bound == deciding, AuthorError::SameName)
        }
        Action::SetMode { mode } => {
            coordinator()?;
            refuse_if(roster.mode == *mode, AuthorError::SameMode)
        }
        Action::RotateEpoch { .. }
        | Action::Rekey { .. }
        | Action::SetEphemeral { .. }
        | Action::Checkpoint { .. }
        | Action::Dissolve => coordinator(),
        Action::CertifyDevice { user, .. } => {
            refuse_if(roster.revoked_devices.contains(&(*user, *author)), AuthorError::DeviceRevoked)
        }
        Action::RevokeDevice { user, device, .. } => {
            refuse_if(roster.revoked_devices.contains(&(*user, *device)), AuthorError::DeviceRevoked)
        }
        Action::GroupAdd { group, member } => {
            coordinator()?;
            known(roster, member)?;
            match roster.groups.get(group) {
                Some(peers) => refuse_if(peers.contains(member), AuthorError::AlreadyInGroup),
                None => refuse_if(roster.groups.len() >= GROUPS_MAX, AuthorError::GroupsFull),
            }
        }
        Action::GroupRemove { group, member } => {
            coordinator()?;
            let there = roster.groups.get(group).is_some_and(|peers| peers.contains(member));
            refuse_if(!there, AuthorError::NotInGroup)
        }
        Action::Suggest { .. } => {
            coordinator()?;
            refuse_if(roster.suggestions.len() >= SUGGESTIONS_MAX, AuthorError::SuggestionsFull)
        }
        Action::Withdraw { suggestion } => {
            coordinator()?;
            let there = roster.suggestions().any(|other| other.id == *suggestion);
            refuse_if(!there, AuthorError::UnknownSuggestion)
        }
        Action::Unknown { .. } => Err(AuthorError::UnknownAction),
        Action::Genesis { .. } => Err(AuthorError::Founded),
    }
}

fn permit_seat(roster: &Roster, peer: &PeerId) -> Result<(), AuthorError> {
    refuse_if(roster.is_member(peer), AuthorError::AlreadyMember)?;
    refuse_if(roster.is_full(), AuthorError::MembersFull)
}

fn known(roster: &Roster, peer: &PeerId) -> Result<(), AuthorError> {
    refuse_if(!roster.is_member(peer), AuthorError::UnknownMember)
}

fn refuse_if(refused: bool, error: AuthorError) -> Result<(), AuthorError> {
    if refused { Err(error) } else { Ok(()) }
}
