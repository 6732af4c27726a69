//! Points at which a test kills the program, to see what a crash there leaves behind.

/// Every point. `RAY_CRASH_AT=<name>[:<n>]` kills at the nth passing.
pub const CRASH_POINTS: [&str; 9] = [
    "start-before-sweep",
    "start-after-sweep",
    "write-after-temp",
    "write-after-sync",
    "write-after-rename",
    "set-before-reply",
    "undo-before",
    "undo-after",
    "edit-after-write",
];

/// Dies here by SIGKILL if the environment said so.
#[inline(always)]
pub fn crash_point(name: &'static str) {
    ray_helper::crash::pass(name, &CRASH_POINTS);
}
