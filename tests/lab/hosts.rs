//! What a host of the lab is: its addresses, files and users, apart from the machine's.

use std::fs;

use ray_tests::lab::{Lab, LabConfig, wait_until};

use crate::{DEADLINE, bare, stdout};

#[test]
fn every_pair_of_hosts_reaches_each_other_by_both_families() {
    let lab = bare(3);
    for from in ["n1", "n2", "n3", "infra"] {
        for target in ["10.77.0.1", "10.77.0.11", "10.77.0.13", "fd77::1", "fd77::12", "fd77::13"] {
            stdout(&lab, from, &["ray-lab", "tool", "ping", target, "-c", "1"]);
        }
    }
}

#[test]
fn a_pulled_cable_cuts_a_host_off_until_it_is_plugged_in() {
    let lab = bare(2);
    let reaches = |address| {
        let output = lab.exec("n1", &["ray-lab", "tool", "ping", address, "-c", "1"]).unwrap();
        output.code() == 0
    };
    assert!(reaches("10.77.0.12"));
    lab.link_down("n2").unwrap();
    assert!(!reaches("10.77.0.12"));
    assert!(lab.status().unwrap().nodes.iter().any(|node| node.name == "n2" && !node.link));
    let carrier = || lab.exec("n2", &["cat", "/sys/class/net/eth0/carrier"]).unwrap().stdout;
    wait_until(DEADLINE, "n2 notices", || carrier().trim() == "0").unwrap();
    lab.link_up("n2").unwrap();
    wait_until(DEADLINE, "n2 is back by IPv4", || reaches("10.77.0.12")).unwrap();
    wait_until(DEADLINE, "n2 is back by IPv6", || reaches("fd77::12")).unwrap();
}

#[test]
fn a_host_has_its_own_name_and_only_its_own_interfaces() {
    let lab = bare(2);
    assert_eq!(stdout(&lab, "n2", &["uname", "-n"]).trim(), "n2");
    assert_eq!(stdout(&lab, "n2", &["cat", "/etc/hostname"]).trim(), "n2");
    let listed = stdout(&lab, "n2", &["ls", "/sys/class/net"]);
    let mut interfaces: Vec<_> = listed.split_whitespace().collect();
    interfaces.retain(|name| ["eth0", "lo"].contains(name) || !kernel_makes_it_everywhere(name));
    assert_eq!(interfaces, ["eth0", "lo"]);
}

#[test]
fn what_a_host_writes_to_its_private_directories_stays_there() {
    let lab = bare(2);
    for directory in ["/etc", "/var/lib", "/run"] {
        let path = format!("{directory}/left-by-the-lab-test");
        stdout(&lab, "n1", &["touch", &path]);
        stdout(&lab, "n1", &["test", "-e", &path]);
        assert_ne!(lab.exec("n2", &["test", "-e", &path]).unwrap().code(), 0, "{path} shows on n2");
        assert!(!fs::exists(&path).unwrap(), "{path} shows on the machine");
    }
}

#[test]
fn a_hosts_resolver_is_its_own() {
    let before = fs::read("/etc/resolv.conf").ok();
    let lab = bare(1);
    assert_eq!(stdout(&lab, "n1", &["cat", "/etc/resolv.conf"]), "nameserver 10.77.0.1\n");
    stdout(&lab, "n1", &["sh", "-c", "echo changed > /etc/resolv.conf"]);
    assert_eq!(fs::read("/etc/resolv.conf").ok(), before);
}

#[test]
fn the_directories_of_rayfish_have_the_owners_and_modes_that_it_expects() {
    let lab = bare(1);
    let paths = ["/run/rayfish", "/run/rayfish/engine", "/var/lib/rayfish", "/etc/rayfish", "/etc/rayfish/helper.toml"];
    let listed = stdout(&lab, "n1", &[&["stat", "-c", "%a %U:%G"][..], &paths[..]].concat());
    let expected = ["755 root:root", "755 rayfish:rayfish", "700 rayfish:rayfish", "755 root:root", "644 root:root"];
    assert_eq!(listed.lines().collect::<Vec<_>>(), expected);
}

#[test]
fn settings_of_a_test_reach_the_files() {
    let mut config = LabConfig::bare(2);
    config.node("n1").engine_toml = "relays = []\nmtu = 1300".to_owned();
    config.node("n1").helper_toml = "grace_s = 3".to_owned();
    let lab = Lab::start(config).unwrap();
    let engine = stdout(&lab, "n1", &["cat", "/etc/rayfish/engine.toml"]);
    assert_eq!(engine, "discovery = [\"http://10.77.0.1:8080/pkarr\"]\nrelays = []\nmtu = 1300\n");
    let helper = stdout(&lab, "n1", &["cat", "/etc/rayfish/helper.toml"]);
    assert_eq!(helper, "engine_user = \"rayfish\"\ngrace_s = 3\n");
    assert!(!stdout(&lab, "n2", &["cat", "/etc/rayfish/engine.toml"]).contains("mtu"));
}

/// Tunnel devices that some kernels add to every network namespace.
fn kernel_makes_it_everywhere(name: &str) -> bool {
    ["sit0", "tunl0", "gre0", "gretap0", "erspan0", "ip6tnl0", "ip6gre0", "ip_vti0", "ip6_vti0", "bonding_masters"]
        .contains(&name)
}
