//! Golden output. `RAY_UPDATE_SNAPSHOTS=1` writes what it sees instead of comparing.

use std::{env, fs, path::Path};

use super::{fake_engine::FakeEngine, ray::Ran};

/// Compares exit code, stdout and stderr.
pub(crate) fn check(name: &str, ran: &Ran, engine: &FakeEngine) {
    let mut text = format!("exit {}\n", ran.code);
    for (stream, content) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        if !content.is_empty() {
            text.push_str(&format!("--- {stream}\n{content}"));
        }
    }
    compare(name, &text.replace(&engine.socket().display().to_string(), "[SOCKET]"));
}

/// Compares exit code and the JSON object, which is stored in lines for the eye.
pub(crate) fn check_json(name: &str, ran: &Ran) {
    compare(name, &format!("exit {}\n{:#}\n", ran.code, ran.json()));
}

/// Whether golden files are to be written.
pub(crate) fn updates() -> bool {
    env::var_os("RAY_UPDATE_SNAPSHOTS").is_some()
}

fn compare(name: &str, text: &str) {
    // The release moves on without a change of what is said about it.
    let text = text.replace(env!("CARGO_PKG_VERSION"), "[RELEASE]");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli/snapshots").join(format!("{name}.txt"));
    if updates() {
        fs::write(&path, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(golden == text, "{name} has changed.\n--- golden\n{golden}\n--- seen\n{text}");
}
