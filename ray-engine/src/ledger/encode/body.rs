//! The bytes of each action.

use super::{
    super::{
        action::{Action, InviteKey, Mode, RuleText, Scope, UserKey},
        entry::{EntryError, EntryId},
    },
    reader::Reader,
};
use crate::ident::{Hostname, NetworkName, PeerId, UnixTime};

const TAG_GENESIS: u16 = 1;
const TAG_MINT_INVITE: u16 = 2;
const TAG_REDEEM: u16 = 3;
const TAG_ADMIT: u16 = 4;
const TAG_LEAVE: u16 = 5;
const TAG_WELCOME: u16 = 6;
const TAG_REMOVE: u16 = 7;
const TAG_GRANT: u16 = 8;
const TAG_REVOKE: u16 = 9;
const TAG_REVOKE_INVITE: u16 = 10;
const TAG_RENAME: u16 = 11;
const TAG_SET_MODE: u16 = 12;
const TAG_ROTATE_EPOCH: u16 = 13;
const TAG_REKEY: u16 = 14;
const TAG_SET_EPHEMERAL: u16 = 15;
const TAG_CHECKPOINT: u16 = 16;
const TAG_DISSOLVE: u16 = 17;
const TAG_CERTIFY_DEVICE: u16 = 18;
const TAG_REVOKE_DEVICE: u16 = 19;
const TAG_GROUP_ADD: u16 = 20;
const TAG_GROUP_REMOVE: u16 = 21;
const TAG_SUGGEST: u16 = 22;
const TAG_WITHDRAW: u16 = 23;

const MODE_CLOSED: u8 = 0;
const MODE_APPROVAL: u8 = 1;
const MODE_OPEN: u8 = 2;

const SCOPE_ALL: u8 = 0;
const SCOPE_MEMBER: u8 = 1;
const SCOPE_GROUP: u8 = 2;

/// Reads an action's body to its last byte.
pub(in super::super) fn decode_action(tag: u16, body: &[u8]) -> Result<Action, EntryError> {
    let mut reader = Reader::new(body);
    let action = match tag {
        TAG_GENESIS => {
            let name = reader.text()?.parse::<NetworkName>().map_err(EntryError::Name)?;
            Action::Genesis { name, founder: PeerId(reader.array()?), hostname: reader.hostname()? }
        }
        TAG_MINT_INVITE => Action::MintInvite {
            invite: InviteKey(reader.array()?),
            uses: reader.u32()?,
            expires: UnixTime(reader.u64()?),
            hostname: reader.optional_hostname()?,
        },
        TAG_REDEEM => Action::Redeem {
            invite: InviteKey(reader.array()?),
            joiner: PeerId(reader.array()?),
            hostname: reader.hostname()?,
            after: reader.after()?,
            proof: reader.array()?,
        },
        TAG_ADMIT => Action::Admit { member: PeerId(reader.array()?), hostname: reader.hostname()? },
        TAG_LEAVE => Action::Leave,
        TAG_WELCOME => Action::Welcome {
            joiner: PeerId(reader.array()?),
            hostname: reader.hostname()?,
            after: reader.after()?,
            consent: reader.array()?,
        },
        TAG_REMOVE => Action::Remove { member: PeerId(reader.array()?) },
        TAG_GRANT => Action::Grant { member: PeerId(reader.array()?) },
        TAG_REVOKE => Action::Revoke { member: PeerId(reader.array()?) },
        TAG_REVOKE_INVITE => Action::RevokeInvite { invite: InviteKey(reader.array()?) },
        TAG_RENAME => Action::Rename { member: PeerId(reader.array()?), hostname: reader.hostname()? },
        TAG_SET_MODE => Action::SetMode { mode: decode_mode(reader.u8()?)? },
        TAG_ROTATE_EPOCH => Action::RotateEpoch { commitment: reader.array()? },
        TAG_REKEY => Action::Rekey { discovery: reader.array()? },
        TAG_SET_EPHEMERAL => Action::SetEphemeral { seconds: reader.u32()? },
        TAG_CHECKPOINT => Action::Checkpoint { digest: reader.array()? },
        TAG_DISSOLVE => Action::Dissolve,
        TAG_CERTIFY_DEVICE => Action::CertifyDevice { user: UserKey(reader.array()?), signature: reader.array()? },
        TAG_REVOKE_DEVICE => Action::RevokeDevice {
            user: UserKey(reader.array()?),
            device: PeerId(reader.array()?),
            signature: reader.array()?,
        },
        TAG_GROUP_ADD => Action::GroupAdd { group: reader.hostname()?, member: PeerId(reader.array()?) },
        TAG_GROUP_REMOVE => Action::GroupRemove { group: reader.hostname()?, member: PeerId(reader.array()?) },
        TAG_SUGGEST => Action::Suggest { scope: decode_scope(&mut reader)?, rule: decode_rule(&mut reader)? },
        TAG_WITHDRAW => Action::Withdraw { suggestion: EntryId(reader.array()?) },
        unknown => Action::Unknown { tag: unknown, body: reader.slice(body.len())?.to_vec() },
    };
    reader.end()?;
    Ok(action)
}

/// Tag and body.
pub(in super::super) fn encode_action(action: &Action) -> (u16, Vec<u8>) {
    let mut out = Vec::with_capacity(192);
    let tag = put_action(&mut out, action);
    (tag, out)
}

