//! Entry of `ray-names`: preconditions, then what a predecessor left, then confinement, then service.

#![forbid(unsafe_code)]
// Privileged code may panic on no value, whatever it is. Tests may.
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::cast_possible_truncation,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

use std::{
    env, fs, io,
    path::{self, Path},
    process::ExitCode,
};

use ray_confine::names::{self as confine, Needs};
use ray_helper::{
    account::{self, Account, PASSWD_PATH},
    args::{self, Command},
    crash,
    listen::{self, Listener},
    log,
    manager::{Environment, Manager},
    signal,
    stop::{Stop, end, print},
    sys::process,
    trust,
};
use ray_ipc::names::SOCKET_PATH;
use ray_names::{
    backend::{self, networkmanager},
    choose::{Look, choose},
    config::{self, Config},
    recover,
    resolv_conf::Place,
    serve::Server,
    watch::Watch,
};

const POLICY_PATH: &str = "/etc/rayfish/names.toml";

/// The answer to `--help`; ray-names(8) is made from this text too.
const HELP: &str = include_str!("usage.txt");

fn main() -> ExitCode {
    log::set_program("ray-names");
    match args::parse_with(POLICY_PATH, SOCKET_PATH, env::args_os().skip(1)) {
        Ok(Command::Help) => print(HELP),
        Ok(Command::Version) => print(concat!("ray-names ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Serve { policy, socket }) => end(serve(&policy, &socket)),
        Ok(Command::Undo { policy, socket }) => end(undo(&policy, &socket)),
        Err(error) => Stop::usage(error, "run: ray-names --help".into()).report(),
    }
}

fn serve(policy: &Path, socket: &Path) -> Result<(), Stop> {
    let environment = Environment::read(std::process::id());
    process::take_inherited(0).map_err(Stop::runtime)?;
    crash::arm();
    let signals = signal::block().map_err(Stop::runtime)?;
    confine::require_root()?;
    let (config, engine) = read_policy(policy)?;
    let socket = path::absolute(socket).map_err(Stop::runtime)?;
    let listener = Listener::bind(&socket, engine)?;
    let manager = Manager::connect(&environment);
    if let Err(failure) = recover::sweep(&config) {
        log::line(format_args!("what an earlier run left: {failure}"));
    }
    let watch = Watch::new().map_err(Stop::runtime)?;
    let look = Look::at_host();
    let choice = choose(&config, &look);
    let edited = backend::edited(choice.backend, look.place.directory());
    let needs =
        Needs { socket_dir: socket.parent(), edited: edited.as_slice(), bus: backend::is_on_the_bus(choice.backend) };
    confine_process(&needs)?;
    log::line(format_args!(
        "serving uid {} at {}: {:?}, because {}",
        engine.uid,
        socket.display(),
        choice.backend,
        choice.why
    ));
    Server::new(config, (choice, look.clone()), listener, (signals, watch), manager).run().map_err(Stop::runtime)
}

/// Runs what a service manager runs after a process's end.
fn undo(policy: &Path, socket: &Path) -> Result<(), Stop> {
    process::take_inherited(0).map_err(Stop::runtime)?;
    confine::require_root()?;
    // Also with a policy that is broken: whose lines they are does not depend on it.
    let config = read_policy(policy).map_or_else(|_| Config::default(), |(config, _)| config);
    if listen::is_served(socket)? {
        log::line(format_args!("another process serves: nothing to undo"));
        return Ok(());
    }
    let place = Place::find();
    confine_process(&Needs {
        socket_dir: None,
        edited: &[place.directory(), Path::new(networkmanager::DIRECTORY)],
        bus: true,
    })?;
    recover::undo(&config).map_err(Stop::runtime)?;
    log::line(format_args!("nothing is left"));
    Ok(())
}

fn confine_process(needs: &Needs<'_>) -> Result<(), Stop> {
    for missing in confine::confine(needs)?.missing() {
        log::line(format_args!("warning: not fully confined: {missing}"));
    }
    confine::check()?;
    confine::before_serving(needs)?;
    Ok(())
}

/// A policy that is not there is the default one.
fn read_policy(path: &Path) -> Result<(Config, Account), Stop> {
    let config = match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Config::default(),
        Ok(_) | Err(_) => config::parse(&trust::read(path)?)
            .map_err(|error| Stop::usage(error, format!("correct {}", path.display())))?,
    };
    let passwd = fs::read_to_string(PASSWD_PATH).map_err(Stop::runtime)?;
    let engine = account::resolve(&config.engine_user, &passwd)?;
    Ok((config, engine))
}
