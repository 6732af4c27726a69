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

mod authority {
    use super::*;

    #[test]
    fn only_a_coordinator_mints_and_admits() {
        let (mut ledger, invite) = with_invite(2);
        join(&mut ledger, &bob(), &invite, "bob");
        for action in [mint(&self::invite(9), 1), admit(&carol(), "carol")] {
            assert_eq!(ledger.author(&bob(), action.clone(), NOW), Err(AuthorError::NotCoordinator));
            let forced = force(&ledger, &bob(), action, ledger.heads());
            assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::NotCoordinator));
        }
        assert_eq!(ledger.roster().members().count(), 2);
    }

    #[test]
    fn the_network_key_has_no_say_after_the_genesis_entry() {
        let mut ledger = founded();
        let forced = force(&ledger, &network_key(), admit(&bob(), "bob"), ledger.heads());
        assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::NotCoordinator));
    }

    #[test]
    fn a_second_genesis_takes_nothing_over() {
        let mut ledger = founded();
        let (_, usurper) = Ledger::found(&network_key(), &carol(), name("mine"), host("carol"), LATER);
        assert_eq!(ledger.insert(usurper), Inserted::Refused(Refusal::SecondGenesis));
        assert!(ledger.roster().is_coordinator(&id(&alice())));
        let again = Action::Genesis { name: name("mine"), founder: id(&alice()), hostname: host("a") };
        assert_eq!(ledger.author(&alice(), again, NOW), Err(AuthorError::Founded));
    }

    #[test]
    fn a_coordinator_that_left_decides_nothing_even_if_it_returns() {
        let (mut ledger, invite) = with_invite(1);
        add(&mut ledger, &alice(), Action::Leave);
        assert!(!ledger.roster().is_member(&id(&alice())));
        join(&mut ledger, &alice(), &invite, "alice");
        assert!(ledger.roster().is_member(&id(&alice())) && !ledger.roster().is_coordinator(&id(&alice())));
        assert_eq!(ledger.author(&alice(), admit(&bob(), "bob"), NOW), Err(AuthorError::NotCoordinator));
        let forced = force(&ledger, &alice(), admit(&bob(), "bob"), ledger.heads());
        assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::NotCoordinator));
    }

    #[test]
    fn the_last_coordinator_stays_while_members_remain() {
        let mut ledger = founded();
        let before = ledger.heads();
        add(&mut ledger, &alice(), admit(&bob(), "bob"));
        assert_eq!(ledger.author(&alice(), Action::Leave, NOW), Err(AuthorError::LastCoordinator));
        let forced = force(&ledger, &alice(), Action::Leave, ledger.heads());
        assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::LastCoordinator));
        // By its own past this author was alone.
        let alone = force(&ledger, &alice(), Action::Leave, before);
        assert!(matches!(ledger.insert(alone), Inserted::New { .. }));

        let mut ledger = founded();
        add(&mut ledger, &alice(), admit(&bob(), "bob"));
        add(&mut ledger, &bob(), Action::Leave);
        add(&mut ledger, &alice(), Action::Leave);
        assert_eq!(ledger.roster().members().count(), 0);
    }

    #[test]
    fn a_concurrent_past_is_folded_to_judge_a_coordinators_leave() {
        let (mut here, invite) = with_invite(1);
        let mut there = here.clone();
        add(&mut here, &alice(), mint(&self::invite(9), 1));
        join(&mut there, &bob(), &invite, "bob");
        let (alone, beside_bob) = (here.heads(), there.heads());
        sync(&there, &mut here);
        assert_eq!(here.heads().len(), 2);
        let knew_bob = force(&here, &alice(), Action::Leave, beside_bob);
        assert_eq!(here.insert(knew_bob), Inserted::Refused(Refusal::LastCoordinator));
        let knew_nobody = force(&here, &alice(), Action::Leave, alone);
        assert!(matches!(here.insert(knew_nobody), Inserted::New { .. }));
        assert!(!here.roster().is_member(&id(&alice())) && here.roster().is_member(&id(&bob())));
    }

    #[test]
    fn an_author_that_counts_no_further_is_refused() {
        let mut ledger = founded();
        add(&mut ledger, &alice(), admit(&bob(), "bob"));
        for counter in [1, 2] {
            add(&mut ledger, &alice(), mint(&invite(counter), 1));
        }
        for (counter, stands) in [(1, false), (3, false), (4, true)] {
            let counted = Content { counter, ..contents(&ledger, &alice(), admit(&carol(), "carol"), ledger.heads()) };
            let inserted = ledger.insert(sign(counted, &alice()));
            assert_eq!(inserted == Inserted::Refused(Refusal::Counter), !stands, "counter {counter}: {inserted:?}");
        }
    }

    #[test]
    fn a_stranger_writes_nothing() {
        let mut ledger = founded();
        assert_eq!(ledger.author(&carol(), Action::Leave, NOW), Err(AuthorError::NotMember));
        let leave = force(&ledger, &carol(), Action::Leave, ledger.heads());
        assert_eq!(ledger.insert(leave), Inserted::Refused(Refusal::NotMember));
        let own = invite(9);
        let redeem = force(&ledger, &carol(), redeem(&own, &carol(), "carol"), ledger.heads());
        assert_eq!(ledger.insert(redeem), Inserted::Refused(Refusal::UnknownInvite));
        assert_eq!(ledger.len(), 1);
    }

    #[test]
    fn nothing_is_authored_before_the_genesis_entry_is_known() {
        let ledger = Ledger::empty(founded().room());
        assert_eq!(ledger.author(&alice(), Action::Leave, NOW), Err(AuthorError::NotFounded));
        assert_eq!(ledger.roster().members().count(), 0);
    }

    #[test]
    fn an_entry_that_would_not_be_valid_is_not_authored() {
        let ledger = founded();
        let useless = mint(&invite(9), 0);
        assert!(matches!(ledger.author(&alice(), useless, NOW), Err(AuthorError::Entry(_))));
        let over = Action::MintInvite { invite: invite(9).key(), uses: 1, expires: NOW, hostname: None };
        assert_eq!(ledger.author(&alice(), over, NOW), Err(AuthorError::InviteExpires));
        assert_eq!(ledger.author(&alice(), admit(&alice(), "a"), NOW), Err(AuthorError::AlreadyMember));
        let (ledger, invite) = with_invite(1);
        assert_eq!(ledger.author(&alice(), mint(&invite, 1), NOW), Err(AuthorError::InviteExists));
        let stolen = redeem(&invite, &bob(), "carol");
        assert!(matches!(ledger.author(&carol(), stolen, NOW), Err(AuthorError::Entry(_))));
    }
}

