//! What the packaging of single distributions must say: OpenRC scripts, the Arch package and the Nix files agree with the
//! units, which have their own rules, and with each other.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output},
};

use crate::workspace::{read, root};

const HELPER_SCRIPT: &str = "packaging/openrc/rayfish-helper";
const NAMES_SCRIPT: &str = "packaging/openrc/rayfish-names";
const ENGINE_SCRIPT: &str = "packaging/openrc/rayfish-engine";
const PKGBUILD: &str = "packaging/arch/PKGBUILD";
const NIX_MODULE: &str = "packaging/nix/module.nix";
const NIX: [&str; 3] = ["packaging/nix/flake.nix", "packaging/nix/package.nix", NIX_MODULE];

/// The package that is made here holds empty files instead of programs and pages.
const STAND_INS: [&str; 15] = [
    "target/release/ray",
    "target/release/ray-helper",
    "target/release/ray-names",
    "target/release/ray-engine",
    "manual/man/ray.1",
    "manual/man/ray-status.1",
    "manual/man/ray-helper.8",
    "manual/man/ray-names.8",
    "manual/man/ray-engine.8",
    "manual/man/rayfish-engine.toml.5",
    "manual/man/rayfish-helper.toml.5",
    "manual/man/rayfish-names.toml.5",
    "manual/completions/ray.bash",
    "manual/completions/_ray",
    "manual/completions/ray.fish",
];

/// Files of the Arch package besides those that are taken as they are from a directory of packaging/.
const ARCH_FILES: [(&str, u32); 20] = [
    ("usr/bin/ray", 0o755),
    ("usr/lib/rayfish/ray-helper", 0o755),
    ("usr/lib/rayfish/ray-names", 0o755),
    ("usr/lib/rayfish/ray-engine", 0o755),
    ("usr/share/man/man1/ray.1", 0o644),
    ("usr/share/man/man1/ray-status.1", 0o644),
    ("usr/share/man/man5/rayfish-engine.toml.5", 0o644),
    ("usr/share/man/man5/rayfish-helper.toml.5", 0o644),
    ("usr/share/man/man5/rayfish-names.toml.5", 0o644),
    ("usr/share/man/man8/ray-engine.8", 0o644),
    ("usr/share/man/man8/ray-helper.8", 0o644),
    ("usr/share/man/man8/ray-names.8", 0o644),
    ("usr/share/bash-completion/completions/ray", 0o644),
    ("usr/share/zsh/site-functions/_ray", 0o644),
    ("usr/share/fish/vendor_completions.d/ray.fish", 0o644),
    ("usr/share/licenses/rayfish/LICENSE-MIT", 0o644),
    ("usr/share/doc/rayfish/README.md", 0o644),
    ("etc/rayfish/helper.toml", 0o644),
    ("etc/rayfish/names.toml", 0o644),
    ("etc/rayfish/engine.toml", 0o644),
];

/// Directories of packaging/ that a package copies whole, and where below usr/lib.
const COPIED: [(&str, &str); 4] = [
    ("systemd", "systemd/system"),
    ("sysusers.d", "sysusers.d"),
    ("tmpfiles.d", "tmpfiles.d"),
    ("sysctl.d", "sysctl.d"),
];

#[test]
fn openrc_scripts_are_shell_without_errors() {
    for script in [HELPER_SCRIPT, NAMES_SCRIPT, ENGINE_SCRIPT] {
        let output = Command::new("sh").arg("-n").arg(root().join(script)).output().expect("running sh");
        assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(read(script).starts_with("#!/sbin/openrc-run\n"), "{script}");
        let mode = fs::metadata(root().join(script)).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{script} cannot be executed");
    }
}

#[test]
fn openrc_starts_what_the_units_start_with_the_same_directories() {
    let (helper, names, engine) = (read(HELPER_SCRIPT), read(NAMES_SCRIPT), read(ENGINE_SCRIPT));
    for (script, unit) in [(&helper, "rayfish-helper"), (&names, "rayfish-names"), (&engine, "rayfish-engine")] {
        let unit = read(&format!("packaging/systemd/{unit}.service"));
        let program = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).expect("a program");
        assert!(script.contains(&format!("\ncommand={program}\n")), "{program}");
        assert!(script.contains("\nsupervisor=supervise-daemon\n"), "restarts what crashed");
    }
    // Directories as systemd-tmpfiles makes them: d PATH MODE USER GROUP -
    let directories = read("packaging/tmpfiles.d/rayfish.conf");
    for line in directories.lines().filter(|line| line.starts_with("d ")) {
        let [_, path, mode, user, group, _] = line.split_whitespace().collect::<Vec<_>>()[..] else { panic!("{line}") };
        let checked = format!("\tcheckpath --directory --mode {mode} --owner {user}:{group} {path}\n");
        assert!(engine.contains(&checked), "{ENGINE_SCRIPT} does not say {checked}");
    }
    assert!(helper.contains("root:root /run/rayfish\n") && names.contains("root:root /run/rayfish\n"));
    assert!(engine.contains("\ncommand_user=rayfish:rayfish\n"), "the engine never runs as root");
    assert!(!helper.contains("command_user="), "the device belongs to root");
    assert!(!names.contains("command_user="), "the host's DNS settings are root's");
    assert!(names.contains("\"$command\" --undo\n"), "what a killed process left");
}

#[test]
fn an_openrc_restart_of_the_helper_leaves_the_engine_alone() {
    let engine = read(ENGINE_SCRIPT);
    let depends = engine.lines().map(str::trim).filter(|line| line.starts_with("need"));
    assert_eq!(depends.collect::<Vec<_>>(), [""; 0], "what needs the helper is restarted with it");
    assert!(engine.contains("\twant rayfish-helper\n\twant rayfish-names\n"));
}

