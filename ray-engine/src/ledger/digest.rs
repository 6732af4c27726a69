//! The digest of a roster, which checkpoints state: 32 bytes that differ when anything on the roster does.
//!
//! Items are hashed one by one and their hashes added up, so that a change costs the same in a network of any size.

use super::{
    action::Mode,
    action::{GroupName, UserKey},
    roster::{InviteState, Member, Roster, Suggestion},
};
use crate::ident::PeerId;

const DOMAIN: &[u8] = b"rayfish/ledger/roster/1\0";

const MEMBER: u8 = 1;
const INVITE: u8 = 2;
const GROUPED: u8 = 3;
const SUGGESTION: u8 = 4;
const REVOKED_DEVICE: u8 = 5;

impl Roster {
    /// A hash of the whole roster; `docs/ledger.md` says of which bytes.
    pub fn digest(&self) -> [u8; 32] {
        let mut out = DOMAIN.to_vec();
        put_text(&mut out, self.name.as_str());
        out.push(match self.mode {
            Mode::Closed => 0,
            Mode::Approval => 1,
            Mode::Open => 2,
        });
        out.push(u8::from(self.epoch.is_some()));
        out.extend_from_slice(&self.epoch.map_or([0; 32], |epoch| epoch.id.0));
        out.extend_from_slice(&self.epoch.map_or([0; 32], |epoch| epoch.commitment));
        out.extend_from_slice(&self.discovery);
        out.extend_from_slice(&self.ephemeral.to_le_bytes());
        out.push(u8::from(self.dissolved));
        out.extend_from_slice(&self.tally.bytes());
        *blake3::hash(&out).as_bytes()
    }
}

impl Member {
    pub(super) fn digest_item(&self) -> Vec<u8> {
        let mut out = vec![MEMBER];
        out.extend_from_slice(&self.peer.0);
        put_text(&mut out, self.hostname.as_str());
        out.push(u8::from(self.bound));
        out.extend_from_slice(&self.index.to_le_bytes());
        out.push(u8::from(self.coordinator));
        out.extend_from_slice(&self.since.0);
        out.push(u8::from(self.user.is_some()));
        out.extend_from_slice(&self.user.map_or([0; 32], |user| user.0));
        out
    }
}

impl InviteState {
    pub(super) fn digest_item(&self) -> Vec<u8> {
        let mut out = vec![INVITE];
        out.extend_from_slice(&self.key.0);
        out.extend_from_slice(&self.uses.to_le_bytes());
        out.extend_from_slice(&self.used.to_le_bytes());
        out.extend_from_slice(&self.expires.0.to_le_bytes());
        put_text(&mut out, self.hostname.as_ref().map_or("", |name| name.as_str()));
        out.extend_from_slice(&self.minted_by.0);
        out.extend_from_slice(&self.since.0);
        out.push(u8::from(self.revoked));
        out
    }
}

impl Suggestion {
    /// The id says the rest.
    pub(super) fn digest_item(&self) -> Vec<u8> {
        [&[SUGGESTION], &self.id.0[..]].concat()
    }
}

pub(super) fn grouped(group: &GroupName, member: &PeerId) -> Vec<u8> {
    let mut out = vec![GROUPED];
    put_text(&mut out, group.as_str());
    out.extend_from_slice(&member.0);
    out
}

pub(super) fn revoked_device(user: &UserKey, device: &PeerId) -> Vec<u8> {
    [&[REVOKED_DEVICE], &user.0[..], &device.0].concat()
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    // Names have at most 63 bytes, so the fallback is never taken.
    out.push(u8::try_from(text.len()).unwrap_or(u8::MAX));
    out.extend_from_slice(text.as_bytes());
}
