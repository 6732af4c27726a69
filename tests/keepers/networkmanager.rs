//! NetworkManager, by each of its ways of keeping names.

use ray_ipc::names::{Mode, State, Wanted};
use ray_names::backend::{
    Keeper,
    networkmanager::{DIRECTORY, NetworkManager},
    resolved::Resolved,
};
use ray_tests::debian::Installed;

use crate::{
    host::{Host, MESH, PUBLIC, names, on_a_host},
    resolved::{await_change, set},
};

/// All that can be seen of the settings, and of what the mesh's interface has.
const SETTINGS: &str =
    "stat -c '%n %F %a %u %g' /etc/resolv.conf /etc/NetworkManager/*/*; cat /etc/resolv.conf /etc/NetworkManager/*/*
                        ip addr show dev ray0 | sed '/valid_lft/d'; ip route; ip -6 route show dev ray0; nmcli -t device
                        busctl get-property org.freedesktop.NetworkManager /org/freedesktop/NetworkManager/DnsManager \
                        org.freedesktop.NetworkManager.DnsManager Configuration";
const OURS: &str = "/etc/NetworkManager/dnsmasq.d/rayfish.conf";

fn with_dnsmasq(act: impl FnOnce(&mut Host)) {
    on_a_host(Installed::Plain, |host| {
        host.start_networkmanager("dnsmasq");
        act(host);
    });
}

#[test]
fn splits_names_by_its_dnsmasq_and_leaves_every_setting_as_it_was() {
    with_dnsmasq(|host| {
        let before = host.sh(SETTINGS);
        let mut keeper = NetworkManager::new();
        let outcome = set(&mut keeper, &names());
        assert_eq!((outcome.state, outcome.conflicts.as_slice()), (State::Set, &[][..]));
        await_answer(host, "alice.home.ray", MESH);
        host.public.take();
        host.mesh.take();
        assert_eq!(host.finds("bob.home.ray"), MESH);
        assert_eq!(host.finds("www.example.com"), PUBLIC);
        host.sh("dig +short -x 100.64.0.9; dig +short -x 100.128.0.9; dig +short -x 203::9; dig +short -x 400::9");
        let (public, mesh) = (host.public.take(), host.mesh.take());
        let all = |asked: &[String], endings: &[&str]| {
            asked.iter().all(|name| endings.iter().any(|ending| name.ends_with(ending)))
        };
        assert!(all(&mesh, &[".ray", ".64.100.in-addr.arpa", ".3.0.2.0.ip6.arpa"]), "{mesh:?}");
        assert!(all(&public, &[".com", ".128.100.in-addr.arpa", ".0.0.4.0.ip6.arpa"]), "{public:?}");

        keeper.unset().unwrap();
        assert_eq!(host.sh(SETTINGS), before);
        await_answer(host, "carol.home.ray", PUBLIC);
        keeper.unset().unwrap();
        assert_eq!(host.sh(SETTINGS), before);
    });
}

#[test]
fn says_what_its_dnsmasq_cannot_do() {
    with_dnsmasq(|host| {
        let mut keeper = NetworkManager::new();
        let wanted = Wanted { mode: Mode::Full, v4: false, search: vec!["home".to_owned()] };
        let outcome = set(&mut keeper, &wanted);
        assert_eq!((outcome.state, outcome.conflicts.len()), (State::Set, 2), "{outcome:?}");
        assert!(outcome.set.iter().all(|item| !item.contains("all names") && !item.contains("search")), "{outcome:?}");
        await_answer(host, "alice.home.ray", MESH);
        assert_eq!(host.finds("www.example.net"), PUBLIC);
        let upstreams = keeper.upstreams().unwrap();
        assert_eq!(upstreams.servers, ["10.0.0.1:53".parse().unwrap()]);
        assert_eq!(upstreams.search, ["home.example"]);
    });
}

#[test]
fn keeps_names_over_a_restart_of_networkmanager() {
    with_dnsmasq(|host| {
        let before = host.sh(SETTINGS);
        let mut keeper = NetworkManager::new();
        set(&mut keeper, &names());
        host.kill("NetworkManager");
        await_change(&mut keeper);
        assert_eq!(set(&mut keeper, &names()).state, State::Waiting);
        host.start_networkmanager("dnsmasq");
        await_change(&mut keeper);
        assert_eq!(set(&mut keeper, &names()).state, State::Set);
        await_answer(host, "alice.home.ray", MESH);
        keeper.unset().unwrap();
        await_answer(host, "bob.home.ray", PUBLIC);
        assert_eq!(host.sh(SETTINGS), before);
    });
}

