//! Whatever is said, in whatever order it arrives, and however a view is made: the same comes of it.

use std::collections::BTreeMap;

use super::*;
use crate::ledger::{GroupName, RuleText, Scope};

#[test]
fn random_histories_fold_to_the_same_in_every_order_and_by_every_way() {
    for seed in 1..=40 {
        let whole = random_history(seed, 70);
        let entries: Vec<VerifiedEntry> = whole.entries().cloned().collect();
        let mut random = Random(seed);
        for round in 0..3 {
            let mut shuffled = entries.clone();
            for at in (1..shuffled.len()).rev() {
                shuffled.swap(at, random.below(at + 1));
            }
            let mut other = Ledger::empty(whole.room());
            for entry in shuffled {
                other.insert(entry);
                if round > 0 {
                    other.roster();
                }
            }
            assert_eq!(other.pending_len(), 0, "seed {seed}");
            assert_eq!(other.roster(), whole.roster(), "seed {seed}");
            assert!(other.entries().eq(whole.entries()), "seed {seed}");
            assert_eq!(other.history(), whole.history(), "seed {seed}");
            let forks = |ledger: &Ledger| ledger.alarms().iter().copied().collect::<BTreeSet<_>>();
            assert_eq!(forks(&other), forks(&whole), "seed {seed}");
        }
    }
}

#[test]
fn a_view_that_grew_equals_one_that_is_made_from_nothing() {
    for seed in 100..=115 {
        let whole = random_history(seed, 60);
        let (mut other, mut folded) = (Ledger::empty(whole.room()), Ledger::empty(whole.room()));
        for entry in whole.entries() {
            other.insert(entry.clone());
            folded.insert(entry.clone());
            folded.views = Views::default();
            folded.main = OnceLock::new();
            folded.order = OnceLock::new();
            assert_eq!(other.roster(), folded.roster(), "seed {seed}");
            assert_eq!(other.unanchored(), folded.unanchored(), "seed {seed}");
            assert_eq!(other.order(), folded.order(), "seed {seed}");
            assert_eq!(other.main().heads(), other.head_numbers(), "seed {seed}");
        }
        assert_eq!(other.roster().tally, recounted(other.roster()), "seed {seed}");
    }
}

/// The sum of the digest, counted anew.
fn recounted(roster: &Roster) -> crate::ledger::tally::Tally {
    let mut tally = crate::ledger::tally::Tally::default();
    roster.seats.values().for_each(|seat| tally.add(&seat.member.digest_item()));
    roster.invites().for_each(|invite| tally.add(&invite.digest_item()));
    roster.suggestions().for_each(|suggestion| tally.add(&suggestion.digest_item()));
    for (group, peers) in roster.groups() {
        peers.iter().for_each(|peer| tally.add(&crate::ledger::digest::grouped(group, peer)));
    }
    for ((user, device), ()) in roster.revoked_devices.iter() {
        tally.add(&crate::ledger::digest::revoked_device(user, device));
    }
    tally
}

/// Several sides that act at once and meet now and then, with members who claim any past.
fn random_history(seed: u64, steps: usize) -> Ledger {
    let mut random = Random(seed);
    let mut base = founded();
    for number in 0..4 {
        add(&mut base, &alice(), admit(&numbered_key(number), "nas"));
    }
    let mut sides = vec![base.clone(), base.clone(), base];
    let mut counted = BTreeMap::new();
    for _ in 0..steps {
        let at = random.below(sides.len());
        if random.below(5) == 0 {
            let other = sides[random.below(3)].clone();
            other.missing(&sides[at].heads()).into_iter().for_each(|entry| drop(sides[at].insert(entry.clone())));
            continue;
        }
        let side = &mut sides[at];
        let author = person(random.below(8));
        let action = random_action(&mut random, side);
        let parents = if random.below(4) > 0 { side.heads() } else { old_parents(&mut random, side) };
        let parents: Vec<EntryId> = parents.into_iter().take(PARENTS_MAX).collect();
        let content = contents(side, &author, action, &parents);
        // Which of three entries with one counter are kept depends on who sees what first: at most two are made.
        let twins = counted.entry((content.author, content.counter)).or_insert(0);
        if *twins < 2 && matches!(side.insert(sign(content, &author)), Inserted::New { .. }) {
            *twins += 1;
        }
    }
    let mut whole = sides.remove(0);
    for side in sides {
        side.entries().for_each(|entry| drop(whole.insert(entry.clone())));
    }
    whole
}

fn old_parents(random: &mut Random, ledger: &Ledger) -> Vec<EntryId> {
    let ids: Vec<EntryId> = ledger.entries().map(VerifiedEntry::id).collect();
    let recent = ids.len().saturating_sub(10);
    let count = 1 + random.below(2);
    (0..count).map(|_| ids[recent + random.below(ids.len() - recent)]).collect()
}

fn person(number: usize) -> SigningKey {
    if number < 3 { alice() } else { numbered_key(u32::try_from(number - 3).unwrap()) }
}

fn random_action(random: &mut Random, ledger: &Ledger) -> Action {
    let someone = person(2 + random.below(7));
    let hostname = ["nas", "nas-2", "web"][random.below(3)];
    let invite = invite(u64::try_from(random.below(3)).unwrap());
    let group: GroupName = host(["web", "db"][random.below(2)]);
    let user = key(50 + u8::try_from(random.below(2)).unwrap());
    match random.below(26) {
        0 | 1 => mint(&invite, 1 + u32::try_from(random.below(2)).unwrap()),
        2..=4 => redeem(ledger, &invite, &someone, hostname),
        5 => revoke_invite(&invite),
        6 | 7 => admit(&someone, hostname),
        8 => Action::Leave,
        9 => welcome(ledger, &someone, hostname),
        10 | 11 => remove(&someone),
        12 | 13 => grant(&someone),
        14 => revoke(&someone),
        15 => rename(&someone, hostname),
        16 => set_mode([Mode::Open, Mode::Closed][random.below(2)]),
        17 => Action::RotateEpoch { commitment: [u8::try_from(random.below(99)).unwrap(); 32] },
        18 | 19 => ledger.checkpoint(),
        20 => Action::CertifyDevice {
            user: UserKey::of(&user),
            signature: crate::ledger::certify(&user, ledger.room(), id(&someone)),
        },
        21 => Action::RevokeDevice {
            user: UserKey::of(&user),
            device: id(&someone),
            signature: crate::ledger::uncertify(&user, ledger.room(), id(&someone)),
        },
        22 => Action::GroupAdd { group, member: id(&someone) },
        23 => Action::GroupRemove { group, member: id(&someone) },
        24 => Action::Suggest { scope: Scope::All, rule: RuleText::new("allow tcp 22").unwrap() },
        _ if random.below(8) == 0 => Action::Dissolve,
        _ => Action::Unknown { tag: 400, body: vec![1] },
    }
}

struct Random(u64);

impl Random {
    fn below(&mut self, below: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % below
    }
}
