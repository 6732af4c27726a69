//! `ray config`

use clap::{Args, Subcommand, ValueEnum};
use ray_ipc::control::{ConfigRequest, Reply, Request, SettingKey, SettingsReply};

use super::Context;
use crate::{
    error::{Failure, Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Without a verb it lists all settings. What is set here counts before the file
/etc/rayfish/engine.toml, where all other settings are, and outlives restarts.

Examples:
  ray config
  sudo ray config set offload off";
const GET_EXAMPLES: &str = "\
Examples:
  ray config get mtu
  ray config get offload --json";
const SET_EXAMPLES: &str = "\
offload: on or off; mtu: 1280 to 1400; queues: 1 to 8. The tunnel is set up anew
at once, and connections inside it go on.
dns: off, names or full; search: on or off, for hosts by their bare name. What
the helper or ray-names refuses is not kept.

Examples:
  sudo ray config set offload off
  sudo ray config set dns off";
const UNSET_EXAMPLES: &str = "\
What the file says counts again, or the default.

Examples:
  sudo ray config unset offload
  sudo ray config unset mtu";

/// Show and change settings while the engine runs
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, disable_help_subcommand = true)]
pub(crate) struct Config {
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print the value of a setting
    #[command(after_help = GET_EXAMPLES)]
    Get(Setting),
    /// Set a value, for now and after restarts
    #[command(after_help = SET_EXAMPLES)]
    Set(Assignment),
    /// Take back what was set
    #[command(after_help = UNSET_EXAMPLES)]
    Unset(Setting),
}

#[derive(Debug, Args)]
struct Setting {
    #[arg(value_name = "KEY")]
    key: Key,
}

#[derive(Debug, Args)]
struct Assignment {
    #[command(flatten)]
    setting: Setting,
    /// What it shall be
    value: String,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Key {
    Offload,
    Mtu,
    Queues,
    Dns,
    Search,
}

impl Config {
    pub(crate) fn run(self, context: &Context) -> Result<(), Stop> {
        match self.verb {
            None => list(context),
            Some(Verb::Get(setting)) => get(setting.key.into(), context),
            Some(Verb::Set(Assignment { setting, value })) => {
                change(ConfigRequest::Set { key: setting.key.into(), value }, "ray.config.set/1", context)
            }
            Some(Verb::Unset(setting)) => {
                change(ConfigRequest::Unset { key: setting.key.into() }, "ray.config.unset/1", context)
            }
        }
    }
}

fn list(context: &Context) -> Result<(), Stop> {
    let settings = ask(context, ConfigRequest::List)?;
    if context.output.json {
        return context.output.object(&json::config::list(&settings));
    }
    context.output.data(&render::config::list(&settings, context.output.palette))
}

fn get(key: SettingKey, context: &Context) -> Result<(), Stop> {
    let settings = ask(context, ConfigRequest::Get { key })?;
    let setting = settings.settings.iter().find(|setting| setting.key == key).ok_or_else(|| untold(&settings))?;
    if context.output.json {
        return context.output.object(&json::config::one(setting, &settings.file));
    }
    context.output.data(&format!("{}\n", setting.value))
}

fn change(request: ConfigRequest, schema: &str, context: &Context) -> Result<(), Stop> {
    let change = match context.ask(&Request::Config(request))? {
        Reply::Setting(change) => change,
        other => return Err(unexpected("change a setting", other).into()),
    };
    if context.output.json {
        return context.output.object(&json::config::change(schema, &change));
    }
    context.output.confirm(&render::config::change(&change, context.output.palette))
}

fn ask(context: &Context, request: ConfigRequest) -> Result<SettingsReply, Failure> {
    match context.ask(&Request::Config(request))? {
        Reply::Settings(settings) => Ok(settings),
        other => Err(unexpected("show the settings", other)),
    }
}

/// The engine answered with other settings than the one that was asked for.
fn untold(settings: &SettingsReply) -> Failure {
    unexpected("show a setting", Reply::Settings(settings.clone()))
}

impl From<Key> for SettingKey {
    fn from(key: Key) -> Self {
        match key {
            Key::Offload => Self::Offload,
            Key::Mtu => Self::Mtu,
            Key::Queues => Self::Queues,
            Key::Dns => Self::Dns,
            Key::Search => Self::Search,
        }
    }
}
