//! What may cross the control socket: no request names a file, or anything else that the engine would open for a caller.

use crate::{
    rust::{Token, tokens},
    workspace::{SourceFile, report, rust_files},
};

const CONTROL: &str = "ray-ipc/src/control/";

/// Types of names in the file system, and of what such a name opens.
const TYPES: [&str; 10] =
    ["Path", "PathBuf", "OsStr", "OsString", "CStr", "CString", "File", "OwnedFd", "RawFd", "BorrowedFd"];

/// Words that a field of a request would be called by if it held one.
const WORDS: [&str; 8] = ["path", "file", "filename", "dir", "directory", "folder", "socket", "device"];

/// Marks the items that cross from a caller to the engine.
const REQUEST: &str = "Request";

#[test]
fn no_control_request_names_a_file() {
    let files = rust_files();
    let control: Vec<&SourceFile> = files.iter().filter(|file| file.path.starts_with(CONTROL)).collect();
    let requests = control.iter().filter(|file| fields(&file.text).next().is_some()).count();
    assert!(requests >= 2, "only {requests} files with requests below {CONTROL}: this rule would check nothing");
    report("files in control requests", &control.iter().flat_map(|file| check(file)).collect::<Vec<_>>());
}

fn check(file: &SourceFile) -> Vec<String> {
    let code = tokens(&file.text);
    let named = code.iter().filter(|token| TYPES.contains(&token.text.as_str()));
    let typed = named.map(|token| format!("{}:{}: {} crosses the control socket", file.path, token.line, token.text));
    let meant = fields(&file.text).filter(|field| field.text.split('_').any(|word| WORDS.contains(&word)));
    let meant = meant.map(|field| format!("{}:{}: a request has the field {}", file.path, field.line, field.text));
    typed.chain(meant).collect()
}

/// Names of the fields of each struct or enum whose name ends in [`REQUEST`].
fn fields(text: &str) -> impl Iterator<Item = Token> {
    let code = tokens(text);
    let mut found = Vec::new();
    let text = |at: usize| code.get(at).map_or("", |token: &Token| token.text.as_str());
    for at in 0..code.len() {
        if !matches!(text(at), "struct" | "enum") || !text(at + 1).ends_with(REQUEST) {
            continue;
        }
        let mut depth = 0;
        for inside in at + 2..code.len() {
            match text(inside) {
                "{" => depth += 1,
                "}" => depth -= 1,
                ":" => found.push(code[inside - 1].clone()),
                _ => {}
            }
            if depth == 0 {
                break;
            }
        }
    }
    found.into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_request_that_names_a_file() {
        for text in [
            "pub struct KeyRequest { pub network: String, pub key_file: String }",
            "pub enum SendRequest { Now { path: String }, Never }",
            "pub struct SendRequest { pub what: std::path::PathBuf }",
            "pub struct Anything { pub what: OwnedFd }",
        ] {
            assert_eq!(check(&file(text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn allows_the_way_to_a_peer_in_an_answer() {
        let text = "pub struct PingReply { pub path: PathState } pub struct PingRequest { pub target: String }";
        assert_eq!(check(&file(text)), [""; 0]);
        assert_eq!(fields(text).map(|field| field.text).collect::<Vec<_>>(), ["target"]);
    }

    fn file(text: &str) -> SourceFile {
        SourceFile { path: format!("{CONTROL}request.rs"), text: text.to_owned() }
    }
}
