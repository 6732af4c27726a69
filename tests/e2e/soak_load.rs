//! Traffic that comes and goes between nodes for as long as it is wanted, and how long each bit of it stood still.

use std::{
    io::{BufRead, BufReader},
    sync::{
        Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use ray_tests::{
    lab::{Exec, Lab},
    tool::{bulk, sizes, stream},
};
use serde::de::DeserializeOwned;

use crate::support::{PATIENCE, address};

/// Where `sizes-serve` listens, with the port above; the numbered streams; the transfers, one port each.
pub(crate) const SERVE: u16 = 7000;
pub(crate) const STREAM: u16 = 7002;
pub(crate) const TRANSFERS: u16 = 7010;
pub(crate) const PORTS: &str = "7000-7099";
/// A transfer is of some bytes there, and as many or more or fewer back.
const TRANSFER_MAX: u64 = 4 * 1024 * 1024;
const TRANSFER_PAUSE_MAX_MS: u64 = 400;
const FLOW_MS: (u64, u64) = (500, 2500);
const FLOW_PAUSE_MAX_MS: u64 = 1500;

/// A stretch of time in which something was sent without a break.
#[derive(Debug, Clone)]
pub(crate) struct Stretch {
    /// Who sent to whom.
    pub(crate) between: [&'static str; 2],
    pub(crate) kind: Kind,
    pub(crate) from: Instant,
    pub(crate) until: Instant,
    /// The longest time in it in which nothing arrived.
    pub(crate) silence: Duration,
}

/// What was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A connection. The stretch is its life, and the silence is somewhere in it.
    Flow,
    /// Numbered datagrams. The stretch is the silence.
    Stream,
}

/// What has been sent so far.
#[derive(Debug, Default)]
pub(crate) struct Done {
    pub(crate) stretches: Vec<Stretch>,
    pub(crate) transfers: u64,
    pub(crate) flows: u64,
    pub(crate) bytes: u64,
}

/// What became of a stream.
#[derive(Debug)]
pub(crate) struct Streamed {
    pub(crate) between: [&'static str; 2],
    pub(crate) sent: stream::Sent,
    pub(crate) counted: stream::Counted,
}

#[derive(Debug)]
pub(crate) struct Load<'a> {
    lab: &'a Lab,
    stopping: AtomicBool,
    done: Mutex<Done>,
}

impl<'a> Load<'a> {
    pub(crate) fn new(lab: &'a Lab) -> Self {
        Self { lab, stopping: AtomicBool::new(false), done: Mutex::default() }
    }

    /// Lets traffic be again.
    pub(crate) fn go(&self) {
        self.stopping.store(false, Ordering::Release);
    }

    /// Has everything end after what it is at.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    pub(crate) fn done<T>(&self, look: impl FnOnce(&mut Done) -> T) -> T {
        look(&mut self.done.lock().unwrap())
    }

    /// Transfers of random sizes, one after the other.
    pub(crate) fn transfers(&self, between: [&'static str; 2], family: &str, serial: u16) {
        let [from, to] = between;
        let target = at(self.lab, between, family, TRANSFERS + serial);
        let mut random = Random(u64::from(serial));
        while !self.is_stopping() {
            let (there, back) = (random.size(TRANSFER_MAX), random.size(TRANSFER_MAX));
            let (bytes, answer) = (there.to_string(), back.to_string());
            let sink = ready(tool(self.lab, to, &["tcp-sink", &target, "--answer", &answer]));
            let transfer =
                report::<bulk::Report>(tool(self.lab, from, &["tcp-send", &target, &bytes, "--answer", &answer]));
            assert_eq!((transfer.bytes, report::<bulk::Report>(sink).bytes), (there, there), "{from} to {to}");
            self.done(|done| (done.transfers, done.bytes) = (done.transfers + 1, done.bytes + there + back));
            self.pause(random.below(TRANSFER_PAUSE_MAX_MS));
        }
    }

    /// Connections as fast as they go, of random lengths of time, one after the other.
    pub(crate) fn flows(&self, between: [&'static str; 2], family: &str, serial: u16) {
        let target = at(self.lab, between, family, SERVE);
        let mut random = Random(u64::from(serial));
        while !self.is_stopping() {
            let from = Instant::now();
            let mut flow = tool(self.lab, between[0], &["flow", &target]);
            self.pause(FLOW_MS.0 + random.below(FLOW_MS.1 - FLOW_MS.0));
            drop(flow.stdin.take());
            let flow: sizes::Flow = report(flow);
            assert!(flow.right, "{between:?}: {flow:?}");
            let silence = Duration::from_millis(flow.silence_ms);
            let stretch = Stretch { between, kind: Kind::Flow, from, until: Instant::now(), silence };
            self.done(|done| {
                done.stretches.push(stretch);
                (done.flows, done.bytes) = (done.flows + 1, done.bytes + flow.bytes);
            });
            self.pause(random.below(FLOW_PAUSE_MAX_MS));
        }
    }

    /// A numbered stream, from now to the end.
    pub(crate) fn stream(&self, between: [&'static str; 2], family: &str, serial: u16) -> Streamed {
        let target = at(self.lab, between, family, STREAM + serial);
        let count = ready(tool(self.lab, between[1], &["udp-count", &target]));
        let started = Instant::now();
        let mut stream = tool(self.lab, between[0], &["udp-stream", &target]);
        while !self.is_stopping() {
            self.pause(1000);
        }
        drop(stream.stdin.take());
        let (sent, counted): (stream::Sent, stream::Counted) = (report(stream), report(count));
        let stretches = counted.gaps.iter().map(|gap| {
            let (until, silence) = (started + Duration::from_millis(gap.ended_by), Duration::from_millis(gap.ms));
            Stretch { between, kind: Kind::Stream, from: until.checked_sub(silence).unwrap_or(started), until, silence }
        });
        self.done(|done| done.stretches.extend(stretches));
        Streamed { between, sent, counted }
    }

    /// Sleeps, but not past the end.
    fn pause(&self, ms: u64) {
        let until = Instant::now() + Duration::from_millis(ms);
        while !self.is_stopping() && Instant::now() < until {
            thread::sleep(Duration::from_millis(20).min(until.saturating_duration_since(Instant::now())));
        }
    }
}

/// Starts what flows are sent to.
pub(crate) fn serve(lab: &Lab, node: &str) -> Exec {
    ready(tool(lab, node, &["sizes-serve", &SERVE.to_string()]))
}

fn at(lab: &Lab, [from, to]: [&str; 2], family: &str, port: u16) -> String {
    let address = address(lab, from, to, family);
    if family == "v6" { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
}

fn tool(lab: &Lab, node: &str, args: &[&str]) -> Exec {
    lab.spawn(node, None, &[&["ray-lab", "tool"], args].concat()).unwrap()
}

/// Waits until a server says that it listens.
fn ready(mut server: Exec) -> Exec {
    let mut stderr = BufReader::new(server.stderr.take().unwrap());
    let mut line = String::new();
    stderr.read_line(&mut line).unwrap();
    assert!(line.starts_with("listening"), "{line}");
    server.stderr = Some(stderr.into_inner());
    server
}

fn report<T: DeserializeOwned>(exec: Exec) -> T {
    let output = exec.output(PATIENCE).unwrap();
    assert_eq!(output.code(), 0, "{}", output.stderr);
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {}", output.stdout))
}

/// The same numbers in every run. (SplitMix64.)
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let word = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        word ^ (word >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// As often a small one as a large one.
    fn size(&mut self, max: u64) -> u64 {
        let scale = self.below(u64::from(max.ilog2()) + 1);
        1 + self.below(1 << scale)
    }
}
