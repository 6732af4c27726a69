//! `ray doctor` on whole hosts: nothing to say of a healthy one, and the right check with a remedy for each thing that is
//! broken on purpose.

use ray_tests::lab::{Lab, Process, Signal};
use serde_json::Value;

use crate::support::{PATIENCE, address, hosts, network, pings, ray, status, try_ray, until};

/// What may be wrong with a healthy node: in its first moments names are not set yet, and the rest is the
/// machine's.
const USUAL: [&str; 5] = ["names.set", "resolver.host", "clock.synced", "udp.limits", "udp.buffers"];
/// What a node cannot look at: its programs are nowhere in the system, and some kernels hide limits from namespaces.
const UNSEEN: [&str; 2] = ["files.programs", "udp.limits"];

#[test]
fn a_healthy_host_has_no_failed_check() {
    let lab = network(2);
    for user in [None, Some("alice")] {
        let argv = ["ray", "--json", "doctor"];
        let output = lab.spawn("n1", user, &argv).unwrap().output(PATIENCE).unwrap();
        assert_eq!(output.code(), 0, "{}{}", output.stdout, output.stderr);
        for check in checks(&output.json().unwrap()) {
            let id = check["id"].as_str().unwrap();
            match check["status"].as_str().unwrap() {
                "ok" => {}
                "warning" => assert!(USUAL.contains(&id) && check["remedy"].is_string(), "{user:?}: {check}"),
                "skipped" => assert!(UNSEEN.contains(&id), "{user:?}: {check}"),
                _ => panic!("{user:?}: {check}"),
            }
        }
    }
}

#[test]
fn a_host_without_a_network_has_no_failed_check() {
    let lab = hosts(1);
    until(PATIENCE, "the tunnel is up", || status(&lab, "n1")["up"] == true);
    let output = try_ray(&lab, "n1", &["doctor"]);
    assert_eq!(output.code(), 0, "{}", output.stdout);
}

#[test]
fn routes_and_addresses_of_others_are_found() {
    let lab = network(2);
    let peer = address(&lab, "n1", "n2", "v4");
    shell(&lab, "ip link add other0 type veth peer name other1 && ip link set other0 up && ip link set other1 up");

    shell(&lab, "ip address add 100.64.200.1/32 dev other0");
    found(&lab, "vpn.other", "warning", "other0 has the address 100.64.200.1", "ipv6_only = true");
    shell(&lab, "ip address del 100.64.200.1/32 dev other0");
    in_order(&lab, "vpn.other");

    shell(&lab, "ip route add 100.64.7.0/24 dev eth0");
    found(&lab, "route.stolen", "failed", "100.64.7.0/24 to eth0", "ip route del 100.64.7.0/24 dev eth0");
    shell(&lab, "ip route del 100.64.7.0/24 dev eth0");
    in_order(&lab, "route.stolen");

    shell(&lab, &format!("ip route add {peer}/32 dev eth0"));
    found(&lab, "route.mesh", "failed", &peer, "ray down && ray up");
    // The table of a policy, which no list of the main table shows.
    shell(&lab, &format!("ip route del {peer}/32 dev eth0 && ip route add {peer}/32 dev eth0 table 77"));
    in_order(&lab, "route.mesh");
    shell(&lab, "ip rule add priority 100 lookup 77");
    found(&lab, "route.mesh", "failed", &peer, "ip route get");
    in_order(&lab, "route.stolen");
    shell(&lab, "sysctl -qw net.ipv4.conf.all.rp_filter=1");
    found(&lab, "route.filter", "failed", "reverse path filter", "rp_filter=2");
    shell(&lab, "ip rule del priority 100 lookup 77");
    in_order(&lab, "route.filter");
    until(PATIENCE, "traffic flows again", || pings(&lab, "n1", &peer));
}

#[test]
fn a_device_that_somebody_changed_is_found_and_the_remedy_helps() {
    let lab = network(2);
    shell(&lab, "ip -4 address flush dev ray0");
    let own = address(&lab, "n1", "n1", "v4");
    found(&lab, "address.set", "failed", &own, "ray down && ray up");
    found(&lab, "address.bind", "failed", &own, "ray down && ray up");
    remedy(&lab);
    in_order(&lab, "address.set");
    in_order(&lab, "address.bind");

    shell(&lab, "ip link set ray0 mtu 1300");
    found(&lab, "tun.mtu", "failed", "1300", "ip link set ray0 mtu 1400");
    shell(&lab, "ip link set ray0 mtu 1400");
    in_order(&lab, "tun.mtu");

    shell(&lab, "sysctl -qw net.ipv6.conf.ray0.disable_ipv6=1");
    found(&lab, "tun.ipv6", "failed", "IPv6 is off", "net.ipv6.conf.ray0.disable_ipv6=0");
    shell(&lab, "sysctl -qw net.ipv6.conf.ray0.disable_ipv6=0");
    remedy(&lab);
    in_order(&lab, "tun.ipv6");
    in_order(&lab, "address.set");

    let rule = "ip rule del $(ip rule | grep -o 'from all to 100.64.0.0/10 uidrange .* prohibit') priority 5197";
    shell(&lab, rule);
    found(&lab, "route.rule", "failed", "IPv4 can loop", "rayfish-helper");
}

