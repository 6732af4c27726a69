//! What every source file keeps to: a first line that states its job, unsafe code in few places, no loose ends.

use crate::{
    rust::{paths, tokens},
    workspace::{SourceFile, files, report, rust_files},
};

/// Where unsafe code may stand, and why there.
const UNSAFE_ALLOWED: [(&str, &str); 14] = [
    ("ray-ipc/src/fd.rs", "received descriptors become owned ones"),
    ("ray-ipc/src/cred.rs", "asks the kernel for a peer's groups"),
    ("ray-ipc/confine/src/sys.rs", "process flags, the environment, Landlock without a crate"),
    ("ray-helper/src/sys/", "ioctl on the TUN device"),
    ("ray-engine/src/tun/ioctl.rs", "ioctl on the TUN device"),
    ("ray-engine/src/tun/watched.rs", "vouches for a descriptor that the runtime watches"),
    ("ray-cli/src/probe/call.rs", "tries the system calls that a confined process must not make"),
    ("ray-cli/src/cmd/doctor/look/adjtimex.rs", "asks whether the clock is synchronised"),
    ("tests/src/live_helper/", "one thread takes on another uid"),
    ("tests/src/live_names/", "a process gets namespaces of its own before it starts"),
    ("tests/confine/child.rs", "calls that a filter must end"),
    ("tests/helper/confinement.rs", "tries what the helper's confinement refuses"),
    ("tests/packet/device.rs", "ioctl on a TUN device of the test's own"),
    ("benches/src/allocations.rs", "an allocator that counts"),
];

/// How far above an unsafe block its reason may stand: the length of a statement that contains one.
const REASON_LINES: usize = 8;

/// The one file that may call bincode; the others derive its traits. See docs/decisions/bincode.md.
const CODEC: &str = "ray-ipc/src/codec.rs";
const CODEC_TRAITS: [&str; 3] = ["Encode", "Decode", "BorrowDecode"];

/// Words that mark unfinished work, in two halves so that this file does not contain them.
const LOOSE_ENDS: [&str; 3] = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X")];

/// Directories of the machine that something was built on. They mean nothing to a reader.
const FOREIGN_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/w", "t"), concat!("/tmp/pl", "an")];

/// Addresses of package registries: which one serves is the builder's choice, not the project's.
const REGISTRIES: [&str; 4] =
    [concat!("crates", ".io/"), concat!("crates", ".io-index"), concat!("sparse", "+http"), concat!("[sour", "ce.")];

#[test]
fn every_source_file_states_its_job_first() {
    report("first lines", &rust_files().iter().filter_map(check_first_line).collect::<Vec<_>>());
}

#[test]
fn unsafe_code_stands_in_few_places_and_says_why_it_is_sound() {
    report("unsafe code", &rust_files().iter().flat_map(check_unsafe).collect::<Vec<_>>());
}

#[test]
fn bincode_stays_behind_one_file() {
    report("bincode outside its codec", &rust_files().iter().flat_map(check_codec).collect::<Vec<_>>());
}

#[test]
fn nothing_is_left_for_later() {
    report("loose ends", &files().iter().flat_map(check_loose_ends).collect::<Vec<_>>());
}

#[test]
fn no_file_names_the_machine_it_was_written_on() {
    report("foreign paths", &files().iter().flat_map(|file| check_addresses(file, &FOREIGN_PATHS)).collect::<Vec<_>>());
}

#[test]
fn no_file_names_a_package_registry() {
    // The lock file names the source of each package, which is what it is for.
    let files = files().into_iter().filter(|file| !file.path.ends_with("Cargo.lock"));
    report("registries", &files.flat_map(|file| check_addresses(&file, &REGISTRIES)).collect::<Vec<_>>());
}

fn check_first_line(file: &SourceFile) -> Option<String> {
    let first = file.text.lines().next().unwrap_or_default();
    let stated = first.strip_prefix("//! ").is_some_and(|job| !job.trim().is_empty());
    (!stated).then(|| format!("{}: the first line is not a `//!` line with the file's job", file.path))
}

fn check_unsafe(file: &SourceFile) -> Vec<String> {
    let lines: Vec<&str> = file.text.lines().collect();
    let allowed = UNSAFE_ALLOWED.iter().any(|(place, _)| file.path.starts_with(place));
    let mut found = Vec::new();
    let mut reasons_from = 0;
    let tokens = tokens(&file.text);
    // `unsafe fn` declares a contract; the reason belongs to who relies on it.
    let uses =
        tokens.iter().zip(tokens.iter().skip(1)).filter(|(token, next)| token.text == "unsafe" && next.text != "fn");
    for (token, _) in uses {
        if !allowed {
            found.push(format!("{}:{}: unsafe code outside the modules that may have it", file.path, token.line));
            continue;
        }
        // One reason serves one block: it stands after the last block and close above this one.
        let from = reasons_from.max(token.line.saturating_sub(REASON_LINES));
        let stated = lines[from..token.line].iter().any(|line| is_reason(line));
        if !stated {
            found.push(format!("{}:{}: unsafe code without a SAFETY comment", file.path, token.line));
        }
        reasons_from = token.line;
    }
    found
}

