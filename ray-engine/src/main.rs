//! Entry of the engine: arguments, the refusal to run with privilege, confinement, logging, then the runtime.

use std::{
    error::Error,
    path::{Path, PathBuf},
    process::ExitCode,
};

use ray_confine::{Confinement, engine::Places};
use ray_engine::{
    control::OverflowIds,
    engine::{self, Options},
    store,
};
use tracing_subscriber::EnvFilter;

/// ray-engine(8) is made from this text too.
const USAGE: &str = include_str!("usage.txt");

/// iroh and noq build a span for each packet they send when their targets are on.
const DEFAULT_LOG: &str =
    "info,iroh=warn,iroh::address_lookup=error,noq=warn,noq_proto=warn,netwatch=warn,n0_dns_resolver=warn";

fn main() -> ExitCode {
    let options = match parse(std::env::args().skip(1)) {
        Ok(Parsed::Run(options)) => options,
        Ok(Parsed::Print(text)) => {
            print(&text);
            return ExitCode::SUCCESS;
        }
        Err(problem) => {
            eprint!("error: {problem}\n\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match run(options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            let mut cause = error.source();
            while let Some(error) = cause {
                eprintln!("caused by: {error}");
                cause = error.source();
            }
            ExitCode::FAILURE
        }
    }
}

fn run(options: Options) -> Result<(), Box<dyn Error>> {
    engine::refuse_privilege()?;
    // Read before anything is given up: a confined process sees no kernel knobs.
    let overflow = OverflowIds::read();
    let confinement = confine(&options)?;
    start_log();
    report(&confinement);
    // A packet goes through four tasks, from the device's reader to the endpoint's; the fewer workers, the seldomer one of
    // them wakes another core for it. The other half of the cores is for the programs whose packets these are.
    let workers = std::thread::available_parallelism().map_or(1, |n| (n.get() / 2).clamp(1, 8));
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(engine::run(options, overflow, confinement))?;
    Ok(())
}

/// Before the runtime, because what confines a thread confines only those that it starts.
fn confine(options: &Options) -> Result<Confinement, Box<dyn Error>> {
    // What does not exist yet can get no rule.
    store::make_dir(&options.state_dir)?;
    Ok(ray_confine::engine::confine(&Places {
        config: &options.config,
        state_dir: &options.state_dir,
        runtime_dir: options.socket.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new(".")),
    })?)
}

fn start_log() {
    let filter = std::env::var("RAY_LOG").unwrap_or_else(|_| DEFAULT_LOG.to_owned());
    tracing_subscriber::fmt()
        .with_env_filter(EnvFilter::new(filter))
        .with_writer(std::io::stderr)
        .with_ansi(false)
        .with_target(false)
        .init();
}

fn report(confinement: &Confinement) {
    tracing::info!(landlock = confinement.landlock_abi, seccomp = confinement.filters_calls(), "confined");
    for missing in confinement.missing() {
        tracing::warn!("not fully confined: {missing}");
    }
}

enum Parsed {
    Run(Options),
    Print(String),
}

fn parse(mut args: impl Iterator<Item = String>) -> Result<Parsed, String> {
    let mut options = Options::default();
    while let Some(arg) = args.next() {
        let mut path = || args.next().map(PathBuf::from).ok_or_else(|| format!("{arg} needs a path"));
        match arg.as_str() {
            "--config" => options.config = path()?,
            "--state-dir" => options.state_dir = path()?,
            "--socket" => options.socket = path()?,
            "--helper-socket" => options.helper_socket = path()?,
            "--names-socket" => options.names_socket = path()?,
            "--version" => return Ok(Parsed::Print(format!("ray-engine {}\n", env!("CARGO_PKG_VERSION")))),
            "--help" | "-h" => return Ok(Parsed::Print(USAGE.to_owned())),
            other => return Err(format!("unknown argument {other:?}")),
        }
    }
    Ok(Parsed::Run(options))
}

#[allow(clippy::print_stdout, reason = "the answer to --help and --version is the program's output")]
fn print(text: &str) {
    print!("{text}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_arguments_that_mean_nothing() {
        for args in [&["--sokcet", "/x"][..], &["--config"], &["stray"]] {
            assert!(parse(args.iter().map(ToString::to_string)).is_err(), "{args:?}");
        }
    }
}
