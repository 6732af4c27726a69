//! The kernel's version against what the programs make use of.

use crate::cmd::doctor::{
    engine::Engine,
    finding::Verdict,
    look::kernel::{self, Version},
};

/// The first kernel that has it, and what is missing without.
const FEATURES: [(Version, &str); 4] = [
    (Version(5, 13), "confinement of the engine to its files (Landlock)"),
    (Version(6, 2), "segmentation of UDP packets on the device"),
    (Version(6, 3), "memory that can never become executable"),
    (Version(6, 12), "the whole of that confinement"),
];

pub(super) fn features(_engine: &Engine) -> Result<Verdict, Verdict> {
    kernel::version().map(judge).ok_or_else(|| Verdict::skipped("the kernel's version has an unusual form"))
}

fn judge(version: Version) -> Verdict {
    let missing: Vec<&(Version, &str)> = FEATURES.iter().filter(|(first, _)| version < *first).collect();
    match missing.last() {
        None => Verdict::ok(format!("Linux {version} has all that is made use of")),
        Some((newest, _)) => {
            let words: Vec<&str> = missing.iter().map(|(_, words)| *words).collect();
            let found = format!("Linux {version} lacks {}", words.join(", "));
            Verdict::warning(found, format!("run Linux {newest} or newer; everything else works"))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn an_old_kernel_is_told_what_it_lacks() {
        assert_eq!(judge(Version(6, 12)).mark, Mark::Ok);
        let old = judge(Version(6, 1));
        assert!(old.mark == Mark::Warning && old.found.contains("UDP") && !old.found.contains("Landlock"), "{old:?}");
        assert!(judge(Version(5, 4)).found.contains("Landlock"));
    }
}
