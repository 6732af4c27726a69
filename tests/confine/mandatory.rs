//! A process that cannot be confined does not go on.

use std::{env, path::Path, process::Command};

use ray_confine::{
    ConfineError,
    engine::{self, Places},
    filter::{Filters, Violation},
    helper,
    names::{self, Needs},
    policy::Policy,
};

/// Names the call that the kernel is to refuse, and makes this program the child that tries.
const VARIABLE: &str = "RAY_TEST_CONFINE_WITHOUT";

/// Calls that confinement is made of.
const NEEDED: [&str; 3] = ["prctl", "prlimit64", "seccomp"];

#[test]
fn the_engine_does_not_start_where_a_mandatory_step_fails() {
    for call in NEEDED {
        assert_eq!(try_without(call, "engine_alone"), "refused", "{call}");
    }
}

#[test]
fn the_helper_does_not_start_where_a_mandatory_step_fails() {
    for call in NEEDED.iter().chain(&["capset"]) {
        assert_eq!(try_without(call, "helper_alone"), "refused", "{call}");
    }
}

#[test]
fn the_program_for_names_does_not_start_where_a_mandatory_step_fails() {
    for call in NEEDED.iter().chain(&["capset"]) {
        assert_eq!(try_without(call, "names_alone"), "refused", "{call}");
    }
}

#[test]
fn the_program_for_names_refuses_to_run_half_confined() {
    assert!(matches!(names::check(), Err(ConfineError::NotConfined { .. })));
}

#[test]
fn the_helper_refuses_to_run_half_confined() {
    // As the tests run, nothing at all is in force.
    let Err(error @ ConfineError::NotConfined { .. }) = helper::check() else { panic!("taken for confined") };
    for flaw in ["NoNewPrivs is 0", "Seccomp is 0", "can be dumped", "the environment has"] {
        assert!(error.to_string().contains(flaw), "{error}");
    }
}

#[test]
fn engine_alone() {
    if breaks() {
        let nowhere = Path::new("/nowhere");
        let places = Places { config: nowhere, state_dir: nowhere, runtime_dir: nowhere };
        answer(engine::confine(&places).is_err());
    }
}

#[test]
fn helper_alone() {
    if breaks() {
        answer(helper::confine(Path::new("/")).is_err());
    }
}

#[test]
fn names_alone() {
    if breaks() {
        answer(names::confine(&Needs { socket_dir: None, edited: &[], bus: false }).is_err());
    }
}

/// Runs the test `name` of this program as a child in which `call` fails.
fn try_without(call: &str, name: &str) -> String {
    let mut command = Command::new(env::current_exe().unwrap());
    command.args(["--exact", &format!("mandatory::{name}"), "--nocapture", "--test-threads=1"]);
    let output = command.env(VARIABLE, call).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let said = text.lines().find_map(|line| line.strip_prefix("= "));
    said.unwrap_or_else(|| panic!("{text}{}", String::from_utf8_lossy(&output.stderr))).to_owned()
}

/// Takes the call away from this process where it was started for that.
fn breaks() -> bool {
    let Some(call) = env::var_os(VARIABLE) else { return false };
    let policy = format!("{} -> EPERM # what a container may do", call.to_string_lossy());
    // The first filter refuses the call. The second, which lets all others through, needs some of them to be installed.
    let _ = Filters::compile(&Policy::parse(&policy).unwrap(), Violation::Log).unwrap().install();
    true
}

#[allow(clippy::print_stdout, reason = "the parent reads it")]
fn answer(is_refused: bool) {
    println!("\n= {}", if is_refused { "refused" } else { "confined" });
    std::process::exit(0);
}
