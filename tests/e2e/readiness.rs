//! What the engine tells its service manager, and when.

use std::{
    io::{BufRead, BufReader},
    sync::{Arc, Mutex},
    thread,
};

use nix::sys::signal::Signal;
use ray_tests::lab::{Exec, Process};

use crate::support::{Lab, PATIENCE, address, hosts, ray, until};

const SOCKET: &str = "/run/notify";
const ENV: [(&str, &str); 2] = [("NOTIFY_SOCKET", SOCKET), ("WATCHDOG_USEC", "400000")];

#[test]
fn the_engine_is_ready_when_its_address_can_be_bound_and_not_before() {
    let lab = hosts(1);
    ray(&lab, "n1", &["create", "home"]);
    let v6 = address(&lab, "n1", "n1", "v6");
    lab.node("n1").stop().unwrap();
    let manager = Manager::start(&lab);
    lab.start_process_with("n1", Some(Process::Engine), &ENV).unwrap();
    until(PATIENCE, "the engine says what it lacks", || manager.has_heard("STATUS=no tunnel: "));
    assert!(!manager.has_heard("READY=1"));
    lab.start_process("n1", Some(Process::Helper)).unwrap();
    until(PATIENCE, "the engine is ready", || manager.has_heard("READY=1"));
    let bound = lab.spawn("n1", None, &["ray-lab", "tool", "http-serve", &format!("[{v6}]:80")]).unwrap();
    until(PATIENCE, "a service binds the address", || {
        lab.exec("n1", &["sh", "-c", "grep -q ':0050 ' /proc/net/tcp6"]).unwrap().code() == 0
    });
    drop(bound);
    until(PATIENCE, "the engine shows that it lives, again and again", || manager.count("WATCHDOG=1") > 5);
    lab.kill("n1", Process::Helper, Signal::SIGKILL).unwrap();
    until(PATIENCE, "the engine says what it lacks", || {
        manager.has_heard("STATUS=tunnel up: ray0, without a helper: ")
    });
    assert!(!manager.has_heard("STOPPING=1"));
    lab.stop_process("n1", Some(Process::Engine)).unwrap();
    until(PATIENCE, "the engine says that it ends", || manager.has_heard("STOPPING=1"));
}

#[test]
fn the_engine_is_ready_at_once_where_no_tunnel_is_wanted() {
    let lab = hosts(1);
    ray(&lab, "n1", &["down"]);
    lab.node("n1").stop().unwrap();
    let manager = Manager::start(&lab);
    lab.start_process_with("n1", Some(Process::Engine), &ENV).unwrap();
    until(PATIENCE, "the engine is ready", || manager.has_heard("READY=1"));
    assert!(manager.has_heard("STATUS=no tunnel is wanted"));
}

/// Hears what services of n1 say.
struct Manager {
    heard: Arc<Mutex<Vec<String>>>,
    _tool: Exec,
}

impl Manager {
    fn start(lab: &Lab) -> Self {
        let mut tool = lab.spawn("n1", None, &["ray-lab", "tool", "notify-listen", SOCKET]).unwrap();
        let mut ready = String::new();
        BufReader::new(tool.stderr.take().unwrap()).read_line(&mut ready).unwrap();
        let (heard, stdout) = (Arc::<Mutex<Vec<String>>>::default(), tool.stdout.take().unwrap());
        let hearing = heard.clone();
        thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                hearing.lock().unwrap().push(line);
            }
        });
        Self { heard, _tool: tool }
    }

    fn has_heard(&self, start: &str) -> bool {
        self.count(start) > 0
    }

    fn count(&self, start: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|line| line.starts_with(start)).count()
    }
}
