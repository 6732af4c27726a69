//! Cables that take short packets only, lose some, or carry nothing but the way to the relay.

use std::io::{BufRead, BufReader};

use ray_tests::lab::{Exec, Lab, LabError};
use serde_json::Value;

use crate::{bare, stdout};

#[test]
fn a_narrow_cable_takes_packets_up_to_its_mtu_and_no_longer() {
    let lab = bare(2);
    let _server = serve(&lab, "n2");
    lab.link_mtu("n2", 1280).unwrap();
    // A switch says nothing: n1 still believes in 1500.
    for (target, headers) in [("10.77.0.12:7000", 28), ("[fd77::12]:7000", 48)] {
        let fits = 1280 - headers;
        let report = exchange(&lab, target, fits + 4);
        let missing: Vec<u64> = (fits + 1..=fits + 4).collect();
        assert_eq!(report["udp"]["missing"], serde_json::to_value(missing).unwrap(), "{report}");
        assert_eq!(report["tcp"]["arrived"], report["tcp"]["sent"], "both ends ask for segments that fit: {report}");
    }
    assert_eq!(mtu(&lab, "n2"), "1280");
    assert_eq!(mtu(&lab, "n1"), "1500");

    for node in ["n1", "n2"] {
        lab.link_mtu(node, 9000).unwrap();
    }
    let report = exchange(&lab, "10.77.0.12:7000", 9000);
    assert_eq!(report["udp"]["arrived"], report["udp"]["sent"], "{report}");
    assert!(matches!(lab.link_mtu("n1", 1279), Err(LabError::Refused(_))));
    assert!(matches!(lab.link_mtu("n1", 9001), Err(LabError::Refused(_))));
    assert!(matches!(lab.link_mtu("n9", 1280), Err(LabError::UnknownNode { .. })));
}

#[test]
fn a_lossy_cable_loses_its_share_of_single_packets_until_it_is_told_to_stop() {
    let lab = bare(2);
    let _server = serve(&lab, "n2");
    // The hosts find each other's link address before any packet is lost: a lost question is asked again after a second.
    stdout(&lab, "n1", &["ray-lab", "tool", "ping", "10.77.0.12", "-c", "1"]);
    lab.loss("n2", 10.0).unwrap();
    let lossy = bursts(&lab);
    // A tenth there and a tenth of the rest back: 810 of a thousand, give or take 12.
    let answered = lossy["answered"].as_u64().unwrap();
    assert!((740..=880).contains(&answered), "{lossy}");
    lab.loss("n2", 100.0).unwrap();
    assert_eq!(lab.exec("n1", &["ray-lab", "tool", "ping", "10.77.0.12", "-c", "1"]).unwrap().code(), 1);
    lab.loss("n2", 0.0).unwrap();
    let clean = bursts(&lab);
    assert_eq!((clean["answered"].as_u64(), clean["reordered"].as_u64()), (Some(1000), Some(0)), "{clean}");
    assert!(matches!(lab.loss("n2", 101.0), Err(LabError::Usage(_))));
}

#[test]
fn a_host_that_is_left_the_relay_alone_exchanges_udp_with_the_infra_and_nobody_else() {
    let lab = bare(2);
    let servers = [serve(&lab, "n2"), serve(&lab, "infra")];
    lab.relay_only(&["n1"]).unwrap();
    for address in ["10.77.0", "[fd77:"] {
        let target = |host: &str| format!("{address}{}{host}", if address.contains('.') { "." } else { ":" });
        let (peer, infra) = if address.contains('.') { ("12:7000", "1:7000") } else { ("12]:7000", "1]:7000") };
        let with_peer = exchange(&lab, &target(peer), 3);
        assert_eq!((&with_peer["udp"]["arrived"], &with_peer["tcp"]["arrived"]), (&0.into(), &3.into()), "{with_peer}");
        let with_infra = exchange(&lab, &target(infra), 3);
        assert_eq!(with_infra["udp"]["arrived"], 3, "{with_infra}");
    }
    lab.relay_only(&[]).unwrap();
    assert_eq!(exchange(&lab, "10.77.0.12:7000", 3)["udp"]["arrived"], 3);
    drop(servers);
}

fn serve(lab: &Lab, node: &str) -> Exec {
    let mut server = lab.spawn(node, None, &["ray-lab", "tool", "sizes-serve", "7000"]).unwrap();
    let mut line = String::new();
    BufReader::new(server.stderr.take().unwrap()).read_line(&mut line).unwrap();
    assert_eq!(line.trim(), "listening");
    server
}

fn exchange(lab: &Lab, target: &str, max: u64) -> Value {
    let step = if max > 2000 { "37" } else { "1" };
    let output = lab.exec("n1", &["ray-lab", "tool", "sizes", target, &max.to_string(), "--step", step]).unwrap();
    output.json().unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

fn bursts(lab: &Lab) -> Value {
    let argv = ["ray-lab", "tool", "bursts", "10.77.0.12:7000", "25", "--segments", "40"];
    serde_json::from_str(stdout(lab, "n1", &argv).trim()).unwrap()
}

fn mtu(lab: &Lab, node: &str) -> String {
    stdout(lab, node, &["cat", "/sys/class/net/eth0/mtu"]).trim().to_owned()
}
