//! What the units must say, each line with its reason; users, directories, and samples that agree with the code.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

use ray_ipc::{control, helper, names};

use crate::workspace::{files, read, report};

const HELPER_UNIT: &str = "packaging/systemd/rayfish-helper.service";
const NAMES_UNIT: &str = "packaging/systemd/rayfish-names.service";
const ENGINE_UNIT: &str = "packaging/systemd/rayfish-engine.service";
const TARGET: &str = "packaging/systemd/rayfish.target";
const SYSUSERS: &str = "packaging/sysusers.d/rayfish.conf";
const TMPFILES: &str = "packaging/tmpfiles.d/rayfish.conf";
const ENGINE_USER: &str = "rayfish";

/// A line that a unit must have, and why.
type Rule = (&'static str, &'static str, &'static str);

/// Lines of every unit.
const ALL: [Rule; 33] = [
    ("PartOf", "rayfish.target", "stopping and restarting the one name does so to all"),
    ("Type", "notify", "the unit is up when the program says so, not when it was started"),
    ("NotifyAccess", "main", "nobody else speaks for the unit or fills its descriptor store"),
    ("Restart", "always", "a crash heals"),
    ("RestartSec", "500ms", "well within the grace time that the device has without its engine"),
    ("NoNewPrivileges", "yes", "nothing below gains what the program gave up"),
    ("AmbientCapabilities", "", "no capability survives an exec"),
    ("RuntimeDirectoryMode", "0755", "every user may ask the engine, whose socket lies below it"),
    ("DevicePolicy", "closed", "devices are named one by one"),
    ("ProtectSystem", "strict", "the file system is read-only but for the unit's own directories"),
    ("ProtectHome", "yes", "no business in anybody's home"),
    ("PrivateTmp", "yes", "no file of strangers in a shared directory"),
    ("PrivateMounts", "yes", "mounts of others do not appear"),
    ("ProtectProc", "invisible", "other users' processes are not its business"),
    ("ProcSubset", "pid", "kernel knobs and counters below /proc are not needed"),
    ("ProtectClock", "yes", "sets no clock"),
    ("ProtectHostname", "yes", "sets no host name"),
    ("ProtectControlGroups", "yes", "moves no process"),
    ("ProtectKernelModules", "yes", "loads no module by itself"),
    ("ProtectKernelTunables", "yes", "writes no sysctl"),
    ("ProtectKernelLogs", "yes", "reads no kernel log"),
    ("RestrictNamespaces", "yes", "makes no namespace, where capabilities would come back"),
    ("RestrictRealtime", "yes", "cannot starve the host"),
    ("RestrictSUIDSGID", "yes", "leaves no set-id file behind"),
    ("LockPersonality", "yes", "no legacy memory layout"),
    ("MemoryDenyWriteExecute", "yes", "no code is made at run time"),
    ("RemoveIPC", "yes", "leaves no shared memory behind"),
    ("KeyringMode", "private", "no key of others"),
    ("UMask", "0077", "files are private unless their mode is set in words"),
    ("SystemCallArchitectures", "native", "no second system call table"),
    ("SystemCallFilter", "@system-service", "an allow-list"),
    ("SystemCallFilter", "~@privileged @resources", "less what root would need"),
    (
        "SystemCallFilter",
        "seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self",
        "the program confines itself further; without these it would run with less and only warn",
    ),
];

/// What keeps the engine and the helper from the host's services.
const NO_SERVICES: [Rule; 1] = [(
    "InaccessiblePaths",
    "-/run/dbus -/run/systemd/private -/run/systemd/io.systemd.Login",
    "asks no service of the host for anything; Landlock learnt to say so with Linux 7.1 only",
)];

/// Lines of every unit that bound what a failure costs.
const BOUNDS: [Rule; 2] = [
    ("SystemCallErrorNumber", "EPERM", "a refused call is an error that can be logged"),
    ("LimitCORE", "0", "no key in a core file"),
];

const HELPER_ONLY: [Rule; 14] = [
    ("ExecStart", "/usr/libexec/rayfish/ray-helper", "the helper"),
    ("ExecStopPost", "/usr/libexec/rayfish/ray-helper --undo", "a helper that was killed could not undo by itself"),
    ("RestartKillSignal", "SIGUSR1", "a restart lets go of the device without undoing it"),
    ("FileDescriptorStoreMax", "16", "the queues of a device and what belongs to them, held over a restart"),
    ("CapabilityBoundingSet", "CAP_NET_ADMIN", "device, addresses, routes and rules need this one and no other"),
    ("SupplementaryGroups", ENGINE_USER, "gives the socket to the engine's group without CAP_CHOWN"),
    ("DeviceAllow", "/dev/net/tun rw", "the one device it opens"),
    ("RestrictAddressFamilies", "AF_UNIX AF_NETLINK", "never an IP socket"),
    ("IPAddressDeny", "any", "never an IP packet of its own"),
    ("SystemCallFilter", "@chown capset", "the socket's group; giving up what is left of its rights"),
    ("RuntimeDirectory", "rayfish", "the socket's directory belongs to root"),
    ("RuntimeDirectoryPreserve", "yes", "the engine's directory lies inside and outlives a helper restart"),
    ("MemoryMax", "64M", "a program this small that needs more is out of order"),
    ("TasksMax", "8", "it has one thread"),
];

const NAMES_ONLY: [Rule; 18] = [
    ("ExecStart", "/usr/libexec/rayfish/ray-names", "the program"),
    ("ExecStopPost", "/usr/libexec/rayfish/ray-names --undo", "one that was killed could not undo by itself"),
    ("SupplementaryGroups", ENGINE_USER, "gives the socket to the engine's group without CAP_CHOWN"),
    ("CapabilityBoundingSet", "", "root's files and the bus trust root; no capability is needed"),
    ("RuntimeDirectory", "rayfish", "the socket's directory belongs to root"),
    ("RuntimeDirectoryPreserve", "yes", "the directory is the others' too"),
    ("PrivateDevices", "yes", "no device is its business"),
    ("RestrictAddressFamilies", "AF_UNIX", "the engine and the system bus, and never an IP socket"),
    ("IPAddressDeny", "any", "never an IP packet of its own"),
    ("FileDescriptorStoreMax", "0", "nothing is parked with the service manager"),
    (
        "ReadWritePaths",
        "/etc -/run/resolvconf -/run/NetworkManager -/run/connman -/run/netconfig",
        "a list of resolvers is replaced, which takes its directory; the program closes those that it has no use for",
    ),
    (
        "ReadOnlyPaths",
        "-/etc/systemd -/etc/ssh -/etc/pam.d -/etc/security -/etc/sudoers.d -/etc/cron.d -/etc/init.d -/etc/profile.d",
        "what would make it more than it is",
    ),
    (
        "ReadOnlyPaths",
        "-/etc/ld.so.conf.d -/etc/modprobe.d -/etc/udev -/etc/dbus-1 -/etc/polkit-1 -/etc/rayfish",
        "likewise, and its own policy",
    ),
    (
        "InaccessiblePaths",
        "-/run/systemd/private -/run/systemd/io.systemd.Login -/run/docker.sock -/run/containerd -/run/podman",
        "services that take root's word and have nothing to do with names",
    ),
    ("InaccessiblePaths", "-/etc/shadow -/etc/gshadow", "secrets that root may read"),
    ("SystemCallFilter", "@chown capset", "the socket's group; giving up what is left of its rights"),
    ("MemoryMax", "64M", "a program this small that needs more is out of order"),
    ("TasksMax", "8", "it has one thread"),
];

const ENGINE_ONLY: [Rule; 14] = [
    ("ExecStart", "/usr/libexec/rayfish/ray-engine", "the engine"),
    ("TimeoutStartSec", "infinity", "ready means a bindable address, which may have to wait for the helper"),
    ("WatchdogSec", "30", "an engine that hangs is as good as dead, and is made so"),
    ("User", ENGINE_USER, "a stable uid, which the helper checks"),
    ("Group", ENGINE_USER, "the group that the helper's socket admits"),
    ("CapabilityBoundingSet", "", "the process that parses the network has no capability and can get none"),
    ("PrivateDevices", "yes", "its only device is the descriptor that the helper passes"),
    ("RestrictAddressFamilies", "AF_UNIX AF_INET AF_INET6 AF_NETLINK", "control, underlay, link changes"),
    ("FileDescriptorStoreMax", "0", "nothing is parked with the service manager"),
    ("RuntimeDirectory", "rayfish/engine", "the control socket's directory is the engine's"),
    ("StateDirectory", "rayfish", "the one place that it writes"),
    ("StateDirectoryMode", "0700", "keys are in there"),
    ("MemoryMax", "1G", "a leak ends in a restart, not in a starved host"),
    ("TasksMax", "512", "a worker thread per core, a thread per queue and the blocking pool"),
];

/// Lines that would break the design, with any value but `no`.
const FORBIDDEN: [(&str, &str); 5] = [
    ("PrivateUsers", "SO_PEERCRED would report every local user as nobody, and their levels could not be told apart"),
    ("DynamicUser", "the helper trusts one stable uid"),
    ("PrivateNetwork", "the device must appear on the host"),
    ("Sockets", "each program makes its own socket"),
    ("WantedBy", "the target is what is enabled; one program alone is no use"),
];

/// Keys of helper.toml with the value that stands in for an absent one.
const HELPER_KEYS: [(&str, &str); 10] = [
    ("engine_user", "\"rayfish\""),
    ("interface", "\"ray0\""),
    ("prefix_v4", "\"100.64.0.0/10\""),
    ("prefix_v6", "\"200::/7\""),
    ("mtu_min", "1280"),
    ("mtu_max", "9000"),
    ("queues_max", "8"),
    ("routes_max", "1024"),
    ("grace_s", "30"),
    ("keep", "\"\""),
];

/// Keys of names.toml likewise.
const NAMES_KEYS: [(&str, &str); 4] =
    [("engine_user", "\"rayfish\""), ("interface", "\"ray0\""), ("backend", "\"auto\""), ("full", "\"deny\"")];

const ENGINE_KEYS: [&str; 13] = [
    "dns",
    "search",
    "relays",
    "discovery",
    "external_addrs",
    "bind_port",
    "readers",
    "users",
    "admins",
    "mtu",
    "queues",
    "offload",
    "ipv6_only",
];

#[test]
fn the_helper_unit_is_hardened() {
    let unit = read(HELPER_UNIT);
    let rules = [ALL.as_slice(), &NO_SERVICES, &BOUNDS, &HELPER_ONLY].concat();
    report(HELPER_UNIT, &[missing(&unit, &rules), unexplained(&unit, &rules), harmful(&unit)].concat());
}

#[test]
fn the_names_unit_is_hardened() {
    let unit = read(NAMES_UNIT);
    let rules = [ALL.as_slice(), &BOUNDS, &NAMES_ONLY].concat();
    report(NAMES_UNIT, &[missing(&unit, &rules), unexplained(&unit, &rules), harmful(&unit)].concat());
}

#[test]
fn the_engine_unit_is_hardened() {
    let unit = read(ENGINE_UNIT);
    let rules = [ALL.as_slice(), &NO_SERVICES, &BOUNDS, &ENGINE_ONLY].concat();
    report(ENGINE_UNIT, &[missing(&unit, &rules), unexplained(&unit, &rules), harmful(&unit)].concat());
}

#[test]
fn the_engine_unit_has_no_device_and_no_capability() {
    let unit = parse_unit(&read(ENGINE_UNIT));
    assert_eq!(unit.get("DeviceAllow"), None);
    assert_eq!(unit["CapabilityBoundingSet"], [""]);
}

#[test]
fn the_target_brings_all_programs_and_does_not_hold_up_the_boot() {
    let unit = parse_unit(&read(TARGET));
    assert_eq!(unit["Wants"], ["rayfish-helper.service rayfish-names.service rayfish-engine.service"]);
    assert_eq!(unit["WantedBy"], ["multi-user.target"]);
    // With them, the target would wait for an engine that may wait for long.
    assert_eq!(unit["DefaultDependencies"], ["no"]);
    assert_eq!(unit.get("After"), None);
}

#[test]
fn no_socket_unit_is_shipped() {
    let units = files().into_iter().filter(|file| file.path.starts_with("packaging/systemd/"));
    let sockets: Vec<String> = units.map(|file| file.path).filter(|path| path.ends_with(".socket")).collect();
    // The directory and mode of a socket are part of what the programs check, also where there is no systemd.
    report("socket units", &sockets);
}

#[test]
fn directories_agree_with_the_socket_paths_in_the_code() {
    let (helper_unit, engine_unit) = (parse_unit(&read(HELPER_UNIT)), parse_unit(&read(ENGINE_UNIT)));
    let helper_directory = directory(helper::SOCKET_PATH);
    assert_eq!(directory(names::SOCKET_PATH), helper_directory);
    assert_eq!(parse_unit(&read(NAMES_UNIT))["RuntimeDirectory"], helper_unit["RuntimeDirectory"]);
    let engine_directory = directory(control::SOCKET_PATH);
    assert_eq!(format!("/run/{}", helper_unit["RuntimeDirectory"][0]), helper_directory);
    assert_eq!(format!("/run/{}", engine_unit["RuntimeDirectory"][0]), engine_directory);
    let lines = lines(&read(TMPFILES));
    assert!(lines.contains(&format!("d {helper_directory} 0755 root root -")), "{lines:?}");
    assert!(lines.contains(&format!("d {engine_directory} 0755 {ENGINE_USER} {ENGINE_USER} -")), "{lines:?}");
    assert!(lines.contains(&format!("d /var/lib/rayfish 0700 {ENGINE_USER} {ENGINE_USER} -")), "{lines:?}");
}

#[test]
fn the_engine_user_is_made_and_has_no_shell() {
    let lines = lines(&read(SYSUSERS));
    let expected = format!("u {ENGINE_USER} - \"Rayfish engine\" /var/lib/rayfish /usr/sbin/nologin");
    assert_eq!(lines, [expected]);
}

#[test]
fn the_helper_sample_shows_every_key_with_its_default() {
    let sample = read("packaging/etc/helper.toml");
    let expected: BTreeMap<&str, &str> = HELPER_KEYS.into();
    let all = flat_keys(&uncommented(&sample)).unwrap();
    assert_eq!(all.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<BTreeMap<_, _>>(), expected);
    // As shipped it sets the one key that has no default.
    assert_eq!(flat_keys(&sample).unwrap().into_keys().collect::<Vec<_>>(), ["engine_user"]);
}

#[test]
fn the_names_sample_shows_every_key_with_its_default_and_sets_none() {
    let sample = read("packaging/etc/names.toml");
    let all = flat_keys(&uncommented(&sample)).unwrap();
    assert_eq!(
        all.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect::<BTreeMap<_, _>>(),
        NAMES_KEYS.into()
    );
    assert!(flat_keys(&sample).unwrap().is_empty());
    // And they are the defaults.
    let parsed = ray_names::config::parse(&uncommented(&sample)).unwrap();
    assert_eq!(parsed, ray_names::config::Config::default());
}

#[test]
fn the_engine_sample_shows_every_key_and_sets_none() {
    let sample = read("packaging/etc/engine.toml");
    let all: BTreeSet<String> = flat_keys(&uncommented(&sample)).unwrap().into_keys().collect();
    assert_eq!(all, ENGINE_KEYS.into_iter().map(str::to_owned).collect());
    assert!(flat_keys(&sample).unwrap().is_empty());
}

fn missing(unit: &str, rules: &[Rule]) -> Vec<String> {
    let unit = parse_unit(unit);
    let has = |key: &str, value: &str| unit.get(key).is_some_and(|values| values.iter().any(|found| found == value));
    let absent = rules.iter().filter(|(key, value, _)| !has(key, value));
    absent.map(|(key, value, why)| format!("no line {key}={value}: {why}")).collect()
}

/// Settings of the service that no rule names.
fn unexplained(unit: &str, rules: &[Rule]) -> Vec<String> {
    let (_, service) = unit.split_once("[Service]\n").expect("a service");
    let lines = lines(service.split("\n[").next().unwrap_or_default());
    let known = |line: &String| rules.iter().any(|(key, value, _)| *line == format!("{key}={value}"));
    lines.into_iter().filter(|line| !known(line)).map(|line| format!("{line}: no rule says why")).collect()
}

fn harmful(unit: &str) -> Vec<String> {
    let unit = parse_unit(unit);
    let set = |key: &str| unit.get(key).is_some_and(|values| values.iter().any(|value| value != "no"));
    FORBIDDEN.iter().filter(|(key, _)| set(key)).map(|(key, why)| format!("{key} is set: {why}")).collect()
}

/// Values of each key in order of appearance.
fn parse_unit(text: &str) -> BTreeMap<String, Vec<String>> {
    let mut unit: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for line in lines(text).iter().filter(|line| !line.starts_with('[')) {
        let (key, value) = line.split_once('=').unwrap_or_else(|| panic!("not a setting: {line}"));
        unit.entry(key.trim().to_owned()).or_default().push(value.trim().to_owned());
    }
    unit
}

/// Lines that say something.
fn lines(text: &str) -> Vec<String> {
    let said = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(['#', ';']));
    said.map(str::to_owned).collect()
}

