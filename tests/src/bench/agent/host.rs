//! What the host's own `/proc` and kernel say: CPU time and memory of programs, and whether an address answers.

use std::{
    collections::BTreeMap,
    fs, io,
    net::IpAddr,
    time::{Duration, Instant},
};

use nix::unistd::Pid;

use super::{Ping, ProcessUse, Used, Watched, pin};
use crate::{bench::noise, tool::ping as icmp};

/// What the kernel cuts a program's name to.
const NAME_LEN_MAX: usize = 15;
/// Between two echo requests that nobody answers.
const PING_PACE: Duration = Duration::from_millis(20);
const PING_TIMEOUT: Duration = Duration::from_millis(200);

impl Used {
    /// What was used after `earlier`. A program that has ended meanwhile does not count.
    pub(super) fn since(&self, earlier: &Self) -> Self {
        let of = |(name, used): (&String, &f64)| {
            let before = earlier.programs.get(name).copied().unwrap_or_default();
            (name.clone(), (used - before).max(0.0))
        };
        Self { programs: self.programs.iter().map(of).collect(), machine: self.machine - earlier.machine }
    }
}

/// CPU time of the programs of these names in the whole lab, and of the machine.
pub(super) fn usage(names: &[String]) -> io::Result<Used> {
    let mut programs = BTreeMap::new();
    for process in watch(names, false)?.processes {
        *programs.entry(process.name).or_default() += process.cpu_s;
    }
    Ok(Used { programs, machine: noise::Times::read()?.busy_s() })
}

/// The programs of these names, of this host alone or of all.
pub(super) fn watch(names: &[String], own_host: bool) -> io::Result<Watched> {
    let own = fs::read_link(network("self"))?;
    // One that has just ended is nowhere.
    let is_wanted = |pid: &i32| !own_host || fs::read_link(network(&pid.to_string())).is_ok_and(|net| net == own);
    let processes = pids()?.into_iter().filter(is_wanted).filter_map(|pid| process(pid, names)).collect();
    Ok(Watched { processes })
}

/// What tells a process's host.
fn network(process: &str) -> String {
    format!("/proc/{process}/ns/net")
}

/// Pins those that run in this host.
pub(super) fn pin_all(names: &[String], cpu: usize) -> io::Result<usize> {
    let processes = watch(names, true)?.processes;
    for process in &processes {
        for thread in numbers(&format!("/proc/{}/task", process.pid))? {
            pin(Pid::from_raw(thread), cpu)?;
        }
    }
    Ok(processes.len())
}

pub(super) fn congestion() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/net/ipv4/tcp_congestion_control")?.trim().to_owned())
}

/// Asks until somebody answers.
pub(super) fn ping(target: IpAddr, span: Duration) -> io::Result<Ping> {
    let started = Instant::now();
    let mut last = String::from("no answer");
    while started.elapsed() < span {
        // Without a route, before the interface is there, sending fails: that is no answer yet.
        match icmp::ping(target, 1, PING_TIMEOUT) {
            Ok(icmp::Report { avg_ms: Some(round_trip_ms), .. }) => {
                return Ok(Ping { after_ms: started.elapsed().as_secs_f64() * 1000.0, round_trip_ms });
            }
            Ok(_) => {}
            Err(error) => {
                last = error.to_string();
                std::thread::sleep(PING_PACE);
            }
        }
    }
    Err(io::Error::other(format!("{target} is silent after {:.1} s: {last}", span.as_secs_f64())))
}

fn process(pid: i32, names: &[String]) -> Option<ProcessUse> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (name, cpu_ticks) = parse_stat(&stat)?;
    let name = names.iter().find(|wanted| wanted.get(..NAME_LEN_MAX).unwrap_or(wanted) == name)?;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let bytes = |key| memory(&status, key).unwrap_or_default();
    Some(ProcessUse {
        name: name.clone(),
        pid,
        cpu_s: noise::seconds(cpu_ticks),
        resident_bytes: bytes("VmRSS:"),
        anonymous_bytes: bytes("RssAnon:"),
        peak_bytes: bytes("VmHWM:"),
    })
}

/// The name, and user and system time together. The name is in brackets and may hold brackets.
fn parse_stat(stat: &str) -> Option<(&str, u64)> {
    let (head, rest) = stat.rsplit_once(") ")?;
    let (_, name) = head.split_once('(')?;
    // After the name: state is the third field, utime and stime the 14th and 15th.
    let mut times = rest.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (times.next()?.parse().ok()?, times.next()?.parse().ok()?);
    Some((name, user + system))
}

/// The bytes of one line of a process's status.
fn memory(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
}

fn pids() -> io::Result<Vec<i32>> {
    numbers("/proc")
}

fn numbers(directory: &str) -> io::Result<Vec<i32>> {
    let names = fs::read_dir(directory)?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_times_of_a_program_with_brackets_in_its_name() {
        let stat = "42 (a) b (c) S 1 2 3 4 5 6 7 8 9 10 250 50 0 0 20 0 4 0 1";
        assert_eq!(parse_stat(stat), Some(("a) b (c", 300)));
        assert_eq!(parse_stat("42 (a) S 1"), None);
    }

    #[test]
    fn reads_the_memory_of_a_program() {
        let status = "Name:\tx\nVmHWM:\t    2345 kB\nVmRSS:\t    1234 kB\n";
        assert_eq!(["VmRSS:", "VmHWM:"].map(|key| memory(status, key)), [Some(1234 * 1024), Some(2345 * 1024)]);
        assert_eq!(memory("Name:\tx\n", "VmRSS:"), None);
    }

    #[test]
    fn what_was_used_before_does_not_count() {
        let used = |x: f64, machine| Used { programs: BTreeMap::from([("x".to_owned(), x)]), machine };
        let since = used(3.5, 20.0).since(&used(1.5, 12.0));
        assert_eq!((since.programs["x"], since.machine), (2.0, 8.0));
    }
}
