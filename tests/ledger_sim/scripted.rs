//! A few histories told in full: who did what on which side of a split, and what everybody folds in the end.

use ray_engine::{
    ident::{Hostname, PeerId, RoomId, UnixTime},
    ledger::{Action, EntryId, Inserted, Invite, Ledger, Mode, Refusal, SigningKey, VerifiedEntry, verify},
};

use crate::{
    check::difference,
    reference::Reference,
    writer::{self, Draft},
};

const NOW: UnixTime = UnixTime(1_700_000_000);

#[test]
fn an_invite_for_one_that_two_redeem_in_a_split_seats_the_first_of_them() {
    let mut left = Side::found();
    let invite = left.mint(1);
    let mut right = left.clone();
    right.sign("alice", left.redeem("dave", &invite, "nas"));
    left.sign("alice", left.redeem("bob", &invite, "laptop"));
    left.sign("alice", Action::Admit { member: peer("carol"), hostname: host("nas") });
    let (bob, dave) = (left.last("bob"), right.last("dave"));
    meet(&mut left, &mut right);
    let winner = if bob < dave { ("bob", "laptop") } else { ("dave", "nas") };
    let carol = if winner.0 == "dave" { "nas-2" } else { "nas" };
    let mut expected = [("alice", "home"), ("carol", carol), winner].map(owned);
    expected.sort();
    assert_eq!(left.names(), expected);
    let state = left.ledger.roster().invite(&invite.key()).unwrap();
    assert_eq!((state.used, state.uses), (1, 1));
}

#[test]
fn the_worked_split_of_the_page_ends_as_the_page_says() {
    let (mut left, mut right, invite) = split_of_the_page();
    left.sign("bob", left.redeem("nas", &invite, "nas"));
    let first = left.last("nas");
    left.sign("bob", Action::Remove { member: peer("carol") });
    left.sign("alice", Action::Admit { member: peer("erin"), hostname: host("nas") });
    assert_eq!(
        left.names(),
        [("alice", "home"), ("bob", "bob"), ("dave", "dave"), ("erin", "nas-2"), ("nas", "nas")].map(owned)
    );

    // The page gives this one the lower id of the two.
    let other = right.redeem("frank", &invite, "nas");
    let lower = (0..).map(|more| right.write_at("dave", other.clone(), UnixTime(NOW.0 + more)));
    let lower = lower.into_iter().find(|bytes| EntryId::of(bytes) < first.1).unwrap();
    right.take(&lower);
    right.sign("carol", Action::Remove { member: peer("bob") });
    right.sign("carol", Action::Admit { member: peer("mallory"), hostname: host("printer") });
    let printer = ("mallory", "printer");
    assert_eq!(
        right.names(),
        [("alice", "home"), ("carol", "carol"), ("dave", "dave"), ("frank", "nas"), printer].map(owned)
    );

    meet(&mut left, &mut right);
    assert_eq!(
        left.names(),
        [("alice", "home"), ("bob", "bob"), ("dave", "dave"), ("erin", "nas-2"), ("frank", "nas")].map(owned)
    );
    assert_eq!(left.coordinators(), ["alice", "bob"]);
    left.sign("bob", Action::Rename { member: peer("bob"), hostname: host("bob") });
    assert_eq!(left.ledger.heads().len(), 1);
}

#[test]
fn what_a_coordinator_confirmed_stands_first_in_the_worked_split() {
    let (mut left, mut right, invite) = split_of_the_page();
    left.sign("bob", left.redeem("nas", &invite, "nas"));
    let checkpoint = left.ledger.checkpoint();
    left.sign("alice", checkpoint);
    let other = right.redeem("frank", &invite, "nas");
    let first = left.last("nas");
    let lower = (0..).map(|more| right.write_at("dave", other.clone(), UnixTime(NOW.0 + more)));
    right.take(&lower.into_iter().find(|bytes| EntryId::of(bytes) < first.1).unwrap());
    meet(&mut left, &mut right);
    let rest = [("alice", "home"), ("bob", "bob"), ("carol", "carol"), ("dave", "dave"), ("nas", "nas")];
    assert_eq!(left.names(), rest.map(owned));
}

