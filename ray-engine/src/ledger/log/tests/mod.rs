//! What the tests of the ledger share: a network, its people, and ways to break the rules.

use super::*;
use crate::ledger::{
    AuthorError, Effect, Invite, Mode, NothingReason, Refusal, UserKey, VoidReason, consent,
    limits::{ENTRIES_MAX, ENTRIES_RESERVED, MEMBERS_MAX, PARENTS_MAX, PENDING_ENTRIES_MAX},
};

const NOW: UnixTime = UnixTime(1_700_000_000);
const LATER: UnixTime = UnixTime(NOW.0 + 3600);

mod anywhere;
mod authority;
mod coordinators;
mod digest;
mod exchange;
mod exits;
mod forks;
mod invites;
mod order;
mod permits;
mod removal;
mod seats;

fn founded() -> Ledger {
    Ledger::found(&network_key(), &alice(), name("home"), host("alice"), NOW).0
}

/// Alice and Bob; Alice coordinates.
fn two() -> Ledger {
    let mut ledger = founded();
    add(&mut ledger, &alice(), admit(&bob(), "bob"));
    ledger
}

/// Alice, Bob and Carol; all of them coordinate, granted in this order.
fn three() -> Ledger {
    let mut ledger = two();
    add(&mut ledger, &alice(), admit(&carol(), "carol"));
    add(&mut ledger, &alice(), grant(&bob()));
    add(&mut ledger, &alice(), grant(&carol()));
    ledger
}

fn with_invite(uses: u32) -> (Ledger, Invite) {
    let mut ledger = founded();
    let invite = invite(1);
    add(&mut ledger, &alice(), mint(&invite, uses));
    (ledger, invite)
}

/// Has `door` let a joiner in by an invite.
fn join(ledger: &mut Ledger, door: &SigningKey, joiner: &SigningKey, invite: &Invite, hostname: &str) -> EntryId {
    let action = redeem(ledger, invite, joiner, hostname);
    add(ledger, door, action)
}

/// What the author may say by its own ledger, signed and taken in.
#[track_caller]
fn add(ledger: &mut Ledger, author: &SigningKey, action: Action) -> EntryId {
    let entry = ledger.author(author, action, NOW).unwrap();
    assert_eq!(ledger.insert(entry.clone()), Inserted::New { entries: vec![entry.id()] });
    entry.id()
}

/// What the author signs on top of `parents`, whether or not it may, taken in.
#[track_caller]
fn put(ledger: &mut Ledger, author: &SigningKey, action: Action, parents: &[EntryId]) -> EntryId {
    let entry = force(ledger, author, action, parents);
    assert!(matches!(ledger.insert(entry.clone()), Inserted::New { .. }));
    entry.id()
}

/// As [`put`], on top of all that is known.
#[track_caller]
fn put_last(ledger: &mut Ledger, author: &SigningKey, action: Action) -> EntryId {
    let heads = ledger.heads();
    put(ledger, author, action, &heads)
}

/// That neither the author's own ledger signs it, nor anybody's takes it.
#[track_caller]
fn refuses(ledger: &Ledger, author: &SigningKey, action: Action, error: AuthorError, refusal: Refusal) {
    assert_eq!(ledger.author(author, action.clone(), NOW), Err(error));
    refuses_forced(ledger, author, action, refusal);
}

#[track_caller]
fn refuses_forced(ledger: &Ledger, author: &SigningKey, action: Action, refusal: Refusal) {
    let forced = force(ledger, author, action, &ledger.heads());
    assert_eq!(ledger.clone().insert(forced), Inserted::Refused(refusal));
}

/// What a node signs that keeps to no rule but that of counting.
fn force(ledger: &Ledger, author: &SigningKey, action: Action, parents: &[EntryId]) -> VerifiedEntry {
    sign(contents(ledger, author, action, parents), author)
}

fn contents(ledger: &Ledger, author: &SigningKey, action: Action, parents: &[EntryId]) -> Content {
    let past = ledger.history.reach(&ledger.history.numbers(parents));
    let own = ledger.history.by(&id(author)).iter().filter(|&&number| past.has(number));
    let counter = own.map(|&number| ledger.history.entry(number).counter()).max().unwrap_or(0) + 1;
    let parents = parents.iter().copied().collect::<BTreeSet<_>>().into_iter().collect();
    Content { room: ledger.room(), author: id(author), counter, time: NOW, parents, action }
}

/// Varies the time until the id is below `limit`, so that of two entries of one depth this one is first.
fn author_below(ledger: &Ledger, author: &SigningKey, action: Action, limit: EntryId) -> VerifiedEntry {
    let times = (NOW.0..LATER.0).map(UnixTime);
    let mut entries = times.map(|now| ledger.author(author, action.clone(), now).unwrap());
    entries.find(|entry| entry.id() < limit).unwrap()
}

