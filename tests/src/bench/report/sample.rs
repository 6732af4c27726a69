//! Results as a run could have found them, for tests.

use std::collections::BTreeMap;

use crate::bench::{
    Results, SCHEMA,
    contestant::RAW,
    machine::Machine,
    metric::{BY_PROGRAM, METRICS, ONCE, of_program},
    noise::Standing,
    results::{Entrant, Failure, Round, Settings},
};

/// Three rounds in which the n-th contestant has n times the figures of the first: 10, 11 and 12.
pub(in crate::bench) fn results(names: &[&str]) -> Results {
    let rounds = [10.0, 11.0, 12.0].map(|base| {
        let of = |(factor, name): (u32, &&str)| {
            let keys = METRICS.iter().map(|metric| metric.key.to_owned());
            let of_programs = BY_PROGRAM.iter().map(|(key, _)| of_program(key, &daemon(name)));
            let figures = keys.chain(of_programs).map(|key| (key, base * f64::from(factor)));
            ((*name).to_owned(), figures.collect())
        };
        Round {
            order: names.iter().map(|name| (*name).to_owned()).collect(),
            others: 0.01,
            standing: Standing::Stands,
            figures: (1..).zip(names).map(of).collect(),
        }
    });
    let entrant = |name: &&str| Entrant {
        name: (*name).to_owned(),
        version: "1.0".to_owned(),
        programs: if *name == RAW { Vec::new() } else { vec![daemon(name)] },
        once: ONCE.iter().map(|metric| (metric.key.to_owned(), 7.0)).collect::<BTreeMap<_, _>>(),
        failed: None,
    };
    let mut results = Results {
        schema: SCHEMA.to_owned(),
        machine: Machine {
            cpu: "A CPU".to_owned(),
            cores: 2,
            kernel: "6.1".to_owned(),
            congestion_control: "cubic".to_owned(),
            generator: "release".to_owned(),
            unix_time: 0,
            others_at_start: 0.0,
        },
        settings: Settings { rounds: 3, seconds: 1.0, pin: false, programs_given: false },
        too_noisy: false,
        contestants: names.iter().map(entrant).collect(),
        absent: vec!["nebula".to_owned()],
        summary: Vec::new(),
        versus: Vec::new(),
        rounds: rounds.to_vec(),
    };
    results.conclude();
    results
}

pub(in crate::bench) fn failure() -> Failure {
    Failure { message: "it fell over".to_owned(), log: vec!["last words".to_owned()] }
}

fn daemon(name: &str) -> String {
    format!("{name}-daemon")
}