#[test]
fn a_member_signs_1024_entries_and_no_more() {
    let mut side = Side::found();
    side.seat(&["mallory"]);
    let certify = writer::certify(side.room(), &key("user"), peer("mallory"));
    for number in 1..=1024 {
        let entry = verify(&side.write_after("mallory", certify.clone(), NOW, number), side.room()).unwrap();
        let inserted = side.ledger.insert(entry);
        assert!(matches!(inserted, Inserted::New { .. }), "entry {number}: {inserted:?}");
    }
    let later = UnixTime(NOW.0 + 1_000_000);
    let entry = verify(&side.write_after("mallory", certify, later, 1025), side.room()).unwrap();
    assert_eq!(side.ledger.insert(entry), Inserted::Refused(Refusal::MemberQuota));
}

#[test]
fn a_coordinator_signs_1024_entries_an_hour_and_no_more() {
    let mut side = Side::found();
    for number in 1..=1024 {
        let action = Action::SetEphemeral { seconds: number };
        let entry = verify(&side.write_after("alice", action, NOW, u64::from(number)), side.room()).unwrap();
        assert!(matches!(side.ledger.insert(entry), Inserted::New { .. }));
    }
    for (seconds, stands) in [(0, false), (3599, false), (3600, true)] {
        let time = UnixTime(NOW.0 + seconds);
        let entry = verify(&side.write_after("alice", Action::Dissolve, time, 1025), side.room()).unwrap();
        let inserted = side.ledger.clone().insert(entry);
        assert_eq!(matches!(inserted, Inserted::New { .. }), stands, "{inserted:?}");
        assert!(stands || inserted == Inserted::Refused(Refusal::HourQuota));
    }
}

#[test]
fn of_two_coordinators_who_remove_each_other_the_senior_one_stands() {
    let mut left = Side::found();
    left.seat(&["bob", "carol", "dave"]);
    left.sign("alice", Action::Grant { member: peer("bob") });
    left.sign("alice", Action::Grant { member: peer("carol") });
    let mut right = left.clone();
    left.sign("bob", Action::Remove { member: peer("carol") });
    left.sign("bob", Action::Admit { member: peer("erin"), hostname: host("erin") });
    right.sign("carol", Action::Remove { member: peer("bob") });
    right.sign("carol", Action::Admit { member: peer("frank"), hostname: host("frank") });
    right.sign("carol", Action::Rename { member: peer("dave"), hostname: host("nas") });
    meet(&mut left, &mut right);
    let expected = [("alice", "home"), ("bob", "bob"), ("dave", "dave"), ("erin", "erin")];
    assert_eq!(left.names(), expected.map(owned));
    assert_eq!(left.coordinators(), ["alice", "bob"]);
}

#[test]
fn of_two_coordinators_who_revoke_each_other_both_stay_members_and_the_senior_one_leads() {
    let mut left = Side::found();
    left.seat(&["bob"]);
    left.sign("alice", Action::Grant { member: peer("bob") });
    let mut right = left.clone();
    left.sign("alice", Action::Revoke { member: peer("bob") });
    right.sign("bob", Action::Revoke { member: peer("alice") });
    assert_eq!((left.coordinators(), right.coordinators()), (vec!["alice"], vec!["bob"]));
    meet(&mut left, &mut right);
    assert_eq!(left.names(), [("alice", "home"), ("bob", "bob")].map(owned));
    assert_eq!(left.coordinators(), ["alice"]);
}

