//! `ray-lab bench`: its options, its progress, and its exit code.

use std::path::PathBuf;

use clap::{Args, value_parser};

use super::output::{fail, note, print};
use crate::bench::{
    self, EXIT_FAILED, EXIT_TOO_NOISY, LookupsOptions, Options, PEERS_MAX, PeersOptions, ROUNDS, SECONDS,
};

const NOTES: &str = "\
Contestants: raw (no tunnel), rayfish, boringtun-cli, wireguard-go, nebula.
Each has two hosts of its own; nothing of the machine itself is touched.

Without --out, only a full run writes: of all contestants and shipped programs,
with at least the default rounds and seconds, quiet, and without a failure.
Every other run only prints, and leaves the last full one's results alone.

Exit codes: 0 ok, 1 a contestant failed or other, 2 usage, 9 the machine was
too noisy to judge (fewer than half of the rounds stand)";

const BOUNDS: &str = "error: a run has at least one round, and windows of 0.1 to 600 s";

/// What `ray-lab bench` takes.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub(super) struct BenchArgs {
    /// Rounds, in each of which all have a turn
    #[arg(long, default_value_t = ROUNDS, value_name = "N")]
    rounds: u16,
    /// Length of each window of bulk data
    #[arg(long, default_value_t = SECONDS, value_name = "S")]
    seconds: f64,
    /// One round of one second
    #[arg(long, conflicts_with_all = ["rounds", "seconds"])]
    quick: bool,
    /// Measure only these
    #[arg(long, value_delimiter = ',', value_name = "A,B")]
    only: Vec<String>,
    /// A peer program that is not on the path
    #[arg(long, value_name = "NAME=PATH", value_parser = named)]
    with: Vec<(String, PathBuf)>,
    /// Directory of our programs [default: a release build]
    #[arg(long, value_name = "DIR")]
    programs: Option<PathBuf>,
    /// Host A's programs on one CPU, host B's on another
    #[arg(long)]
    pin: bool,
    /// Instead: Rayfish's memory with 1 peer and with N
    #[arg(long, value_name = "N", value_parser = value_parser!(u16).range(2..=PEERS_MAX))]
    #[arg(conflicts_with_all = ["rounds", "seconds", "quick", "only", "with", "pin", "out"])]
    peers: Option<u16>,
    /// Instead: how long lookups take, and what they cost
    #[arg(long, conflicts_with_all = ["peers", "only", "with", "pin", "out"])]
    names: bool,
    /// Where to write [a full run: benches/results]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// Print the results as one JSON object, not as a table
    #[arg(long)]
    json: bool,
}

pub(super) fn run(args: BenchArgs) -> u8 {
    match args.peers {
        Some(peers) => run_peers(PeersOptions { peers, programs: args.programs }, args.json),
        None if args.names => run_names(args),
        None => run_side_by_side(args),
    }
}

/// What `--peers` asks for.
fn run_peers(options: PeersOptions, json: bool) -> u8 {
    let found = match bench::peers(&options, &mut |line| note(line)) {
        Ok(found) => found,
        Err(error) => return fail(&error, error.exit_code()),
    };
    let text = if json { serde_json::to_string(&found).unwrap_or_default() } else { found.table() };
    print(&text).map_or_else(|error| fail(&error, 1), |()| 0)
}

/// What `--names` asks for.
fn run_names(args: BenchArgs) -> u8 {
    let (rounds, seconds) = if args.quick { (1, 1.0) } else { (args.rounds, args.seconds) };
    if rounds == 0 || !(0.1..=600.0).contains(&seconds) {
        note(BOUNDS);
        return 2;
    }
    let options = LookupsOptions { rounds: rounds.into(), seconds, programs: args.programs };
    let found = match bench::lookups(&options, &mut |line| note(line)) {
        Ok(found) => found,
        Err(error) => return fail(&error, error.exit_code()),
    };
    let text = if args.json { serde_json::to_string(&found).unwrap_or_default() } else { found.table() };
    print(&text).map_or_else(|error| fail(&error, 1), |()| 0)
}

fn run_side_by_side(args: BenchArgs) -> u8 {
    let (rounds, seconds) = if args.quick { (1, 1.0) } else { (args.rounds, args.seconds) };
    if rounds == 0 || !(0.1..=600.0).contains(&seconds) {
        note(BOUNDS);
        return 2;
    }
    let options = Options {
        rounds: rounds.into(),
        seconds,
        only: args.only,
        with: args.with.into_iter().collect(),
        programs: args.programs,
        pin: args.pin,
        out: args.out,
    };
    let results = match bench::run(&options, &mut |line| note(line)) {
        Ok(results) => results,
        Err(error) => return fail(&error, error.exit_code()),
    };
    let text = if args.json { serde_json::to_string(&results).unwrap_or_default() } else { bench::table(&results) };
    match print(&text) {
        Ok(()) if results.too_noisy => EXIT_TOO_NOISY,
        Ok(()) if results.contestants.iter().any(|entrant| entrant.failed.is_some()) => EXIT_FAILED,
        Ok(()) => 0,
        Err(error) => fail(&error, 1),
    }
}

fn named(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, path)) if !name.is_empty() && !path.is_empty() => Ok((name.to_owned(), path.into())),
        _ => Err("it is NAME=PATH, as in boringtun-cli=/opt/boringtun-cli".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use clap::{CommandFactory, Parser};

    use super::*;
    use crate::cli::args::{Args, Verb};

    #[test]
    fn the_help_fits_a_screen() {
        let mut args = Args::command();
        let help = args.find_subcommand_mut("bench").unwrap().render_help().to_string();
        assert!(help.lines().count() <= 40, "{} lines:\n{help}", help.lines().count());
        assert!(help.lines().all(|line| line.chars().count() <= 80), "{help}");
        assert!(help.contains("9 the machine"), "{help}");
    }

    #[test]
    fn takes_peer_programs_by_name_and_path() {
        let args = parse(&["--with", "nebula=/x/nebula", "--with", "nebula-cert=/x/c=d", "--only", "raw,nebula"]);
        assert_eq!(args.with, [("nebula".to_owned(), "/x/nebula".into()), ("nebula-cert".to_owned(), "/x/c=d".into())]);
        assert_eq!(args.only, ["raw", "nebula"]);
        for wrong in ["nebula", "=x", "nebula="] {
            assert!(Args::try_parse_from(["ray-lab", "bench", "--with", wrong]).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_quick_run_has_its_own_rounds() {
        assert!(parse(&["--quick"]).quick);
        assert!(Args::try_parse_from(["ray-lab", "bench", "--quick", "--rounds", "2"]).is_err());
    }

    #[test]
    fn counting_peers_goes_with_nothing_else_and_needs_two() {
        assert_eq!(parse(&["--peers", "8", "--json"]).peers, Some(8));
        for wrong in
            [&["--peers", "1"][..], &["--peers", "51"], &["--peers", "8", "--quick"], &["--peers", "8", "--out", "x"]]
        {
            assert!(Args::try_parse_from(["ray-lab", "bench"].iter().chain(wrong)).is_err(), "{wrong:?}");
        }
    }

    fn parse(args: &[&str]) -> BenchArgs {
        match Args::try_parse_from(["ray-lab", "bench"].iter().chain(args)).unwrap().verb {
            Verb::Bench(args) => args,
            other => panic!("{other:?}"),
        }
    }
}
