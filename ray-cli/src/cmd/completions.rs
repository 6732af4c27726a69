//! `ray completions`

use clap::{Args, CommandFactory, ValueEnum};

use super::Context;
use crate::{args::Cli, error::Stop, json};

const EXAMPLES: &str = "\
Examples:
  ray completions bash > /etc/bash_completion.d/ray
  ray completions fish > ~/.config/fish/completions/ray.fish";

/// Print a completion script
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Completions {
    shell: Shell,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

impl Completions {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let script = self.shell.script();
        if context.output.json {
            return context.output.object(&json::completions(self.shell.name(), &script));
        }
        context.output.data(&script)
    }
}

impl Shell {
    fn name(self) -> &'static str {
        match self {
            Self::Bash => "bash",
            Self::Zsh => "zsh",
            Self::Fish => "fish",
        }
    }

    fn script(self) -> String {
        let generator = match self {
            Self::Bash => clap_complete::Shell::Bash,
            Self::Zsh => clap_complete::Shell::Zsh,
            Self::Fish => clap_complete::Shell::Fish,
        };
        let mut script = Vec::new();
        clap_complete::generate(generator, &mut Cli::command(), "ray", &mut script);
        String::from_utf8_lossy(&script).into_owned()
    }
}
