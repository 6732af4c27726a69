//! Points at which a test kills the helper, to see what a crash there leaves behind. In a release build passing one does
//! nothing.

/// Every point, in the order in which a device's life passes them. `RAY_CRASH_AT=<name>[:<n>]` kills at the nth passing.
pub const CRASH_POINTS: [&str; 15] = [
    "recover-before",
    "recover-after-adoption",
    "recover-after-sweep",
    "create-after-device",
    "create-after-queues",
    "create-after-mark",
    "create-after-first-rule",
    "create-after-rules",
    "open-after-store",
    "addresses-after",
    "link-after",
    "routes-after",
    "return-before-reply",
    "undo-after-device",
    "undo-after-rules",
];

#[cfg(not(debug_assertions))]
pub fn arm() {}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn pass(_name: &'static str, _points: &[&'static str]) {}

#[cfg(debug_assertions)]
pub use self::armed::{arm, pass};

/// Dies here by SIGKILL if the environment said so.
#[inline(always)]
pub fn crash_point(name: &'static str) {
    pass(name, &CRASH_POINTS);
}

#[cfg(debug_assertions)]
mod armed {
    use std::{
        env,
        sync::{
            OnceLock,
            atomic::{AtomicU32, Ordering},
        },
    };

    use nix::sys::signal::{Signal, raise};

    static AT: OnceLock<(String, u32)> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);

    /// Reads the environment, which is cleared later.
    pub fn arm() {
        if let Ok(text) = env::var("RAY_CRASH_AT") {
            let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
            let _ = AT.set((name.to_owned(), nth.parse().unwrap_or(1)));
        }
    }

    /// Dies by SIGKILL at the one of the `points` that the environment named.
    pub fn pass(name: &'static str, points: &[&'static str]) {
        debug_assert!(points.contains(&name), "{name} is not in the list");
        let Some((wanted, nth)) = AT.get() else { return };
        if wanted == name && PASSED.fetch_add(1, Ordering::Relaxed).saturating_add(1) == *nth {
            // No destructor runs and no reply is sent: what the kernel's OOM killer would do.
            let _ = raise(Signal::SIGKILL);
        }
    }
}