mod invites {
    use super::*;

    #[test]
    fn a_single_use_invite_redeemed_twice_at_once_seats_one_on_every_node() {
        let (base, invite) = with_invite(1);
        let (mut left, mut right) = (base.clone(), base);
        join(&mut left, &bob(), &invite, "bob");
        join(&mut right, &carol(), &invite, "carol");
        let others = left.clone();
        sync(&right, &mut left);
        sync(&others, &mut right);
        assert_eq!(left.roster(), right.roster());
        assert_eq!(left.roster().members().count(), 2);
        let first = left.heads()[0];
        assert_eq!(left.roster().get(&left.get(&first).unwrap().author()).unwrap().since, first);
        assert_eq!(left.check_invite(&invite.key(), NOW), Err(InviteRefusal::UsedUp));
    }

    #[test]
    fn an_invite_seats_as_many_as_it_has_uses() {
        let (base, invite) = with_invite(3);
        let mut all = base.clone();
        for seed in 20..25 {
            let mut alone = base.clone();
            join(&mut alone, &key(seed), &invite, "guest");
            sync(&alone, &mut all);
        }
        assert_eq!(all.len(), 7);
        assert_eq!(all.roster().members().count(), 4);
        assert_eq!(all.roster().invite(&invite.key()).unwrap().used, 3);
    }

    #[test]
    fn a_used_up_invite_seats_nobody_later() {
        let (mut ledger, invite) = with_invite(1);
        join(&mut ledger, &bob(), &invite, "bob");
        let late = redeem(&invite, &carol(), "carol");
        let refusal = Err(AuthorError::Invite(InviteRefusal::UsedUp));
        assert_eq!(ledger.author(&carol(), late.clone(), NOW), refusal);
        let forced = force(&ledger, &carol(), late, ledger.heads());
        assert!(matches!(ledger.insert(forced), Inserted::New { .. }));
        assert!(!ledger.roster().is_member(&id(&carol())));
    }

