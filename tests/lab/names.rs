//! The lab's server of public names, and the tools that look names up on a host or watch its files.

use std::{
    collections::BTreeSet,
    fs,
    io::{BufRead, BufReader},
    os::unix::fs::symlink,
    path::Path,
};

use ray_tests::{
    lab::{Exec, Lab, LabConfig, Process, Signal},
    tool::names::{files, watch},
};

use crate::{DEADLINE, bare, stdout};

const ZONE: [&str; 4] = [
    "www.example.test A 192.0.2.80",
    "www.example.test AAAA 2001:db8::80",
    "slow.example.test A 192.0.2.81",
    "slow.example.test DELAY 600",
];

#[test]
fn a_host_resolves_public_names_at_the_labs_own_server() {
    let lab = bare(1);
    let server = serve(&lab);
    let found = stdout(&lab, "n1", &["getent", "ahosts", "www.example.test"]);
    assert!(found.contains("192.0.2.80") && found.contains("2001:db8::80"), "{found}");
    let gopher = lab.exec("n1", &["ray-lab", "tool", "dns-gopher", "www.example.test"]).unwrap().json().unwrap();
    assert_eq!(gopher["addresses"], serde_json::json!(["192.0.2.80", "2001:db8::80"]));
    assert_eq!(lab.exec("n1", &["getent", "ahosts", "gone.example.test"]).unwrap().code(), 2);
    let gopher = lab.exec("n1", &["ray-lab", "tool", "dns-gopher", "gone.example.test"]).unwrap().json().unwrap();
    assert_eq!(gopher["missing"], true);
    server.signal(Signal::SIGKILL).unwrap();
    let asked = server.output(DEADLINE).unwrap().stdout;
    assert!(asked.lines().any(|line| line == "udp www.example.test A"), "{asked}");
}

#[test]
fn a_watch_tells_what_each_lookup_found_and_how_long_the_longest_took() {
    let lab = bare(1);
    let server = serve(&lab);
    let report = watched(&lab, || std::thread::sleep(std::time::Duration::from_secs(2)));
    assert_eq!((report.names["www.example.test"].wrong, report.names["gone.test"].failed), (0, 0), "{report:?}");
    assert!(report.names["www.example.test"].right > 2, "{report:?}");
    assert!((600..1500).contains(&report.longest_ms), "{report:?}");
    drop(server);
    // Nobody listens: the kernel of the other host says so at once, and no name is known any more.
    let report = watched(&lab, || std::thread::sleep(std::time::Duration::from_secs(2)));
    assert!(report.names["www.example.test"].right == 0 && report.names["gone.test"].failed > 0, "{report:?}");
}

#[test]
fn a_watched_file_is_told_once_somebody_writes_it() {
    let lab = bare(1);
    let mut watch = lab.spawn("n1", None, &["ray-lab", "tool", "files-watch", "/etc", "/etc/resolv.conf"]).unwrap();
    ready(&mut watch);
    stdout(
        &lab,
        "n1",
        &["sh", "-c", "cat /etc/resolv.conf > /dev/null; cp /etc/resolv.conf /etc/x && mv /etc/x /etc/resolv.conf"],
    );
    let report: files::Report = serde_json::from_str(&watch.output(DEADLINE).unwrap().stdout).unwrap();
    assert!(report.changes.iter().any(|change| change.path.ends_with("resolv.conf")), "{report:?}");
    let mut watch = lab.spawn("n1", None, &["ray-lab", "tool", "files-watch", "/etc"]).unwrap();
    ready(&mut watch);
    stdout(&lab, "n1", &["cat", "/etc/resolv.conf"]);
    let report: files::Report = serde_json::from_str(&watch.output(DEADLINE).unwrap().stdout).unwrap();
    assert_eq!(report.changes, []);
}

