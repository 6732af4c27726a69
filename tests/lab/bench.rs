//! The bench as a whole, in the shortest form: that it works, not how fast anything is.

use std::{
    env, fs,
    process::{self, Command, Output},
    thread,
};

use nix::{
    sched::{CpuSet, sched_getaffinity, sched_setaffinity},
    unistd::Pid,
};
use ray_tests::binaries;
use serde_json::Value;

/// Of a machine that others use too, as a machine of tests is.
const TOO_NOISY: i32 = 9;

#[test]
fn a_short_run_measures_raw_and_rayfish_side_by_side() {
    let out = env::temp_dir().join(format!("ray-bench-test-{}", process::id()));
    for program in ["ray", "ray-helper", "ray-engine"] {
        binaries::path(program);
    }
    let programs = binaries::directory().unwrap();
    let (programs, directory) = (programs.to_str().unwrap(), out.to_str().unwrap());
    let settings = ["--rounds", "1", "--seconds", "0.5", "--only", "raw,rayfish"];
    let run = bench(&[&settings[..], &["--programs", programs, "--out", directory, "--json"]].concat());
    let said = String::from_utf8_lossy(&run.stderr);
    assert!([Some(0), Some(TOO_NOISY)].contains(&run.status.code()), "{:?}: {said}", run.status);

    let results: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!(results["schema"], "ray.lab.bench/1");
    assert_eq!(results["too_noisy"], run.status.code() == Some(TOO_NOISY));
    let figures = &results["rounds"][0]["figures"];
    for key in ["tcp1_ab", "tcp1_ba", "tcp10_ab", "tcp10_ba", "rtt_idle_p50", "rtt_load_p99", "udp64_sender_kpps"] {
        for contestant in ["raw", "rayfish"] {
            assert!(figures[contestant][key].as_f64() > Some(0.0), "{contestant} {key}: {figures}");
        }
    }
    for key in ["cpu_gb", "cpu_gb_10", "mem_idle", "mem_load", "mem_peak"] {
        for key in [key.to_owned(), format!("{key}_ray-engine"), format!("{key}_ray-helper")] {
            assert!(figures["rayfish"][&key].is_number() && figures["raw"][&key].is_null(), "{key}: {figures}");
        }
    }
    for (less, more) in [("mem_idle_ray-engine", "mem_peak_ray-engine"), ("mem_idle_ray-engine", "mem_idle")] {
        assert!(figures["rayfish"][less].as_f64() < figures["rayfish"][more].as_f64(), "{less} {more}: {figures}");
    }
    let once = &results["contestants"][1]["once"];
    for key in ["connect_ms", "first_packet_ms", "outage_ms", "outage_relay_ms", "mem_start_ray-engine"] {
        assert!(once[key].is_number(), "{key}: {once}");
    }
    let ratio = results["summary"]
        .as_array()
        .unwrap()
        .iter()
        .find(|row| row["contestant"] == "rayfish" && row["key"] == "tcp1_ab");
    assert!(ratio.unwrap()["to_raw"]["median"].as_f64() > Some(0.0));
    // A stream of a thousand a second has silences of a few milliseconds by itself.
    assert!(once["outage_relay_ms"].as_f64() > Some(20.0), "the path never changed: {once}");
    assert_eq!(serde_json::from_slice::<Value>(&fs::read(out.join("results.json")).unwrap()).unwrap(), results);
    assert!(fs::read_to_string(out.join("results.md")).unwrap().contains("| TCP 1 stream, A to B"));
    assert!(fs::read_to_string(out.join("results.svg")).unwrap().ends_with("</svg>\n"));
    fs::remove_dir_all(out).unwrap();
}

#[test]
fn one_that_fails_is_told_of_and_the_others_go_on() {
    let settings =
        ["--rounds", "1", "--seconds", "0.1", "--only", "raw,boringtun-cli", "--with", "boringtun-cli=/bin/false"];
    let run = bench(&[&settings[..], &["--json"]].concat());
    let results: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert!([Some(1), Some(TOO_NOISY)].contains(&run.status.code()), "{:?}", run.status);
    let failed = &results["contestants"][1]["failed"];
    assert!(failed["message"].as_str().unwrap().contains("the socket of boringtun-cli"), "{failed}");
    assert!(results["rounds"][0]["figures"]["raw"]["tcp1_ab"].as_f64() > Some(0.0), "{results}");
    // Nor does a partial run take the place of a full one.
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(said.contains("not written to benches/results: the run is shorter"), "{said}");
}

#[test]
fn refuses_to_hold_two_hosts_on_one_cpu() {
    // A program has the CPUs of the thread that starts it; all other threads keep theirs.
    let run = thread::spawn(|| {
        let usable = sched_getaffinity(Pid::from_raw(0)).unwrap();
        let first = (0..CpuSet::count()).find(|cpu| usable.is_set(*cpu).unwrap()).unwrap();
        let mut one = CpuSet::new();
        one.set(first).unwrap();
        sched_setaffinity(Pid::from_raw(0), &one).unwrap();
        bench(&["--pin", "--quick", "--only", "raw"])
    });
    let run = run.join().unwrap();
    let said = String::from_utf8_lossy(&run.stderr);
    assert!(run.status.code() == Some(2) && said.contains("--pin takes a CPU for each"), "{:?}: {said}", run.status);
}

#[test]
fn a_peer_more_is_told_as_memory_of_one_engine() {
    let programs = binaries::directory().unwrap();
    let run = bench(&["--peers", "3", "--programs", programs.to_str().unwrap(), "--json"]);
    let said = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(0), "{said}");
    let found: Value = serde_json::from_slice(&run.stdout).unwrap();
    assert_eq!((&found["schema"], &found["peers"]), (&"ray.lab.peers/1".into(), &3.into()));
    for state in ["idle", "after_traffic"] {
        for count in ["one", "many"] {
            let memory = |of: &str| found[state][count][of].as_f64().unwrap();
            assert!(memory("anonymous_mib") > 1.0 && memory("resident_mib") > memory("anonymous_mib"), "{found}");
        }
        assert!(found[state]["resident_kib_a_peer"].is_number(), "{found}");
    }
    assert!(found["after_traffic"]["one"]["resident_mib"].as_f64() > found["idle"]["one"]["resident_mib"].as_f64());
}

#[test]
fn refuses_a_contestant_that_is_not_there() {
    for wrong in [&["--only", "nobody"][..], &["--with", "nobody=/bin/true", "--only", "raw"]] {
        let run = bench(wrong);
        assert_eq!(run.status.code(), Some(2), "{wrong:?}: {}", String::from_utf8_lossy(&run.stderr));
    }
}

fn bench(args: &[&str]) -> Output {
    Command::new(binaries::path("ray-lab")).arg("bench").args(args).output().unwrap()
}