    #[test]
    fn a_joiner_that_redeems_again_uses_nothing_up() {
        let (mut ledger, invite) = with_invite(2);
        join(&mut ledger, &bob(), &invite, "bob");
        let again = redeem(&invite, &bob(), "other");
        assert_eq!(ledger.author(&bob(), again.clone(), NOW), Err(AuthorError::AlreadyMember));
        let forced = force(&ledger, &bob(), again, ledger.heads());
        ledger.insert(forced);
        assert_eq!(ledger.roster().invite(&invite.key()).unwrap().used, 1);
        assert_eq!(ledger.roster().get(&id(&bob())).unwrap().hostname, host("bob"));
    }

    #[test]
    fn a_replayed_redeem_does_not_bring_back_who_left() {
        let (mut ledger, invite) = with_invite(1);
        join(&mut ledger, &bob(), &invite, "bob");
        let first = ledger.get(&ledger.heads()[0]).unwrap().clone();
        add(&mut ledger, &bob(), Action::Leave);
        assert_eq!(ledger.insert(first), Inserted::Known);
        let again = force(&ledger, &bob(), redeem(&invite, &bob(), "bob"), ledger.heads());
        ledger.insert(again);
        assert!(!ledger.roster().is_member(&id(&bob())));
    }

    #[test]
    fn an_expired_invite_seats_nobody() {
        let (mut ledger, invite) = with_invite(1);
        let action = redeem(&invite, &bob(), "bob");
        for now in [LATER, UnixTime(u64::MAX)] {
            let refusal = Err(AuthorError::Invite(InviteRefusal::Expired));
            assert_eq!(ledger.author(&bob(), action.clone(), now), refusal);
            assert_eq!(ledger.check_invite(&invite.key(), now), Err(InviteRefusal::Expired));
            let forced = Content { time: now, ..contents(&ledger, &bob(), action.clone(), ledger.heads()) };
            assert_eq!(ledger.insert(sign(forced, &bob())), Inserted::Refused(Refusal::InviteExpired));
        }
        assert!(ledger.check_invite(&invite.key(), UnixTime(LATER.0 - 1)).is_ok());
        assert_eq!(ledger.check_invite(&self::invite(9).key(), NOW), Err(InviteRefusal::Unknown));
    }

    #[test]
    fn a_redeemer_must_have_seen_the_invite() {
        let mut ledger = founded();
        let genesis = ledger.heads();
        add(&mut ledger, &alice(), mint(&invite(9), 1));
        let blind = force(&ledger, &bob(), redeem(&invite(9), &bob(), "bob"), genesis);
        assert_eq!(ledger.insert(blind), Inserted::Refused(Refusal::UnknownInvite));
    }

    #[test]
    fn the_invites_host_name_wins() {
        let mut ledger = founded();
        let bound =
            Action::MintInvite { invite: invite(9).key(), uses: 2, expires: LATER, hostname: Some(host("nas")) };
        add(&mut ledger, &alice(), bound);
        join(&mut ledger, &bob(), &invite(9), "router");
        join(&mut ledger, &carol(), &invite(9), "router");
        assert_eq!(ledger.roster().get(&id(&bob())).unwrap().hostname, host("nas"));
        assert_eq!(ledger.roster().get(&id(&carol())).unwrap().hostname, host("nas-2"));
    }

    #[test]
    fn of_two_mints_of_one_key_the_first_counts() {
        let base = founded();
        let (mut left, mut right) = (base.clone(), base);
        add(&mut left, &alice(), mint(&invite(9), 1));
        add(&mut right, &alice(), mint(&invite(9), 5));
        let expected = left.heads()[0].min(right.heads()[0]);
        sync(&left, &mut right);
        assert_eq!(right.roster().invites().count(), 1);
        assert_eq!(right.roster().invite(&invite(9).key()).unwrap().since, expected);
    }
}

mod seats {
    use super::*;

    #[test]
    fn who_left_can_come_back() {
        let (mut ledger, invite) = with_invite(2);
        join(&mut ledger, &bob(), &invite, "bob");
        add(&mut ledger, &bob(), Action::Leave);
        assert_eq!(ledger.author(&bob(), Action::Leave, NOW), Err(AuthorError::NotMember));
        let forced = force(&ledger, &bob(), Action::Leave, ledger.heads());
        assert_eq!(ledger.insert(forced), Inserted::Refused(Refusal::NotMember));
        join(&mut ledger, &bob(), &invite, "bob");
        add(&mut ledger, &bob(), Action::Leave);
        add(&mut ledger, &alice(), admit(&bob(), "bob"));
        let bob = ledger.roster().get(&id(&bob())).unwrap();
        assert_eq!((bob.since, &bob.hostname), (ledger.heads()[0], &host("bob")));
    }

