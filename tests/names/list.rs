//! The list of resolvers: own lines in, own lines out, and not a byte of others.

use std::{fs, io::Write, os::unix::fs::PermissionsExt, thread, time::Duration};

use nix::sys::signal::Signal;
use ray_ipc::names::{Backend, Mode, NamesReply, NamesRequest, State, Wanted};
use ray_tests::{
    live_helper::set_mode,
    live_names::{Launch, NamesHost, eventually, names, search},
};

/// What happens to a host.
type Act = fn(&NamesHost);

const DHCP: &[u8] = b"# by dhclient\ndomain lan\nnameserver 192.0.2.1\nnameserver 192.0.2.2\nnameserver 192.0.2.3";

#[test]
fn stands_first_and_leaves_every_byte_as_it_was_after_each_kind_of_end() {
    let ends: [(&str, Act); 5] = [
        ("release", |host| {
            let _names = host.start();
            let mut engine = host.connect().greet();
            engine.set(names());
            assert_first(host);
            engine.release();
            assert_eq!(host.list_bytes(), DHCP);
        }),
        ("the engine's end", |host| {
            let _names = host.start();
            let mut engine = host.connect().greet();
            engine.set(search(&["home"]));
            assert_first(host);
            drop(engine);
            eventually("the list is as it was", || host.list_bytes() == DHCP);
        }),
        ("SIGTERM", |host| {
            let mut process = host.start();
            let mut engine = host.connect().greet();
            engine.set(names());
            assert_first(host);
            assert!(process.end_by(Signal::SIGTERM).success());
        }),
        ("SIGKILL and --undo", |host| {
            let mut process = host.start();
            let mut engine = host.connect().greet();
            engine.set(names());
            process.kill();
            assert_first(host);
            assert_eq!(host.undo(), Some(0));
        }),
        ("SIGKILL and a new start", |host| {
            let mut process = host.start();
            let mut engine = host.connect().greet();
            engine.set(search(&["home", "work"]));
            process.kill();
            assert_first(host);
            let _successor = host.start();
        }),
    ];
    for (end, act) in ends {
        let host = NamesHost::with_list(DHCP);
        let before = host.files();
        act(&host);
        assert_eq!(host.files(), before, "{end}");
    }
}

#[test]
fn lets_go_of_the_list_for_a_successor_when_asked_to() {
    let host = NamesHost::with_list(DHCP);
    let mut process = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    assert!(process.end_by(Signal::SIGUSR1).success());
    assert_first(&host);
}

#[test]
fn a_list_that_was_not_there_goes_away_again() {
    let host = NamesHost::without_list();
    let before = host.files();
    let _names = host.start();
    let mut engine = host.connect().greet();
    assert_eq!(engine.look().upstreams, ["127.0.0.1:53".parse().unwrap()]);
    engine.set(names());
    assert_first(&host);
    assert_eq!(fs::metadata(host.list_path()).unwrap().permissions().mode() & 0o777, 0o644);
    engine.release();
    assert_eq!(host.files(), before);
}

#[test]
fn doing_it_twice_is_doing_it_once() {
    let host = NamesHost::with_list(DHCP);
    let _names = host.start();
    let mut engine = host.connect().greet();
    engine.set(search(&["home"]));
    let once = fs::metadata(host.list_path()).unwrap().modified().unwrap();
    engine.set(search(&["home"]));
    assert_eq!(fs::metadata(host.list_path()).unwrap().modified().unwrap(), once);
    engine.set(names());
    assert!(!host.list().contains("home.ray"));
    engine.release();
    engine.release();
    assert_eq!(host.list_bytes(), DHCP);
}

#[test]
fn asks_over_ipv6_where_the_mesh_has_no_ipv4() {
    let host = NamesHost::with_list(DHCP);
    let _names = host.start();
    host.connect().greet().set(Wanted { v4: false, ..names() });
    let mut engine = host.connect().greet();
    engine.set(Wanted { v4: false, ..names() });
    assert!(servers(&host.list())[0] == "200::53" && !host.list().contains("100.100.100.53"), "{}", host.list());
}

#[test]
fn search_domains_are_opt_in_and_come_after_those_of_the_host() {
    let host = NamesHost::with_list(b"search lan corp.example\nnameserver 192.0.2.1\n");
    let _names = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    assert_eq!(host.list().matches("search").count(), 1);
    engine.set(search(&["home", "work"]));
    let list = host.list();
    let last = list.lines().rfind(|line| line.starts_with("search"));
    assert_eq!(last, Some("search lan corp.example home.ray work.ray"));
    assert_eq!(engine.look().search, ["lan", "corp.example"]);
}

#[test]
fn tells_the_resolvers_of_the_host_before_and_after_and_never_its_own() {
    let host = NamesHost::with_list(DHCP);
    let _names = host.start();
    let mut engine = host.connect().greet();
    let before = engine.look();
    assert_eq!((before.backend, before.state), (Backend::File, State::Unset));
    let upstreams: Vec<String> = before.upstreams.iter().map(ToString::to_string).collect();
    assert_eq!(upstreams, ["192.0.2.1:53", "192.0.2.2:53", "192.0.2.3:53"]);
    engine.set(names());
    let after = engine.report();
    assert_eq!((after.state, &after.upstreams), (State::Set, &before.upstreams));
    assert!(after.set[0].contains("nameserver 100.100.100.53"), "{:?}", after.set);
    assert!(!after.why.is_empty() && after.conflicts.is_empty(), "{after:?}");
    assert_eq!(engine.look(), after);
    // Another lease.
    host.write_list(b"nameserver 192.0.2.9\n");
    engine.report_where(|report| report.upstreams == ["192.0.2.9:53".parse().unwrap()]);
}

