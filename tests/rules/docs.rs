//! What the documents promise: links that lead somewhere, tests that exist, commands and versions that are real.

use std::{collections::BTreeSet, path::Path};

use crate::{
    rust::tokens,
    workspace::{SourceFile, files, read, report, root, rust_files},
};

/// The two commands that a newcomer types, in README and in CI to the letter.
const COMMANDS: [&str; 2] = ["cargo demo", "cargo test --workspace"];

/// Starts the list in docs/security.md whose every line names the tests that show it.
const HOLDS: &str = "## What holds";
/// Starts the table there whose every row does.
const THREATS: &str = "## Threat model";
/// The rows that it has at least: one for each attack in the scope of what is built.
const THREATS_MIN: usize = 60;

#[test]
fn the_changelog_has_the_workspace_version() {
    let version = env!("CARGO_PKG_VERSION");
    assert!(has_version(&read("CHANGELOG.md"), version), "CHANGELOG.md has no section for {version}");
}

#[test]
fn every_document_is_listed() {
    let index = read("docs/README.md");
    report("documents that docs/README.md does not link", &unlisted(&files(), &index));
}

#[test]
fn every_relative_link_leads_somewhere() {
    let files = files();
    let documents = files.iter().filter(|file| file.path.ends_with(".md"));
    report("broken links", &documents.flat_map(|file| broken_links(file, &root())).collect::<Vec<_>>());
}

#[test]
fn readme_and_ci_agree_on_the_commands() {
    let (readme, ci) = (read("README.md"), read(".ci/run"));
    for command in COMMANDS {
        assert!(readme.contains(&format!("\n{command}\n")), "README.md does not show `{command}` on a line of its own");
        assert!(ci.lines().any(|line| line.contains(command)), ".ci/run does not run `{command}`");
    }
}

#[test]
fn every_promise_of_the_security_page_names_a_test_that_exists() {
    let tests: BTreeSet<String> = rust_files().iter().flat_map(|file| test_functions(&file.text)).collect();
    report("promises without a test", &unproven(&read("docs/security.md"), &tests));
}

#[test]
fn every_threat_names_a_test_that_exists() {
    let tests: BTreeSet<String> = rust_files().iter().flat_map(|file| test_functions(&file.text)).collect();
    let page = read("docs/security.md");
    let rows = threats(&page);
    assert!(rows.len() >= THREATS_MIN, "the table of threats has {} rows, fewer than {THREATS_MIN}", rows.len());
    report("threats without a test", &rows.iter().flat_map(|row| unproven_item(row, &tests)).collect::<Vec<_>>());
}

#[test]
fn every_rule_on_the_helpers_page_names_tests_that_exist() {
    let tests: BTreeSet<String> = rust_files().iter().flat_map(|file| test_functions(&file.text)).collect();
    let page = read("docs/helper-policy.md");
    let named: BTreeSet<&str> = page.split('`').skip(1).step_by(2).filter(|name| is_test_name(name)).collect();
    assert!(named.len() > 40, "the rule sees {} names", named.len());
    let missing = named.iter().filter(|name| !tests.contains(**name)).map(|name| format!("no such test: {name}"));
    report("tests that docs/helper-policy.md names", &missing.collect::<Vec<_>>());
}

fn has_version(changelog: &str, version: &str) -> bool {
    changelog
        .lines()
        .any(|line| line.strip_prefix("## ").is_some_and(|title| title.split_whitespace().next() == Some(version)))
}

fn unlisted(files: &[SourceFile], index: &str) -> Vec<String> {
    let below = files.iter().filter_map(|file| file.path.strip_prefix("docs/")).filter(|path| *path != "README.md");
    below.filter(|path| !links(index).iter().any(|(_, link)| link == path)).map(str::to_owned).collect()
}

fn broken_links(file: &SourceFile, root: &Path) -> Vec<String> {
    let directory = Path::new(&file.path).parent().expect("a file has a directory");
    let mut found = Vec::new();
    for (line, link) in links(&file.text) {
        let target = link.split('#').next().unwrap_or_default();
        if target.is_empty() || target.contains("://") || target.starts_with("mailto:") {
            continue;
        }
        if !root.join(directory).join(target).exists() {
            found.push(format!("{}:{line}: {link}", file.path));
        }
    }
    found
}

/// Targets of `[text](target)`, outside code blocks, with their line.
fn links(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut in_code = false;
    for (number, line) in text.lines().enumerate() {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            if let Some((target, _)) = part.split_once(')') {
                found.push((number + 1, target.to_owned()));
            }
        }
    }
    found
}

