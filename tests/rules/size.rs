//! How much code runs with privilege: what one person has to read before trusting root to it.

use crate::workspace::rust_files;

/// Lines of the helper that are neither empty, comment nor test. More is a reason to take something out, or to say here
/// why it was worth the reading.
const HELPER_LINES_MAX: usize = 3_000;
/// Those of the program that changes the host's DNS settings, with its client of the system bus.
const NAMES_LINES_MAX: usize = 3_000;
/// The part that sees the engine's bytes before anything is decided: decoder's types, turns, values and their bounds.
const JUDGING: [&str; 4] = ["gate.rs", "policy/", "prefix.rs", "limit.rs"];
const JUDGING_LINES_MAX: usize = 350;

#[test]
fn the_program_for_names_stays_small_enough_to_read() {
    let own = |path: &str| path.strip_prefix("ray-helper/names/src/").is_some_and(|path| !path.ends_with("tests.rs"));
    let all: usize = rust_files().iter().filter(|file| own(&file.path)).map(|file| code_lines(&file.text)).sum();
    println!("ray-names: {all} lines of code");
    assert!((1000..=NAMES_LINES_MAX).contains(&all), "ray-names has {all} lines of code, more than {NAMES_LINES_MAX}");
}

#[test]
fn the_helpers_own_code_stays_small_enough_to_read() {
    let (mut all, mut judging) = (0, 0);
    for file in rust_files() {
        let Some(path) = file.path.strip_prefix("ray-helper/src/") else { continue };
        let lines = if path.ends_with("tests.rs") { 0 } else { code_lines(&file.text) };
        all += lines;
        judging += if JUDGING.iter().any(|module| path.starts_with(module)) { lines } else { 0 };
    }
    println!("ray-helper: {all} lines of code, {judging} of them judge");
    assert!(judging > 100, "the rule sees no code");
    assert!(all <= HELPER_LINES_MAX, "ray-helper has {all} lines of code, more than {HELPER_LINES_MAX}");
    assert!(judging <= JUDGING_LINES_MAX, "{judging} lines judge, more than {JUDGING_LINES_MAX}");
}

/// Lines before the tests that hold more than a comment.
fn code_lines(text: &str) -> usize {
    let code = text.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    code.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with("//")).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_neither_comments_nor_tests() {
        let text = "//! Job.\n\nuse a; // why\n    // no\nfn f() {\n}\n#[cfg(test)]\nmod tests { fn g() {} }\n";
        assert_eq!(code_lines(text), 3);
    }
}
