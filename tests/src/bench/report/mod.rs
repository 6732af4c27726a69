//! What a run found, for people and for programs.

mod table;

use std::{fs, path::Path};

use super::{BenchError, Results};

pub(super) use self::table::table;

/// Writes `results.json`, `results.md` and `results.svg`.
pub(super) fn write(results: &Results, directory: &Path) -> Result<(), BenchError> {
    let json = serde_json::to_string_pretty(results).map_err(|error| BenchError::new(error.to_string()))?;
    fs::create_dir_all(directory).map_err(BenchError::io(format!("making {}", directory.display())))?;
    for (name, content) in [("results.json", json)] {
        let path = directory.join(name);
        fs::write(&path, content).map_err(BenchError::io(format!("writing {}", path.display())))?;
    }
    Ok(())
}
