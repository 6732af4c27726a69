//! What a network's history costs: folding it, verifying it, handing it to a joiner, holding it. Figures of 10 000 members
//! stand beside those of 1000, so that anything that grows faster than the network shows.

use std::{hint::black_box, process::ExitCode, time::Instant};

use ray_benches::allocations::{Counting, bytes_held_by};
use ray_engine::{
    ident::{Hostname, PeerId, UnixTime},
    ledger::{
        Action, Invite, Ledger, SigningKey, VerifiedEntry,
        epoch::{EpochKey, seal},
        verify,
    },
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const SMALL: u32 = 1000;
const LARGE: u32 = 10_000;
/// A cost that grows with the square would be ten; sorting, and caches that 10 000 members no longer fit, take their part.
const GROWTH_MAX: f64 = 3.0;
/// Entries by which the rate of verification is taken.
const VERIFIED: usize = 1000;
/// Seconds between two entries of the founder, which keeps to its quota.
const PACE: u64 = 4;
const ROUNDS: u32 = 3;
const NOW: u64 = 1_700_000_000;

/// What one size of network costs.
struct Cost {
    entries: usize,
    /// Seconds to take the verified entries in, in order, and to fold them.
    fold: f64,
    /// Seconds to pass over the ledger again when nothing changed.
    bundle: f64,
    bundle_bytes: usize,
    memory: usize,
}

fn main() -> ExitCode {
    let Some(large) = history(LARGE) else { return fail("the sample network cannot be made") };
    let small: Vec<VerifiedEntry> = large.iter().take(large.len() * SMALL as usize / LARGE as usize).cloned().collect();

    let rate = verify_rate(&large);
    let (small, large) = (cost(&small), cost(&large));
    line(&format!("{:<44} {:>12} {:>12} {:>20}", "ledger", "1000 members", "10 000", "growth per member"));
    let growth = |a: f64, b: f64| b / a / f64::from(LARGE / SMALL);
    let rows = [
        ("entries", small.entries as f64, large.entries as f64),
        ("take in and fold, ms", small.fold * 1e3, large.fold * 1e3),
        ("join bundle: collect and seal, ms", small.bundle * 1e3, large.bundle * 1e3),
        ("join bundle, kB", small.bundle_bytes as f64 / 1e3, large.bundle_bytes as f64 / 1e3),
        ("memory, kB", small.memory as f64 / 1e3, large.memory as f64 / 1e3),
    ];
    for (what, a, b) in rows {
        line(&format!("{what:<44} {a:>12.1} {b:>12.1} {:>20.2}", growth(a, b)));
    }
    line(&format!("memory per member, bytes: {:.0}", large.memory as f64 / f64::from(LARGE)));
    line(&format!("entries verified in a second: {rate:.0}"));
    let worst = rows.iter().map(|(_, a, b)| growth(*a, *b)).fold(0.0, f64::max);
    if worst <= GROWTH_MAX { ExitCode::SUCCESS } else { fail(&format!("a cost grows {worst:.1} times too fast")) }
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

fn cost(entries: &[VerifiedEntry]) -> Cost {
    let Some(first) = entries.first() else {
        return Cost { entries: 0, fold: 0.0, bundle: 0.0, bundle_bytes: 0, memory: 0 };
    };
    let fold = || {
        let mut ledger = Ledger::empty(first.room());
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
    Cost {
        entries: ledger.len(),
        fold: best(|| drop(fold())),
        bundle: best(|| drop(black_box(bundle()))),
        bundle_bytes: bundle().len(),
        memory,
    }
}

fn verify_rate(entries: &[VerifiedEntry]) -> f64 {
    let sample: Vec<&VerifiedEntry> = entries.iter().take(VERIFIED).collect();
    let seconds = best(|| {
        for entry in &sample {
            black_box(verify(entry.bytes(), entry.room()).is_ok());
        }
    });
    sample.len() as f64 / seconds
}

/// Seconds of the best round: what disturbs a round only ever adds to it.
fn best(mut f: impl FnMut()) -> f64 {
    let round = |_| {
        let start = Instant::now();
        f();
        start.elapsed().as_secs_f64()
    };
    (0..ROUNDS).map(round).fold(f64::MAX, f64::min)
}

fn key(n: u32) -> SigningKey {
    let mut secret = [9; 32];
    for (place, byte) in secret.iter_mut().zip(n.to_be_bytes()) {
        *place = byte;
    }
    SigningKey::from_bytes(&secret)
}

#[allow(clippy::print_stdout, reason = "the figures are what this program is for")]
fn line(text: &str) {
    println!("{text}");
}

fn fail(why: &str) -> ExitCode {
    line(&format!("failed: {why}"));
    ExitCode::FAILURE
}