fn check_codec(file: &SourceFile) -> Vec<String> {
    if file.path == CODEC {
        return Vec::new();
    }
    let uses = paths(&tokens(&file.text)).into_iter().filter(|path| path.segments[0] == "bincode");
    let calls = uses.filter(|path| !path.segments.get(1).is_some_and(|item| CODEC_TRAITS.contains(&item.as_str())));
    calls.map(|path| format!("{}:{}: {}", file.path, path.line, path.segments.join("::"))).collect()
}

fn is_reason(line: &str) -> bool {
    line.split_once("//").is_some_and(|(_, comment)| comment.contains("SAFETY: ") || comment.contains("# Safety"))
}

fn check_loose_ends(file: &SourceFile) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let mut words = line.split(|c: char| !c.is_alphanumeric() && c != '_');
        if let Some(word) = words.find(|word| LOOSE_ENDS.contains(word)) {
            found.push(format!("{}:{}: {word}", file.path, number + 1));
        }
    }
    found
}

/// Lines that contain one of `needles` at the start of a word or path.
fn check_addresses(file: &SourceFile, needles: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        for needle in needles {
            let begins = |at: usize| {
                let before = line[..at].chars().next_back();
                !needle.starts_with('/') || !before.is_some_and(|c| c.is_alphanumeric() || "._-*/$}".contains(c))
            };
            if line.match_indices(needle).any(|(at, _)| begins(at)) {
                found.push(format!("{}:{}: {needle}", file.path, number + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_file_without_a_stated_job() {
        for text in ["", "use std::fs;", "// a comment", "//!", "//! ", "/// doc", "\n//! Late by one line."] {
            assert!(check_first_line(&file("a.rs", text)).is_some(), "{text}");
        }
        assert_eq!(check_first_line(&file("a.rs", "//! Decides what to do.\n")), None);
    }

    #[test]
    fn refuses_unsafe_code_outside_its_modules() {
        let text = "// SAFETY: sound.\nunsafe { x() }";
        assert_eq!(check_unsafe(&file("ray-engine/src/mesh/link.rs", text)).len(), 1);
        assert_eq!(check_unsafe(&file("ray-ipc/src/fd.rs", text)), [""; 0]);
    }

    #[test]
    fn refuses_unsafe_code_without_its_own_reason() {
        let far = format!("// SAFETY: sound.\n{}unsafe {{ x() }}", "\n".repeat(REASON_LINES));
        for text in ["unsafe { x() }", "let s = \"// SAFETY\";\nunsafe { x() }", far.as_str()] {
            assert_eq!(check_unsafe(&file("ray-helper/src/sys/tun.rs", text)).len(), 1, "{text}");
        }
        let shared = "// SAFETY: sound.\nunsafe { x() }\nunsafe { y() }";
        assert_eq!(check_unsafe(&file("ray-helper/src/sys/tun.rs", shared)).len(), 1);
        let each = "// SAFETY: sound.\nunsafe { x() }\n// SAFETY: sound too.\nlet z = f(|y|\n    unsafe { g(y) });";
        assert_eq!(check_unsafe(&file("ray-helper/src/sys/tun.rs", each)), [""; 0]);
    }

    #[test]
    fn sees_no_unsafe_code_in_words_that_contain_it() {
        let text = "#![forbid(unsafe_code)] // unsafe\nconst A: &str = \"unsafe\";";
        assert_eq!(check_unsafe(&file("a.rs", text)), [""; 0]);
    }

    #[test]
    fn refuses_calls_of_bincode_outside_the_codec() {
        for text in ["use bincode;", "use bincode::{Encode, config};", "fn f() { bincode::encode_to_vec(x) }"] {
            assert_eq!(check_codec(&file("ray-engine/src/mesh/wire.rs", text)).len(), 1, "{text}");
            assert_eq!(check_codec(&file(CODEC, text)), [""; 0]);
        }
        assert_eq!(check_codec(&file("a.rs", "use bincode::{Decode, Encode};")), [""; 0]);
    }

    #[test]
    fn refuses_loose_ends_as_whole_words() {
        for word in LOOSE_ENDS {
            assert_eq!(check_loose_ends(&file("a.md", &format!("x\n // {word}: later"))).len(), 1);
            assert_eq!(check_loose_ends(&file("a.md", &format!("{word}S_ARE_FINE"))), [""; 0]);
        }
    }

    #[test]
    fn refuses_foreign_paths_and_registries() {
        for path in FOREIGN_PATHS {
            assert_eq!(check_addresses(&file("a.md", &format!("see `{path}x`")), &FOREIGN_PATHS).len(), 1);
            assert_eq!(check_addresses(&file("a.md", &format!("net{path}x")), &FOREIGN_PATHS), [""; 0]);
        }
        for address in REGISTRIES {
            assert_eq!(check_addresses(&file("a.toml", &format!("url = \"https://{address}\"")), &REGISTRIES).len(), 1);
        }
    }

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }
}