fn author_above(ledger: &Ledger, author: &SigningKey, action: Action, limit: EntryId) -> VerifiedEntry {
    let times = (NOW.0..LATER.0).map(UnixTime);
    let mut entries = times.map(|now| ledger.author(author, action.clone(), now).unwrap());
    entries.find(|entry| entry.id() > limit).unwrap()
}

#[track_caller]
fn take(ledger: &mut Ledger, entry: &VerifiedEntry) -> EntryId {
    assert!(matches!(ledger.insert(entry.clone()), Inserted::New { .. }));
    entry.id()
}

/// Both sides take in what the other has, and come to the same.
#[track_caller]
fn meet(left: &mut Ledger, right: &mut Ledger) {
    let before = left.clone();
    sync(right, left);
    sync(&before, right);
    assert_eq!(left.heads(), right.heads());
    assert_eq!(left.roster(), right.roster());
    assert_eq!(left.roster().digest(), right.roster().digest());
    assert!(left.entries().eq(right.entries()));
}

fn sync(from: &Ledger, to: &mut Ledger) {
    for entry in from.missing(&to.heads()) {
        to.insert(entry.clone());
    }
    assert!(from.missing(&to.heads()).is_empty());
}

fn effect(ledger: &Ledger, id: EntryId) -> Effect {
    ledger.history().iter().find(|told| told.entry.id() == id).unwrap().effect
}

fn hostnames(ledger: &Ledger) -> Vec<String> {
    let mut names: Vec<String> = ledger.roster().members().map(|member| member.hostname.to_string()).collect();
    names.sort();
    names
}

fn hostname_of(ledger: &Ledger, key: &SigningKey) -> String {
    ledger.roster().get(&id(key)).unwrap().hostname.to_string()
}

fn is_in(ledger: &Ledger, key: &SigningKey) -> bool {
    ledger.roster().is_member(&id(key))
}

fn decides(ledger: &Ledger, key: &SigningKey) -> bool {
    ledger.roster().is_coordinator(&id(key))
}

fn mint(invite: &Invite, uses: u32) -> Action {
    Action::MintInvite { invite: invite.key(), uses, expires: LATER, hostname: None }
}

fn redeem(ledger: &Ledger, invite: &Invite, joiner: &SigningKey, hostname: &str) -> Action {
    redeem_after(invite, joiner, hostname, ledger.last_leave(&id(joiner)))
}

fn redeem_after(invite: &Invite, joiner: &SigningKey, hostname: &str, after: Option<EntryId>) -> Action {
    let (joiner, hostname) = (id(joiner), host(hostname));
    let proof = invite.redeem(&joiner, &hostname, after);
    Action::Redeem { invite: invite.key(), joiner, hostname, after, proof }
}

fn welcome(ledger: &Ledger, joiner: &SigningKey, hostname: &str) -> Action {
    let (hostname, after) = (host(hostname), ledger.last_leave(&id(joiner)));
    let consent = consent(joiner, ledger.room(), &hostname, after);
    Action::Welcome { joiner: id(joiner), hostname, after, consent }
}

fn admit(member: &SigningKey, hostname: &str) -> Action {
    Action::Admit { member: id(member), hostname: host(hostname) }
}

fn remove(member: &SigningKey) -> Action {
    Action::Remove { member: id(member) }
}

fn grant(member: &SigningKey) -> Action {
    Action::Grant { member: id(member) }
}

fn revoke(member: &SigningKey) -> Action {
    Action::Revoke { member: id(member) }
}

fn rename(member: &SigningKey, hostname: &str) -> Action {
    Action::Rename { member: id(member), hostname: host(hostname) }
}

fn set_mode(mode: Mode) -> Action {
    Action::SetMode { mode }
}

fn revoke_invite(invite: &Invite) -> Action {
    Action::RevokeInvite { invite: invite.key() }
}

fn invite(seed: u64) -> Invite {
    let mut secret = [8; 32];
    secret[..8].copy_from_slice(&seed.to_le_bytes());
    Invite { room: RoomId(id(&network_key()).0), secret, seats: vec![id(&alice())] }
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

fn carol() -> SigningKey {
    key(4)
}

fn dave() -> SigningKey {
    key(5)
}

fn nas() -> SigningKey {
    key(6)
}

fn key(seed: u8) -> SigningKey {
    SigningKey::from_bytes(&[seed; 32])
}

fn numbered_key(number: u32) -> SigningKey {
    let mut seed = [9; 32];
    seed[..4].copy_from_slice(&number.to_le_bytes());
    SigningKey::from_bytes(&seed)
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