#[test]
fn nothing_counts_that_a_removed_node_signed_at_the_same_time() {
    let mut left = Side::found();
    left.seat(&["bob", "carol"]);
    left.sign("alice", Action::Grant { member: peer("bob") });
    let invite = left.mint(5);
    let mut right = left.clone();
    left.sign("alice", Action::Remove { member: peer("bob") });
    right.sign("bob", Action::Admit { member: peer("dave"), hostname: host("dave") });
    right.sign("bob", Action::Grant { member: peer("carol") });
    right.sign("carol", Action::Admit { member: peer("erin"), hostname: host("erin") });
    right.sign("bob", right.redeem("frank", &invite, "frank"));
    right.sign("bob", Action::SetMode { mode: Mode::Open });
    meet(&mut left, &mut right);
    // What carol did rested on bob's word; bob's word is void.
    assert_eq!(left.names(), [("alice", "home"), ("carol", "carol")].map(owned));
    assert_eq!(left.coordinators(), ["alice"]);
    assert_eq!(left.ledger.roster().mode, Mode::Closed);
}

#[test]
fn a_removed_key_comes_back_by_the_word_of_a_coordinator_who_knew_and_no_other_way() {
    let mut left = Side::found();
    left.seat(&["bob", "carol"]);
    left.sign("alice", Action::Grant { member: peer("carol") });
    left.sign("alice", Action::SetMode { mode: Mode::Open });
    let invite = left.mint(5);
    let mut right = left.clone();
    left.sign("alice", Action::Remove { member: peer("bob") });
    // Her own engine would not sign this: it seats somebody who is seated.
    right.take(&right.write("carol", Action::Admit { member: peer("bob"), hostname: host("bob") }));
    meet(&mut left, &mut right);
    assert_eq!(left.names(), [("alice", "home"), ("carol", "carol")].map(owned));
    left.may_not("alice", left.redeem("bob", &invite, "bob"));
    left.may_not("alice", writer::welcome(left.room(), &key("bob"), host("bob"), None));
    left.sign("alice", Action::Admit { member: peer("bob"), hostname: host("bob") });
    assert_eq!(left.names(), [("alice", "home"), ("bob", "bob"), ("carol", "carol")].map(owned));
}

#[test]
fn a_backdated_wish_takes_a_name_before_a_checkpoint_and_not_after_it() {
    let mut before = Side::found();
    before.seat(&["mallory"]);
    let long_ago = before.ledger.heads();
    before.sign("alice", Action::SetMode { mode: Mode::Approval });
    before.sign("alice", Action::Admit { member: peer("nas"), hostname: host("nas") });
    let mut after = before.clone();
    let checkpoint = after.ledger.checkpoint();
    after.sign("alice", checkpoint);
    let theft = Draft {
        room: before.room(),
        counter: 1,
        time: NOW,
        parents: long_ago,
        action: Action::Rename { member: peer("mallory"), hostname: host("nas") },
    };
    let theft = writer::write(theft, &key("mallory"));
    before.take(&theft);
    after.take(&theft);
    assert_eq!(before.names(), [("alice", "home"), ("mallory", "nas"), ("nas", "nas-2")].map(owned));
    assert_eq!(after.names(), [("alice", "home"), ("mallory", "nas-2"), ("nas", "nas")].map(owned));
}

#[test]
fn the_member_of_longest_standing_leads_where_every_coordinator_left_at_once() {
    let mut left = Side::found();
    left.seat(&["bob", "carol", "dave"]);
    left.sign("alice", Action::Grant { member: peer("dave") });
    let mut right = left.clone();
    left.sign("alice", Action::Leave);
    right.may_not("bob", Action::Admit { member: peer("erin"), hostname: host("erin") });
    right.sign("dave", Action::Leave);
    meet(&mut left, &mut right);
    assert_eq!(left.coordinators(), ["bob"]);
    left.sign("bob", Action::Admit { member: peer("erin"), hostname: host("erin") });
    assert_eq!(left.names(), [("bob", "bob"), ("carol", "carol"), ("erin", "erin")].map(owned));
}

#[test]
fn the_last_coordinator_neither_leaves_nor_steps_down_before_there_is_another() {
    let mut side = Side::found();
    side.seat(&["bob"]);
    side.may_not("alice", Action::Leave);
    side.may_not("alice", Action::Revoke { member: peer("alice") });
    side.sign("alice", Action::Grant { member: peer("bob") });
    side.sign("alice", Action::Leave);
    assert_eq!(side.coordinators(), ["bob"]);
}