#[test]
fn a_host_can_have_the_files_of_another_system_and_writes_none_of_them() {
    let own = std::env::temp_dir().join(format!("ray-lab-root-{}", std::process::id()));
    smallest_system(&own);
    let mut config = LabConfig::bare(2);
    config.node("n1").root = Some(own.clone());
    let lab = Lab::start(config).unwrap();
    let seen = stdout(&lab, "n1", &["cat", "/etc/system", "/etc/hostname"]);
    stdout(&lab, "n1", &["sh", "-c", "echo mine > /etc/system; echo mine > /usr/mine"]);
    let written = std::fs::read_to_string(own.join("etc/system")).unwrap();
    let cable = lab.exec("n1", &["cat", "/sys/class/net/eth0/mtu"]).unwrap().code();
    let elsewhere = lab.exec("n2", &["cat", "/etc/system"]).unwrap().code();
    let leaked = own.join("usr/mine").exists() || Path::new("/usr/mine").exists();
    drop(lab);
    fs::remove_dir_all(&own).unwrap();
    assert_eq!((seen.as_str(), written.as_str(), cable, elsewhere), ("other\nn1\n", "other\n", 0, 1));
    assert!(!leaked);
}

#[test]
fn an_undo_that_cannot_be_run_is_told() {
    let mut config = LabConfig::bare(1);
    config.node("n1").helper = true;
    let lab = Lab::start(config).unwrap();
    lab.kill("n1", Process::Helper, Signal::SIGKILL).unwrap();
    lab.undo("n1", Process::Helper).unwrap();
    lab.exec("n1", &["sh", "-c", "echo nonsense > /etc/rayfish/helper.toml"]).unwrap();
    let error = lab.undo("n1", Process::Helper).unwrap_err();
    assert!(error.to_string().contains("the undo after the helper of n1"), "{error}");
}

fn serve(lab: &Lab) -> Exec {
    let argv = ["ray-lab", "tool", "dns-server", "10.77.0.1"];
    let mut server = lab.spawn("infra", None, &[&argv, &ZONE[..]].concat()).unwrap();
    ready(&mut server);
    server
}

fn watched(lab: &Lab, act: impl FnOnce()) -> watch::Report {
    let names = ["www.example.test=192.0.2.80,2001:db8::80", "slow.example.test=192.0.2.81", "gone.test"];
    let mut watch = lab.spawn("n1", None, &[&["ray-lab", "tool", "dns-watch"], &names[..]].concat()).unwrap();
    ready(&mut watch);
    act();
    let output = watch.output(DEADLINE).unwrap();
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

/// Waits for the word that a tool is ready.
fn ready(exec: &mut Exec) {
    let mut stderr = BufReader::new(exec.stderr.take().unwrap());
    stderr.read_line(&mut String::new()).unwrap();
    exec.stderr = Some(stderr.into_inner());
}

/// A file of its own, a shell, and the libraries that this very test runs with.
fn smallest_system(root: &Path) {
    for directory in ["etc", "var/lib", "usr/bin", "usr/lib", "lib64"] {
        fs::create_dir_all(root.join(directory)).unwrap();
    }
    fs::write(root.join("etc/system"), "other\n").unwrap();
    for (link, target) in [("bin", "usr/bin"), ("lib", "usr/lib")] {
        symlink(target, root.join(link)).unwrap();
    }
    for program in ["sh", "cat"] {
        fs::copy(format!("/bin/{program}"), root.join("usr/bin").join(program)).unwrap();
    }
    let maps = fs::read_to_string("/proc/self/maps").unwrap();
    let libraries: BTreeSet<&str> = maps.split_whitespace().filter(|word| word.contains(".so")).collect();
    for library in libraries {
        let copy = root.join(library.trim_start_matches('/'));
        fs::create_dir_all(copy.parent().unwrap()).unwrap();
        fs::copy(library, &copy).unwrap();
        // Where a program names its loader.
        for directory in ["lib64", "usr/lib"] {
            symlink(library, root.join(directory).join(copy.file_name().unwrap())).ok();
        }
    }
}
