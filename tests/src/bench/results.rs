//! What a run found, whole: every round as it was, and what follows from those that stand.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    contestant::{RAW, RAYFISH},
    machine::Machine,
    metric::{Figures, METRICS},
    noise::{self, Standing},
    stats::Spread,
};

pub const SCHEMA: &str = "ray.lab.bench/1";

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Results {
    pub schema: String,
    pub machine: Machine,
    pub settings: Settings,
    /// Too few rounds stand: the summary is of all of them, and nothing follows from it.
    pub too_noisy: bool,
    pub contestants: Vec<Entrant>,
    /// Peer programs that are not on this machine.
    pub absent: Vec<String>,
    pub summary: Vec<Row>,
    /// Rayfish against each other one.
    pub versus: Vec<Versus>,
    pub rounds: Vec<Round>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Settings {
    pub rounds: usize,
    pub seconds: f64,
    pub pin: bool,
    /// The caller named our programs' directory: their build is not known.
    pub programs_given: bool,
}

/// One contestant.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Entrant {
    pub name: String,
    pub version: String,
    /// Whose CPU time and memory count.
    pub programs: Vec<String>,
    /// What is measured once in a run.
    pub once: Figures,
    pub failed: Option<Failure>,
}

/// Why a contestant has no (more) figures.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Failure {
    pub message: String,
    pub log: Vec<String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Round {
    pub order: Vec<String>,
    /// Cores that others kept busy while nothing was measured.
    pub others: f64,
    pub standing: Standing,
    pub figures: BTreeMap<String, Figures>,
}

/// One figure of one contestant over the rounds.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Row {
    pub contestant: String,
    pub key: String,
    pub absolute: Spread,
    /// Of the ratios to raw in the same round.
    pub to_raw: Option<Spread>,
}

/// The ratio of one figure of rayfish to that of another in the same round.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Versus {
    pub against: String,
    pub key: String,
    pub ratio: Spread,
}

impl Results {
    /// Judges the rounds and sums those up that stand, or all where too few do.
    pub(super) fn conclude(&mut self) {
        let raw = |round: &Round| {
            let figures = round.figures.get(RAW)?;
            Some((figures.get("tcp1_ab")? + figures.get("tcp1_ba")?) / 2.0)
        };
        let judged: Vec<_> = self.rounds.iter().map(|round| (round.others, raw(round))).collect();
        let standings = noise::judge(&judged);
        self.too_noisy = noise::is_too_noisy(&standings);
        for (round, standing) in self.rounds.iter_mut().zip(standings) {
            round.standing = standing;
        }
        let counted: Vec<&Round> =
            self.rounds.iter().filter(|round| self.too_noisy || round.standing == Standing::Stands).collect();
        let names: Vec<&str> = self.contestants.iter().map(|entrant| entrant.name.as_str()).collect();
        self.summary = names.iter().flat_map(|name| rows(name, &counted)).collect();
        let others = names.iter().filter(|name| **name != RAYFISH);
        self.versus = others.flat_map(|name| versus(name, &counted)).collect();
    }

    pub(super) fn row(&self, contestant: &str, key: &str) -> Option<&Row> {
        self.summary.iter().find(|row| row.contestant == contestant && row.key == key)
    }

    /// The middle of a figure over the rounds, or what was measured once.
    pub(super) fn middle(&self, contestant: &str, key: &str) -> Option<f64> {
        let once = || self.contestants.iter().find(|entrant| entrant.name == contestant)?.once.get(key).copied();
        self.row(contestant, key).map(|row| row.absolute.median).or_else(once)
    }

    pub(super) fn count(&self, standing: Standing) -> usize {
        self.rounds.iter().filter(|round| round.standing == standing).count()
    }

    pub(super) fn against(&self, contestant: &str, key: &str) -> Option<&Spread> {
        self.versus.iter().find(|row| row.against == contestant && row.key == key).map(|row| &row.ratio)
    }
}

fn rows(name: &str, rounds: &[&Round]) -> Vec<Row> {
    let mut keys: Vec<&String> =
        rounds.iter().filter_map(|round| round.figures.get(name)).flat_map(|figures| figures.keys()).collect();
    keys.sort();
    keys.dedup();
    let row = |key: &String| {
        let absolute = Spread::of(rounds.iter().filter_map(|round| figure(round, name, key)))?;
        let to_raw = has_ratio(key).then(|| ratios(rounds, name, RAW, key)).flatten();
        Some(Row { contestant: name.to_owned(), key: key.clone(), absolute, to_raw })
    };
    keys.into_iter().filter_map(row).collect()
}

fn versus(name: &str, rounds: &[&Round]) -> Vec<Versus> {
    let row = |key: &str| {
        let ratio = ratios(rounds, RAYFISH, name, key)?;
        Some(Versus { against: name.to_owned(), key: key.to_owned(), ratio })
    };
    let judged = METRICS.iter().filter(|metric| metric.more_is_better.is_some());
    judged.filter_map(|metric| row(metric.key)).collect()
}

fn has_ratio(key: &str) -> bool {
    METRICS.iter().any(|metric| metric.key == key && metric.has_ratio)
}

fn figure(round: &Round, name: &str, key: &str) -> Option<f64> {
    round.figures.get(name)?.get(key).copied()
}

fn ratios(rounds: &[&Round], name: &str, to: &str, key: &str) -> Option<Spread> {
    let of = |round: &&Round| Some(figure(round, name, key)? / figure(round, to, key).filter(|base| *base > 0.0)?);
    Spread::of(rounds.iter().filter_map(of))
}
