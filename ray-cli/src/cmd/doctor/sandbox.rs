//! `ray doctor --sandbox`: runs the forbidden acts under the live policies and reports each as refused.

use ray_ipc::control::ErrorCode;

use crate::{
    cmd::Context,
    error::{Failure, Stop},
};

pub(super) fn run(_context: &Context) -> Result<u8, Stop> {
    Err(Failure::new(ErrorCode::Other, "probing the sandbox: this build has no probe").into())
}