fn directory(socket: &str) -> String {
    Path::new(socket).parent().expect("a socket lies in a directory").to_str().expect("ASCII").to_owned()
}

/// The sample with every example switched on: `#key = value` is an example, `# text` is prose.
fn uncommented(sample: &str) -> String {
    let on = |line: &str| match line.strip_prefix('#') {
        Some(example) if !example.starts_with(' ') => example.to_owned(),
        _ => line.to_owned(),
    };
    sample.lines().map(on).collect::<Vec<_>>().join("\n")
}

/// Keys and values of flat `key = value` lines, each at most once.
fn flat_keys(text: &str) -> Result<BTreeMap<String, String>, String> {
    let mut keys = BTreeMap::new();
    for line in lines(text) {
        let (key, value) = line.split_once(" = ").ok_or_else(|| format!("not a setting: {line}"))?;
        if keys.insert(key.to_owned(), value.to_owned()).is_some() {
            return Err(format!("set twice: {key}"));
        }
    }
    Ok(keys)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_unit_without_a_hardening_line() {
        let unit = read(HELPER_UNIT);
        let rules = [ALL.as_slice(), &NO_SERVICES, &BOUNDS, &HELPER_ONLY].concat();
        for (key, value, _) in &rules {
            let line = format!("{key}={value}");
            let without = unit.lines().filter(|found| *found != line).collect::<Vec<_>>().join("\n");
            assert_eq!(missing(&without, &rules).len(), 1, "{line}");
        }
    }

    #[test]
    fn refuses_a_line_that_no_rule_explains() {
        let rules = [("User", "a", "why"), ("Group", "b", "why")];
        let unit = "[Unit]\nAfter=x\n[Service]\n# Group=c\nUser=a\nGroup=c\nNice=1\n\n[Install]\nAlias=y\n";
        assert_eq!(unexplained(unit, &rules), ["Group=c: no rule says why", "Nice=1: no rule says why"]);
    }

    #[test]
    fn refuses_a_unit_that_breaks_the_design() {
        assert_eq!(harmful("[Service]\nPrivateUsers=yes\nDynamicUser=no\n").len(), 1);
        assert_eq!(harmful("PrivateUsers=identity\nPrivateNetwork=yes\n").len(), 2);
        assert_eq!(harmful("#PrivateUsers=yes\n"), [""; 0]);
    }

    #[test]
    fn refuses_a_sample_with_a_key_set_twice() {
        assert!(flat_keys("a = 1\na = 2\n").is_err());
        assert!(flat_keys("a 1\n").is_err());
        assert_eq!(flat_keys(&uncommented("# prose\n#a = 1\n")).unwrap().len(), 1);
    }
}
