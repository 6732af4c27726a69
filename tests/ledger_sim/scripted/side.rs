//! One side of a split, and the cast of the scripted histories.

use ray_engine::{
    ident::{Hostname, PeerId, RoomId, UnixTime},
    ledger::{Action, EntryId, Inserted, Invite, Ledger, SigningKey, VerifiedEntry, verify},
};

use crate::{
    check::difference,
    reference::Reference,
    writer::{self, Draft},
};

pub(super) const NOW: UnixTime = UnixTime(1_700_000_000);

/// One side of a split: what the nodes there know.
#[derive(Clone)]
pub(super) struct Side {
    pub(super) ledger: Ledger,
}

impl Side {
    pub(super) fn found() -> Self {
        let (ledger, _) = Ledger::found(&key("network"), &key("alice"), "home".parse().unwrap(), host("home"), NOW);
        Self { ledger }
    }

    pub(super) fn room(&self) -> RoomId {
        self.ledger.room()
    }

    pub(super) fn seat(&mut self, names: &[&str]) {
        for name in names {
            self.sign("alice", Action::Admit { member: peer(name), hostname: host(name) });
        }
    }

    pub(super) fn mint(&mut self, uses: u32) -> Invite {
        let invite = Invite { room: self.room(), secret: key("invite").to_bytes(), seats: vec![peer("alice")] };
        let expires = UnixTime(NOW.0 + 3600);
        self.sign("alice", Action::MintInvite { invite: invite.key(), uses, expires, hostname: None });
        invite
    }

    pub(super) fn redeem(&self, joiner: &str, invite: &Invite, hostname: &str) -> Action {
        let joiner = peer(joiner);
        let after = self.ledger.last_leave(&joiner);
        let hostname = host(hostname);
        let proof = invite.redeem(&joiner, &hostname, after);
        Action::Redeem { invite: invite.key(), joiner, hostname, after, proof }
    }

    pub(super) fn sign(&mut self, author: &str, action: Action) {
        let entry = self.ledger.author(&key(author), action.clone(), NOW);
        let entry = entry.unwrap_or_else(|error| panic!("{author} may not {action:?}: {error:?}"));
        self.take(entry.bytes());
    }

    /// Neither does the author's own ledger sign it, nor does anybody take it.
    pub(super) fn may_not(&self, author: &str, action: Action) {
        let signed = self.ledger.author(&key(author), action.clone(), NOW);
        assert!(signed.is_err(), "{author} signs {action:?}");
        let entry = verify(&self.write(author, action), self.room()).unwrap();
        let inserted = self.ledger.clone().insert(entry);
        assert!(matches!(inserted, Inserted::Refused(_)), "{author}'s entry: {inserted:?}");
    }

    /// Signed without asking the author's ledger.
    pub(super) fn write(&self, author: &str, action: Action) -> Vec<u8> {
        self.write_at(author, action, NOW)
    }

    pub(super) fn write_at(&self, author: &str, action: Action, time: UnixTime) -> Vec<u8> {
        let own = self.ledger.entries().filter(|entry| entry.author() == peer(author));
        self.write_after(author, action, time, 1 + own.map(VerifiedEntry::counter).max().unwrap_or(0))
    }

    pub(super) fn write_after(&self, author: &str, action: Action, time: UnixTime, counter: u64) -> Vec<u8> {
        let parents = self.ledger.heads();
        writer::write(Draft { room: self.room(), counter, time, parents, action }, &key(author))
    }

    pub(super) fn take(&mut self, bytes: &[u8]) {
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
    pub(super) fn last(&self, name: &str) -> (usize, EntryId) {
        let since = self.ledger.roster().get(&peer(name)).unwrap().since;
        (self.depth(&since), since)
    }

    fn depth(&self, id: &EntryId) -> usize {
        let parents = self.ledger.get(id).unwrap().parents();
        parents.iter().map(|parent| self.depth(parent) + 1).max().unwrap_or(0)
    }

    pub(super) fn names(&self) -> Vec<(String, String)> {
        let roster = self.ledger.roster();
        let mut names: Vec<(String, String)> =
            roster.members().map(|member| (name_of(&member.peer), member.hostname.to_string())).collect();
        names.sort();
        names
    }

    pub(super) fn coordinators(&self) -> Vec<&'static str> {
        let coordinators = self.ledger.coordinators();
        coordinators.iter().map(|senior| CAST.into_iter().find(|name| peer(name) == senior.peer).unwrap()).collect()
    }
}

/// The network of the page's example at its split, and the invite for one.
pub(super) fn split_of_the_page() -> (Side, Side, Invite) {
    let mut side = Side::found();
    side.seat(&["bob", "carol", "dave"]);
    side.sign("alice", Action::Grant { member: peer("bob") });
    side.sign("alice", Action::Grant { member: peer("carol") });
    let invite = side.mint(1);
    (side.clone(), side, invite)
}

/// Each side takes in what the other has, and both fold alike.
pub(super) fn meet(left: &mut Side, right: &mut Side) {
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

pub(super) fn key(name: &str) -> SigningKey {
    let mut secret = [7; 32];
    secret[..name.len()].copy_from_slice(name.as_bytes());
    SigningKey::from_bytes(&secret)
}

pub(super) fn peer(name: &str) -> PeerId {
    PeerId(key(name).verifying_key().to_bytes())
}

pub(super) fn host(name: &str) -> Hostname {
    name.parse().unwrap()
}

pub(super) fn owned((name, hostname): (&str, &str)) -> (String, String) {
    (name.to_owned(), hostname.to_owned())
}
