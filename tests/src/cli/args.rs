//! The arguments of `ray-lab`.

use clap::{Parser, Subcommand, ValueEnum};

use super::tools::Tool;
use crate::lab::Process;

pub(super) const DEFAULT_NAME: &str = "default";

const EXAMPLES: &str = "\
Examples:
  ray-lab demo                          two hosts find each other, in a minute
  ray-lab up --nodes 3                  a lab that stays
  ray-lab exec n1 -- ray create home
  ray-lab exec n2 --user alice -- ray status
  ray-lab link n2 down                  pull its cable
  ray-lab link n2 mtu 1280              make it a narrow one
  ray-lab kill n1 engine && ray-lab start n1 engine
  ray-lab down

A lab is hosts n1, n2, … and a host infra (relay and discovery) on one switch, all in
namespaces of this machine: nothing of the machine itself is touched, and nothing stays.

Exit codes: 0 ok, 1 other, 2 usage, 5 no such lab is running, 6 no such node;
exec passes the command's own code, or 128 and the signal that ended it";

/// Whole Rayfish hosts on a small Internet inside this machine
#[derive(Debug, Parser)]
#[command(name = "ray-lab", version, after_help = EXAMPLES, subcommand_required = true, arg_required_else_help = true)]
pub(super) struct Args {
    #[command(subcommand)]
    pub(super) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show two hosts finding each other, and measure it
    Demo {
        /// One JSON object as the last line of stdout
        #[arg(long)]
        json: bool,
        /// Leave the lab running, under the name demo
        #[arg(long)]
        keep: bool,
        /// The programs are up to date
        #[arg(long, hide = true)]
        built: bool,
    },
    /// Measure side by side with raw cables and peer programs
    Bench(super::bench::BenchArgs),
    /// Start a lab and wait until every engine in it answers
    Up {
        /// How many hosts
        #[arg(long, default_value_t = 2, value_name = "N")]
        nodes: u32,
        /// Tells several labs apart
        #[arg(long, default_value = DEFAULT_NAME)]
        name: String,
    },
    /// Run a command on a host
    Exec {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        /// As this user of the host instead of root, such as rayfish or alice
        #[arg(long)]
        user: Option<String>,
        node: String,
        #[arg(required = true, last = true, value_name = "CMD")]
        command: Vec<String>,
    },
    /// Show the hosts of a lab and what runs on them
    Status {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        #[arg(long, help = "As one JSON object")]
        json: bool,
    },
    /// Print the log of a process, over all its starts
    Logs {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        node: String,
        /// helper, names or engine (infra on the host infra)
        #[arg(default_value = "engine")]
        process: Process,
    },
    /// Send a signal to a process
    Kill {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        node: String,
        /// helper, names or engine (infra on the host infra)
        process: Process,
        /// Name or number
        #[arg(long, default_value = "KILL")]
        signal: String,
    },
    /// Start what does not run on a host and wait until it answers
    Start {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        node: String,
        /// Only this process
        process: Option<Process>,
    },
    /// End what runs on a host, in order
    Stop {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        node: String,
        /// Only this process
        process: Option<Process>,
    },
    /// Pull a host's cable, plug it in, or change the longest packet that it takes
    Link {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        node: String,
        state: LinkState,
        /// With mtu: the packet's bytes
        #[arg(value_name = "N", required_if_eq("state", "mtu"), value_parser = clap::value_parser!(u16).range(1280..=9000))]
        bytes: Option<u16>,
    },
    /// Lose packets on a host's cable at random, in each direction
    Loss {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        node: String,
        /// How many of a hundred; 0 ends it
        percent: f64,
    },
    /// Leave hosts only the relay to reach others by; without hosts, end that
    RelayOnly {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        nodes: Vec<String>,
    },
    /// Part hosts from all others, which keep the infra; without hosts, end that
    Split {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
        nodes: Vec<String>,
    },
    /// End a lab
    Down {
        #[arg(long, default_value = DEFAULT_NAME, help = "Which lab")]
        name: String,
    },
    /// Small network tools for use inside a host
    #[command(hide = true)]
    Tool {
        #[command(subcommand)]
        tool: Tool,
    },
    #[command(flatten)]
    Internal(Internal),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum LinkState {
    Up,
    Down,
    Mtu,
}

/// Steps in which the lab starts itself; not for people.
#[derive(Debug, Subcommand)]
pub(super) enum Internal {
    #[command(hide = true)]
    Supervise,
    #[command(hide = true)]
    SuperviseInner,
    #[command(hide = true)]
    Hold { args: String },
    #[command(hide = true)]
    Enter { args: String },
    #[command(hide = true)]
    Infra,
    #[command(hide = true)]
    MapIds { pid: String },
    #[command(hide = true)]
    ProbeUserNamespace,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn shows_no_internal_verb() {
        let help = Args::command().render_help().to_string();
        for hidden in ["supervise", "hold", "enter", "map-ids", "probe", "tool"] {
            assert!(!help.lines().any(|line| line.trim_start().starts_with(hidden)), "{hidden} in\n{help}");
        }
    }
}