#[test]
fn an_invite_that_is_revoked_seats_nobody_who_did_not_know_either() {
    let mut left = Side::found();
    let invite = left.mint(3);
    let mut right = left.clone();
    left.sign("alice", Action::RevokeInvite { invite: invite.key() });
    right.sign("alice", right.redeem("bob", &invite, "bob"));
    meet(&mut left, &mut right);
    assert_eq!(left.names(), [("alice", "home")].map(owned));
    left.may_not("alice", left.redeem("carol", &invite, "carol"));
}

#[test]
fn a_proof_that_was_used_before_its_joiner_left_is_of_no_use_afterwards() {
    let mut side = Side::found();
    let invite = side.mint(3);
    let used = side.redeem("bob", &invite, "bob");
    side.sign("alice", used.clone());
    side.sign("bob", Action::Leave);
    side.may_not("alice", used);
    side.sign("alice", side.redeem("bob", &invite, "bob"));
    assert_eq!(side.names(), [("alice", "home"), ("bob", "bob")].map(owned));
}

#[test]
fn a_name_that_a_coordinator_gave_is_taken_from_whoever_only_wished_for_it() {
    let mut side = Side::found();
    side.seat(&["bob", "carol", "dave"]);
    side.sign("bob", Action::Rename { member: peer("bob"), hostname: host("nas") });
    side.sign("alice", Action::Rename { member: peer("carol"), hostname: host("nas") });
    assert_eq!(side.names(), [("alice", "home"), ("bob", "nas-2"), ("carol", "nas"), ("dave", "dave")].map(owned));
    side.may_not("carol", Action::Rename { member: peer("carol"), hostname: host("laptop") });
    side.sign("alice", Action::Rename { member: peer("dave"), hostname: host("nas") });
    assert_eq!(side.names(), [("alice", "home"), ("bob", "nas-2"), ("carol", "nas"), ("dave", "nas-3")].map(owned));
}

/// One side of a split: what the nodes there know.
#[derive(Clone)]
struct Side {
    ledger: Ledger,
}

impl Side {
    fn found() -> Self {
        let (ledger, _) = Ledger::found(&key("network"), &key("alice"), "home".parse().unwrap(), host("home"), NOW);
        Self { ledger }
    }

    fn room(&self) -> RoomId {
        self.ledger.room()
    }

    fn seat(&mut self, names: &[&str]) {
        for name in names {
            self.sign("alice", Action::Admit { member: peer(name), hostname: host(name) });
        }
    }

    fn mint(&mut self, uses: u32) -> Invite {
        let invite = Invite { room: self.room(), secret: key("invite").to_bytes(), seats: vec![peer("alice")] };
        let expires = UnixTime(NOW.0 + 3600);
        self.sign("alice", Action::MintInvite { invite: invite.key(), uses, expires, hostname: None });
        invite
    }

    fn redeem(&self, joiner: &str, invite: &Invite, hostname: &str) -> Action {
        let joiner = peer(joiner);
        let after = self.ledger.last_leave(&joiner);
        let hostname = host(hostname);
        let proof = invite.redeem(&joiner, &hostname, after);
        Action::Redeem { invite: invite.key(), joiner, hostname, after, proof }
    }

    fn sign(&mut self, author: &str, action: Action) {
        let entry = self.ledger.author(&key(author), action.clone(), NOW);
        let entry = entry.unwrap_or_else(|error| panic!("{author} may not {action:?}: {error:?}"));
        self.take(entry.bytes());
    }

    /// Neither does the author's own ledger sign it, nor does anybody take it.
    fn may_not(&self, author: &str, action: Action) {
        let signed = self.ledger.author(&key(author), action.clone(), NOW);
        assert!(signed.is_err(), "{author} signs {action:?}");
        let entry = verify(&self.write(author, action), self.room()).unwrap();
        let inserted = self.ledger.clone().insert(entry);
        assert!(matches!(inserted, Inserted::Refused(_)), "{author}'s entry: {inserted:?}");
    }

