//! Entries: signing, and the verification that every entry of somebody else goes through.

use std::{error::Error, fmt};

use data_encoding::HEXLOWER;
use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};

use super::{
    action::{Action, InviteKey, UserKey},
    encode::{self, Envelope},
};
use crate::ident::{Hostname, NameError, PeerId, RoomId, UnixTime};

/// The BLAKE3 hash of an entry's canonical bytes, signature included.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub [u8; 32]);

impl EntryId {
    /// The id that these bytes have if they are an entry.
    pub fn of(bytes: &[u8]) -> Self {
        id_of(bytes)
    }

    /// The first ten hex digits, for people.
    pub fn short(&self) -> String {
        HEXLOWER.encode(&self.0[..5])
    }
}

impl fmt::Display for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "EntryId({})", self.short())
    }
}

/// An entry that is well formed and signed by its author. Whether its author had the right to make it is for a
/// [`Ledger`](super::Ledger) to judge.
#[derive(Clone, PartialEq, Eq)]
pub struct VerifiedEntry {
    id: EntryId,
    content: Content,
    bytes: Box<[u8]>,
}

impl VerifiedEntry {
    pub fn id(&self) -> EntryId {
        self.id
    }

    pub fn room(&self) -> RoomId {
        self.content.room
    }

    pub fn author(&self) -> PeerId {
        self.content.author
    }

    /// The author's own count of its entries.
    pub fn counter(&self) -> u64 {
        self.content.counter
    }

    /// When the author says that it made the entry. Advisory.
    pub fn time(&self) -> UnixTime {
        self.content.time
    }

    /// The entries that the author had seen last, ascending.
    pub fn parents(&self) -> &[EntryId] {
        &self.content.parents
    }

    pub fn action(&self) -> &Action {
        &self.content.action
    }

    /// The canonical bytes, signature included: what is stored and sent.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl fmt::Debug for VerifiedEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerifiedEntry").field("id", &self.id).field("content", &self.content).finish_non_exhaustive()
    }
}

/// Reads an entry that came from outside. Nothing but the canonical bytes of an entry of this network, with a
/// signature that its author made, passes.
pub fn verify(bytes: &[u8], room: RoomId) -> Result<VerifiedEntry, EntryError> {
    let envelope = encode::split(bytes)?;
    if envelope.room != room {
        return Err(EntryError::OtherNetwork);
    }
    check_signature(&envelope.author.0, &encode::entry_message(envelope.unsigned), &envelope.signature)
        .map_err(|BadSignature| EntryError::Signature)?;
    let Envelope { author, counter, time, parents, unsigned, .. } = envelope;
    let action = encode::decode_action(envelope.tag, envelope.body)?;
    let content = Content { room, author, counter, time, parents, action };
    check_shape(&content)?;
    if encode::encode(&content) != unsigned {
        return Err(EntryError::NotCanonical);
    }
    Ok(VerifiedEntry { id: id_of(bytes), content, bytes: bytes.into() })
}

/// Why bytes are not an entry of this network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EntryError {
    TooLong,
    Truncated,
    TrailingBytes,
    Version(u8),
    TooManyParents,
    ParentOrder,
    OtherNetwork,
    Signature,
    Text,
    Name(NameError),
    Mode,
    Scope,
    Rule,
    NotCanonical,
    Counter,
    /// A genesis with parents, or another entry without.
    Parents,
    GenesisAuthor,
    NoUses,
    Proof,
    Consent,
    UserSignature,
}

impl fmt::Display for EntryError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TooLong => "the entry is too long",
            Self::Truncated => "the entry ends too early",
            Self::TrailingBytes => "bytes follow the end of the entry or of its action",
            Self::Version(version) => return write!(f, "the entry has the unknown version {version}"),
            Self::TooManyParents => "the entry has too many parents",
            Self::ParentOrder => "the entry's parents do not ascend",
            Self::OtherNetwork => "the entry belongs to another network",
            Self::Signature => "the entry is not signed by its author",
            Self::Text => "a name in the entry is not text",
            Self::Name(_) => "the entry holds a name that is not allowed",
            Self::Mode => "the entry sets a mode that does not exist",
            Self::Scope => "the suggestion in the entry is for a scope that does not exist",
            Self::Rule => "the rule in the entry is not 1 to 512 bytes of printable ASCII",
            Self::NotCanonical => "the entry is not in its canonical encoding",
            Self::Counter => "the entry's counter is not allowed",
            Self::Parents => "only the genesis entry stands without parents",
            Self::GenesisAuthor => "the genesis entry is not signed by the network key",
            Self::NoUses => "the invite in the entry has no uses",
            Self::Proof => "the invite's key did not sign for this joiner",
            Self::Consent => "the joiner did not sign that it wants to join",
            Self::UserSignature => "the user's key did not sign for this device",
        })
    }
}

impl Error for EntryError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        if let Self::Name(cause) = self { Some(cause) } else { None }
    }
}

/// What an entry says, without the signature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Content {
    pub(super) room: RoomId,
    pub(super) author: PeerId,
    pub(super) counter: u64,
    pub(super) time: UnixTime,
    pub(super) parents: Vec<EntryId>,
    pub(super) action: Action,
}

