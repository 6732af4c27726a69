//! Steps that both processes take: limits, no dump, no new privileges, no memory that becomes code.

use nix::{
    errno::Errno,
    sys::{
        prctl,
        resource::{Resource, getrlimit, setrlimit},
    },
};

use crate::{ConfineError, sys};

/// Forbids core dumps, and more than `open_files_max` descriptors. A lower limit that is set already stays.
pub(crate) fn limit(open_files_max: u64) -> Result<(), ConfineError> {
    setrlimit(Resource::RLIMIT_CORE, 0, 0).map_err(step("forbidding core dumps"))?;
    let limiting = step("limiting open files");
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).map_err(&limiting)?;
    let limit = hard.min(open_files_max);
    setrlimit(Resource::RLIMIT_NOFILE, limit, limit).map_err(&limiting)
}

/// Gives up what an exec could gain, and closes memory and `/proc` entries to other processes.
pub(crate) fn seal() -> Result<(), ConfineError> {
    prctl::set_dumpable(false).map_err(step("forbidding to be traced"))?;
    prctl::set_no_new_privs().map_err(step("forbidding new privileges"))
}

/// Refuses memory that becomes executable after it was anything else. `false` where the kernel cannot (before 6.3).
pub(crate) fn refuse_executable_memory() -> Result<bool, ConfineError> {
    match sys::refuse_executable_memory() {
        Ok(()) => Ok(true),
        Err(Errno::EINVAL | Errno::ENOSYS) => Ok(false),
        Err(errno) => Err(step("refusing executable memory")(errno)),
    }
}

pub(crate) fn step(step: &'static str) -> impl Fn(Errno) -> ConfineError {
    move |errno| ConfineError::Step { step, errno }
}
