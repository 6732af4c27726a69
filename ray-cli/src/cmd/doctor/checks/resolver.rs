//! Names of members: whether the engine's resolver answers, and whether this host asks it.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs, UdpSocket},
    sync::mpsc,
    thread,
    time::Duration,
};

use ray_ipc::control::{MemberStatus, TunStatus};

use super::mesh;
use crate::cmd::doctor::{engine::Engine, finding::Verdict};

const PORT: u16 = 53;
const PATIENCE: Duration = Duration::from_secs(2);
/// An answer without extensions is no longer.
const ANSWER_MAX: usize = 512;
/// Id, flags, four counts.
const HEADER: usize = 12;
const ID: [u8; 2] = [0x52, 0x59];
/// Of an answer: its number of records, and its result in the lower half of a byte.
const RECORDS_AT: usize = 6;
const RESULT_AT: usize = 3;
const AAAA: u8 = 28;

pub(super) fn mesh(engine: &Engine) -> Result<Verdict, Verdict> {
    let (tun, me) = (engine.tun()?, own_name(engine)?);
    let server = server(tun);
    Ok(judge_mesh(&me.fqdn, server, ask(server, &me.fqdn)))
}

fn judge_mesh(name: &str, server: IpAddr, answer: io::Result<bool>) -> Verdict {
    match answer {
        Ok(true) => Verdict::ok(format!("the engine's resolver at {server} knows {name}")),
        Ok(false) => Verdict::failed(
            format!("the engine's resolver at {server} does not know {name}"),
            format!("see `ray status` for the name, and: dig @{server} {name} AAAA"),
        ),
        Err(error) => Verdict::failed(
            format!("the engine's resolver at {server} does not answer: {error}"),
            "put route.mesh and vpn.other right: questions go to it through the tunnel",
        ),
    }
}

pub(super) fn host(engine: &Engine) -> Result<Verdict, Verdict> {
    let (tun, me) = (engine.tun()?, own_name(engine)?);
    Ok(judge_host(me, server(tun), look_up(me.fqdn.clone())))
}

/// As a program would. The system's resolver knows no deadline of ours, so it works on a thread of its own.
fn look_up(name: String) -> io::Result<Vec<IpAddr>> {
    let (sender, answer) = mpsc::channel();
    let ask = move || {
        let found = (name, 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect());
        // Nobody waits any more after the deadline; the process ends then.
        let _ = sender.send(found);
    };
    thread::Builder::new().name("resolver".to_owned()).spawn(ask)?;
    answer.recv_timeout(PATIENCE).unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
}

fn judge_host(me: &MemberStatus, server: IpAddr, found: io::Result<Vec<IpAddr>>) -> Verdict {
    let name = &me.fqdn;
    let is_own = |address: &IpAddr| *address == IpAddr::from(me.v6) || me.v4.map(IpAddr::from) == Some(*address);
    let remedy = format!("see `ray dns status`; the engine's own resolver is asked with: dig @{server} {name}");
    match found {
        Ok(found) if found.iter().any(is_own) => Verdict::ok(format!("this host's resolver knows {name}")),
        Ok(found) => {
            let elsewhere = found.first().map_or_else(|| "nothing".to_owned(), ToString::to_string);
            Verdict::warning(format!("this host's resolver takes {name} for {elsewhere}"), remedy)
        }
        Err(error) if error.kind() == io::ErrorKind::TimedOut => {
            Verdict::warning(format!("this host's resolver does not answer when it is asked for {name}"), remedy)
        }
        Err(_) => {
            Verdict::warning(format!("programs cannot use {name}: this host's resolver does not know it"), remedy)
        }
    }
}

/// The name of this host in the first network that it is in.
fn own_name(engine: &Engine) -> Result<&MemberStatus, Verdict> {
    let members = engine.status()?.networks.iter().flat_map(|network| &network.members);
    members.into_iter().find(|member| member.me).ok_or_else(|| Verdict::skipped("this host is in no network"))
}