/// Lines of the list whose names are not all tests, or that name none.
fn unproven(page: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let Some((_, section)) = page.split_once(HOLDS) else { return vec![format!("no section `{HOLDS}`")] };
    let section = section.split("\n## ").next().unwrap_or_default();
    let items: Vec<&str> = section.split("\n* ").skip(1).collect();
    if items.is_empty() {
        return vec![format!("the section `{HOLDS}` has no list")];
    }
    items.iter().flat_map(|item| unproven_item(item, tests)).collect()
}

fn unproven_item(item: &str, tests: &BTreeSet<String>) -> Vec<String> {
    let names: Vec<&str> = item.split('`').skip(1).step_by(2).filter(|name| is_test_name(name)).collect();
    if names.is_empty() {
        return vec![format!("names no test: {item}")];
    }
    names.iter().filter(|name| !tests.contains(**name)).map(|name| format!("no such test: {name}")).collect()
}

/// The rows of the table of threats, without its head.
fn threats(page: &str) -> Vec<&str> {
    let Some((_, section)) = page.split_once(THREATS) else { return Vec::new() };
    let section = section.split("\n## ").next().unwrap_or_default();
    section.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| |")).collect()
}

/// Tests are sentences: three words or more in snake case.
fn is_test_name(name: &str) -> bool {
    name.split('_').count() >= 3 && name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
}

/// Functions under a `#[test]` attribute, or an attribute macro that ends in `test`.
fn test_functions(text: &str) -> Vec<String> {
    let code = tokens(text);
    let word = |at: usize| code.get(at).map_or("", |token| token.text.as_str());
    let mut found = Vec::new();
    let mut marked = false;
    for at in 0..code.len() {
        match word(at) {
            "test" if word(at.wrapping_sub(1)) == "[" || word(at.wrapping_sub(1)) == "::" => marked = true,
            "fn" if marked => {
                found.push(word(at + 1).to_owned());
                marked = false;
            }
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_changelog_without_the_version() {
        assert!(has_version("# Changes\n\n## 0.1.0 (unreleased)\n", "0.1.0"));
        assert!(!has_version("# Changes\n\n## 0.1.01\n\n0.1.0\n", "0.1.0"));
    }

    #[test]
    fn refuses_a_document_that_is_not_listed() {
        let files =
            [file("docs/a.md", ""), file("docs/decisions/b.md", ""), file("docs/README.md", ""), file("x.md", "")];
        assert_eq!(unlisted(&files, "[a](a.md), and `decisions/b.md` in words"), ["decisions/b.md"]);
    }

    #[test]
    fn refuses_a_link_to_nowhere() {
        let text = "[a](rules/docs.rs) [b](rules/none.rs#x)\n[c](https://example.invalid) [d](#here)\n```\n[e](none)\n```\n[f](../none.md)";
        let broken = broken_links(&file("tests/page.md", text), &root());
        assert_eq!(broken, ["tests/page.md:1: rules/none.rs#x", "tests/page.md:6: ../none.md"]);
    }

    #[test]
    fn refuses_a_promise_without_a_test() {
        let tests = BTreeSet::from(["refuses_a_thing".to_owned()]);
        let page = "# S\n\n## What holds\n\n* One, on `ray0`: `refuses_a_thing`.\n* Two: `refuses_no_thing`.\n* Three.\n\n## Else\n\n* Four.\n";
        assert_eq!(unproven(page, &tests), ["no such test: refuses_no_thing", "names no test: Three.\n"]);
        assert_eq!(unproven("# S\n", &tests).len(), 1);
        assert_eq!(unproven("## What holds\n\nnothing\n", &tests).len(), 1);
    }

    #[test]
    fn refuses_a_threat_without_a_test() {
        let tests = BTreeSet::from(["refuses_a_thing".to_owned()]);
        let page = "## Threat model\n\n| | attack | tests |\n|---|---|---|\n| A1 | x | `refuses_a_thing` |\n| A2 | y | soon |\n\n## Else\n\n| B |\n";
        let rows = threats(page);
        assert_eq!(rows.len(), 2);
        let found: Vec<String> = rows.iter().flat_map(|row| unproven_item(row, &tests)).collect();
        assert_eq!(found, ["names no test: | A2 | y | soon |"]);
    }

    #[test]
    fn takes_only_test_functions_for_proof() {
        let text = "#[test] fn a_b_c() {} fn d_e_f() {} #[tokio::test(flavor = \"x\")] async fn g_h_i() {} // #[test] fn j_k_l() {}";
        assert_eq!(test_functions(text), ["a_b_c", "g_h_i"]);
    }

    fn file(path: &str, text: &str) -> SourceFile {
        SourceFile { path: path.into(), text: text.into() }
    }
}
