//! What a reader has to know of the machine to judge figures.

use std::{
    fs,
    time::{SystemTime, UNIX_EPOCH},
};

use nix::{
    sched::{CpuSet, sched_getaffinity},
    sys::utsname::uname,
    unistd::Pid,
};
use serde::{Deserialize, Serialize};

use super::{BenchError, noise};

/// The machine and how it was used.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Machine {
    pub cpu: String,
    pub cores: usize,
    pub kernel: String,
    /// TCP's, inside and outside of every tunnel.
    pub congestion_control: String,
    /// How the generator was built: a debug build is a limit of its own.
    pub generator: String,
    pub unix_time: u64,
    /// Cores that others kept busy before anything was started.
    pub others_at_start: f64,
}

impl Machine {
    pub(super) fn look() -> Self {
        let info = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let kernel = uname().map(|name| name.release().to_string_lossy().into_owned()).unwrap_or_default();
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self {
            cpu: cpu(&info).unwrap_or("unknown").to_owned(),
            cores: noise::cores(),
            kernel,
            congestion_control: String::new(),
            generator: if cfg!(debug_assertions) { "debug" } else { "release" }.to_owned(),
            unix_time: since.as_secs(),
            others_at_start: noise::others().unwrap_or_default(),
        }
    }
}

/// A CPU for each host, of those that this process may use.
pub(super) fn two_cpus() -> Result<[usize; 2], BenchError> {
    let set = sched_getaffinity(Pid::this()).map_err(|error| BenchError::io("asking for the CPUs")(error.into()))?;
    first_two((0..CpuSet::count()).filter(|cpu| set.is_set(*cpu).unwrap_or(false)).collect())
}

fn first_two(usable: Vec<usize>) -> Result<[usize; 2], BenchError> {
    match usable.as_slice() {
        [first, second, ..] => Ok([*first, *second]),
        _ => Err(BenchError::usage("--pin takes a CPU for each of the two hosts, and there is only one")),
    }
}

fn cpu(info: &str) -> Option<&str> {
    let line = info.lines().find(|line| line.starts_with("model name"))?;
    Some(line.split_once(':')?.1.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_name_of_the_cpu() {
        assert_eq!(cpu("processor\t: 0\nmodel name\t: A CPU @ 2 GHz\n"), Some("A CPU @ 2 GHz"));
        assert_eq!(cpu(""), None);
    }

    #[test]
    fn each_host_gets_a_cpu_that_may_be_used() {
        assert_eq!(first_two(vec![2, 5, 6]).unwrap(), [2, 5]);
        assert!(first_two(vec![3]).unwrap_err().message.contains("only one"));
    }
}
