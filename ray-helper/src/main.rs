//! Entry of the helper: preconditions, then the socket, then confinement, then service.

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
    env, fs,
    path::{self, Path},
    process::ExitCode,
};

use ray_confine::{ConfineError, helper as confine};
use ray_helper::{
    account::{self, Account, PASSWD_PATH},
    apply::Host,
    args::{self, Command, HELP},
    config::{self, Config},
    crash,
    listen::{self, Listener},
    log,
    manager::{Environment, Manager},
    recover, resolver,
    serve::Server,
    signal,
    stop::{Stop, end, print},
    sys::{netlink::Netlink, process},
    trust,
};

fn main() -> ExitCode {
    match args::parse(env::args_os().skip(1)) {
        Ok(Command::Help) => print(HELP),
        Ok(Command::Version) => print(concat!("ray-helper ", env!("CARGO_PKG_VERSION"), "\n")),
        Ok(Command::Serve { policy, socket }) => end(serve(&policy, &socket)),
        Ok(Command::Undo { policy, socket }) => end(undo(&policy, &socket)),
        Err(error) => Stop::usage(error, "run: ray-helper --help".into()).report(),
    }
}

fn serve(policy: &Path, socket: &Path) -> Result<(), Stop> {
    let environment = Environment::read(std::process::id());
    let given = process::take_inherited(environment.listed()).map_err(Stop::runtime)?;
    crash::arm();
    let signals = signal::block().map_err(Stop::runtime)?;
    let (config, engine) = read_policy(policy)?;
    confine::require_net_admin()?;
    let socket = path::absolute(socket).map_err(Stop::runtime)?;
    let listener = Listener::bind(&socket, engine)?;
    let manager = Manager::connect(&environment);
    confine_process(socket.parent())?;
    let netlink = Netlink::open().map_err(Stop::runtime)?;
    let mut host = Host { netlink, config, engine };
    let found = recover::recover(&mut host, environment.queues(given))?;
    confine::check()?;
    confine::before_serving()?;
    log::line(format_args!("serving uid {} at {}", engine.uid, socket.display()));
    Server::new(host, listener, signals, manager, found).run().map_err(Stop::runtime)
}

/// Runs what a service manager runs after a helper's end.
fn undo(policy: &Path, socket: &Path) -> Result<(), Stop> {
    process::take_inherited(0).map_err(Stop::runtime)?;
    let (config, engine) = read_policy(policy)?;
    confine::require_net_admin()?;
    if listen::is_served(socket)? {
        log::line(format_args!("a helper serves: nothing to undo"));
        return Ok(());
    }
    confine_process(None)?;
    let netlink = Netlink::open().map_err(Stop::runtime)?;
    confine::check()?;
    confine::before_serving()?;
    recover::undo(&mut Host { netlink, config, engine })?;
    Ok(())
}

fn confine_process(socket_directory: Option<&Path>) -> Result<(), ConfineError> {
    for missing in confine::confine(socket_directory)?.missing() {
        log::line(format_args!("warning: not fully confined: {missing}"));
    }
    Ok(())
}

fn read_policy(path: &Path) -> Result<(Config, Account), Stop> {
    let mut config = config::parse(&trust::read(path)?)
        .map_err(|error| Stop::usage(error, format!("correct {}", path.display())))?;
    let passwd = fs::read_to_string(PASSWD_PATH).map_err(Stop::runtime)?;
    config.keep.extend(resolver::inside_the_mesh());
    let engine = account::resolve(&config.engine_user, &passwd)?;
    Ok((config, engine))
}
