//! A peer program that runs in a host, and what it said last.

use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, PipeReader},
    sync::{Arc, Mutex, PoisonError},
    thread,
};

use crate::{
    bench::{BenchError, site::Site},
    lab::Exec,
};

const TAIL_LINES: usize = 15;

type Tail = Arc<Mutex<VecDeque<String>>>;

/// It is killed with this value.
#[derive(Debug)]
pub(super) struct Daemon {
    node: &'static str,
    _exec: Exec,
    tail: Tail,
}

impl Daemon {
    pub(super) fn start(site: &Site, node: &'static str, argv: &[&str]) -> Result<Self, BenchError> {
        let mut exec = site.lab()?.spawn(node, None, argv)?;
        let tail = Tail::default();
        for stream in [exec.stdout.take(), exec.stderr.take()].into_iter().flatten() {
            let tail = Arc::clone(&tail);
            thread::spawn(move || follow(stream, &tail));
        }
        Ok(Self { node, _exec: exec, tail })
    }

    pub(super) fn log_tail(&self) -> Vec<String> {
        let tail = self.tail.lock().unwrap_or_else(PoisonError::into_inner);
        tail.iter().map(|line| format!("{}: {line}", self.node)).collect()
    }
}

fn follow(stream: PipeReader, tail: &Mutex<VecDeque<String>>) {
    for line in BufReader::new(stream).lines().map_while(Result::ok) {
        let mut tail = tail.lock().unwrap_or_else(PoisonError::into_inner);
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line);
    }
}
