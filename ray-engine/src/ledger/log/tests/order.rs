//! Checkpoints and the order of the fold.

use super::*;

#[test]
fn before_a_checkpoint_a_lower_id_goes_first_and_after_it_nothing_does() {
    let mut before = two();
    let split = before.heads();
    let held = add(&mut before, &alice(), admit(&carol(), "nas"));
    let mut after = before.clone();
    let checkpoint = after.checkpoint();
    add(&mut after, &alice(), checkpoint);
    let theft = (NOW.0..LATER.0)
        .map(|time| {
            let time = UnixTime(time);
            sign(Content { time, ..contents(&before, &bob(), rename(&bob(), "nas"), &split) }, &bob())
        })
        .find(|entry| entry.id() < held)
        .unwrap();
    take(&mut before, &theft);
    take(&mut after, &theft);
    assert_eq!([hostname_of(&before, &bob()), hostname_of(&before, &carol())], ["nas", "nas-2"]);
    assert_eq!([hostname_of(&after, &bob()), hostname_of(&after, &carol())], ["nas-2", "nas"]);
    assert_eq!(after.entries().last().map(VerifiedEntry::id), Some(theft.id()));
}

#[test]
fn lower_checkpoints_anchor_first_and_each_anchors_itself() {
    let mut left = three();
    let mut right = left.clone();
    let low = add(&mut right, &carol(), rename(&carol(), "low"));
    let second = {
        let high = add(&mut right, &carol(), rename(&carol(), "high"));
        let checkpoint = right.checkpoint();
        [low, high, add(&mut right, &carol(), checkpoint)]
    };
    let first = {
        let checkpoint = left.checkpoint();
        [add(&mut left, &bob(), checkpoint)]
    };
    let free = add(&mut left, &bob(), rename(&bob(), "free"));
    meet(&mut left, &mut right);
    let order: Vec<EntryId> = left.entries().map(VerifiedEntry::id).skip(5).collect();
    assert_eq!(order, [&first[..], &second[..], &[free]].concat());
    assert_eq!((left.unanchored(), left.unanchored_by_others(&id(&bob()))), (1, 0));
    assert_eq!(left.unanchored_by_others(&id(&alice())), 1);
}

#[test]
fn a_checkpoint_that_is_void_anchors_nothing() {
    let mut left = three();
    let mut right = left.clone();
    let checkpoint = right.checkpoint();
    let void = add(&mut right, &carol(), checkpoint);
    assert_eq!(right.unanchored(), 0);
    add(&mut left, &alice(), revoke(&carol()));
    meet(&mut left, &mut right);
    assert_eq!(effect(&left, void), Effect::Void(VoidReason::AuthorEnded));
    assert_eq!(left.unanchored(), 6, "all but the genesis entry");
}

#[test]
fn the_genesis_entry_is_anchored_and_the_rest_waits_for_a_coordinator() {
    let mut ledger = two();
    add(&mut ledger, &bob(), rename(&bob(), "web"));
    assert_eq!((ledger.unanchored(), ledger.unanchored_by_others(&id(&alice()))), (2, 1));
    let checkpoint = ledger.checkpoint();
    add(&mut ledger, &alice(), checkpoint);
    assert_eq!((ledger.unanchored(), ledger.unanchored_by_others(&id(&alice()))), (0, 0));
    assert_eq!(founded().unanchored(), 0);
}

#[test]
fn settings_are_what_the_entry_with_the_highest_key_says() {
    let mut left = three();
    let mut right = left.clone();
    add(&mut left, &alice(), set_mode(Mode::Open));
    let epoch = add(&mut left, &alice(), Action::RotateEpoch { commitment: [1; 32] });
    add(&mut left, &alice(), Action::SetEphemeral { seconds: 60 });
    let key = add(&mut left, &alice(), Action::Rekey { discovery: [5; 32] });
    // The other side's come later in the order of the fold, because the first side is anchored, and have lower keys.
    let checkpoint = left.checkpoint();
    add(&mut left, &alice(), checkpoint);
    add(&mut right, &bob(), Action::Rekey { discovery: [6; 32] });
    meet(&mut left, &mut right);
    let roster = left.roster();
    assert_eq!((roster.mode, roster.ephemeral, roster.discovery), (Mode::Open, 60, [5; 32]));
    assert_eq!(roster.epoch.map(|epoch| (epoch.id, epoch.commitment)), Some((epoch, [1; 32])));
    assert_eq!(founded().roster().discovery, founded().room().0);
    let order: Vec<EntryId> = left.entries().map(VerifiedEntry::id).collect();
    assert!(order.iter().position(|id| *id == key) < Some(order.len() - 1));
}

#[test]
fn an_alarm_names_who_folds_by_other_rules() {
    let mut ledger = three();
    let checkpoint = ledger.checkpoint();
    add(&mut ledger, &bob(), checkpoint.clone());
    assert_eq!(ledger.alarms(), []);
    let stale = add(&mut ledger, &bob(), Action::Checkpoint { digest: [7; 32] });
    assert_eq!(ledger.alarms(), [Alarm::Divergence { checkpoint: stale, author: id(&bob()) }]);
    let mut unsure = three();
    put_last(&mut unsure, &carol(), Action::Unknown { tag: 99, body: vec![1] });
    add(&mut unsure, &bob(), Action::Checkpoint { digest: [7; 32] });
    assert_eq!(unsure.alarms(), [], "a newer program may have understood more");
}
