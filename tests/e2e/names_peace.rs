//! Peace with whoever else writes the host's DNS settings, and none touched where the user wants none.

use std::{path::Path, thread, time::Duration};

use ray_tests::{
    lab::{Process, Signal},
    tool::names::files,
};

use crate::{
    names_hosts::{Host, Keeper, MEMBER, PUBLIC},
    support::{PATIENCE, ray, try_ray, until},
};

/// Calls that change nothing.
const READS: [&str; 5] = [".Get", ".GetAll", ".GetLink", ".Introspect", ".Ping"];
/// Files whose change would be one of the host's DNS settings.
const WATCHED: [&str; 2] = ["/etc", "/etc/resolv.conf"];
/// Five at once, and as many again after the first pause.
const REWRITES_MAX: usize = 10;

#[test]
fn with_dns_off_no_file_and_no_service_is_touched() {
    for keeper in Keeper::tried() {
        let host = Host::with(keeper, "", "dns = \"off\"\n");
        let watch = Watch::start(&host);
        // A whole life: up, down, every death, and a start.
        ray(&host.lab, "n1", &["down"]);
        ray(&host.lab, "n1", &["up"]);
        for process in [Process::Engine, Process::Names] {
            host.lab.kill("n1", process, Signal::SIGKILL).unwrap();
        }
        host.lab.undo("n1", Process::Names).unwrap();
        host.lab.start_process("n1", None).unwrap();
        until(PATIENCE, "the tunnel is up", || crate::support::status(&host.lab, "n1")["up"] == true);
        thread::sleep(Duration::from_secs(1));
        let seen = watch.end();
        assert_eq!(seen, [""; 0], "{keeper:?}");
        assert!(!host.finds(MEMBER) && host.finds(PUBLIC));
        assert_eq!(host.settings(), host.before, "{keeper:?}");
        // It is the setting that keeps it away, and the watch would see it.
        let watch = Watch::start(&host);
        ray(&host.lab, "n1", &["config", "set", "dns", "names"]);
        host.await_set();
        ray(&host.lab, "n1", &["config", "set", "dns", "off"]);
        host.await_settings(&host.before).unwrap_or_else(|found| panic!("{keeper:?}: {found}"));
        assert!(!watch.end().is_empty(), "{keeper:?}: the watch sees nothing");
        assert!(!host.finds(MEMBER));
    }
}

#[test]
fn root_keeps_names_off_whatever_the_engine_wants() {
    // NetworkManager's own helpers use the bus whenever a link comes or goes.
    for keeper in Keeper::tried()
        .into_iter()
        .filter(|keeper| [Keeper::File, Keeper::Openresolv, Keeper::Resolved].contains(keeper))
    {
        let host = Host::with(keeper, "backend = \"off\"\n", "");
        let watch = Watch::start(&host);
        ray(&host.lab, "n1", &["down"]);
        ray(&host.lab, "n1", &["up"]);
        host.lab.kill("n1", Process::Names, Signal::SIGKILL).unwrap();
        host.lab.undo("n1", Process::Names).unwrap();
        host.lab.start_process("n1", Some(Process::Names)).unwrap();
        thread::sleep(Duration::from_secs(1));
        assert_eq!(watch.everything(), [""; 0], "{keeper:?}");
        assert_eq!((host.finds(MEMBER), host.settings()), (false, host.before.clone()));
        until(PATIENCE, "the engine is told", || host.told()["backend"] == "off");
    }
}

#[test]
fn another_user_reads_the_status_and_changes_nothing() {
    let host = Host::new(Keeper::File);
    host.await_set();
    let alice = |args: &[&str]| host.lab.exec_as("n1", "alice", &[&["ray", "--json"], args].concat()).unwrap();
    assert_eq!(alice(&["dns", "status"]).code(), 0);
    assert_eq!(alice(&["dns", "query", MEMBER]).code(), 0);
    for args in [&["config", "set", "dns", "off"][..], &["alias", "add", "nas", "n2"]] {
        let output = alice(args);
        assert_ne!(output.code(), 0, "{args:?}: {output:?}");
    }
    let socket = host.lab.exec_as("n1", "alice", &["sh", "-c", "test -w /run/rayfish/names.sock"]).unwrap();
    assert_ne!(socket.code(), 0, "alice can write to the socket of the program for names");
    assert!(host.finds(MEMBER));
}

#[test]
fn two_programs_that_rewrite_each_other_come_to_rest() {
    let host = Host::new(Keeper::File);
    host.await_set();
    // It writes its own version whenever it is not there, ten times a second.
    let fight = "printf 'nameserver 10.77.0.1\\n' > /tmp/own; for i in $(seq 60); do \
                 cmp -s /tmp/own /etc/resolv.conf || cp /tmp/own /etc/resolv.conf; sleep 0.1; done";
    let watch = Watch::start(&host);
    let (_, report) = host.watched(&host.member(), || host.sh(fight));
    // We put a whole file in the other's place; the other writes in it.
    let seen = watch.end();
    let ours = seen.iter().filter(|line| line.ends_with("/resolv.conf IN_MOVED_TO")).count();
    assert!((1..=REWRITES_MAX).contains(&ours), "{ours} rewrites in six seconds: {seen:#?}");
    let public = &report.names[PUBLIC];
    assert_eq!((public.failed, public.wrong, public.unknown), (0, 0, 0), "{report:?}");
    let told = host.told();
    assert!(told["conflicts"].as_array().is_some_and(|conflicts| !conflicts.is_empty()), "{told}");
    ray(&host.lab, "n1", &["down"]);
    assert_eq!(host.sh("cat /etc/resolv.conf"), "nameserver 10.77.0.1\n");
}

