//! Nothing of the command line is missing in the manual and the completions, and formatters take the pages as they are.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::{BTreeMap, BTreeSet},
    io::Write,
    process::{Command, Stdio},
};

use super::*;

/// Requests and macros that the pages use; anything else that begins a line with a point is text gone astray.
const MACROS: [&str; 15] = ["TH", "SH", "PP", "TP", "TQ", "nf", "fi", "ad", "nh", "ie", "el", "ds", "br", "RS", "RE"];

#[test]
fn every_verb_has_a_page_with_every_option_and_argument() {
    let pages = rendered();
    let mut checked = 0;
    for command in commands() {
        let name = format!("{}.1", command.get_display_name().unwrap_or(command.get_name()));
        let page = pages.get(&name).unwrap_or_else(|| panic!("no page {name}"));
        let mut expected: Vec<String> = command.get_arguments().flat_map(words).collect();
        expected.extend(command.get_subcommands().map(|verb| format!("{}(1)", verb.get_display_name().unwrap())));
        expected.push(command.get_about().unwrap().to_string());
        for word in expected {
            assert!(page.contains(&word), "{name} does not say {word}");
            checked += 1;
        }
    }
    assert!(checked > 300, "only {checked} words");
}

#[test]
fn a_page_of_a_verb_shows_its_notes_and_examples() {
    let page = &rendered()["ray-firewall-add.1"];
    for part in ["for the narrowest peer decides", ".SH EXAMPLES", "ray firewall add in allow tcp 22 from bob"] {
        assert!(page.contains(part), "{part} in {page}");
    }
    assert!(!page.contains("Examples:"), "{page}");
}

#[test]
fn the_overview_tells_verbs_by_subject_and_exit_codes() {
    let page = &rendered()["ray.1"];
    for part in ["Members   invite", ".SH \"EXIT STATUS\"", "2 usage", "/run/rayfish/engine/ray.sock"] {
        assert!(page.contains(part), "{part} in {page}");
    }
}

#[test]
fn services_and_their_settings_have_pages() {
    let pages = rendered();
    for (page, part) in [
        ("ray-engine.8", "--helper-socket PATH"),
        ("ray-helper.8", ".SH \"EXIT STATUS\""),
        ("rayfish-engine.toml.5", "discovery = "),
        ("rayfish-helper.toml.5", "grace_s = 30"),
        ("ray-names.8", "names.sock"),
        ("rayfish-names.toml.5", "backend = "),
    ] {
        assert!(pages[page].contains(part), "{part} in {}", pages[page]);
    }
}

#[test]
fn every_completion_knows_every_verb_and_option() {
    for (shell, file) in SHELLS {
        let script = String::from_utf8(completion(shell)).unwrap();
        for command in commands() {
            let options = command.get_arguments().filter_map(clap::Arg::get_long);
            for word in options.chain([command.get_name()]) {
                assert!(script.contains(word), "{file} does not know {word}");
            }
        }
    }
}

#[test]
fn pages_have_no_date_and_come_out_the_same_each_time() {
    let pages = rendered();
    assert_eq!(pages, rendered());
    for (name, page) in pages {
        let title = page.lines().find(|line| line.starts_with(".TH ")).unwrap();
        assert!(title.contains(" \"\" \"Rayfish "), "{name}: {title}");
    }
}

#[test]
fn every_reference_leads_to_a_page_of_ours() {
    let pages = rendered();
    let mut references = BTreeSet::new();
    for page in pages.values() {
        let (_, last) = page.split_once(".SH \"SEE ALSO\"\n").expect("each page ends with other pages");
        for reference in last.trim().split(", ") {
            let (name, section) = reference.split_once('(').unwrap();
            references.insert(format!("{name}.{}", section.trim_end_matches(')')));
        }
    }
    assert!(references.len() > 4, "{references:?}");
    for reference in references {
        assert!(pages.contains_key(&reference), "no page {reference}");
    }
}

#[test]
fn every_line_of_a_page_is_text_or_a_known_macro() {
    for page in pages().unwrap() {
        for line in page.render().lines().filter(|line| line.starts_with(['.', '\''])) {
            let name = line[1..].split([' ', '\\']).next().unwrap();
            assert!(MACROS.contains(&name), "{}: {line}", page.file_name());
        }
    }
}

#[test]
fn the_formatter_has_nothing_to_complain_about() {
    if Command::new("groff").arg("--version").output().is_err() {
        eprintln!("groff is not installed: the pages were not formatted");
        return;
    }
    for page in pages().unwrap() {
        let text = formatted(&page.render()).unwrap_or_else(|complaints| panic!("{}: {complaints}", page.file_name()));
        assert!(text.contains("SEE ALSO"), "{}: {text}", page.file_name());
    }
    // And it does complain: an unknown macro, and a number register nobody set.
    assert!(formatted(".TH X 1\n.SH NAME\nx \\- y\n.XYZ\n").is_err());
}

fn formatted(page: &str) -> Result<String, String> {
    let mut groff = Command::new("groff");
    groff
        .args(["-man", "-Tascii", "-ww", "-P-cbou"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = groff.spawn().unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr).into_owned();
    if !output.status.success() || !complaints.is_empty() {
        return Err(complaints);
    }
    Ok(String::from_utf8(output.stdout).unwrap())
}

/// Pages by file name, with what the format escapes taken back.
fn rendered() -> BTreeMap<String, String> {
    let plain = |text: String| {
        let text = text.replace("\\-", "-").replace("\\*(Aq", "'");
        text.replace("\\fB", "").replace("\\fI", "").replace("\\fR", "")
    };
    pages().unwrap().iter().map(|page| (page.file_name(), plain(page.render()))).collect()
}

fn words(argument: &clap::Arg) -> Vec<String> {
    let mut words = vec![argument.get_help().map(ToString::to_string).unwrap_or_default()];
    words.extend(argument.get_long().map(|long| format!("--{long}")));
    words.extend(argument.get_short().map(|short| format!("-{short}")));
    if argument.get_action().takes_values() {
        words.extend(argument.get_value_names().unwrap_or_default().iter().map(ToString::to_string));
        let shown = !argument.is_hide_possible_values_set();
        words.extend(argument.get_possible_values().iter().filter(|_| shown).map(|value| value.get_name().to_owned()));
    }
    words
}

/// The command and every verb below it that is not hidden.
fn commands() -> Vec<clap::Command> {
    let mut root = ray_cli::command().disable_help_subcommand(true);
    root.build();
    let mut found = Vec::new();
    let mut waiting = vec![root];
    while let Some(command) = waiting.pop() {
        waiting.extend(command.get_subcommands().filter(|verb| !verb.is_hide_set()).cloned());
        found.push(command);
    }
    found
}
