//! Starts a supervisor and follows it until the lab is ready.

use std::{
    env,
    io::{BufRead, BufReader, Write, pipe},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
};

use super::{
    LabConfig, LabError,
    protocol::{Boot, Report},
};
use crate::binaries;

/// Lines kept of a supervisor that died without a word in the protocol.
const TAIL_LINES_MAX: usize = 20;

/// Starts the supervisor. With `lifeline` the lab ends when the returned child's stdin closes.
pub(super) fn start(config: LabConfig, lifeline: bool, progress: &mut dyn FnMut(&str)) -> Result<Child, LabError> {
    config.check()?;
    let supervisor = program("ray-lab")?;
    let programs = programs_of(&config, &supervisor)?;
    let boot = Boot { config, programs, lifeline };

    let (reports, ours) = pipe().map_err(LabError::io("making a pipe for the supervisor"))?;
    let theirs = ours.try_clone().map_err(LabError::io("making a pipe for the supervisor"))?;
    let mut child = Command::new(&supervisor)
        .arg0("ray-lab")
        .arg("supervise")
        .stdin(Stdio::piped())
        .stdout(ours)
        .stderr(theirs)
        .spawn()
        .map_err(LabError::io(format!("running {}", supervisor.display())))?;

    let told = tell(&mut child, &boot, lifeline).and_then(|()| follow(&boot, reports, progress));
    if let Err(error) = told {
        drop(child.stdin.take());
        // It is going down by itself; a failure to wait leaves nothing to be done.
        let _ = child.wait();
        return Err(error);
    }
    Ok(child)
}

/// Makes sure that the programs of the lab exist, and says where.
fn programs_of(config: &LabConfig, supervisor: &Path) -> Result<String, LabError> {
    if let Some(given) = &config.programs {
        return given_programs(given);
    }
    let nodes: Vec<_> = config.node_names().iter().map(|name| config.of(name)).collect();
    if nodes.iter().any(|node| node.helper) {
        program("ray-helper")?;
    }
    if nodes.iter().any(|node| node.names) {
        program("ray-names")?;
    }
    if nodes.iter().any(|node| node.engine) {
        program("ray-engine")?;
        program("ray")?;
    }
    let directory = supervisor.parent().unwrap_or(Path::new("/"));
    let text = directory.to_str().map(str::to_owned);
    text.ok_or_else(|| LabError::Usage(format!("the path {} is not text", directory.display())))
}

/// Programs that the caller has built: nothing is built here.
fn given_programs(directory: &Path) -> Result<String, LabError> {
    let names = ["ray", "ray-helper", "ray-names", "ray-engine", "ray-lab"];
    let missing = names.into_iter().find(|name| !directory.join(name).is_file());
    if let Some(name) = missing {
        return Err(LabError::Refused(format!("there is no {name} in {}", directory.display())));
    }
    let text = directory.to_str().map(str::to_owned);
    text.ok_or_else(|| LabError::Usage(format!("the path {} is not text", directory.display())))
}

/// A program of the lab. A test builds what it lacks; the lab itself, which may run as root, leaves that to its user.
fn program(name: &str) -> Result<PathBuf, LabError> {
    let running = env::current_exe().map_err(LabError::io("finding the running program"))?;
    // A program that cargo has just replaced is called "ray-lab (deleted)".
    if !running.file_name().is_some_and(|file| file.to_string_lossy().starts_with("ray-lab")) {
        return Ok(binaries::path(name));
    }
    let path = binaries::directory().map_err(LabError::io("finding the running program"))?.join(name);
    if path.exists() {
        return Ok(path);
    }
    let message = format!("there is no {}\nhint: cargo build --workspace --bins", path.display());
    Err(LabError::Refused(message))
}

fn tell(child: &mut Child, boot: &Boot, lifeline: bool) -> Result<(), LabError> {
    let Some(mut stdin) = child.stdin.take() else { return Ok(()) };
    let mut line = serde_json::to_vec(boot).map_err(|e| LabError::io("describing the lab")(e.into()))?;
    line.push(b'\n');
    stdin.write_all(&line).map_err(LabError::io("describing the lab to its supervisor"))?;
    if lifeline {
        child.stdin = Some(stdin);
    }
    Ok(())
}

fn follow(boot: &Boot, reports: impl std::io::Read, progress: &mut dyn FnMut(&str)) -> Result<(), LabError> {
    let mut tail = Vec::new();
    for line in BufReader::new(reports).lines() {
        let line = line.map_err(LabError::io("reading the supervisor's progress"))?;
        match serde_json::from_str(&line) {
            Ok(Report::Progress(step)) => progress(&step),
            Ok(Report::Ready) => return Ok(()),
            Ok(Report::AlreadyRunning) => {
                let name = &boot.config.name;
                return Err(LabError::Refused(format!(
                    "a lab named {name} is running already\nhint: ray-lab down --name {name}, or choose another --name"
                )));
            }
            Ok(Report::Missing(lines)) => return Err(LabError::Missing(lines)),
            Ok(Report::Failed { message, log_tail }) => return Err(LabError::Start { message, log_tail }),
            // A panic message or a word from the loader.
            Err(_) => tail.push(line),
        }
    }
    let log_tail = tail.split_off(tail.len().saturating_sub(TAIL_LINES_MAX));
    Err(LabError::Start { message: "the lab's supervisor ended while it started".to_owned(), log_tail })
}
