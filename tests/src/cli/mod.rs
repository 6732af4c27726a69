//! The lab on the command line.

mod args;
mod bench;
mod exec;
mod internal;
mod output;
mod tools;

use clap::Parser;
use nix::sys::signal::Signal;

use self::{
    args::{Args, Verb},
    output::{fail, note, print},
};
use crate::{
    demo,
    lab::{Lab, LabConfig, LabError},
};

/// Runs the command line of this process. The exit code.
pub fn run() -> u8 {
    let args = Args::parse();
    dispatch(args.verb).unwrap_or_else(|error| fail(&error, error.exit_code()))
}

fn dispatch(verb: Verb) -> Result<u8, LabError> {
    match verb {
        Verb::Demo { json, keep, built } => return Ok(demo::run(demo::Options { json, keep, built })),
        Verb::Bench(args) => return Ok(bench::run(args)),
        Verb::Up { nodes, name } => up(nodes, name)?,
        Verb::Exec { name, user, node, command } => return exec::run(&name, &node, user.as_deref(), &command),
        Verb::Status { name, json } => status(&name, json)?,
        Verb::Logs { name, node, process } => {
            let mut log = Lab::attach(&name)?.log_file(&node, process)?;
            std::io::copy(&mut log, &mut std::io::stdout().lock()).map_err(LabError::io("copying the log"))?;
        }
        Verb::Kill { name, node, process, signal } => {
            Lab::attach(&name)?.kill(&node, process, parse_signal(&signal)?)?;
        }
        Verb::Start { name, node, process } => Lab::attach(&name)?.start_process(&node, process)?,
        Verb::Stop { name, node, process } => Lab::attach(&name)?.stop_process(&node, process)?,
        Verb::Link { name, node, state, bytes } => match (state, bytes) {
            (args::LinkState::Up, None) => Lab::attach(&name)?.link_up(&node)?,
            (args::LinkState::Down, None) => Lab::attach(&name)?.link_down(&node)?,
            (args::LinkState::Mtu, Some(mtu)) => Lab::attach(&name)?.link_mtu(&node, mtu)?,
            _ => return Err(LabError::Usage("a number of bytes goes with mtu, and with nothing else".to_owned())),
        },
        Verb::Loss { name, node, percent } => Lab::attach(&name)?.loss(&node, percent)?,
        Verb::RelayOnly { name, nodes } => {
            Lab::attach(&name)?.relay_only(&nodes.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Verb::Split { name, nodes } => {
            Lab::attach(&name)?.split(&nodes.iter().map(String::as_str).collect::<Vec<_>>())?;
        }
        Verb::Down { name } => Lab::attach(&name)?.down()?,
        Verb::Tool { tool } => return Ok(tools::run(tool)),
        Verb::Internal(internal) => return Ok(internal::run(internal)),
    }
    Ok(0)
}

fn up(nodes: u32, name: String) -> Result<(), LabError> {
    let config = LabConfig { name: name.clone(), nodes, ..LabConfig::default() };
    Lab::start_detached(config, &mut |step| note(step))?;
    let option = if name == args::DEFAULT_NAME { String::new() } else { format!(" --name {name}") };
    note(&format!("lab {name} is up; try: ray-lab exec{option} n1 -- ray status"));
    Ok(())
}

fn status(name: &str, json: bool) -> Result<(), LabError> {
    let status = Lab::attach(name)?.status()?;
    if json {
        let text = serde_json::to_string(&status).map_err(|e| LabError::io("writing JSON")(e.into()))?;
        return print(&text);
    }
    print(&format!("lab {}, up {} s", status.name, status.uptime_s))?;
    for node in &status.nodes {
        let cable = if node.link { "" } else { "  cable pulled" };
        print(&format!("{:<6} {:<12} {:<12}{cable}", node.name, node.v4, node.v6))?;
        for process in &node.processes {
            let state = match (process.pid, &process.ended) {
                (Some(pid), _) => format!("pid {pid}"),
                (None, Some(ended)) => format!("ended: {ended}"),
                (None, None) => "not started".to_owned(),
            };
            print(&format!("  {:<8} {state}", process.process.name()))?;
        }
    }
    Ok(())
}

/// KILL, SIGKILL or 9.
fn parse_signal(text: &str) -> Result<Signal, LabError> {
    let upper = text.to_ascii_uppercase();
    let name = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    let by_number = || text.parse::<i32>().ok().and_then(|number| Signal::try_from(number).ok());
    name.parse().ok().or_else(by_number).ok_or_else(|| LabError::Usage(format!("{text:?} is no signal")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_signals_by_name_and_number() {
        for text in ["TERM", "term", "SIGTERM", "15"] {
            assert_eq!(parse_signal(text).unwrap(), Signal::SIGTERM, "{text}");
        }
        for text in ["", "NONE", "0", "99"] {
            assert!(matches!(parse_signal(text), Err(LabError::Usage(_))), "{text}");
        }
    }
}