/// Signs an entry of our own. `content.author` is the public half of `key`.
pub(super) fn sign(content: Content, key: &SigningKey) -> VerifiedEntry {
    let mut bytes = encode::encode(&content);
    let signature = key.sign(&encode::entry_message(&bytes));
    bytes.extend_from_slice(&signature.to_bytes());
    VerifiedEntry { id: id_of(&bytes), content, bytes: bytes.into() }
}

/// What can be said of an entry without knowing any other.
pub(super) fn check_shape(content: &Content) -> Result<(), EntryError> {
    if !content.parents.is_sorted_by(|a, b| a < b) {
        return Err(EntryError::ParentOrder);
    }
    if content.counter == 0 {
        return Err(EntryError::Counter);
    }
    let begins = matches!(content.action, Action::Genesis { .. });
    if begins != content.parents.is_empty() {
        return Err(EntryError::Parents);
    }
    if matches!(content.action, Action::Genesis { .. }) && content.author.0 != content.room.0 {
        return Err(EntryError::GenesisAuthor);
    }
    if matches!(content.action, Action::MintInvite { uses: 0, .. }) {
        return Err(EntryError::NoUses);
    }
    check_inner_signature(content)
}

/// The signature that some actions carry beside their author's.
fn check_inner_signature(content: &Content) -> Result<(), EntryError> {
    let room = &content.room;
    match &content.action {
        Action::Redeem { invite, joiner, hostname, after, proof } => {
            let message = encode::redeem_message(room, joiner, hostname, after.as_ref());
            check_signature(&invite.0, &message, proof).map_err(|BadSignature| EntryError::Proof)
        }
        Action::Welcome { joiner, hostname, after, consent } => {
            let message = encode::welcome_message(room, joiner, hostname, after.as_ref());
            check_signature(&joiner.0, &message, consent).map_err(|BadSignature| EntryError::Consent)
        }
        Action::CertifyDevice { user, signature } => {
            let message = encode::device_message(room, &content.author);
            check_signature(&user.0, &message, signature).map_err(|BadSignature| EntryError::UserSignature)
        }
        Action::RevokeDevice { user, device, signature } => {
            let message = encode::undevice_message(room, device);
            check_signature(&user.0, &message, signature).map_err(|BadSignature| EntryError::UserSignature)
        }
        Action::Genesis { .. }
        | Action::MintInvite { .. }
        | Action::Admit { .. }
        | Action::Leave
        | Action::Remove { .. }
        | Action::Grant { .. }
        | Action::Revoke { .. }
        | Action::RevokeInvite { .. }
        | Action::Rename { .. }
        | Action::SetMode { .. }
        | Action::RotateEpoch { .. }
        | Action::Rekey { .. }
        | Action::SetEphemeral { .. }
        | Action::Checkpoint { .. }
        | Action::Dissolve
        | Action::GroupAdd { .. }
        | Action::GroupRemove { .. }
        | Action::Suggest { .. }
        | Action::Withdraw { .. }
        | Action::Unknown { .. } => Ok(()),
    }
}

impl InviteKey {
    /// Whether `joiner` has shown that it holds the invite. Seats nobody: that takes what
    /// [`Invite::redeem`](super::Invite::redeem) makes.
    pub fn proves(&self, room: &RoomId, joiner: &PeerId, proof: &[u8; 64]) -> bool {
        check_signature(&self.0, &encode::invite_message(room, joiner), proof).is_ok()
    }
}

/// What a joiner signs so that a member of an open network can seat it, once.
pub fn consent(key: &SigningKey, room: RoomId, hostname: &Hostname, after: Option<EntryId>) -> [u8; 64] {
    key.sign(&encode::welcome_message(&room, &public_half(key), hostname, after.as_ref())).to_bytes()
}

/// Whether a joiner itself signed that.
pub fn consents(
    joiner: &PeerId,
    room: RoomId,
    hostname: &Hostname,
    after: Option<EntryId>,
    consent: &[u8; 64],
) -> bool {
    check_signature(&joiner.0, &encode::welcome_message(&room, joiner, hostname, after.as_ref()), consent).is_ok()
}

/// A user's word that a device is its own.
pub fn certify(user: &SigningKey, room: RoomId, device: PeerId) -> [u8; 64] {
    user.sign(&encode::device_message(&room, &device)).to_bytes()
}

/// A user's word that a device is no more its own.
pub fn uncertify(user: &SigningKey, room: RoomId, device: PeerId) -> [u8; 64] {
    user.sign(&encode::undevice_message(&room, &device)).to_bytes()
}

impl UserKey {
    /// The key that others see.
    pub fn of(key: &SigningKey) -> Self {
        Self(key.verifying_key().to_bytes())
    }
}

pub(super) fn public_half(key: &SigningKey) -> PeerId {
    PeerId(key.verifying_key().to_bytes())
}

struct BadSignature;

/// Strict: refuses keys of small order and signatures that a third party could have altered.
fn check_signature(key: &[u8; 32], message: &[u8], signature: &[u8; 64]) -> Result<(), BadSignature> {
    let key = VerifyingKey::from_bytes(key).map_err(|_| BadSignature)?;
    key.verify_strict(message, &Signature::from_bytes(signature)).map_err(|_| BadSignature)
}

fn id_of(bytes: &[u8]) -> EntryId {
    EntryId(*blake3::hash(bytes).as_bytes())
}

#[cfg(test)]
mod tests;