#[test]
fn mesh_names_are_asked_of_nobody_else() {
    let host = Host::new(Keeper::File);
    host.await_set();
    for name in [MEMBER, "nobody.home.ray", "n2.ray"] {
        host.finds(name);
    }
    let leaked = || host.asked().into_iter().filter(|line| line.contains(".ray ")).collect::<Vec<_>>();
    assert!(host.asked().iter().any(|line| line.contains(PUBLIC)), "{:?}", host.asked());
    assert_eq!(leaked(), [""; 0]);
    // Without us the host asks whom it always asks, which is seen.
    ray(&host.lab, "n1", &["down"]);
    host.finds(MEMBER);
    assert!(!leaked().is_empty());
}

#[test]
fn trouble_with_names_never_harms_the_tunnel() {
    let host = Host::with(Keeper::File, "", "");
    host.await_set();
    host.lab.kill("n1", Process::Names, Signal::SIGKILL).unwrap();
    host.lab.undo("n1", Process::Names).unwrap();
    let v4 = crate::support::address(&host.lab, "n1", "n2", "v4");
    assert!(crate::support::pings(&host.lab, "n1", &v4));
    ray(&host.lab, "n1", &["down"]);
    ray(&host.lab, "n1", &["up"]);
    until(PATIENCE, "traffic flows", || crate::support::pings(&host.lab, "n1", &v4));
    assert_eq!(try_ray(&host.lab, "n1", &["dns", "status"]).code(), 0);
    assert!(!host.finds(MEMBER) && host.finds(PUBLIC));
    host.lab.start_process("n1", Some(Process::Names)).unwrap();
    host.await_set();
}

/// Who changes what on n1.
struct Watch {
    exec: ray_tests::lab::Exec,
    bus: Option<ray_tests::lab::Exec>,
}

impl Watch {
    fn start(host: &Host) -> Self {
        let mut paths = WATCHED.to_vec();
        // systemd-resolved writes its own files whenever a link comes or goes: what it is told is listened to instead.
        let more = ["/run/resolvconf/interfaces", "/etc/NetworkManager/conf.d", "/etc/NetworkManager/dnsmasq.d"];
        paths.extend(more.iter().filter(|path| host.lab.exec("n1", &["test", "-d", path]).unwrap().code() == 0));
        let exec = host.lab.spawn("n1", None, &[&["ray-lab", "tool", "files-watch"], &paths[..]].concat()).unwrap();
        let has_bus = host.lab.exec("n1", &["test", "-S", "/run/dbus/system_bus_socket"]).unwrap().code() == 0;
        let calls = |to: &str| format!("type='method_call',destination='org.freedesktop.{to}'");
        let rules = ["resolve1", "NetworkManager", "DBus"].map(calls);
        let bus = has_bus.then(|| {
            let argv = ["dbus-monitor", "--system", "--profile", &rules[0], &rules[1], &rules[2]];
            host.lab.spawn("n1", None, &argv).unwrap()
        });
        thread::sleep(Duration::from_millis(500));
        Self { exec, bus }
    }

    /// What changed or was told to change, a line each.
    fn end(self) -> Vec<String> {
        let is_change = |line: &String| !line.contains("org.freedesktop.DBus") || line.ends_with("Properties.Set");
        self.everything().into_iter().filter(is_change).collect()
    }

    /// The same, with every question to the bus itself: each connection begins with one.
    fn everything(self) -> Vec<String> {
        let output = self.exec.output(PATIENCE).unwrap();
        let report: files::Report =
            serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
        let is_ours = |path: &Path| !path.starts_with("/etc/rayfish");
        let files = report.changes.iter().filter(|change| is_ours(&change.path));
        let mut lines: Vec<String> = files.map(|change| format!("{} {}", change.path.display(), change.what)).collect();
        if let Some(bus) = self.bus {
            bus.signal(Signal::SIGTERM).unwrap();
            let told = bus.output(PATIENCE).unwrap().stdout;
            // Kind, time, number, sender, recipient, object, interface, member; after the monitor's own beginning.
            let call = |line: &str| {
                let fields: Vec<&str> = line.split('\t').collect();
                (fields.first() == Some(&"mc")).then(|| format!("{}.{}", fields[6], fields[7]))
            };
            lines.extend(told.lines().filter_map(call).filter(|call| !READS.iter().any(|read| call.ends_with(read))));
        }
        lines
    }
}
