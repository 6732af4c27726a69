//! What an entry may say.

use std::fmt;

use data_encoding::HEXLOWER;

use super::entry::EntryId;
use crate::ident::{Hostname, NetworkName, PeerId, UnixTime};

/// One statement. Who may make it, and what follows, stands in `docs/ledger.md`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begins the network and names its first coordinator. Signed by the network key, without parents.
    Genesis {
        name: NetworkName,
        founder: PeerId,
        hostname: Hostname,
    },
    /// Lets whoever holds the secret half of `invite` join, `uses` times.
    MintInvite {
        invite: InviteKey,
        uses: u32,
        expires: UnixTime,
        hostname: Option<Hostname>,
    },
    /// Seats a joiner by an invite. Signed by the member that let it in; `proof` is the invite key's signature.
    Redeem {
        invite: InviteKey,
        joiner: PeerId,
        hostname: Hostname,
        after: Option<EntryId>,
        proof: [u8; 64],
    },
    /// Seats a member by a coordinator's word.
    Admit {
        member: PeerId,
        hostname: Hostname,
    },
    /// Gives up the author's own seat.
    Leave,
    /// Seats a joiner in an open network. Signed by the member that let it in; `consent` is the joiner's signature.
    Welcome {
        joiner: PeerId,
        hostname: Hostname,
        after: Option<EntryId>,
        consent: [u8; 64],
    },
    /// Takes a member's seat away, for good unless it is admitted again.
    Remove {
        member: PeerId,
    },
    /// Makes a member a coordinator.
    Grant {
        member: PeerId,
    },
    /// Makes a coordinator a plain member.
    Revoke {
        member: PeerId,
    },
    /// Closes an invite.
    RevokeInvite {
        invite: InviteKey,
    },
    /// Gives a member another host name.
    Rename {
        member: PeerId,
        hostname: Hostname,
    },
    /// Says who may enter without an invite.
    SetMode {
        mode: Mode,
    },
    /// Begins an epoch: what is published from now on is encrypted with the key that `commitment` is the hash of.
    RotateEpoch {
        commitment: [u8; 32],
    },
    /// Replaces the key that signs the discovery record.
    Rekey {
        discovery: [u8; 32],
    },
    /// Has members removed that were not seen for so many seconds; 0 = never.
    SetEphemeral {
        seconds: u32,
    },
    /// Confirms and orders all that its author knows.
    Checkpoint {
        digest: [u8; 32],
    },
    /// Ends the network.
    Dissolve,
    /// Says that the author is a device of the user who signed.
    CertifyDevice {
        user: UserKey,
        signature: [u8; 64],
    },
    /// Says that a device is no longer the user's who signed.
    RevokeDevice {
        user: UserKey,
        device: PeerId,
        signature: [u8; 64],
    },
    GroupAdd {
        group: GroupName,
        member: PeerId,
    },
    GroupRemove {
        group: GroupName,
        member: PeerId,
    },
    /// Proposes a firewall rule to the nodes in scope.
    Suggest {
        scope: Scope,
        rule: RuleText,
    },
    /// Takes a suggestion back.
    Withdraw {
        suggestion: EntryId,
    },
    /// Said by a newer program. Kept and passed on, without effect here.
    Unknown {
        tag: u16,
        body: Vec<u8>,
    },
}

/// Who may enter a network without an invite.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum Mode {
    /// Nobody.
    #[default]
    Closed,
    /// Whoever a coordinator accepts.
    Approval,
    /// Anybody.
    Open,
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Approval => "approval",
            Self::Open => "open",
        })
    }
}

/// The nodes that a suggestion is for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scope {
    All,
    Member(PeerId),
    Group(GroupName),
}

/// The name of a set of members: a DNS label, as host names are.
pub type GroupName = Hostname;

/// A firewall rule in words, as the firewall reads it: 1 to 512 bytes of printable ASCII.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RuleText(String);

impl RuleText {
    pub const MAX: usize = 512;

    /// `None` if the text is empty, too long, or holds anything but printable ASCII.
    pub fn new(text: &str) -> Option<Self> {
        let printable = text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic());
        (printable && (1..=Self::MAX).contains(&text.len())).then(|| Self(text.to_owned()))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The public half of an invite: an ed25519 key. The bytes need not be a valid curve point; such an invite admits nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteKey(pub [u8; 32]);

impl fmt::Display for InviteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for InviteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InviteKey({})", HEXLOWER.encode(&self.0[..5]))
    }
}

/// The key of a person with several devices.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct UserKey(pub [u8; 32]);

impl fmt::Display for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for UserKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UserKey({})", HEXLOWER.encode(&self.0[..5]))
    }
}