    #[test]
    fn a_leave_gives_up_no_seat_that_it_did_not_know_of() {
        let mut ledger = founded();
        add(&mut ledger, &alice(), admit(&bob(), "bob"));
        let seated = ledger.heads();
        add(&mut ledger, &bob(), Action::Leave);
        add(&mut ledger, &alice(), admit(&bob(), "bob"));
        for counter in 5..60 {
            let stale = Content { counter, ..contents(&ledger, &bob(), Action::Leave, seated.clone()) };
            assert!(matches!(ledger.insert(sign(stale, &bob())), Inserted::New { .. }));
            assert!(ledger.roster().is_member(&id(&bob())));
        }
    }

    #[test]
    fn a_host_name_is_held_once_and_freed_by_leaving() {
        let mut ledger = founded();
        add(&mut ledger, &alice(), admit(&bob(), "nas"));
        add(&mut ledger, &alice(), admit(&carol(), "nas"));
        assert_eq!(ledger.roster().get(&id(&carol())).unwrap().hostname, host("nas-2"));
        add(&mut ledger, &bob(), Action::Leave);
        add(&mut ledger, &alice(), admit(&key(30), "nas"));
        assert_eq!(ledger.roster().get(&id(&key(30))).unwrap().hostname, host("nas"));
    }

    #[test]
    fn of_two_members_with_one_address_the_later_takes_the_next() {
        let (one, two) = address_twins();
        let mut ledger = founded();
        for member in [one, two] {
            add(&mut ledger, &alice(), Action::Admit { member, hostname: host("twin") });
        }
        let (first, second) = (ledger.roster().get(&one).unwrap(), ledger.roster().get(&two).unwrap());
        assert_eq!((first.index, first.v4), (0, mesh_v4(&one, 0)));
        assert_eq!((second.index, second.v4), (1, mesh_v4(&two, 1)));
        assert_ne!(first.v6, second.v6);
    }

    #[test]
    fn a_full_network_seats_nobody() {
        let mut ledger = founded();
        let mut roster = ledger.roster().clone();
        for number in 0..MEMBERS_MAX + 5 {
            let mut member = [0; 32];
            member[..8].copy_from_slice(&number.to_le_bytes());
            let action = Action::Admit { member: PeerId(member), hostname: host("node") };
            let entry = force(&ledger, &alice(), action, ledger.heads());
            roster.apply(&entry, |_| true);
        }
        assert_eq!(roster.members().count(), MEMBERS_MAX);
        ledger.roster = OnceLock::from(roster);
        assert_eq!(ledger.author(&alice(), admit(&bob(), "bob"), NOW), Err(AuthorError::MembersFull));
    }
}

mod exchange {
    use super::*;

    #[test]
    fn rosters_do_not_depend_on_the_order_of_arrival() {
        let ledger = busy();
        let entries: Vec<VerifiedEntry> = ledger.entries().cloned().collect();
        for shift in 0..entries.len() {
            for backwards in [false, true] {
                let mut shuffled = entries.clone();
                shuffled.rotate_left(shift);
                if backwards {
                    shuffled.reverse();
                }
                let mut other = Ledger::empty(ledger.room());
                for entry in shuffled {
                    other.insert(entry);
                    other.roster();
                }
                assert_eq!(other.roster(), ledger.roster());
                assert_eq!(other.heads(), ledger.heads());
                assert!(other.entries().eq(ledger.entries()));
                assert_eq!(other.pending_len(), 0);
            }
        }
    }

    #[test]
    fn an_entry_waits_for_its_parents_and_arrives_with_its_children() {
        let (mut ledger, invite) = with_invite(1);
        join(&mut ledger, &bob(), &invite, "bob");
        let entries: Vec<VerifiedEntry> = ledger.entries().cloned().collect();
        let [genesis, minted, redeemed] = entries.as_slice() else { panic!("three entries") };
        let mut other = Ledger::empty(ledger.room());
        assert_eq!(other.insert(redeemed.clone()), Inserted::Pending);
        assert_eq!(other.insert(redeemed.clone()), Inserted::Pending);
        assert_eq!(other.insert(minted.clone()), Inserted::Pending);
        assert_eq!((other.pending_len(), other.len()), (2, 0));
        assert!(other.lacks(&ledger.heads()) && !other.contains(&redeemed.id()));
        let all = vec![genesis.id(), minted.id(), redeemed.id()];
        assert_eq!(other.insert(genesis.clone()), Inserted::New { entries: all });
        assert_eq!(other.insert(genesis.clone()), Inserted::Known);
        assert!(!other.lacks(&ledger.heads()));
        assert_eq!(other.roster(), ledger.roster());
    }

