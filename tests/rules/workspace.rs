//! Finds the workspace's own files and reads them.

use std::{
    fs,
    path::{Path, PathBuf},
};

/// A text file of the workspace.
pub(crate) struct SourceFile {
    /// Path from the workspace root.
    pub(crate) path: String,
    pub(crate) text: String,
}

/// Dotfiles that belong to the project; every other hidden entry is somebody's editor or version control.
const OWN_DOTFILES: [&str; 6] = [".cargo", ".ci", ".clippy.toml", ".deny.toml", ".gitignore", ".rustfmt.toml"];

/// The workspace root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests package lies in the workspace").to_path_buf()
}

/// Reads one file of the workspace.
pub(crate) fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("reading {path}: {error}"))
}

/// Every text file of the workspace, without build output.
pub(crate) fn files() -> Vec<SourceFile> {
    let root = root();
    let mut found = Vec::new();
    walk(&root, &root, &mut found);
    found.sort_by(|a, b| a.path.cmp(&b.path));
    assert!(found.iter().any(|file| file.path == "tests/rules/workspace.rs"), "the walk does not see its own file");
    found
}

/// Every Rust file of the workspace.
pub(crate) fn rust_files() -> Vec<SourceFile> {
    files().into_iter().filter(|file| file.path.ends_with(".rs")).collect()
}

/// Fails the calling test with all violations, one a line.
pub(crate) fn report(rule: &str, violations: &[String]) {
    assert!(violations.is_empty(), "{rule}:\n  {}\n", violations.join("\n  "));
}

fn walk(root: &Path, directory: &Path, found: &mut Vec<SourceFile>) {
    for entry in fs::read_dir(directory).unwrap() {
        let entry = entry.unwrap();
        let (name, path) = (entry.file_name().into_string().unwrap(), entry.path());
        if name.starts_with('.') && !OWN_DOTFILES.contains(&name.as_str()) {
            continue;
        }
        let kind = entry.file_type().unwrap();
        if kind.is_dir() {
            if !is_build_output(&path) {
                walk(root, &path, found);
            }
        } else if kind.is_file() {
            // Binary files have no lines to judge.
            if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(root).unwrap().to_str().unwrap().to_owned();
                found.push(SourceFile { path, text });
            }
        }
    }
}

/// Cargo marks its target directories with a tag, whatever they are called; a nested work tree is another project.
fn is_build_output(path: &Path) -> bool {
    path.join("CACHEDIR.TAG").exists() || path.join(".git").exists()
}