#[test]
fn an_openrc_restart_lets_go_and_waits_where_a_stop_does_neither() {
    let mut helper = stand_in();
    assert!(before_stop("stop", helper.id()).status.success());
    assert!(helper.try_wait().unwrap().is_none(), "a stop is the supervisor's, with SIGTERM");
    let restart = {
        let pid = helper.id();
        let script = std::thread::spawn(move || before_stop("restart", pid));
        assert_eq!(helper.wait().unwrap().signal(), Some(10), "a restart lets go by SIGUSR1");
        script.join().unwrap()
    };
    assert!(restart.status.success());
    // What is gone already is no failure.
    assert!(before_stop("restart", helper.id()).status.success());
}

#[test]
fn only_an_openrc_stop_undoes_what_a_killed_helper_left() {
    let after_stop = |what: &str| {
        let output = source(HELPER_SCRIPT, &format!("RC_CMD={what} command=echo; stop_post"));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(after_stop("stop"), "--undo\n");
    assert_eq!(after_stop("restart"), "");
}

#[test]
fn the_arch_package_is_of_this_version() {
    let line = format!("\npkgver={}\n", env!("CARGO_PKG_VERSION"));
    assert!(read(PKGBUILD).contains(&line), "{PKGBUILD} has no line {line}");
}

#[test]
fn the_arch_package_holds_every_file_in_its_place() {
    let scratch = Scratch::new("arch");
    let (source, package) = (scratch.0.join("src"), scratch.0.join("pkg"));
    for file in STAND_INS {
        let path = source.join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, "").unwrap();
    }
    let script = format!(
        "set -eu; startdir={} srcdir={} pkgdir={}; . ./PKGBUILD; . ./$install; package",
        root().join("packaging/arch").display(),
        source.display(),
        package.display()
    );
    let mut bash = Command::new("bash");
    let output = bash.args(["-c", &script]).current_dir(root().join("packaging/arch")).output().expect("running bash");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let mut expected: Vec<(String, u32)> = ARCH_FILES.iter().map(|(path, mode)| ((*path).to_owned(), *mode)).collect();
    expected.push(("usr/share/doc/rayfish/CHANGELOG.md".into(), 0o644));
    for (directory, place) in COPIED {
        for file in fs::read_dir(root().join("packaging").join(directory)).unwrap() {
            let name = file.unwrap().file_name().into_string().unwrap();
            expected.push((format!("usr/lib/{place}/{name}"), 0o644));
        }
    }
    expected.sort();
    assert_eq!(files_below(&package), expected);

    let unit = fs::read_to_string(package.join("usr/lib/systemd/system/rayfish-helper.service")).unwrap();
    assert!(unit.contains("\nExecStart=/usr/lib/rayfish/ray-helper\n") && !unit.contains("libexec"), "{unit}");
}

#[test]
fn the_arch_package_asks_before_it_overwrites_settings() {
    let backup = "backup=(etc/rayfish/engine.toml etc/rayfish/helper.toml etc/rayfish/names.toml)";
    assert!(read(PKGBUILD).contains(backup), "settings are overwritten by an upgrade");
}

#[test]
fn the_nixos_module_has_no_hardening_of_its_own() {
    let module = read(NIX_MODULE);
    assert!(module.contains("systemd.packages = [ cfg.package ];"), "the units are not those of the package");
    for word in ["serviceConfig", "ExecStart", "script", "Capabilit", "Protect", "SystemCall"] {
        let found: Vec<&str> =
            module.lines().filter(|line| line.contains(word) && !line.contains("description")).collect();
        assert_eq!(found, [""; 0], "a second truth beside packaging/systemd");
    }
    assert!(read(NIX[1]).contains("packaging/systemd/*"), "the package brings the units");
    assert_eq!(module.matches("stopIfChanged = false;").count(), 3, "an upgrade would stop first, and undo everything");
}

#[test]
fn nix_takes_the_files_for_nix() {
    if Command::new("nix-instantiate").arg("--version").output().is_err() {
        eprintln!("nix is not installed: its files were not parsed");
        return;
    }
    for file in NIX {
        let output = Command::new("nix-instantiate").arg("--parse").arg(root().join(file)).output().unwrap();
        assert!(output.status.success(), "{file}: {}", String::from_utf8_lossy(&output.stderr));
    }
}

/// A process in place of the helper. It dies of SIGUSR1, as the real one ends by it.
fn stand_in() -> Child {
    Command::new("sleep").arg("60").spawn().expect("running sleep")
}

/// What OpenRC calls before it has the supervisor stop the program.
fn before_stop(what: &str, pid: u32) -> Output {
    source(HELPER_SCRIPT, &format!("service_get_value() {{ echo {pid}; }}; RC_CMD={what}; stop_pre"))
}

fn source(script: &str, then: &str) -> Output {
    let code = format!(". {}; {then}", root().join(script).display());
    Command::new("sh").args(["-c", &code]).output().expect("running sh")
}

/// Path and mode of each file, sorted.
fn files_below(directory: &Path) -> Vec<(String, u32)> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_path_buf()];
    while let Some(next) = waiting.pop() {
        for entry in fs::read_dir(next).unwrap() {
            let entry = entry.unwrap();
            let metadata = entry.metadata().unwrap();
            if metadata.is_dir() {
                waiting.push(entry.path());
            } else {
                let path = entry.path().strip_prefix(directory).unwrap().to_str().unwrap().to_owned();
                found.push((path, metadata.permissions().mode() & 0o7777));
            }
        }
    }
    found.sort();
    found
}

/// A directory that goes with the test.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("ray-rules-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A test that fails has more to say than what it could not clean.
        let _ = fs::remove_dir_all(&self.0);
    }
}
