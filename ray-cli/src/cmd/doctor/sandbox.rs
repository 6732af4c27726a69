//! `ray doctor --sandbox`: tries the forbidden acts under the live policies and shows what refused each.

use ray_ipc::control::ErrorCode;

use crate::{
    cmd::Context,
    error::{EXIT_UNSAFE, Failure, Stop},
    json,
    probe::{self, ProbeError},
    render,
};

pub(super) fn run(context: &Context) -> Result<u8, Stop> {
    let output = &context.output;
    let report = probe::run().map_err(Failure::from)?;
    if output.json {
        output.object(&json::sandbox::report(&report))?;
    } else if output.quiet {
        output.data(&render::sandbox::sum(&report, output.palette))?;
    } else {
        output.data(&render::sandbox::all(&report, output.palette))?;
    }
    Ok(if report.is_safe() { 0 } else { EXIT_UNSAFE })
}

impl From<ProbeError> for Failure {
    fn from(error: ProbeError) -> Self {
        match error {
            ProbeError::Start(cause) => {
                Self::new(ErrorCode::Other, "trying the forbidden acts: starting a process for each").caused_by(cause)
            }
            ProbeError::Stuck => Self::new(ErrorCode::Other, "looking at the running processes: no answer"),
            // What cannot be confined is not safe, whatever it would have been refused.
            ProbeError::Confine { process, reason } => {
                Self::new(ErrorCode::Other, format!("confining a process as the {} is: {reason}", process.name()))
                    .hint("install ray, ray-engine and ray-helper of one release")
            }
            ProbeError::Unproven { process, refused, reason } => {
                let tried = format!("only {refused} of the {}'s forbidden acts could be tried", process.name());
                let message = if reason.is_empty() { tried } else { format!("{tried}: {reason}") };
                Self::new(ErrorCode::Other, format!("proving nothing: {message}"))
                    .hint("run it where root may make network namespaces, outside of containers")
            }
        }
    }
}
