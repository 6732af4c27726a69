//! The steps in which the lab starts itself.

use nix::sched::{CloneFlags, unshare};
use serde::de::DeserializeOwned;

use super::{
    args::Internal,
    output::{fail, note, print},
};
use crate::{
    infra,
    node::{enter, holder},
    supervisor::{self, inner, outer},
};

pub(super) fn run(internal: Internal) -> u8 {
    match internal {
        Internal::Supervise => outer::run(),
        Internal::SuperviseInner => inner::run(),
        Internal::Hold { args } => parsed(&args, |args| match holder::run(&args) {
            Ok(()) => 0,
            Err(error) => fail(&*error, 1),
        }),
        Internal::Enter { args } => parsed(&args, |args| {
            let (message, code) = enter::run(&args);
            note(&format!("ray-lab: {message}"));
            code
        }),
        Internal::Infra => match infra::run() {
            Ok(()) => 0,
            Err(error) => fail(&error, 1),
        },
        Internal::MapIds { pid } => u8::from(print(&supervisor::id_maps(&pid)).is_err()),
        Internal::ProbeUserNamespace => u8::from(unshare(CloneFlags::CLONE_NEWUSER).is_err()),
    }
}

fn parsed<T: DeserializeOwned>(args: &str, run: impl FnOnce(T) -> u8) -> u8 {
    match serde_json::from_str(args) {
        Ok(args) => run(args),
        Err(error) => fail(&error, 2),
    }
}
