//! What histories read like.

use super::*;
use crate::{
    ident::{Hostname, PeerId, UnixTime},
    ledger::{Action, Inserted, Invite, Mode, RuleText, Scope, SigningKey, UserKey, VerifiedEntry, certify, uncertify},
};

#[test]
fn the_life_of_a_network_reads_as_sentences() {
    let mut home = Home::founded();
    let invite = home.mint(&alice(), 2, None);
    home.redeem(&alice(), &invite, &bob(), "bob");
    home.say(&alice(), Action::Grant { member: id(&bob()) });
    home.redeem(&bob(), &invite, &carol(), "carol");
    home.say(&carol(), Action::Rename { member: id(&carol()), hostname: name("desk") });
    home.say(&alice(), Action::SetMode { mode: Mode::Approval });
    home.say(&bob(), Action::Admit { member: id(&dave()), hostname: name("nas") });
    home.say(&bob(), Action::Rename { member: id(&dave()), hostname: name("storage") });
    home.say(&alice(), Action::SetEphemeral { seconds: 3600 });
    home.say(&alice(), Action::RevokeInvite { invite: invite.key() });
    home.say(&bob(), Action::Remove { member: id(&dave()) });
    home.say(&alice(), Action::Revoke { member: id(&bob()) });
    home.say(&carol(), Action::Leave);
    home.say(&alice(), Action::Dissolve);
    let key = &invite.key().to_string()[..10];
    assert_eq!(
        home.texts(),
        [
            "alice founded the network home".to_owned(),
            format!("alice minted an invite for 2 uses until 2100-03-01 00:00 UTC (key {key})"),
            "alice let bob in with alice's invite".to_owned(),
            "alice made bob a coordinator".to_owned(),
            "bob let carol in with alice's invite".to_owned(),
            "carol took the name desk".to_owned(),
            "alice set the mode to approval".to_owned(),
            "bob accepted nas".to_owned(),
            "bob renamed nas to storage".to_owned(),
            "alice had members removed after 3600 s without a sign of life".to_owned(),
            format!("alice revoked alice's invite (key {key})"),
            "bob removed storage".to_owned(),
            "alice made bob a plain member".to_owned(),
            "desk left".to_owned(),
            "alice ended the network".to_owned(),
        ]
    );
}

#[test]
fn names_are_those_that_the_roster_gave() {
    let mut home = Home::founded();
    let (free, bound) = (home.mint(&alice(), u32::MAX, None), home.mint(&alice(), 1, Some("nas")));
    home.redeem(&alice(), &free, &bob(), "nas");
    home.redeem(&alice(), &free, &carol(), "nas");
    home.redeem(&carol(), &bound, &dave(), "wish");
    let told = home.texts();
    assert_eq!(told[3], "alice let nas in with alice's invite");
    assert_eq!(told[4], "alice let nas-2 in with alice's invite");
    assert_eq!(told[5], "nas-2 let nas in with alice's invite");
    // The bound name was taken from bob, who is called by the next free variant from now on.
    home.say(&bob(), Action::Leave);
    let told = home.texts();
    assert_eq!(told[6], "nas-3 left");
    home.redeem(&alice(), &free, &bob(), "nas");
    assert_eq!(home.texts()[7], "alice let nas-3 in with alice's invite");
    home.check_names();
}

