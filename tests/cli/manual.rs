//! Holds `docs/cli.md` to what the program says.

use std::{fs, path::Path};

use serde_json::Value;

use super::{commands, fake_engine::FakeEngine, ray::run};

#[test]
fn the_manual_names_every_schema_and_every_key() {
    let manual = manual();
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("cli/snapshots");
    let mut seen = 0;
    for file in fs::read_dir(golden).unwrap() {
        let path = file.unwrap().path();
        if !path.file_stem().unwrap().to_string_lossy().ends_with("_json") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        let (_exit, object) = text.split_once('\n').unwrap();
        let object: Value = serde_json::from_str(object).unwrap();
        assert!(manual.contains(object["schema"].as_str().unwrap()), "{}: its schema", path.display());
        for key in keys(&object) {
            assert!(manual.contains(&format!("\"{key}\":")), "{}: key {key}", path.display());
        }
        seen += 1;
    }
    assert!(seen >= 10, "only {seen} golden objects");
}

#[test]
fn the_examples_of_the_manual_are_json() {
    for block in manual().split("```json\n").skip(1) {
        let block = block.split("```").next().unwrap();
        for object in serde_json::Deserializer::from_str(block).into_iter::<Value>() {
            assert!(object.unwrap()["schema"].is_string(), "{block}");
        }
    }
}

#[test]
fn the_manual_names_every_option() {
    let manual = manual();
    let engine = FakeEngine::answering([]);
    for verb in commands::verbs() {
        assert!(manual.contains(&format!("`ray {}", verb.join(" "))), "{verb:?}");
        let help = run(&engine, &[verb, &["--help"]].concat()).stdout;
        for line in help.lines().map(str::trim_start).filter(|line| line.starts_with('-')) {
            let mut names = line.split([' ', ',']).filter(|word| word.starts_with('-'));
            let is_named = |name: &str| {
                name == "--help" || manual.contains(&format!("`{name}")) || row(&manual, verb).contains(name)
            };
            assert!(names.any(is_named), "{verb:?} {line}");
        }
    }
}

#[test]
fn the_order_of_rules_is_one_sentence_everywhere() {
    let help = flat(&run(&FakeEngine::answering([]), &["firewall", "add", "--help"]).stdout);
    let start = help.find("The rule for the narrowest peer decides").unwrap();
    let sentence = help[start..].split_inclusive('.').next().unwrap();
    assert!(sentence.contains("among equals a deny") && sentence.ends_with("the default decides."), "{sentence}");
    assert!(flat(&document("firewall.md")).contains(sentence), "docs/firewall.md has another: {sentence}");
}

fn manual() -> String {
    document("cli.md")
}

fn document(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name)).unwrap()
}

/// In one line, without the marks of quoted paragraphs.
fn flat(text: &str) -> String {
    let lines = text.lines().map(|line| line.trim_start_matches(['>', ' ']));
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

/// The line of the table of commands that describes this one.
fn row<'a>(manual: &'a str, verb: &[&str]) -> &'a str {
    let start = format!("| `ray {}", verb.join(" "));
    manual.lines().find(|line| line.starts_with(&start)).unwrap_or_default()
}

fn keys(value: &Value) -> Vec<String> {
    match value {
        Value::Object(map) => map.iter().flat_map(|(key, inner)| [vec![key.clone()], keys(inner)].concat()).collect(),
        Value::Array(values) => values.iter().flat_map(keys).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![],
    }
}
