//! `ray ephemeral`

use clap::Args;
use ray_ipc::control::{EphemeralRequest, Reply, Request};

use super::{Context, Network, duration::parse_seconds};
use crate::{
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Without an argument it shows what is set. For machines that come and go: what
stays silent for so long loses its seat, and needs `ray accept` to come back.

Examples:
  ray ephemeral 7d
  ray ephemeral off home";

/// Remove members that give no sign of life for so long
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ephemeral {
    /// 12h, 7d or the like; off; or show
    #[arg(
        value_name = "TIME|off|show",
        default_value = "show",
        hide_default_value = true,
        value_parser = parse_silence
    )]
    silence: Silence,
    #[command(flatten)]
    network: Network,
}

/// What to do about silent members.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Silence {
    Show,
    Off,
    /// Seconds.
    After(u32),
}

impl Ephemeral {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        let seconds = match self.silence {
            Silence::Show => None,
            Silence::Off => Some(0),
            Silence::After(seconds) => Some(seconds),
        };
        let request = EphemeralRequest { network: self.network.network, seconds };
        let ephemeral = match context.ask(&Request::Ephemeral(request))? {
            Reply::Ephemeral(ephemeral) => ephemeral,
            other => return Err(unexpected("tell when silent members go", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::network::ephemeral(&ephemeral));
        }
        let text = render::network::ephemeral(&ephemeral, seconds.is_some(), context.output.palette);
        if seconds.is_none() { context.output.data(&text) } else { context.output.confirm(&text) }
    }
}

fn parse_silence(text: &str) -> Result<Silence, String> {
    match text {
        "show" => Ok(Silence::Show),
        "off" => Ok(Silence::Off),
        _ => {
            let seconds = parse_seconds(text).map_err(|wrong| format!("{wrong}; or off, or show"))?;
            u32::try_from(seconds).map(Silence::After).map_err(|_| "too long".to_owned())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_times_and_two_words() {
        assert_eq!(parse_silence("7d"), Ok(Silence::After(604_800)));
        assert_eq!(parse_silence("off"), Ok(Silence::Off));
        assert_eq!(parse_silence("show"), Ok(Silence::Show));
    }

    #[test]
    fn refuses_a_name_where_a_time_belongs() {
        for text in ["home", "0s", "", "49711d", "Off"] {
            assert!(parse_silence(text).is_err(), "{text}");
        }
    }
}