#[test]
fn what_is_said_less_often_reads_as_sentences_too() {
    let mut home = Home::founded();
    home.say(&alice(), Action::Admit { member: id(&bob()), hostname: name("bob") });
    home.say(&alice(), Action::RotateEpoch { commitment: [7; 32] });
    home.say(&alice(), Action::Rekey { discovery: [8; 32] });
    home.say(&alice(), Action::SetEphemeral { seconds: 60 });
    home.say(&alice(), Action::SetEphemeral { seconds: 0 });
    home.say(&alice(), Action::GroupAdd { group: name("servers"), member: id(&bob()) });
    let rule = RuleText::new("allow in tcp 22").unwrap();
    for scope in [Scope::All, Scope::Member(id(&bob())), Scope::Group(name("servers"))] {
        home.say(&alice(), Action::Suggest { scope, rule: rule.clone() });
    }
    let suggestion = home.ledger.entries().last().unwrap().id();
    home.say(&alice(), Action::Withdraw { suggestion });
    home.say(&alice(), Action::GroupRemove { group: name("servers"), member: id(&bob()) });
    let user = UserKey(id(&carol()).0);
    let signature = certify(&carol(), home.ledger.room(), id(&bob()));
    home.say(&bob(), Action::CertifyDevice { user, signature });
    let signature = uncertify(&carol(), home.ledger.room(), id(&bob()));
    home.say(&alice(), Action::RevokeDevice { user, device: id(&bob()), signature });
    home.say(&alice(), home.ledger.checkpoint());
    let user = &user.to_string()[..10];
    assert_eq!(
        home.texts().get(2..).unwrap(),
        [
            "alice replaced the key that published data is encrypted with".to_owned(),
            "alice replaced the key that signs the discovery record".to_owned(),
            "alice had members removed after 60 s without a sign of life".to_owned(),
            "alice turned off the removal of idle members".to_owned(),
            "alice put bob into the group servers".to_owned(),
            "alice suggested to all members the rule: allow in tcp 22".to_owned(),
            "alice suggested to bob the rule: allow in tcp 22".to_owned(),
            "alice suggested to the group servers the rule: allow in tcp 22".to_owned(),
            format!("alice took the suggestion {} back", suggestion.short()),
            "alice took bob out of the group servers".to_owned(),
            format!("bob became a device of the user {user}"),
            format!("alice recorded that bob is no device of the user {user} any more"),
            "alice confirmed the history up to here".to_owned(),
        ]
    );
}

#[test]
fn what_changed_nothing_says_why() {
    let mut home = Home::founded();
    let many = home.mint(&alice(), 2, None);
    home.redeem(&alice(), &many, &bob(), "bob");
    let single = home.mint(&alice(), 1, None);
    let mut other = home.clone();
    for (side, door, joiner) in [(&mut home, alice(), carol()), (&mut other, bob(), dave())] {
        side.redeem(&door, &single, &joiner, "nas");
        side.say(&joiner, Action::Rename { member: id(&joiner), hostname: name("storage") });
    }
    home.merge(&other);
    assert_eq!(home.members().iter().filter(|name| **name == "storage").count(), 1);
    let idle: Vec<_> = home.history().into_iter().filter(|entry| entry.effect != LogEffect::Counted).collect();
    let [redeem, rename] = idle.as_slice() else { panic!("{idle:?}") };
    assert!(redeem.text.ends_with(" let nas in with alice's invite"), "{}", redeem.text);
    assert_eq!(redeem.effect, LogEffect::NoEffect { reason: "the invite was used up".to_owned() });
    assert_eq!(rename.text, "nas took the name storage", "whoever got no seat is called as it wished to be");
    assert!(matches!(rename.effect, LogEffect::NoEffect { .. }), "{rename:?}");
    home.check_names();
}

#[test]
fn the_latest_entries_are_told_with_the_names_of_their_time() {
    let mut home = Home::founded();
    home.say(&alice(), Action::Admit { member: id(&bob()), hostname: name("bob") });
    home.say(&alice(), Action::Remove { member: id(&bob()) });
    let latest: Vec<_> = history(&home.ledger, 1).into_iter().map(|entry| entry.text).collect();
    assert_eq!(latest, ["alice removed bob"]);
    assert_eq!(history(&home.ledger, 0), []);
}

#[test]
fn who_ended_a_network_is_called_as_before() {
    let mut home = Home::founded();
    home.say(&alice(), Action::Dissolve);
    assert_eq!(home.members().len(), 0);
    assert_eq!(last_name(&home.ledger, &id(&alice())), "alice");
    assert_eq!(last_name(&home.ledger, &id(&bob())), id(&bob()).short());
}

#[test]
fn long_histories_are_told_to_few_at_once_and_short_ones_to_all() {
    let held: Vec<_> = (0..LONG_AT_ONCE_MAX).map(|_| place("home", SHORT_MAX + 1).unwrap()).collect();
    let refused = place("home", SHORT_MAX + 1).map(|_| ()).unwrap_err();
    assert_eq!(refused.code, ErrorCode::Refused);
    assert!(refused.message.starts_with("log of home: "), "{}", refused.message);
    assert!(place("home", SHORT_MAX).unwrap().is_none());
    drop(held);
    assert!(place("home", SHORT_MAX + 1).unwrap().is_some());
}

