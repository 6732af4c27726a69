//! What a tunnel costs its hosts: CPU time for the data that it carries, and memory, of each of its programs and of all.

use super::{
    BenchError,
    agent::{ProcessUse, Streamed},
    metric::{Figures, of_program},
    site::{HOSTS, Site},
};

const GB: f64 = 1e9;
pub(super) const MIB: f64 = 1024.0 * 1024.0;

/// CPU seconds for a GB of each program on both hosts, of all of them, and of the machine.
pub(super) fn cpu(streamed: &Streamed, key: &str) -> Figures {
    let gigabytes = streamed.bytes.iter().sum::<u64>() as f64 / GB;
    if gigabytes <= 0.0 {
        return Figures::new();
    }
    let used = &streamed.used;
    let mut figures: Figures =
        used.programs.iter().map(|(program, used)| (of_program(key, program), used / gigabytes)).collect();
    if !used.programs.is_empty() {
        figures.insert(key.to_owned(), used.programs.values().sum::<f64>() / gigabytes);
    }
    figures.insert(of_program(key, "machine"), used.machine / gigabytes);
    figures
}

/// MiB of each program and of all, as the mean of both hosts; nothing for a way that has no programs.
pub(super) fn memory(
    site: &Site,
    programs: &[String],
    key: &str,
    bytes: fn(&ProcessUse) -> u64,
) -> Result<Figures, BenchError> {
    Ok(memory_of(&site.watch(programs)?.processes, key, bytes))
}

fn memory_of(processes: &[ProcessUse], key: &str, bytes: fn(&ProcessUse) -> u64) -> Figures {
    let mut figures = Figures::new();
    for process in processes {
        let mib = bytes(process) as f64 / MIB / HOSTS.len() as f64;
        *figures.entry(of_program(key, &process.name)).or_default() += mib;
        *figures.entry(key.to_owned()).or_default() += mib;
    }
    figures
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::bench::agent::Used;

    #[test]
    fn tells_the_cpu_time_for_a_gigabyte_of_each_program_and_of_all() {
        let programs = BTreeMap::from([("x".to_owned(), 1.0), ("y".to_owned(), 3.0)]);
        let used = Used { programs, machine: 6.0 };
        let figures = cpu(&Streamed { bytes: vec![1_500_000_000, 500_000_000], seconds: 4.0, used }, "cpu");
        assert_eq!(["cpu", "cpu_x", "cpu_y", "cpu_machine"].map(|key| figures[key]), [2.0, 0.5, 1.5, 3.0]);
        assert!(cpu(&Streamed::default(), "cpu").is_empty());
    }

    #[test]
    fn tells_the_memory_of_a_host_of_each_program_and_of_all() {
        let process = |name: &str, mib: u64| ProcessUse {
            name: name.to_owned(),
            pid: 1,
            cpu_s: 0.0,
            resident_bytes: mib << 20,
            anonymous_bytes: 0,
            peak_bytes: 0,
        };
        let both = [process("x", 10), process("y", 1), process("x", 20), process("y", 3)];
        let figures = memory_of(&both, "mem", |process| process.resident_bytes);
        assert_eq!(["mem", "mem_x", "mem_y"].map(|key| figures[key]), [17.0, 15.0, 2.0]);
    }
}