    #[test]
    fn an_entry_of_another_network_is_refused() {
        let (mut other, _) = Ledger::found(&key(77), &alice(), name("other"), host("alice"), NOW);
        let genesis = founded().entries().next().unwrap().clone();
        assert_eq!(other.insert(genesis), Inserted::Refused(Refusal::OtherNetwork));
    }

    #[test]
    fn entries_that_wait_for_nothing_are_forgotten_oldest_first() {
        let source = founded();
        let mut ledger = founded();
        let orphan = |number: usize| {
            let mut parent = [0xee; 32];
            parent[..8].copy_from_slice(&number.to_le_bytes());
            force(&source, &alice(), Action::Leave, vec![EntryId(parent)])
        };
        for number in 0..PENDING_ENTRIES_MAX + 3 {
            assert_eq!(ledger.insert(orphan(number)), Inserted::Pending);
        }
        assert_eq!(ledger.pending_len(), PENDING_ENTRIES_MAX);
        assert_eq!(ledger.len(), 1);
        ledger.insert(orphan(5));
        assert_eq!(ledger.pending_len(), PENDING_ENTRIES_MAX);
    }

    #[test]
    fn tells_what_another_lacks_and_no_more_than_an_answer_holds() {
        let mut ledger = founded();
        let early = ledger.heads();
        for number in 0..ANSWER_ENTRIES_MAX + 10 {
            add(&mut ledger, &alice(), mint(&invite(u64::try_from(number).unwrap()), 1));
        }
        let mut other = Ledger::empty(ledger.room());
        let answer = ledger.missing(&other.heads());
        assert_eq!(answer.len(), ANSWER_ENTRIES_MAX);
        answer.into_iter().for_each(|entry| assert!(matches!(other.insert(entry.clone()), Inserted::New { .. })));
        assert_eq!(ledger.missing(&other.heads()).len(), 11);
        assert_eq!(ledger.missing(&early).len(), ANSWER_ENTRIES_MAX);
        assert!(ledger.missing(&ledger.heads()).is_empty());
        let unknown = EntryId([0xee; 32]);
        assert_eq!(ledger.missing(&[unknown]).len(), ANSWER_ENTRIES_MAX);
        assert!(ledger.lacks(&[unknown]) && !ledger.lacks(&[]));
    }

    #[test]
    fn an_author_below_many_heads_names_those_that_it_rests_on() {
        let (base, invite) = with_invite(100);
        let mut ledger = base.clone();
        for seed in 100..180 {
            let mut alone = base.clone();
            join(&mut alone, &key(seed), &invite, "guest");
            sync(&alone, &mut ledger);
        }
        assert_eq!(ledger.heads().len(), 80);
        for seed in 100..180 {
            add(&mut ledger, &key(seed), Action::Leave);
        }
        assert!(ledger.heads().len() < PARENTS_MAX);
        assert_eq!(ledger.roster().members().count(), 1);
    }

    #[test]
    fn thousands_of_entries_fold_to_the_same_at_once_and_one_by_one() {
        let mut ledger = founded();
        let mut other = Ledger::empty(ledger.room());
        for number in 0..1500u32 {
            let mut member = [0; 32];
            member[..4].copy_from_slice(&number.to_le_bytes());
            let action = Action::Admit { member: PeerId(member), hostname: host("node") };
            add(&mut ledger, &alice(), action);
        }
        for entry in ledger.entries() {
            other.insert(entry.clone());
        }
        assert_eq!(other.roster(), ledger.roster());
        assert_eq!(other.roster().members().count(), 1501);
    }
}

/// A split and its healing, with invites, leaves and name collisions on both sides.
fn busy() -> Ledger {
    let (base, invite) = with_invite(2);
    let (mut left, mut right) = (base.clone(), base);
    join(&mut left, &bob(), &invite, "nas");
    add(&mut left, &alice(), admit(&key(40), "nas"));
    add(&mut left, &bob(), Action::Leave);
    join(&mut right, &carol(), &invite, "nas");
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

fn carol() -> SigningKey {
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