fn server(tun: &TunStatus) -> IpAddr {
    if tun.v4.is_some() { mesh::RESOLVER_V4.into() } else { mesh::RESOLVER_V6.into() }
}

/// Whether `server` has an IPv6 address for `name`.
fn ask(server: IpAddr, name: &str) -> io::Result<bool> {
    let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(SocketAddr::new(server, PORT))?;
    socket.set_read_timeout(Some(PATIENCE))?;
    socket.send(&question(name))?;
    let mut answer = [0; ANSWER_MAX];
    let length = socket.recv(&mut answer)?;
    Ok(knows(answer.get(..length).unwrap_or_default()))
}

fn question(name: &str) -> Vec<u8> {
    // Id; recursion desired; one question.
    let mut bytes = [&ID[..], &[1, 0, 0, 1, 0, 0, 0, 0, 0, 0]].concat();
    for label in name.split('.') {
        // A label of a host name has 63 bytes at the most.
        bytes.push(u8::try_from(label.len()).unwrap_or_default());
        bytes.extend(label.bytes());
    }
    bytes.extend([0, 0, AAAA, 0, 1]);
    bytes
}

fn knows(answer: &[u8]) -> bool {
    let records =
        answer.get(RECORDS_AT..HEADER).and_then(|rest| rest.first_chunk()).map_or(0, |n| u16::from_be_bytes(*n));
    let result = answer.get(RESULT_AT).map(|byte| byte & 0x0f);
    answer.starts_with(&ID) && result == Some(0) && records > 0
}

#[cfg(test)]
mod tests {
    use ray_ipc::control::MemberState;

    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn a_resolver_that_does_not_know_this_host_has_failed() {
        let judge = |answer| judge_mesh("nas.home.ray", mesh::RESOLVER_V4.into(), answer).mark;
        assert_eq!(judge(Ok(true)), Mark::Ok);
        assert_eq!(judge(Ok(false)), Mark::Failed);
        assert_eq!(judge(Err(io::ErrorKind::TimedOut.into())), Mark::Failed);
    }

    #[test]
    fn a_host_that_does_not_ask_the_engine_is_warned_how_to() {
        let judge = |found| judge_host(&me(), mesh::RESOLVER_V4.into(), found);
        assert_eq!(judge(Ok(vec!["200::9".parse().unwrap()])).mark, Mark::Ok);
        assert_eq!(judge(Ok(vec!["100.64.0.9".parse().unwrap()])).mark, Mark::Ok);
        for found in [
            Ok(vec![]),
            Ok(vec!["203.0.113.7".parse().unwrap()]),
            Err(io::ErrorKind::NotFound.into()),
            Err(io::ErrorKind::TimedOut.into()),
        ] {
            let verdict = judge(found);
            assert_eq!(verdict.mark, Mark::Warning);
            assert!(verdict.remedy.unwrap().contains("dig @100.100.100.53 nas.home.ray"));
        }
    }

    #[test]
    fn asks_one_question_and_understands_the_answer() {
        let bytes = question("nas.home.ray");
        assert_eq!(&bytes[HEADER..], b"\x03nas\x04home\x03ray\0\0\x1c\0\x01");
        assert!(!knows(&bytes));
        let answer = |result, records| [&ID[..], &[0x84, result, 0, 1, 0, records, 0, 0, 0, 0]].concat();
        assert!(knows(&answer(0, 1)));
        assert!(!knows(&answer(3, 0)) && !knows(&answer(0, 0)) && !knows(&answer(3, 1)) && !knows(&[]));
    }

    fn me() -> MemberStatus {
        MemberStatus {
            hostname: "nas".into(),
            fqdn: "nas.home.ray".into(),
            endpoint_id: "1".repeat(64),
            v4: Some("100.64.0.9".parse().unwrap()),
            v6: "200::9".parse().unwrap(),
            coordinator: true,
            me: true,
            state: MemberState::Me,
        }
    }
}
