//! The bench's end of an agent in a host: gives it jobs and waits for what they find.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, PipeReader, PipeWriter, Write},
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
        mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    },
    thread,
    time::Duration,
};

use serde::de::DeserializeOwned;

use super::{
    BenchError,
    agent::{Event, Job, Order},
};
use crate::lab::{Exec, Lab};

type Listeners = Arc<Mutex<HashMap<u64, Sender<Event>>>>;

/// A running agent. It ends with this value.
#[derive(Debug)]
pub(super) struct Station {
    pub(super) node: String,
    orders: Mutex<PipeWriter>,
    listeners: Listeners,
    next: AtomicU64,
    _agent: Exec,
}

impl Station {
    /// Starts an agent in `node`, held on one CPU if one is given.
    pub(super) fn open(lab: &Lab, node: &str, cpu: Option<usize>) -> Result<Self, BenchError> {
        // The program that the lab runs on, whatever is in the directory of the programs under test.
        let mut argv = vec!["/proc/self/exe".to_owned(), "tool".to_owned(), "bench-agent".to_owned()];
        argv.extend(cpu.map(|cpu| format!("--cpu={cpu}")));
        let argv: Vec<&str> = argv.iter().map(String::as_str).collect();
        let mut agent = lab.spawn(node, None, &argv)?;
        let (Some(orders), Some(events)) = (agent.stdin.take(), agent.stdout.take()) else {
            return Err(BenchError::new("the agent has no pipes"));
        };
        let listeners = Listeners::default();
        let told = Arc::clone(&listeners);
        thread::spawn(move || follow(events, &told));
        Ok(Self {
            node: node.to_owned(),
            orders: Mutex::new(orders),
            listeners,
            next: AtomicU64::new(0),
            _agent: agent,
        })
    }

    /// Begins a job.
    pub(super) fn start(&self, job: Job) -> Result<Pending, BenchError> {
        let id = self.next.fetch_add(1, Ordering::Relaxed);
        let what = format!("{job:?}");
        let what = format!("{} on {}", what.split([' ', '(']).next().unwrap_or_default(), self.node);
        let (sender, events) = channel();
        lock(&self.listeners).insert(id, sender);
        let mut line = serde_json::to_vec(&Order { id, job }).map_err(|error| BenchError::new(error.to_string()))?;
        line.push(b'\n');
        lock(&self.orders).write_all(&line).map_err(BenchError::io("giving a job to an agent"))?;
        Ok(Pending { what, events })
    }

    /// Begins a job and waits until it listens.
    pub(super) fn listen(&self, job: Job) -> Result<Pending, BenchError> {
        let pending = self.start(job)?;
        match pending.next(READY_DEADLINE)? {
            Event::Ready { .. } => Ok(pending),
            other => Err(pending.unexpected(&other)),
        }
    }

    /// Does a job to its end.
    pub(super) fn run<T: DeserializeOwned>(&self, job: Job, deadline: Duration) -> Result<T, BenchError> {
        self.start(job)?.done(deadline)
    }
}

/// How long a job may take until it listens.
const READY_DEADLINE: Duration = Duration::from_secs(5);

/// A job that runs.
#[derive(Debug)]
pub(super) struct Pending {
    what: String,
    events: Receiver<Event>,
}

impl Pending {
    /// Waits for the end of the job and what it found.
    pub(super) fn done<T: DeserializeOwned>(&self, deadline: Duration) -> Result<T, BenchError> {
        match self.next(deadline)? {
            Event::Done { found, .. } => serde_json::from_value(found)
                .map_err(|error| BenchError::new(format!("{}: unreadable: {error}", self.what))),
            other => Err(self.unexpected(&other)),
        }
    }

    fn next(&self, deadline: Duration) -> Result<Event, BenchError> {
        self.events.recv_timeout(deadline).map_err(|error| match error {
            RecvTimeoutError::Timeout => {
                BenchError::new(format!("{}: not within {:.1} s", self.what, deadline.as_secs_f32()))
            }
            RecvTimeoutError::Disconnected => BenchError::new(format!("{}: the agent has ended", self.what)),
        })
    }

    fn unexpected(&self, event: &Event) -> BenchError {
        match event {
            Event::Failed { why, .. } => BenchError::new(format!("{}: {why}", self.what)),
            Event::Ready { .. } | Event::Done { .. } => BenchError::new(format!("{}: out of order", self.what)),
        }
    }
}

/// Hands each event to whoever waits for it, until the agent ends.
fn follow(events: PipeReader, listeners: &Mutex<HashMap<u64, Sender<Event>>>) {
    for line in BufReader::new(events).lines().map_while(Result::ok) {
        let Ok(event) = serde_json::from_str::<Event>(&line) else { continue };
        let mut listeners = lock(listeners);
        let last = !matches!(event, Event::Ready { .. });
        let id = event.id();
        if let Some(listener) = listeners.get(&id) {
            // Nobody waits any more for a job that was given up.
            let _ = listener.send(event);
        }
        if last {
            listeners.remove(&id);
        }
    }
    lock(listeners).clear();
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