#[test]
fn keeps_names_when_a_lease_brings_other_resolvers() {
    with_dnsmasq(|host| {
        let mut keeper = NetworkManager::new();
        set(&mut keeper, &names());
        host.sh("nmcli connection modify cable ipv4.dns 10.0.0.1,10.0.0.7; nmcli connection up cable");
        await_answer(host, "alice.home.ray", MESH);
        await_answer(host, "www.example.org", PUBLIC);
        assert_eq!(keeper.upstreams().unwrap().servers.len(), 2);
    });
}

#[test]
fn undoes_what_a_dead_predecessor_left_wherever_it_died() {
    with_dnsmasq(|host| {
        let before = host.sh(SETTINGS);
        let undone = |step: &str| {
            NetworkManager::new().unset().unwrap();
            assert_eq!(host.sh(SETTINGS), before, "{step}");
            await_answer(host, "alice.home.ray", PUBLIC);
        };
        set(&mut NetworkManager::new(), &names());
        await_answer(host, "bob.home.ray", MESH);
        let text = host.sh(&format!("cat {OURS}"));
        undone("after the change");
        std::fs::write(OURS, text).unwrap();
        undone("between the file and the restart of dnsmasq");
        set(&mut NetworkManager::new(), &names());
        host.sh(&format!("sed -i '2,$d' {OURS}"));
        undone("in the undoing, before the restart of dnsmasq");
        host.sh(&format!("cp /dev/null {DIRECTORY}/.rayfish.conf"));
        set(&mut NetworkManager::new(), &names());
        undone("while it wrote");
    });
}

#[test]
fn leaves_a_file_of_its_name_alone_that_is_not_its() {
    with_dnsmasq(|host| {
        for make in ["printf 'address=/own.test/192.0.2.9\\n' >", "ln -s /etc/hosts", "mkdir", "mkfifo"] {
            host.sh(&format!("{make} {OURS}"));
            let before = host.sh("ls -l /etc/NetworkManager/dnsmasq.d; cat /etc/hosts");
            let mut keeper = NetworkManager::new();
            let outcome = set(&mut keeper, &names());
            assert_eq!(outcome.state, State::StoodDown, "{make}");
            assert!(outcome.conflicts[0].what.contains("not ours"), "{outcome:?}");
            keeper.unset().unwrap();
            assert_eq!(host.sh("ls -l /etc/NetworkManager/dnsmasq.d; cat /etc/hosts"), before, "{make}");
            host.sh(&format!("rm -r {OURS}"));
        }
    });
}

#[test]
fn writes_into_no_directory_that_others_can_write() {
    with_dnsmasq(|host| {
        for make in ["chmod 0777", "chmod 0775", "chown 60078"] {
            host.sh(&format!("{make} {DIRECTORY}"));
            NetworkManager::new().set(&names(), std::time::Instant::now()).unwrap_err();
            assert_eq!(host.sh(&format!("ls -A {DIRECTORY}")), "", "{make}");
            host.sh(&format!("chmod 0755 {DIRECTORY}; chown 0 {DIRECTORY}"));
        }
        host.sh(&format!("rmdir {DIRECTORY}; mkdir -m 0777 /run/elsewhere; ln -s /run/elsewhere {DIRECTORY}"));
        NetworkManager::new().set(&names(), std::time::Instant::now()).unwrap_err();
        assert_eq!(host.sh("ls -A /run/elsewhere"), "");
    });
}

#[test]
fn stands_down_where_networkmanager_splits_no_names() {
    on_a_host(Installed::Plain, |host| {
        host.start_networkmanager("default");
        let before = host.sh(SETTINGS);
        let mut keeper = NetworkManager::new();
        assert_eq!(keeper.manner().unwrap().unwrap().mode, "default");
        let outcome = set(&mut keeper, &names());
        assert_eq!(outcome.state, State::StoodDown);
        assert_eq!(host.sh(SETTINGS), before);
    });
}

#[test]
fn leaves_what_resolved_was_told_of_the_interface() {
    on_a_host(Installed::Resolved, |host| {
        host.start_resolved();
        host.start_networkmanager("systemd-resolved");
        assert_eq!(NetworkManager::new().manner().unwrap().unwrap().mode, "systemd-resolved");
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &names());
        let told = || host.sh("for what in dns domain default-route llmnr; do resolvectl $what ray0; done");
        let before = told();
        assert!(before.contains("~ray"), "{before}");
        host.sh("nmcli connection modify cable ipv4.dns 10.0.0.1,10.0.0.7; nmcli connection up cable");
        assert_eq!(told(), before);
        assert_eq!(host.finds("alice.home.ray"), MESH);
    });
}

/// NetworkManager restarts its dnsmasq without waiting for it.
fn await_answer(host: &Host, name: &str, expected: &str) {
    host.until(&format!("{name} is {expected}"), &format!("getent ahostsv4 {name} | grep -q '^{expected} '"));
}
