//! Runs every target over its stored corpus and its samples.

use std::{fs, path::PathBuf};

use super::TARGETS;

/// Set to write the samples into the corpus.
const UPDATE: &str = "RAY_UPDATE_CORPUS";

#[test]
fn no_stored_input_breaks_a_parser() {
    for target in &TARGETS {
        let directory = corpus(target.name);
        let entries = fs::read_dir(&directory).unwrap_or_else(|e| panic!("listing {}: {e}", directory.display()));
        let mut inputs = 0;
        for entry in entries {
            let path = entry.unwrap().path();
            (target.run)(&fs::read(&path).unwrap());
            inputs += 1;
        }
        assert!(inputs > 0, "the corpus of {} is empty; {UPDATE}=1 writes the samples", target.name);
    }
}

#[test]
fn no_sample_and_nothing_near_it_breaks_a_parser() {
    for target in &TARGETS {
        for (number, sample) in (target.samples)().into_iter().enumerate() {
            (target.run)(&sample);
            for at in 0..sample.len() {
                let mut bent = sample.clone();
                if let Some(byte) = bent.get_mut(at) {
                    *byte ^= 1 << (at % 8);
                }
                (target.run)(&bent);
                (target.run)(sample.get(..at).unwrap_or_default());
            }
            if std::env::var_os(UPDATE).is_some() {
                let directory = corpus(target.name);
                fs::create_dir_all(&directory).unwrap();
                fs::write(directory.join(format!("sample-{number:02}")), &sample).unwrap();
            }
        }
    }
}

fn corpus(target: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("corpus").join(target)
}