#[tokio::test]
async fn a_history_is_handed_out_as_it_is_read_and_ends_with_its_count() {
    let mut home = Home::founded();
    for seconds in 1..=40 {
        home.say(&alice(), Action::SetEphemeral { seconds });
    }
    let done = LogDone { network: "home".to_owned(), entries: 41, unconfirmed: 40 };
    let (answer, mut replies) = tokio::sync::mpsc::channel(1);
    tokio::spawn(Telling { entries: home.history(), done: done.clone(), permit: None }.run(answer));
    let mut told = Vec::new();
    while let Some(reply) = replies.recv().await {
        told.push(reply);
    }
    assert_eq!(told.len(), 42);
    assert_eq!(told.pop(), Some(Reply::LogDone(done)));
    assert!(told.iter().all(|reply| matches!(reply, Reply::LogEntry(_)) && !reply.is_final()));
}

#[derive(Clone)]
struct Home {
    ledger: Ledger,
    clock: u64,
    next_secret: u8,
}

impl Home {
    fn founded() -> Self {
        let network_key = SigningKey::from_bytes(&[0x77; 32]);
        let (ledger, _) = Ledger::found(&network_key, &alice(), "home".parse().unwrap(), name("alice"), UnixTime(1000));
        Self { ledger, clock: 1000, next_secret: 1 }
    }

    fn say(&mut self, author: &SigningKey, action: Action) {
        self.clock += 1;
        let entry = self.ledger.author(author, action, UnixTime(self.clock)).unwrap();
        assert!(matches!(self.ledger.insert(entry), Inserted::New { .. }));
    }

    fn mint(&mut self, author: &SigningKey, uses: u32, hostname: Option<&str>) -> Invite {
        let invite = Invite { room: self.ledger.room(), secret: [self.next_secret; 32], seats: vec![id(author)] };
        self.next_secret += 1;
        let expires = UnixTime(4_107_542_400);
        self.say(author, Action::MintInvite { invite: invite.key(), uses, expires, hostname: hostname.map(name) });
        invite
    }

    fn redeem(&mut self, door: &SigningKey, invite: &Invite, joiner: &SigningKey, wish: &str) {
        let (joiner, hostname) = (id(joiner), name(wish));
        let after = self.ledger.last_leave(&joiner);
        let proof = invite.redeem(&joiner, &hostname, after);
        self.say(door, Action::Redeem { invite: invite.key(), joiner, hostname, after, proof });
    }

    fn merge(&mut self, other: &Self) {
        let entries: Vec<VerifiedEntry> = other.ledger.entries().cloned().collect();
        for entry in entries {
            assert!(!matches!(self.ledger.insert(entry), Inserted::Refused(_)));
        }
    }

    fn history(&self) -> Vec<LogEntry> {
        history(&self.ledger, usize::MAX)
    }

    fn texts(&self) -> Vec<String> {
        self.history().into_iter().map(|entry| entry.text).collect()
    }

    fn members(&self) -> Vec<&str> {
        self.ledger.roster().members().map(|member| member.hostname.as_str()).collect()
    }

    /// What the words call the members is what the roster calls them.
    fn check_names(&self) {
        let mut names = Names::default();
        for told in self.ledger.history() {
            names.follow(told.entry, told.effect == Effect::Counted);
        }
        for member in self.ledger.roster().members() {
            assert_eq!(names.of(&member.peer), member.hostname.as_str());
        }
    }
}

fn name(text: &str) -> Hostname {
    text.parse().unwrap()
}

fn id(key: &SigningKey) -> PeerId {
    PeerId(key.verifying_key().to_bytes())
}

fn alice() -> SigningKey {
    SigningKey::from_bytes(&[0xa1; 32])
}

fn bob() -> SigningKey {
    SigningKey::from_bytes(&[0xb0; 32])
}

fn carol() -> SigningKey {
    SigningKey::from_bytes(&[0xca; 32])
}

fn dave() -> SigningKey {
    SigningKey::from_bytes(&[0xda; 32])
}
