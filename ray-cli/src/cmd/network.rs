//! `ray network`

use clap::{Args, Subcommand, ValueEnum};
use ray_ipc::control::{NetworkMode, Reply, Request, SetModeRequest};

use super::{Context, Network as NetworkArgument};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Examples:
  ray network mode approval
  ray network rekey home";
const MODE_EXAMPLES: &str = "\
closed: nobody enters without an invite; approval: whoever knows the room id may
ask, and `ray accept` decides; open: whoever knows the room id enters.

Examples:
  ray network mode open
  ray network mode closed home";
const REKEY_EXAMPLES: &str = "\
For when a coordinator that is removed held the key. Members follow by
themselves; outsiders then need the new key in place of the room id.

Examples:
  ray network rekey
  ray network rekey home";

/// Change who may enter a network, or the key of its public record
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Network {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Set who may enter without an invite
    #[command(after_help = MODE_EXAMPLES)]
    Mode(ModeArguments),
    /// Replace the key that signs the network's discovery record
    #[command(after_help = REKEY_EXAMPLES)]
    Rekey(NetworkArgument),
}

#[derive(Debug, Args)]
struct ModeArguments {
    #[arg(value_name = "MODE")]
    mode: Mode,
    #[command(flatten)]
    network: NetworkArgument,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Mode {
    Closed,
    Approval,
    Open,
}

impl Network {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        match self.verb {
            Verb::Mode(arguments) => set_mode(arguments, context),
            Verb::Rekey(network) => rekey(network, context),
        }
    }
}

fn set_mode(arguments: ModeArguments, context: &Context) -> Result<(), Stop> {
    let request = SetModeRequest { network: arguments.network.network, mode: arguments.mode.into() };
    let mode = match context.ask(&Request::SetMode(request))? {
        Reply::Mode(mode) => mode,
        other => return Err(unexpected("set who may enter", other).into()),
    };
    if context.output.json {
        return context.output.object(&json::network::mode(&mode));
    }
    context.output.confirm(&render::network::mode(&mode, context.output.palette))
}

fn rekey(network: NetworkArgument, context: &Context) -> Result<(), Stop> {
    let rekeyed = match context.ask(&Request::Rekey(network.into()))? {
        Reply::Rekeyed(rekeyed) => rekeyed,
        other => return Err(unexpected("replace a network's key", other).into()),
    };
    if context.output.json {
        return context.output.object(&json::network::rekeyed(&rekeyed));
    }
    context.output.confirm(&render::network::rekeyed(&rekeyed, context.output.palette))
}

impl From<Mode> for NetworkMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::Closed => Self::Closed,
            Mode::Approval => Self::Approval,
            Mode::Open => Self::Open,
        }
    }
}
