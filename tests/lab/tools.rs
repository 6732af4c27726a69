//! The lab's own tools, between two hosts.

use std::io::{BufRead, BufReader};

use ray_tests::lab::Exec;

use crate::{DEADLINE, bare, stdout};

#[test]
fn ping_measures_and_tells_when_nobody_answers() {
    let lab = bare(2);
    let output = lab.exec("n1", &["ray-lab", "tool", "ping", "fd77::12", "-c", "3", "--json"]).unwrap();
    let report = output.json().unwrap();
    assert_eq!((report["sent"].as_u64(), report["received"].as_u64()), (Some(3), Some(3)));
    assert!(report["min_ms"].as_f64().unwrap() > 0.0);
    let silent = lab.exec("n1", &["ray-lab", "tool", "ping", "10.77.0.99", "-c", "1"]).unwrap();
    assert_eq!(silent.code(), 1);
    assert!(silent.stdout.contains("0 of 1 answered"), "{silent:?}");
}

#[test]
fn a_page_of_one_host_is_seen_from_the_other() {
    let lab = bare(2);
    let mut server = lab.spawn("n2", None, &["ray-lab", "tool", "http-serve", "[fd77::12]:8000"]).unwrap();
    first_line(server.stdout.take().unwrap());
    let page = stdout(&lab, "n1", &["ray-lab", "tool", "http-get", "http://[fd77::12]:8000/"]);
    assert_eq!(page, "hello from n2\n");
    assert_eq!(lab.exec("n1", &["ray-lab", "tool", "http-get", "http://10.77.0.12:8000/"]).unwrap().code(), 1);
}

#[test]
fn bulk_data_is_counted_by_the_other_end() {
    let lab = bare(2);
    let mut sink: Exec = lab.spawn("n2", None, &["ray-lab", "tool", "tcp-sink", "10.77.0.12:9000"]).unwrap();
    first_line(sink.stderr.take().unwrap());
    let sent = lab.exec("n1", &["ray-lab", "tool", "tcp-send", "10.77.0.12:9000", "3000001"]).unwrap();
    assert_eq!(sent.json().unwrap()["bytes"], 3_000_001, "{sent:?}");
    assert_eq!(sink.output(DEADLINE).unwrap().json().unwrap()["bytes"], 3_000_001);
}

#[test]
fn a_refused_datagram_is_told_by_the_name_of_the_error() {
    let lab = bare(1);
    assert_eq!(stdout(&lab, "n1", &["ray-lab", "tool", "udp-send", "10.77.0.1:9"]), "sent\n");
    stdout(
        &lab,
        "n1",
        &["sh", "-c", "ip route add prohibit 192.0.2.1 2>/dev/null || ip route add blackhole 192.0.2.1"],
    );
    let refused = lab.exec("n1", &["ray-lab", "tool", "udp-send", "192.0.2.1:9"]).unwrap();
    assert_eq!((refused.code(), refused.stdout.trim()), (1, "EACCES"));
}

#[test]
fn a_resolver_that_is_not_there_is_an_error() {
    let lab = bare(1);
    let output = lab.exec("n1", &["ray-lab", "tool", "resolve", "n2.home.ray", "a", "--dns", "10.77.0.1"]).unwrap();
    assert_eq!(output.code(), 1);
    assert!(output.stderr.contains("asking 10.77.0.1 for n2.home.ray"), "{output:?}");
}

fn first_line(stream: impl std::io::Read) -> String {
    let mut line = String::new();
    BufReader::new(stream).read_line(&mut line).unwrap();
    line
}
