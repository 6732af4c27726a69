//! A writer that signs whatever it likes. It encodes by the tables in `docs/ledger.md`, not by the engine's code, so it
//! also holds the engine to those tables.

use ed25519_dalek::{Signer, SigningKey};
use ray_engine::{
    ident::{Hostname, PeerId, RoomId, UnixTime},
    ledger::{Action, EntryId, InviteKey, Mode, Scope, UserKey},
};

/// Everything that a writer chooses.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) room: RoomId,
    pub(crate) counter: u64,
    pub(crate) time: UnixTime,
    pub(crate) parents: Vec<EntryId>,
    pub(crate) action: Action,
}

/// The signed bytes of an entry.
pub(crate) fn write(mut draft: Draft, key: &SigningKey) -> Vec<u8> {
    draft.parents.sort();
    draft.parents.dedup();
    let mut bytes = vec![1];
    bytes.extend(draft.room.0);
    bytes.extend(key.verifying_key().to_bytes());
    bytes.extend(draft.counter.to_le_bytes());
    bytes.extend(draft.time.0.to_le_bytes());
    bytes.push(u8::try_from(draft.parents.len()).unwrap());
    draft.parents.iter().for_each(|parent| bytes.extend(parent.0));
    let (tag, body) = body_of(&draft.action);
    bytes.extend(tag.to_le_bytes());
    bytes.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    bytes.extend(body);
    let signature = key.sign(&[b"rayfish/ledger/entry/1\0", &bytes[..]].concat());
    bytes.extend(signature.to_bytes());
    bytes
}

/// A redeem, its proof made with the secret half of the invite.
pub(crate) fn redeem(
    room: RoomId,
    invite: &SigningKey,
    joiner: PeerId,
    hostname: Hostname,
    after: Option<EntryId>,
) -> Action {
    let message = seating_message("rayfish/ledger/redeem/1\0", room, joiner, &hostname, after);
    let invite_key = InviteKey(invite.verifying_key().to_bytes());
    Action::Redeem { invite: invite_key, joiner, hostname, after, proof: invite.sign(&message).to_bytes() }
}

/// A welcome with the joiner's consent.
pub(crate) fn welcome(room: RoomId, joiner: &SigningKey, hostname: Hostname, after: Option<EntryId>) -> Action {
    let peer = PeerId(joiner.verifying_key().to_bytes());
    let message = seating_message("rayfish/ledger/welcome/1\0", room, peer, &hostname, after);
    Action::Welcome { joiner: peer, hostname, after, consent: joiner.sign(&message).to_bytes() }
}

pub(crate) fn certify(room: RoomId, user: &SigningKey, device: PeerId) -> Action {
    let message = [b"rayfish/ledger/device/1\0", &room.0[..], &device.0].concat();
    Action::CertifyDevice { user: UserKey(user.verifying_key().to_bytes()), signature: user.sign(&message).to_bytes() }
}

pub(crate) fn uncertify(room: RoomId, user: &SigningKey, device: PeerId) -> Action {
    let message = [b"rayfish/ledger/undevice/1\0", &room.0[..], &device.0].concat();
    let user_key = UserKey(user.verifying_key().to_bytes());
    Action::RevokeDevice { user: user_key, device, signature: user.sign(&message).to_bytes() }
}

fn seating_message(domain: &str, room: RoomId, joiner: PeerId, hostname: &Hostname, after: Option<EntryId>) -> Vec<u8> {
    [domain.as_bytes(), &room.0, &joiner.0, &text(hostname.as_str()), &or_zeros(after)].concat()
}

fn body_of(action: &Action) -> (u16, Vec<u8>) {
    match action {
        Action::Genesis { name, founder, hostname } => {
            (1, [&text(name.as_str())[..], &founder.0, &text(hostname.as_str())].concat())
        }
        Action::MintInvite { invite, uses, expires, hostname } => {
            let hostname = hostname.as_ref().map_or(vec![0], |name| text(name.as_str()));
            (2, [&invite.0[..], &uses.to_le_bytes(), &expires.0.to_le_bytes(), &hostname].concat())
        }
        Action::Redeem { invite, joiner, hostname, after, proof } => {
            (3, [&invite.0[..], &joiner.0, &text(hostname.as_str()), &or_zeros(*after), proof].concat())
        }
        Action::Admit { member, hostname } => (4, [&member.0[..], &text(hostname.as_str())].concat()),
        Action::Leave => (5, Vec::new()),
        Action::Welcome { joiner, hostname, after, consent } => {
            (6, [&joiner.0[..], &text(hostname.as_str()), &or_zeros(*after), consent].concat())
        }
        Action::Remove { member } => (7, member.0.to_vec()),
        Action::Grant { member } => (8, member.0.to_vec()),
        Action::Revoke { member } => (9, member.0.to_vec()),
        Action::RevokeInvite { invite } => (10, invite.0.to_vec()),
        Action::Rename { member, hostname } => (11, [&member.0[..], &text(hostname.as_str())].concat()),
        Action::SetMode { mode } => (
            12,
            vec![match mode {
                Mode::Closed => 0,
                Mode::Approval => 1,
                Mode::Open => 2,
            }],
        ),
        Action::RotateEpoch { commitment } => (13, commitment.to_vec()),
        Action::Rekey { discovery } => (14, discovery.to_vec()),
        Action::SetEphemeral { seconds } => (15, seconds.to_le_bytes().to_vec()),
        Action::Checkpoint { digest } => (16, digest.to_vec()),
        Action::Dissolve => (17, Vec::new()),
        Action::CertifyDevice { user, signature } => (18, [&user.0[..], signature].concat()),
        Action::RevokeDevice { user, device, signature } => (19, [&user.0[..], &device.0, signature].concat()),
        Action::GroupAdd { group, member } => (20, [&text(group.as_str())[..], &member.0].concat()),
        Action::GroupRemove { group, member } => (21, [&text(group.as_str())[..], &member.0].concat()),
        Action::Suggest { scope, rule } => {
            let scope = match scope {
                Scope::All => vec![0],
                Scope::Member(member) => [&[1][..], &member.0].concat(),
                Scope::Group(group) => [&[2][..], &text(group.as_str())].concat(),
            };
            let rule = rule.as_str().as_bytes();
            (22, [&scope[..], &u16::try_from(rule.len()).unwrap().to_le_bytes(), rule].concat())
        }
        Action::Withdraw { suggestion } => (23, suggestion.0.to_vec()),
        Action::Unknown { tag, body } => (*tag, body.clone()),
    }
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}

fn or_zeros(id: Option<EntryId>) -> [u8; 32] {
    id.map_or([0; 32], |id| id.0)
}
