//! The libFuzzer program: feeds one target, named by `RAY_FUZZ_TARGET`. `tests/fuzz/run` builds and starts it.
#![no_main]

use std::{env, process, sync::LazyLock};

use ray_fuzz::{TARGETS, Target};

static TARGET: LazyLock<&'static Target> = LazyLock::new(|| {
    let name = env::var("RAY_FUZZ_TARGET").unwrap_or_default();
    TARGETS.iter().find(|target| target.name == name).unwrap_or_else(|| {
        let names: Vec<&str> = TARGETS.iter().map(|target| target.name).collect();
        eprintln!("RAY_FUZZ_TARGET={name:?} is none of: {}", names.join(", "));
        process::exit(2)
    })
});

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| (TARGET.run)(bytes));
