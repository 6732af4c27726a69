//! Who reaches what: servers on many ports, and clients that ask them.

use std::{
    io::{BufRead, BufReader, PipeReader},
    sync::{Arc, Mutex},
    thread,
};

use ray_tests::{
    lab::{Exec, Lab},
    tool::reach::{Report, Told},
};

pub(crate) use ray_tests::tool::reach::Verdict;

use crate::support::{PATIENCE, ray, status, until};

/// How long a test waits for an answer of which it says that there is none.
pub(crate) const SILENCE: f64 = 1.0;
/// Longer than any answer takes that there is.
pub(crate) const ANSWER: f64 = 30.0;

/// Echoes on these ports of TCP and UDP until it is dropped.
pub(crate) fn serve(lab: &Lab, node: &str, ports: &[u16]) -> Exec {
    let ports: Vec<String> = ports.iter().map(u16::to_string).collect();
    let argv: Vec<&str> =
        ["ray-lab", "tool", "reach-serve"].into_iter().chain(ports.iter().map(String::as_str)).collect();
    let mut server = lab.node(node).spawn(&argv).unwrap();
    assert_eq!(next_line(&mut lines(&mut server)).trim(), "listening", "on {node}");
    server
}

/// Asks all of `cells` (tcp/ADDRESS:PORT, udp/ADDRESS:PORT, icmp/ADDRESS) at once.
pub(crate) fn reach(lab: &Lab, node: &str, deadline: f64, cells: &[String]) -> Vec<Told> {
    // Whoever learns of refusals of its pings uses a socket that only a group may open.
    let group = "echo '0 2147483647' > /proc/sys/net/ipv4/ping_group_range";
    assert_eq!(lab.exec(node, &["sh", "-c", group]).unwrap().code(), 0);
    let deadline = deadline.to_string();
    let fixed = ["ray-lab", "tool", "reach", "--deadline", &deadline];
    let argv: Vec<&str> = fixed.into_iter().chain(cells.iter().map(String::as_str)).collect();
    let output = lab.exec_within(PATIENCE * 2, node, &argv).unwrap();
    assert_eq!(output.code(), 0, "{}", output.stderr);
    let report: Report = serde_json::from_str(output.stdout.trim()).unwrap();
    report.cells
}

pub(crate) fn verdicts(lab: &Lab, node: &str, deadline: f64, cells: &[String]) -> Vec<Verdict> {
    reach(lab, node, deadline, cells).into_iter().map(|told| told.verdict).collect()
}

/// Whether one cell answers; that it does not is a refusal or a second's silence.
pub(crate) fn answers(lab: &Lab, node: &str, cell: &str) -> bool {
    verdicts(lab, node, SILENCE, &[cell.to_owned()]) == [Verdict::Answered]
}

pub(crate) fn firewall(lab: &Lab, node: &str, args: &[&str]) -> serde_json::Value {
    ray(lab, node, &[&["firewall"], args].concat())
}

pub(crate) fn drops(lab: &Lab, node: &str, reason: &str) -> u64 {
    status(lab, node)["drops"][reason].as_u64().unwrap_or_default()
}

/// A TCP connection to a server of [`serve`] that is kept busy until it is dropped.
pub(crate) struct Held {
    /// Killed on drop.
    _program: Exec,
    told: Arc<Mutex<Progress>>,
}

#[derive(Default)]
struct Progress {
    /// Words that came back.
    echoes: u64,
    error: Option<String>,
}

impl Held {
    pub(crate) fn open(lab: &Lab, node: &str, target: &str) -> Self {
        let mut program = lab.node(node).spawn(&["ray-lab", "tool", "tcp-hold", target]).unwrap();
        let told = Arc::new(Mutex::new(Progress::default()));
        let (lines, sink) = (lines(&mut program), Arc::clone(&told));
        thread::spawn(move || {
            for line in lines.lines().map_while(Result::ok) {
                let mut progress = sink.lock().unwrap();
                match line.parse() {
                    Ok(echoes) => progress.echoes = echoes,
                    Err(_) => progress.error = Some(line),
                }
            }
        });
        let held = Self { _program: program, told };
        held.assert_lives();
        held
    }

    pub(crate) fn echoes(&self) -> u64 {
        self.told.lock().unwrap().echoes
    }

    pub(crate) fn assert_lives(&self) {
        let before = self.echoes();
        until(PATIENCE, "the connection goes on", || self.echoes() > before + 1);
    }

    /// The name of the error that ends it.
    pub(crate) fn error(&self) -> String {
        let error = || self.told.lock().unwrap().error.clone();
        until(PATIENCE, "the connection ends", || error().is_some());
        error().unwrap_or_default()
    }
}

pub(crate) fn lines(program: &mut Exec) -> BufReader<PipeReader> {
    BufReader::new(program.stdout.take().unwrap())
}

pub(crate) fn next_line(lines: &mut impl BufRead) -> String {
    let mut line = String::new();
    lines.read_line(&mut line).unwrap();
    line
}