#[test]
fn a_device_that_is_down_is_found() {
    let lab = network(2);
    shell(&lab, "ip link set ray0 down");
    found(&lab, "tun.device", "failed", "down", "ray down && ray up");
    remedy(&lab);
    in_order(&lab, "tun.device");
}

#[test]
fn names_that_the_host_does_not_know_are_a_warning_and_a_dead_resolver_delays_nothing_else() {
    let lab = network(1);
    until(PATIENCE, "programs find names", || try_check(&lab, "names.set")["status"] == "ok");
    for id in ["names.reached", "names.confined", "names.conflicts", "resolver.host"] {
        in_order(&lab, id);
    }
    ray(&lab, "n1", &["config", "set", "dns", "off"]);
    found(&lab, "names.set", "skipped", "names are off", "");
    found(&lab, "resolver.host", "warning", "n1.home.ray", "dig @100.100.100.53 n1.home.ray");
    in_order(&lab, "resolver.mesh");
    let own = address(&lab, "n1", "n1", "v6");
    shell(&lab, &format!("cp /etc/hosts /etc/hosts.was && echo '{own} n1.home.ray' >> /etc/hosts"));
    in_order(&lab, "resolver.host");
    // On the wire, and nobody there.
    shell(&lab, "cp /etc/hosts.was /etc/hosts && echo 'nameserver 10.77.200.200' > /etc/resolv.conf");
    found(&lab, "resolver.host", "warning", "does not answer", "dig @100.100.100.53 n1.home.ray");
    in_order(&lab, "address.bind");
}

#[test]
fn settings_that_everybody_can_write_are_found() {
    let lab = hosts(1);
    shell(&lab, "chmod o+w /etc/rayfish/helper.toml");
    found(&lab, "files.settings", "failed", "/etc/rayfish/helper.toml", "chmod go-w /etc/rayfish/helper.toml");
    shell(&lab, "chmod go-w /etc/rayfish/helper.toml");
    in_order(&lab, "files.settings");
    shell(&lab, "chmod 0777 /run/rayfish");
    found(&lab, "files.runtime", "failed", "/run/rayfish", "chmod go-w /run/rayfish");
    shell(&lab, "chmod 0755 /run/rayfish && chmod 0755 /var/lib/rayfish");
    found(&lab, "files.state", "failed", "/var/lib/rayfish", "chmod 0700 /var/lib/rayfish");
}

#[test]
fn a_helper_that_was_killed_and_an_engine_that_was_stopped_are_found() {
    let lab = network(1);
    lab.kill("n1", Process::Helper, Signal::SIGKILL).unwrap();
    until(PATIENCE, "the engine has noticed", || try_check(&lab, "helper.reached")["status"] == "failed");
    found(
        &lab,
        "helper.socket",
        "failed",
        "nobody listens at /run/rayfish/helper.sock",
        "systemctl restart rayfish-helper",
    );
    found(&lab, "helper.reached", "failed", "does not reach the helper", "systemctl start rayfish-helper");
    lab.start_process("n1", Some(Process::Helper)).unwrap();
    until(PATIENCE, "the tunnel is back", || try_check(&lab, "helper.reached")["status"] == "ok");
    in_order(&lab, "helper.socket");
    in_order(&lab, "engine.tunnel");

    lab.stop_process("n1", Some(Process::Engine)).unwrap();
    found(&lab, "engine.socket", "failed", "the engine is not running", "systemctl start rayfish-engine");
    in_order(&lab, "helper.socket");
}

fn checks(object: &Value) -> Vec<Value> {
    assert_eq!(object["schema"], "ray.doctor/1");
    object["checks"].as_array().cloned().expect("a list of checks")
}

/// What a check says, whatever the exit code, which must agree with the whole.
fn try_check(lab: &Lab, id: &str) -> Value {
    let output = try_ray(lab, "n1", &["doctor"]);
    let object = output.json().unwrap_or_else(|error| panic!("{error}: {}{}", output.stdout, output.stderr));
    let checks = checks(&object);
    let failed = checks.iter().any(|check| check["status"] == "failed");
    assert_eq!((output.code(), &object["ok"]), (i32::from(failed), &Value::Bool(!failed)));
    checks.into_iter().find(|check| check["id"] == id).unwrap_or_else(|| panic!("no check {id}"))
}

/// The check has this status, says this, and this is its remedy.
fn found(lab: &Lab, id: &str, status: &str, words: &str, remedy: &str) {
    let check = try_check(lab, id);
    assert_eq!(check["status"], status, "{check}");
    assert!(check["found"].as_str().unwrap_or_default().contains(words), "{check} does not say {words}");
    assert!(check["remedy"].as_str().unwrap_or_default().contains(remedy), "{check} does not advise {remedy}");
}

fn in_order(lab: &Lab, id: &str) {
    found(lab, id, "ok", "", "");
}

/// What most checks of the device advise.
fn remedy(lab: &Lab) {
    ray(lab, "n1", &["down"]);
    ray(lab, "n1", &["up"]);
}

/// Does something to n1 as its root.
fn shell(lab: &Lab, script: &str) {
    let output = lab.exec("n1", &["sh", "-c", script]).unwrap();
    assert_eq!(output.code(), 0, "{script}: {}{}", output.stdout, output.stderr);
}
