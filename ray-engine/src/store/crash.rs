//! Points at which a test kills the engine, to see what a crash there leaves behind. In a release build passing one does
//! nothing.

/// Every point, in the order of the files they stand in. `RAY_CRASH_AT=<name>[:<n>]` kills at the nth passing.
pub const CRASH_POINTS: [&str; 22] = [
    "append-before-write",
    "append-half-written",
    "append-before-sync",
    "append-after-sync",
    "replace-before-temporary",
    "replace-after-temporary",
    "replace-after-rename",
    "add-network-after-ledger",
    "add-network-after-rename",
    "remove-network-after-left",
    "remove-network-after-rename",
    "epochs-after",
    "network-keys-after",
    "requests-after",
    "joining-after",
    "joining-after-removal",
    "tunnel-after-open",
    "tunnel-after-addresses",
    "tunnel-after-routes",
    "tunnel-before-return",
    "tunnel-after-return",
    "tunnel-before-release",
];

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn crash_point(_name: &'static str) {}

/// Dies here by SIGKILL if the environment says so.
#[cfg(debug_assertions)]
pub fn crash_point(name: &'static str) {
    use std::{
        collections::HashMap,
        sync::{Mutex, OnceLock},
    };

    static AT: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: Mutex<Option<HashMap<&'static str, u32>>> = Mutex::new(None);

    debug_assert!(CRASH_POINTS.contains(&name), "{name} is not in the list");
    let at = AT.get_or_init(|| {
        let text = std::env::var("RAY_CRASH_AT").ok()?;
        Some(match text.split_once(':') {
            Some((name, n)) => (name.to_owned(), n.parse().unwrap_or(1)),
            None => (text, 1),
        })
    });
    let Some((wanted, nth)) = at else { return };
    if wanted != name {
        return;
    }
    let Ok(mut passed) = PASSED.lock() else { return };
    let count = passed.get_or_insert_default().entry(name).or_insert(0);
    *count += 1;
    if *count == *nth {
        // Nothing is flushed and no destructor runs: what a power cut or the kernel's OOM killer would do.
        let killed = nix::sys::signal::raise(nix::sys::signal::Signal::SIGKILL);
        tracing::error!(name, ?killed, "still alive after a crash point");
    }
}
