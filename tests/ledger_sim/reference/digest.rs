//! The roster's digest, byte by byte as the page lists it.

use ray_engine::ledger::{EntryId, Mode};

use super::View;

impl View {
    pub(crate) fn digest(&self) -> [u8; 32] {
        let mut bytes = b"rayfish/ledger/roster/1\0".to_vec();
        bytes.extend(text(&self.name));
        bytes.push(match self.mode {
            Mode::Closed => 0,
            Mode::Approval => 1,
            Mode::Open => 2,
        });
        let (id, commitment) = self.epoch.map_or(([0; 32], [0; 32]), |(id, commitment)| (id.0, commitment));
        bytes.push(u8::from(self.epoch.is_some()));
        bytes.extend(id);
        bytes.extend(commitment);
        bytes.extend(self.discovery);
        bytes.extend(self.ephemeral.to_le_bytes());
        bytes.push(u8::from(self.dissolved.is_some()));
        bytes.extend(sum(&self.items()));
        hash(&bytes)
    }

    fn items(&self) -> Vec<Vec<u8>> {
        let mut items = Vec::new();
        for (peer, seat) in &self.seats {
            let candidate = if seat.v4.is_some() { seat.index } else { 64 };
            let user = seat.user.map_or([0; 33], |user| {
                let mut bytes = [1; 33];
                bytes[1..].copy_from_slice(&user.0);
                bytes
            });
            let coordinator = u8::from(self.coordinators.contains_key(peer));
            let (name, bound) = (text(seat.hostname.as_str()), u8::from(seat.bound));
            let number = candidate.to_le_bytes();
            items.push([&[1], &peer.0[..], &name, &[bound], &number, &[coordinator], &seat.since.0, &user].concat());
        }
        for (key, invite) in &self.invites {
            let name = text(invite.hostname.as_ref().map_or("", |name| name.as_str()));
            let (uses, used) = (invite.uses.to_le_bytes(), invite.used.to_le_bytes());
            let (expires, revoked) = (invite.expires.0.to_le_bytes(), [u8::from(invite.revoked)]);
            let (by, since) = (&invite.minted_by.0[..], &invite.since.0[..]);
            items.push([&[2], &key.0[..], &uses, &used, &expires, &name, by, since, &revoked].concat());
        }
        for (group, members) in &self.groups {
            items.extend(members.iter().map(|member| [&[3], &text(group.as_str())[..], &member.0].concat()));
        }
        items.extend(self.suggestions.keys().map(|id| [&[4], &id.0[..]].concat()));
        items.extend(self.taken_back.iter().map(|(user, device)| [&[5], &user.0[..], &device.0].concat()));
        items
    }
}

/// The hashes as little-endian numbers, added modulo 2^256.
fn sum(items: &[Vec<u8>]) -> [u8; 32] {
    let mut sum = [0u8; 32];
    for item in items {
        let mut carry = 0;
        for (byte, more) in sum.iter_mut().zip(hash(item)) {
            let total = u16::from(*byte) + u16::from(more) + carry;
            let [low, high] = total.to_le_bytes();
            *byte = low;
            carry = u16::from(high);
        }
    }
    sum
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    // An entry's id is the hash of its bytes.
    EntryId::of(bytes).0
}

fn text(text: &str) -> Vec<u8> {
    let mut bytes = vec![u8::try_from(text.len()).unwrap()];
    bytes.extend(text.as_bytes());
    bytes
}