    /// Signed without asking the author's ledger.
    fn write(&self, author: &str, action: Action) -> Vec<u8> {
        self.write_at(author, action, NOW)
    }

    fn write_at(&self, author: &str, action: Action, time: UnixTime) -> Vec<u8> {
        let own = self.ledger.entries().filter(|entry| entry.author() == peer(author));
        self.write_after(author, action, time, 1 + own.map(VerifiedEntry::counter).max().unwrap_or(0))
    }

    fn write_after(&self, author: &str, action: Action, time: UnixTime, counter: u64) -> Vec<u8> {
        let parents = self.ledger.heads();
        writer::write(Draft { room: self.room(), counter, time, parents, action }, &key(author))
    }

    fn take(&mut self, bytes: &[u8]) {
        let entry = verify(bytes, self.room()).unwrap();
        let inserted = self.ledger.insert(entry);
        assert!(matches!(inserted, Inserted::New { .. } | Inserted::Known), "{inserted:?}");
        let mut reference = Reference::new(self.room());
        for entry in self.ledger.entries() {
            reference.take(entry);
        }
        let differs = difference(&self.ledger, &peer("alice"), &mut reference);
        assert_eq!(differs, None);
    }

    /// The key (depth, id) of the entry that seats somebody.
    fn last(&self, name: &str) -> (usize, EntryId) {
        let since = self.ledger.roster().get(&peer(name)).unwrap().since;
        (self.depth(&since), since)
    }

    fn depth(&self, id: &EntryId) -> usize {
        let parents = self.ledger.get(id).unwrap().parents();
        parents.iter().map(|parent| self.depth(parent) + 1).max().unwrap_or(0)
    }

    fn names(&self) -> Vec<(String, String)> {
        let roster = self.ledger.roster();
        let mut names: Vec<(String, String)> =
            roster.members().map(|member| (name_of(&member.peer), member.hostname.to_string())).collect();
        names.sort();
        names
    }

    fn coordinators(&self) -> Vec<&'static str> {
        let coordinators = self.ledger.coordinators();
        coordinators.iter().map(|senior| CAST.into_iter().find(|name| peer(name) == senior.peer).unwrap()).collect()
    }
}

/// The network of the page's example at its split, and the invite for one.
fn split_of_the_page() -> (Side, Side, Invite) {
    let mut side = Side::found();
    side.seat(&["bob", "carol", "dave"]);
    side.sign("alice", Action::Grant { member: peer("bob") });
    side.sign("alice", Action::Grant { member: peer("carol") });
    let invite = side.mint(1);
    (side.clone(), side, invite)
}

/// Each side takes in what the other has, and both fold alike.
fn meet(left: &mut Side, right: &mut Side) {
    let (from_left, from_right) = (bytes_of(left), bytes_of(right));
    from_left.iter().for_each(|bytes| right.take(bytes));
    from_right.iter().for_each(|bytes| left.take(bytes));
    assert_eq!(left.ledger.heads(), right.ledger.heads());
    assert_eq!(left.ledger.roster().digest(), right.ledger.roster().digest());
}

/// Parents before children, whatever the fold order is.
fn bytes_of(side: &Side) -> Vec<Vec<u8>> {
    side.ledger.missing(&[]).into_iter().map(|entry| entry.bytes().to_vec()).collect()
}

const CAST: [&str; 8] = ["alice", "bob", "carol", "dave", "erin", "frank", "mallory", "nas"];

fn name_of(peer_id: &PeerId) -> String {
    CAST.into_iter().find(|name| peer(name) == *peer_id).unwrap().to_owned()
}

fn key(name: &str) -> SigningKey {
    let mut secret = [7; 32];
    secret[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_bytes(&secret)
}

fn peer(name: &str) -> PeerId {
    PeerId(key(name).verifying_key().to_bytes())
}

fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}

fn owned((name, hostname): (&str, &str)) -> (String, String) {
    (name.to_owned(), hostname.to_owned())
}
