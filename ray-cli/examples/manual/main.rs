//! Writes what packages install beside the programs: `DIR/man/*` and `DIR/completions/*`, from texts that exist anyway.
//!
//! Usage: `cargo run --locked -p ray-cli --example manual -- DIR`
//!
//! An example and not a verb of `ray`, so that what makes manuals is in no program that is shipped. Pages of `ray` come
//! from its command line, those of the services from their answers to `--help`, those of the settings from the
//! samples. They hold neither a date nor anything of the machine, so that the same source gives the same bytes.
#![forbid(unsafe_code)]

mod page;
mod program;
mod settings;
#[cfg(test)]
mod tests;
mod verb;

use std::{
    env,
    error::Error,
    fs, io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap_complete::Shell;

use self::page::Page;

const ENGINE_USAGE: &str = include_str!("../../../ray-engine/src/usage.txt");
const HELPER_USAGE: &str = include_str!("../../../ray-helper/src/usage.txt");
const NAMES_USAGE: &str = include_str!("../../../ray-helper/names/src/usage.txt");
const ENGINE_SAMPLE: &str = include_str!("../../../packaging/etc/engine.toml");
const HELPER_SAMPLE: &str = include_str!("../../../packaging/etc/helper.toml");
const NAMES_SAMPLE: &str = include_str!("../../../packaging/etc/names.toml");

/// Shells, and the name that each looks for; only bash wants `ray`, which the package gives it.
const SHELLS: [(Shell, &str); 3] = [(Shell::Bash, "ray.bash"), (Shell::Zsh, "_ray"), (Shell::Fish, "ray.fish")];

fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let (Some(directory), None) = (arguments.next(), arguments.next()) else {
        eprintln!("usage: cargo run --locked -p ray-cli --example manual -- DIR");
        return ExitCode::from(2);
    };
    match write_all(&PathBuf::from(directory)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn write_all(directory: &Path) -> Result<(), Box<dyn Error>> {
    let pages = pages()?;
    let manual = empty_directory(&directory.join("man"))?;
    for page in pages {
        fs::write(manual.join(page.file_name()), page.render())?;
    }
    let completions = empty_directory(&directory.join("completions"))?;
    for (shell, file) in SHELLS {
        fs::write(completions.join(file), completion(shell))?;
    }
    Ok(())
}

/// What `ray completions` prints.
fn completion(shell: Shell) -> Vec<u8> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut ray_cli::command(), "ray", &mut script);
    script
}

fn pages() -> Result<Vec<Page>, String> {
    let mut pages = verb::pages(ray_cli::command());
    pages.push(program::page("ray-engine", ENGINE_USAGE)?);
    pages.push(program::page("ray-helper", HELPER_USAGE)?);
    pages.push(program::page("ray-names", NAMES_USAGE)?);
    pages.push(settings::page("engine.toml", "ray-engine", ENGINE_SAMPLE)?);
    pages.push(settings::page("helper.toml", "ray-helper", HELPER_SAMPLE)?);
    pages.push(settings::page("names.toml", "ray-names", NAMES_SAMPLE)?);
    Ok(pages)
}

/// A directory without pages of verbs that are no more.
fn empty_directory(path: &Path) -> io::Result<PathBuf> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        Ok(()) | Err(_) => {}
    }
    fs::create_dir_all(path)?;
    Ok(path.to_path_buf())
}