pub(super) fn put_text(out: &mut Vec<u8>, text: &str) {
    // Names have at most 63 bytes, so the fallback is never taken.
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn put_after(out: &mut Vec<u8>, after: Option<&EntryId>) {
    out.extend_from_slice(&after.map_or([0; 32], |id| id.0));
}

fn put_action(out: &mut Vec<u8>, action: &Action) -> u16 {
    match action {
        Action::Genesis { name, founder, hostname } => {
            put_text(out, name.as_str());
            out.extend_from_slice(&founder.0);
            put_text(out, hostname.as_str());
            TAG_GENESIS
        }
        Action::MintInvite { invite, uses, expires, hostname } => {
            out.extend_from_slice(&invite.0);
            out.extend_from_slice(&uses.to_le_bytes());
            out.extend_from_slice(&expires.0.to_le_bytes());
            put_text(out, hostname.as_ref().map_or("", Hostname::as_str));
            TAG_MINT_INVITE
        }
        Action::Redeem { invite, joiner, hostname, after, proof } => {
            out.extend_from_slice(&invite.0);
            put_seat(out, joiner, hostname, after.as_ref(), proof);
            TAG_REDEEM
        }
        Action::Admit { member, hostname } => {
            put_named(out, member, hostname);
            TAG_ADMIT
        }
        Action::Leave => TAG_LEAVE,
        Action::Welcome { joiner, hostname, after, consent } => {
            put_seat(out, joiner, hostname, after.as_ref(), consent);
            TAG_WELCOME
        }
        Action::Remove { member } => put(out, &member.0, TAG_REMOVE),
        Action::Grant { member } => put(out, &member.0, TAG_GRANT),
        Action::Revoke { member } => put(out, &member.0, TAG_REVOKE),
        Action::RevokeInvite { invite } => put(out, &invite.0, TAG_REVOKE_INVITE),
        Action::Rename { member, hostname } => {
            put_named(out, member, hostname);
            TAG_RENAME
        }
        Action::SetMode { mode } => put(out, &[encode_mode(*mode)], TAG_SET_MODE),
        Action::RotateEpoch { commitment } => put(out, commitment, TAG_ROTATE_EPOCH),
        Action::Rekey { discovery } => put(out, discovery, TAG_REKEY),
        Action::SetEphemeral { seconds } => put(out, &seconds.to_le_bytes(), TAG_SET_EPHEMERAL),
        Action::Checkpoint { digest } => put(out, digest, TAG_CHECKPOINT),
        Action::Dissolve => TAG_DISSOLVE,
        Action::CertifyDevice { user, signature } => {
            out.extend_from_slice(&user.0);
            put(out, signature, TAG_CERTIFY_DEVICE)
        }
        Action::RevokeDevice { user, device, signature } => {
            out.extend_from_slice(&user.0);
            out.extend_from_slice(&device.0);
            put(out, signature, TAG_REVOKE_DEVICE)
        }
        Action::GroupAdd { group, member } => {
            put_text(out, group.as_str());
            put(out, &member.0, TAG_GROUP_ADD)
        }
        Action::GroupRemove { group, member } => {
            put_text(out, group.as_str());
            put(out, &member.0, TAG_GROUP_REMOVE)
        }
        Action::Suggest { scope, rule } => {
            put_scope(out, scope);
            put_rule(out, rule);
            TAG_SUGGEST
        }
        Action::Withdraw { suggestion } => put(out, &suggestion.0, TAG_WITHDRAW),
        Action::Unknown { tag, body } => put(out, body, *tag),
    }
}

fn put(out: &mut Vec<u8>, bytes: &[u8], tag: u16) -> u16 {
    out.extend_from_slice(bytes);
    tag
}

fn put_named(out: &mut Vec<u8>, member: &PeerId, hostname: &Hostname) {
    out.extend_from_slice(&member.0);
    put_text(out, hostname.as_str());
}

fn put_seat(out: &mut Vec<u8>, joiner: &PeerId, hostname: &Hostname, after: Option<&EntryId>, signature: &[u8; 64]) {
    put_named(out, joiner, hostname);
    put_after(out, after);
    out.extend_from_slice(signature);
}

fn put_scope(out: &mut Vec<u8>, scope: &Scope) {
    match scope {
        Scope::All => out.push(SCOPE_ALL),
        Scope::Member(peer) => {
            out.push(SCOPE_MEMBER);
            out.extend_from_slice(&peer.0);
        }
        Scope::Group(group) => {
            out.push(SCOPE_GROUP);
            put_text(out, group.as_str());
        }
    }
}

fn put_rule(out: &mut Vec<u8>, rule: &RuleText) {
    // A rule has at most 512 bytes, so the fallback is never taken.
    out.extend_from_slice(&u16::try_from(rule.as_str().len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend_from_slice(rule.as_str().as_bytes());
}

fn encode_mode(mode: Mode) -> u8 {
    match mode {
        Mode::Closed => MODE_CLOSED,
        Mode::Approval => MODE_APPROVAL,
        Mode::Open => MODE_OPEN,
    }
}

fn decode_mode(byte: u8) -> Result<Mode, EntryError> {
    match byte {
        MODE_CLOSED => Ok(Mode::Closed),
        MODE_APPROVAL => Ok(Mode::Approval),
        MODE_OPEN => Ok(Mode::Open),
        _ => Err(EntryError::Mode),
    }
}

fn decode_scope(reader: &mut Reader<'_>) -> Result<Scope, EntryError> {
    match reader.u8()? {
        SCOPE_ALL => Ok(Scope::All),
        SCOPE_MEMBER => reader.array().map(PeerId).map(Scope::Member),
        SCOPE_GROUP => reader.hostname().map(Scope::Group),
        _ => Err(EntryError::Scope),
    }
}

fn decode_rule(reader: &mut Reader<'_>) -> Result<RuleText, EntryError> {
    let size = usize::from(reader.u16()?);
    let text = std::str::from_utf8(reader.slice(size)?).map_err(|_| EntryError::Rule)?;
    RuleText::new(text).ok_or(EntryError::Rule)
}