#[test]
fn keeps_the_mode_of_the_list_and_its_other_names() {
    let host = NamesHost::with_list(DHCP);
    set_mode(&host.list_path(), 0o600);
    let _names = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    assert_eq!(fs::metadata(host.list_path()).unwrap().permissions().mode() & 0o777, 0o600);
    assert_eq!(fs::read_dir(host.at("/etc")).unwrap().count(), 3, "no copy stays");
}

#[test]
fn writes_in_place_where_the_list_is_a_mount_of_its_own() {
    let host = NamesHost::with_list(b"not this one\n");
    let mounted = host.at("/run/mounted-list");
    fs::write(&mounted, DHCP).unwrap();
    set_mode(&mounted, 0o644);
    let _names = host.start_with(&Launch { list_is_a_mount: true, ..Launch::default() });
    let mut engine = host.connect().greet();
    engine.set(names());
    assert!(fs::read_to_string(&mounted).unwrap().contains("nameserver 100.100.100.53"), "{}", host.log());
    // Who writes a mounted file writes it in place.
    fs::write(&mounted, b"nameserver 192.0.2.9\n").unwrap();
    eventually("it is first again", || fs::read_to_string(&mounted).unwrap().contains("100.100.100.53"));
    engine.release();
    assert_eq!(fs::read(&mounted).unwrap(), b"nameserver 192.0.2.9\n");
    assert_eq!(host.list_bytes(), b"not this one\n");
}

#[test]
fn loses_nothing_of_those_who_write_a_mounted_list_again_and_again() {
    let host = NamesHost::with_list(b"not this one\n");
    let mounted = host.at("/run/mounted-list");
    fs::write(&mounted, DHCP).unwrap();
    set_mode(&mounted, 0o644);
    for round in 0..40u8 {
        let _names = host.start_with(&Launch { list_is_a_mount: true, ..Launch::default() });
        let mut engine = host.connect().greet();
        engine.set(names());
        let lease = format!("nameserver 192.0.2.{round}\n");
        // At once, while the own change may still be news.
        let mut file = fs::File::create(&mounted).unwrap();
        thread::sleep(Duration::from_millis(20));
        file.write_all(lease.as_bytes()).unwrap();
        drop(file);
        eventually("it is first again", || fs::read_to_string(&mounted).unwrap().contains("100.100.100.53"));
        engine.release();
        assert_eq!(fs::read_to_string(&mounted).unwrap(), lease, "round {round}");
    }
}

#[test]
fn edits_the_file_that_a_known_program_keeps_behind_a_link() {
    let host = NamesHost::without_list();
    host.link_list("/run/resolvconf/resolv.conf", b"# Generated by resolvconf\nnameserver 192.0.2.1\n");
    let before = host.files();
    let _names = host.start();
    let mut engine = host.connect().greet();
    engine.set(names());
    let report = engine.report();
    assert_eq!((report.backend, report.state), (Backend::Resolvconf, State::Set));
    assert!(fs::symlink_metadata(host.list_path()).unwrap().is_symlink());
    assert_first(&host);
    engine.release();
    assert_eq!(host.files(), before);
}

#[test]
fn off_changes_no_file_whatever_is_asked() {
    let host = NamesHost::with_list(DHCP);
    host.write_policy("backend = \"off\"");
    let before = host.files();
    let modified = fs::metadata(host.at("/etc")).unwrap().modified().unwrap();
    let mut process = host.start();
    let mut engine = host.connect().greet();
    for mode in [Mode::Names, Mode::Full] {
        let refused = engine.ask(&NamesRequest::ReplaceDns(Wanted { mode, ..names() }));
        assert!(matches!(refused, Some(NamesReply::Refused(_))), "{refused:?}");
    }
    let report = engine.look();
    assert_eq!((report.backend, report.state), (Backend::Off, State::Unset));
    assert_eq!(report.upstreams.len(), 3);
    host.write_list(b"nameserver 192.0.2.9\n");
    engine.report_where(|report| report.upstreams == ["192.0.2.9:53".parse().unwrap()]);
    host.write_list(DHCP);
    engine.release();
    drop(engine);
    assert!(process.end_by(Signal::SIGTERM).success());
    assert_eq!(host.files(), before);
    assert_eq!(fs::metadata(host.at("/etc")).unwrap().modified().unwrap(), modified, "nothing was made in /etc");
}

#[test]
fn off_leaves_what_an_earlier_run_left_until_root_says_undo() {
    let host = NamesHost::with_list(DHCP);
    let mut process = host.start();
    host.connect().greet().set(names());
    let mut engine = host.connect().greet();
    engine.set(names());
    process.kill();
    host.write_policy("backend = \"off\"");
    let left = host.list_bytes();
    let mut off = host.start();
    assert_eq!(host.list_bytes(), left);
    assert!(host.log().contains("run `ray-names --undo`"), "{}", host.log());
    assert!(off.end_by(Signal::SIGTERM).success());
    assert_eq!(host.list_bytes(), left);
    assert_eq!(host.undo(), Some(0));
    assert_eq!(host.list_bytes(), DHCP);
}

fn assert_first(host: &NamesHost) {
    let list = host.list();
    assert_eq!(servers(&list).first(), Some(&"100.100.100.53"), "{list}");
}

/// As the C library reads them.
fn servers(list: &str) -> Vec<&str> {
    list.lines().filter_map(|line| line.strip_prefix("nameserver ")).collect()
}
