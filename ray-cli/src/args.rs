//! The arguments of `ray` itself and the list of its verbs.

use std::path::PathBuf;

use clap::{Args, ColorChoice, Parser, Subcommand, ValueEnum};

use crate::cmd;

/// clap has no groups of subcommands, so the overview is written by hand; a test holds it to the list of verbs.
const OVERVIEW: &str = "\
{about}

Usage: ray [OPTIONS] COMMAND

Start     create NAME        Found a network; this host becomes its coordinator
          join CODE          Enter a network with an invite or its room id
          up, down           Bring the data plane up or down; membership stays
Look      status             Show networks, peers and how each is reached
          ping TARGET        Measure the way to a peer through the tunnel
          log                Tell who did what in a network, and when
          doctor             Check this host; doctor --sandbox tries to escape
Members   invite             Make an invite; invite list, invite revoke INVITE
          requests           List who asks to be let in
          accept, deny, kick Let in who asks, or refuse; remove a member
          admin VERB         Coordinators: add MEMBER, remove MEMBER, list
          hostname NEWNAME   Change a host name
Networks  network, ephemeral Who may enter; record key; remove who is silent
          leave, nuke        Leave a network for good; end one for everybody
Firewall  firewall VERB      Who reaches what here: show, add RULE, pending, log
          group VERB         Sets of members for rules: list, add, remove
Names     dns, alias         Who finds mesh names here; add names of your own
Other     config             Settings: config get KEY, set KEY VALUE, unset KEY
          version, whoami    Tell the releases here; tell what you may do here
          completions, help  A completion script; the help of a command
NETWORK, a name or room id, comes last and may be left out with only one.

Global options:
{options}

Exit codes: 0 ok, 1 other, 2 usage, 3 timeout, 4 not permitted, 5 engine or
  helper not running, 6 not found or ambiguous, 7 refused, 8 sandbox unsafe{after-help}";

const EXAMPLES: &str = "\
Examples:
  ray create home && ray invite home
  ray status --json";

/// A peer-to-peer mesh VPN: no server, no account, no privileged network process
#[derive(Debug, Parser)]
#[command(
    name = "ray",
    version,
    color = ColorChoice::Never,
    help_template = OVERVIEW,
    after_help = EXAMPLES,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub(crate) struct Cli {
    #[command(flatten)]
    pub(crate) global: Global,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub(crate) struct Global {
    /// Answer with one JSON object on stdout, also for errors
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// Only what was asked for: no confirmations and no hints
    #[arg(short, long, global = true)]
    pub(crate) quiet: bool,
    /// Colours: auto (terminal without NO_COLOR), always, never
    #[arg(
        long,
        global = true,
        value_name = "WHEN",
        default_value = "auto",
        hide_default_value = true,
        hide_possible_values = true
    )]
    pub(crate) color: ColorWhen,
    /// The engine's control socket (also: RAY_SOCKET)
    #[arg(long, global = true, value_name = "PATH")]
    pub(crate) socket: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ColorWhen {
    Auto,
    Always,
    Never,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    Create(cmd::create::Create),
    Join(cmd::join::Join),
    Up(cmd::up::Up),
    Down(cmd::down::Down),
    Status(cmd::status::Status),
    Ping(cmd::ping::Ping),
    Log(cmd::log::Log),
    Doctor(cmd::doctor::Doctor),
    Invite(cmd::invite::Invite),
    Requests(cmd::requests::Requests),
    Accept(cmd::accept::Accept),
    Deny(cmd::deny::Deny),
    Kick(cmd::kick::Kick),
    Admin(cmd::admin::Admin),
    Hostname(cmd::hostname::Hostname),
    Network(cmd::network::Network),
    Firewall(cmd::firewall::Firewall),
    Group(cmd::group::Group),
    Ephemeral(cmd::ephemeral::Ephemeral),
    Leave(cmd::leave::Leave),
    Nuke(cmd::nuke::Nuke),
    Dns(cmd::dns::Dns),
    Alias(cmd::alias::Alias),
    Config(cmd::config::Config),
    Version(cmd::version::Version),
    Whoami(cmd::whoami::Whoami),
    Completions(cmd::completions::Completions),
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// One screen: what fits a terminal of common height without scrolling.
    const HELP_LINES_MAX: usize = 40;

    #[test]
    fn the_definition_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn the_overview_lists_every_verb() {
        let overview = Cli::command().render_help().to_string();
        let (_, table) = overview.split_once("Usage: ").unwrap();
        // Group, command, what it does.
        let commands: Vec<&str> = table.lines().filter_map(|line| line.get(10..29)).collect();
        let words: Vec<&str> = commands.iter().flat_map(|command| command.split([' ', ','])).collect();
        for verb in Cli::command().get_subcommands() {
            assert!(words.contains(&verb.get_name()), "{} is missing in the overview", verb.get_name());
        }
    }

    #[test]
    fn every_help_fits_one_screen_and_ends_with_two_examples() {
        let mut root = Cli::command();
        root.build();
        let mut checked = 0;
        let mut commands = vec![root];
        while let Some(mut command) = commands.pop() {
            commands.extend(command.get_subcommands().filter(|verb| verb.get_name() != "help").cloned());
            check_help(&mut command);
            checked += 1;
        }
        assert!(checked > 46, "only {checked} commands");
    }

    fn check_help(command: &mut clap::Command) {
        let help = command.render_help().to_string();
        let name = command.get_name();
        assert!(help.lines().count() <= HELP_LINES_MAX, "help of {name} has {} lines", help.lines().count());
        let widest = help.lines().map(|line| line.chars().count()).max();
        assert!(widest <= Some(80), "help of {name} is {widest:?} columns wide:\n{help}");
        let (_, examples) = help.split_once("Examples:\n").unwrap_or_else(|| panic!("{name} has no examples"));
        let examples: Vec<_> = examples.trim_end().lines().collect();
        assert_eq!(examples.len(), 2, "examples of {name}: {examples:?}");
        assert!(examples.iter().all(|line| line.contains("ray ")), "examples of {name}: {examples:?}");
    }
}
