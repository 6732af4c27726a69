//! What the tests of the ledger share: a network, its people, and ways to break the rules.

use super::*;
use crate::{
    ident::mesh_v4,
    ledger::{
        Invite,
        limits::{MEMBERS_MAX, PENDING_ENTRIES_MAX},
    },
};

const NOW: UnixTime = UnixTime(1_700_000_000);
const LATER: UnixTime = UnixTime(NOW.0 + 3600);

mod authority;
mod exchange;
mod invites;
mod seats;

/// A split and its healing, with invites, leaves and name collisions on both sides.
fn busy() -> Ledger {
    let (base, invite) = with_invite(2);
    let (mut left, mut right) = (base.clone(), base);
    join(&mut left, &bob(), &invite, "nas");
    add(&mut left, &alice(), admit(&key(40), "nas"));
    add(&mut left, &bob(), Action::Leave);
    join(&mut right, &nas(), &invite, "nas");
    join(&mut right, &key(41), &invite, "nas");
    sync(&right, &mut left);
    add(&mut left, &alice(), admit(&bob(), "nas"));
    left
}

fn founded() -> Ledger {
    Ledger::found(&network_key(), &alice(), name("home"), host("alice"), NOW).0
}

fn with_invite(uses: u32) -> (Ledger, Invite) {
    let mut ledger = founded();
    let invite = invite(1);
    add(&mut ledger, &alice(), mint(&invite, uses));
    (ledger, invite)
}

fn join(ledger: &mut Ledger, joiner: &SigningKey, invite: &Invite, hostname: &str) {
    add(ledger, joiner, redeem(invite, joiner, hostname));
}

fn add(ledger: &mut Ledger, author: &SigningKey, action: Action) {
    let entry = ledger.author(author, action, NOW).unwrap();
    assert_eq!(ledger.insert(entry.clone()), Inserted::New { entries: vec![entry.id()] });
}

/// Authors later and later until the entry's id is below `limit`.
fn author_below(ledger: &Ledger, author: &SigningKey, action: Action, limit: EntryId) -> VerifiedEntry {
    let times = (NOW.0..LATER.0).map(UnixTime);
    let mut entries = times.map(|now| ledger.author(author, action.clone(), now).unwrap());
    entries.find(|entry| entry.id() < limit).unwrap()
}

fn hostnames(ledger: &Ledger) -> Vec<String> {
    let mut names: Vec<String> = ledger.roster().members().map(|member| member.hostname.to_string()).collect();
    names.sort();
    names
}

fn sync(from: &Ledger, to: &mut Ledger) {
    for entry in from.missing(&to.heads()) {
        to.insert(entry.clone());
    }
    assert!(from.missing(&to.heads()).is_empty());
}

/// What a node signs that keeps to no rule.
fn force(ledger: &Ledger, author: &SigningKey, action: Action, parents: Vec<EntryId>) -> VerifiedEntry {
    sign(contents(ledger, author, action, parents), author)
}

fn contents(ledger: &Ledger, author: &SigningKey, action: Action, parents: Vec<EntryId>) -> Content {
    let counter = parents
        .iter()
        .flat_map(|parent| ledger.get(parent))
        .chain(ledger.entries())
        .filter(|entry| entry.author() == id(author))
        .filter(|entry| parents.iter().any(|parent| before(ledger, entry.id(), *parent)))
        .map(VerifiedEntry::counter)
        .max()
        .unwrap_or(0)
        + 1;
    Content { room: ledger.room(), author: id(author), counter, time: NOW, parents, action }
}

fn before(ledger: &Ledger, one: EntryId, other: EntryId) -> bool {
    one == other || ledger.get(&other).is_some_and(|entry| entry.parents().iter().any(|&up| before(ledger, one, up)))
}

fn mint(invite: &Invite, uses: u32) -> Action {
    Action::MintInvite { invite: invite.key(), uses, expires: LATER, hostname: None }
}

fn redeem(invite: &Invite, joiner: &SigningKey, hostname: &str) -> Action {
    Action::Redeem { invite: invite.key(), hostname: host(hostname), proof: invite.proof(&id(joiner)) }
}

fn admit(member: &SigningKey, hostname: &str) -> Action {
    Action::Admit { member: id(member), hostname: host(hostname) }
}

fn invite(seed: u64) -> Invite {
    let mut secret = [8; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    Invite { room: RoomId(id(&network_key()).0), secret, seats: vec![id(&alice())] }
}

/// Two peers whose first IPv4 candidates are the same.
fn address_twins() -> (PeerId, PeerId) {
    let mut seen = BTreeMap::new();
    for number in 0u32.. {
        let mut bytes = [0x55; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        let peer = PeerId(bytes);
        if let Some(twin) = mesh_v4(&peer, 0).and_then(|address| seen.insert(address, peer)) {
            return (twin, peer);
        }
    }
    unreachable!("addresses have 22 bits")
}

fn network_key() -> SigningKey {
    key(1)
}

fn alice() -> SigningKey {
    key(2)
}

fn bob() -> SigningKey {
    key(3)
}

fn nas() -> SigningKey {
    key(4)
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn id(key: &SigningKey) -> PeerId {
    public_half(key)
}

fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}

fn name(name: &str) -> NetworkName {
    name.parse().unwrap()
}
