//! What a network's history costs: folding it, verifying it, handing it to a joiner, holding it. Figures of 10 000 members
//! stand beside those of 1000, so that anything that grows faster than the network shows.

use std::hint::black_box;

use ray_benches::{Bench, allocations::bytes_held_by};
use ray_engine::{
    ident::{Hostname, PeerId, UnixTime},
    ledger::{
        Action, Invite, Ledger, SigningKey, VerifiedEntry,
        epoch::{EpochKey, seal},
        verify,
    },
};

const SMALL: u32 = 1000;
const LARGE: u32 = 10_000;
/// A cost that grows with the square would be ten; sorting, and caches that 10 000 members no longer fit, take their part.
const GROWTH_MAX: f64 = 3.0;
/// Seconds between two entries of the founder, which keeps to its quota.
const PACE: u64 = 4;
const NOW: u64 = 1_700_000_000;

pub(crate) fn run(bench: &mut Bench) -> Option<()> {
    let large = history(LARGE)?;
    let small: Vec<VerifiedEntry> = large.iter().take(large.len() * SMALL as usize / LARGE as usize).cloned().collect();

    let sample = large.get(1)?;
    bench.figure("verify an entry", 1, || verify(black_box(sample.bytes()), sample.room()).is_ok());
    let small = cost(bench, "1000 members", &small)?;
    let large = cost(bench, "10 000 members", &large)?;
    let growths = [
        ("take in and fold", small.fold.zip(large.fold)),
        ("join bundle", small.bundle.zip(large.bundle)),
        ("join bundle, size", small.bundle.and(Some((small.bundle_bytes, large.bundle_bytes)))),
        ("memory", small.fold.and(Some((small.memory, large.memory)))),
    ];
    for (what, (small, large)) in growths.into_iter().filter_map(|(what, pair)| Some((what, pair?))) {
        let growth = large / small / f64::from(LARGE / SMALL);
        bench.note(format!("ledger: {what}: {growth:.2} times as much a member at 10 000 as at 1000"));
        if growth > GROWTH_MAX {
            bench.fault(format!("ledger: {what} grows {growth:.1} times too fast"));
        }
    }
    if large.fold.and(large.bundle).is_some() {
        let [memory, bundle] = [large.memory, large.bundle_bytes].map(|bytes| bytes / f64::from(LARGE));
        bench.note(format!("ledger: bytes per member: {memory:.0} in memory, {bundle:.0} in a join bundle"));
    }
    Some(())
}

/// A founder, one reusable invite, and members that are let in by it.
fn history(members: u32) -> Option<Vec<VerifiedEntry>> {
    let founder = key(0);
    let (mut ledger, genesis) =
        Ledger::found(&key(u32::MAX), &founder, "home".parse().ok()?, "alice".parse().ok()?, UnixTime(NOW));
    let invite = Invite { room: ledger.room(), secret: [7; 32], seats: Vec::new() };
    let expires = UnixTime(NOW * 2);
    let mint = Action::MintInvite { invite: invite.key(), uses: u32::MAX, expires, hostname: None };
    let mut entries = vec![genesis];
    let mut add = |action: Action, at: u64| {
        let entry = ledger.author(&founder, action, UnixTime(NOW + at)).ok()?;
        ledger.insert(entry.clone());
        entries.push(entry);
        Some(())
    };
    add(mint, 1)?;
    for n in 1..members {
        let joiner = PeerId(key(n).verifying_key().to_bytes());
        let hostname: Hostname = format!("host-{n}").parse().ok()?;
        let proof = invite.redeem(&joiner, &hostname, None);
        let action = Action::Redeem { invite: invite.key(), joiner, hostname, after: None, proof };
        add(action, u64::from(n) * PACE)?;
    }
    Some(entries)
}

/// What one size of network costs; times in nanoseconds, `None` where a filter left them out.
struct Cost {
    /// To take the verified entries in, in order, and to fold them.
    fold: Option<f64>,
    /// To pass over the ledger again when nothing changed.
    bundle: Option<f64>,
    bundle_bytes: f64,
    memory: f64,
}

fn cost(bench: &mut Bench, size: &str, entries: &[VerifiedEntry]) -> Option<Cost> {
    let room = entries.first()?.room();
    let fold = || {
        let mut ledger = Ledger::empty(room);
        for entry in entries {
            ledger.insert(entry.clone());
        }
        black_box(ledger.roster().members().count());
        ledger
    };
    let (memory, ledger) = bytes_held_by(fold);
    let bundle = || {
        let plain: Vec<u8> = ledger.entries().flat_map(|entry| entry.bytes().to_vec()).collect();
        seal(&EpochKey([3; 32]), &plain, [5; 24])
    };
    Some(Cost {
        fold: bench.slow(&format!("take in and fold, {size}"), fold),
        bundle: bench.slow(&format!("join bundle, {size}"), bundle),
        bundle_bytes: bundle().len() as f64,
        memory: memory as f64,
    })
}

fn key(n: u32) -> SigningKey {
    let mut secret = [9; 32];
    for (place, byte) in secret.iter_mut().zip(n.to_be_bytes()) {
        *place = byte;
    }
    SigningKey::from_bytes(&secret)
}
