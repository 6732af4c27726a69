//! The lab's small Internet, reached from a host.

use std::io::Write;

use pkarr::{Keypair, SignedPacket, Timestamp};
use ray_tests::lab::{Lab, LabConfig, Output, Process};

use crate::{DEADLINE, stdout};

#[test]
fn the_relay_answers_http_and_refuses_what_is_not_a_relay_client() {
    let lab = with_infra();
    assert!(stdout(&lab, "n1", &["ray-lab", "tool", "http-get", "http://10.77.0.1:3340/"]).contains("Relay"));
    let ping = lab.exec("n1", &["ray-lab", "tool", "http-get", "http://10.77.0.1:3340/ping"]).unwrap();
    assert_eq!(ping.code(), 0, "{ping:?}");
    let relay = lab.exec("n1", &["ray-lab", "tool", "http-get", "http://10.77.0.1:3340/relay"]).unwrap();
    assert_eq!(relay.code(), 1, "{relay:?}");
}

#[test]
fn the_pkarr_server_keeps_the_newest_valid_record_of_each_key() {
    let lab = with_infra();
    let keypair = Keypair::random();
    let path = format!("/pkarr/{}", keypair.public_key().to_z32());
    let (older, newer) = (record(&keypair, 1), record(&keypair, 2));

    assert_eq!(status(&http(&lab, "GET", &path, b"")), "404");
    assert_eq!(status(&http(&lab, "PUT", &path, &newer)), "204");
    assert_eq!(status(&http(&lab, "PUT", &path, &older)), "409");
    assert_eq!(status(&http(&lab, "PUT", &path, &record(&Keypair::random(), 3))), "400");
    assert_eq!(status(&http(&lab, "PUT", &path, &[0; 1105])), "413");
    assert_eq!(status(&http(&lab, "PUT", "/pkarr/not-a-key", &newer)), "400");
    assert_eq!(status(&http(&lab, "DELETE", &path, b"")), "405");
    assert_eq!(status(&http(&lab, "GET", "/", b"")), "404");

    let got = http(&lab, "GET", &path, b"");
    assert_eq!(status(&got), "200");
    // The record holds bytes that are no text, which the comparison must see the same way.
    assert!(got.stdout.ends_with(&*String::from_utf8_lossy(&newer)), "{:?}", got.stdout);
}

#[test]
fn the_infra_process_has_no_rights() {
    let lab = with_infra();
    let list = lab.exec("infra", &["ray-lab", "tool", "ps", "--json"]).unwrap().json().unwrap();
    let is_infra = |info: &&serde_json::Value| info["command"].as_str().unwrap().ends_with("ray-lab infra");
    let infra = list["processes"].as_array().unwrap().iter().find(is_infra).unwrap();
    assert_eq!((infra["uid"].as_u64(), infra["cap_eff"].as_str()), (Some(60077), Some("0000000000000000")));
}

#[test]
fn the_infra_can_be_stopped_and_started() {
    let lab = with_infra();
    lab.stop_process("infra", None).unwrap();
    assert_eq!(lab.exec("n1", &["ray-lab", "tool", "http-get", "http://10.77.0.1:3340/"]).unwrap().code(), 1);
    lab.start_process("infra", Some(Process::Infra)).unwrap();
    assert_eq!(lab.exec("n1", &["ray-lab", "tool", "http-get", "http://10.77.0.1:3340/"]).unwrap().code(), 0);
}

fn with_infra() -> Lab {
    Lab::start(LabConfig { infra: true, ..LabConfig::bare(1) }).unwrap()
}

/// One request with any body, by bash's own TCP: our HTTP client only gets.
fn http(lab: &Lab, method: &str, path: &str, body: &[u8]) -> Output {
    let script = "exec 3<>/dev/tcp/10.77.0.1/8080; cat >&3; cat <&3";
    let mut exec = lab.spawn("n1", None, &["bash", "-c", script]).unwrap();
    let mut stdin = exec.stdin.take().unwrap();
    write!(
        stdin,
        "{method} {path} HTTP/1.1\r\nhost: infra\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    )
    .unwrap();
    stdin.write_all(body).unwrap();
    drop(stdin);
    exec.output(DEADLINE).unwrap()
}

fn status(output: &Output) -> &str {
    output.stdout.split(' ').nth(1).unwrap_or_default()
}

fn record(keypair: &Keypair, time: u64) -> Vec<u8> {
    let name = "_iroh".try_into().unwrap();
    let value = "relay=http://10.77.0.1:3340/".try_into().unwrap();
    let packet = SignedPacket::builder().txt(name, value, 30).timestamp(Timestamp::from(time));
    packet.sign(keypair).unwrap().to_relay_payload().to_vec()
}
