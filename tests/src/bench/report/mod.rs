//! What a run found, for people and for programs.

mod markdown;
mod peers;
mod plot;
#[cfg(test)]
pub(super) mod sample;
mod svg;
mod table;

use std::{fs, path::Path};

use super::{BenchError, Results};

pub(super) use self::{peers::peers, table::table};

/// Writes `results.json`, `results.md` and `results.svg`.
pub(super) fn write(results: &Results, directory: &Path) -> Result<(), BenchError> {
    let json = serde_json::to_string_pretty(results).map_err(|error| BenchError::new(error.to_string()))?;
    let files =
        [("results.json", json + "\n"), ("results.md", markdown::page(results)), ("results.svg", plot::plot(results))];
    fs::create_dir_all(directory).map_err(BenchError::io(format!("making {}", directory.display())))?;
    for (name, content) in files {
        let path = directory.join(name);
        fs::write(&path, content).map_err(BenchError::io(format!("writing {}", path.display())))?;
    }
    Ok(())
}

/// Three digits that count.
fn figure(value: f64) -> String {
    match value.abs() {
        size if size >= 99.95 => format!("{value:.0}"),
        size if size >= 9.995 => format!("{value:.1}"),
        size if size >= 0.0995 || size == 0.0 => format!("{value:.2}"),
        _ => format!("{value:.3}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_three_digits_that_count() {
        let shown = [0.0, 0.0123, 0.1, 1.234, 12.34, 123.4, 99.96].map(figure);
        assert_eq!(shown, ["0.00", "0.012", "0.10", "1.23", "12.3", "123", "100"]);
    }
}
