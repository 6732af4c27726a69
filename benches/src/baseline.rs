//! The stored figures: one file a group, a name and a ratio a line.

use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, ErrorKind},
    path::{Path, PathBuf},
};

use crate::Figure;

/// A change that is not told apart from a machine's moods.
const CHANGE_MAX: f64 = 0.25;

/// Whether this run becomes the stored one.
pub(crate) fn is_to_be_saved() -> bool {
    env::var_os("RAY_BENCH_SAVE").is_some_and(|value| value == "1")
}

/// The figures of one group.
pub(crate) fn load(group: &str) -> io::Result<BTreeMap<String, f64>> {
    match fs::read(file(group)) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes)?),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(error),
    }
}

/// Stores the figures of one group. `kept` are those that this run left out.
pub(crate) fn save(group: &str, kept: BTreeMap<String, f64>, figures: &[Figure]) -> io::Result<()> {
    let mut all = kept;
    all.extend(figures.iter().map(|figure| (figure.name.clone(), rounded(figure.ratio()))));
    let mut text = serde_json::to_string_pretty(&all)?;
    text.push('\n');
    fs::write(file(group), text)
}

/// How far a figure is from its stored one, and whether that is more than noise.
pub(crate) fn change(now: f64, stored: f64) -> (f64, bool) {
    let change = now / stored - 1.0;
    (change, change.abs() > CHANGE_MAX)
}

/// Four digits: the rest would only make differences between two files.
fn rounded(ratio: f64) -> f64 {
    let digits = (3.0 - ratio.abs().log10().floor()).clamp(0.0, 9.0);
    let scale = 10f64.powf(digits);
    (ratio * scale).round() / scale
}

fn file(group: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline").join(format!("{}.json", group.replace(' ', "-")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_what_is_more_than_noise_in_both_directions() {
        assert!(!change(1.2, 1.0).1 && !change(0.8, 1.0).1);
        assert!(change(1.3, 1.0).1 && change(0.7, 1.0).1);
    }

    #[test]
    fn stores_four_digits_of_large_and_small_figures() {
        assert_eq!([12_345.678, 1.234_567, 0.012_345_6].map(rounded), [12_346.0, 1.235, 0.012_35]);
    }

    #[test]
    fn every_stored_group_can_be_read() {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("baseline")).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let figures = load(name.strip_suffix(".json").unwrap()).unwrap();
            assert!(!figures.is_empty() && figures.values().all(|ratio| *ratio > 0.0), "{name}");
        }
    }
}
