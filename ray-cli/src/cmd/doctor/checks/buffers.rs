//! UDP buffers: what this host allows, and what the engine's sockets have got.

use std::net::SocketAddr;

use super::unseen;
use crate::cmd::doctor::{
    engine::Engine,
    finding::Verdict,
    look::{kernel, udp},
};

/// What the engine's sockets ask for, rounded up; smaller ones drop bursts of a fast link.
const WANTED: u64 = 7_500_000;
/// The same as the sockets ask for it: 7 MiB. The kernel doubles it.
const ASKED: u32 = 7 << 20;
const FILE: &str = "/usr/lib/sysctl.d/60-rayfish.conf";

pub(super) fn limits(_engine: &Engine) -> Result<Verdict, Verdict> {
    let read = |key| kernel::setting(&format!("net/core/{key}"));
    Ok(judge_limits(read("rmem_max"), read("wmem_max")))
}

fn judge_limits(receive: Option<u64>, send: Option<u64>) -> Verdict {
    let (Some(receive), Some(send)) = (receive, send) else {
        return Verdict::skipped("net.core.rmem_max and wmem_max are not shown in this network namespace");
    };
    if receive >= WANTED && send >= WANTED {
        return Verdict::ok(format!("UDP buffers may have {receive} bytes to receive and {send} to send"));
    }
    Verdict::warning(
        format!("UDP buffers may have only {receive} bytes to receive and {send} to send: fast transfers lose packets"),
        format!(
            "sysctl -w net.core.rmem_max={WANTED} net.core.wmem_max={WANTED}; for good: sysctl -p {FILE} (from the \
             package), then systemctl restart rayfish-engine"
        ),
    )
}

pub(super) fn buffers(engine: &Engine) -> Result<Verdict, Verdict> {
    let (status, process) = (engine.status()?, engine.process()?);
    let ports: Vec<u16> =
        status.underlay.iter().filter_map(|address| Some(address.parse::<SocketAddr>().ok()?.port())).collect();
    let sockets = udp::buffers().map_err(unseen("asking the kernel about UDP sockets"))?;
    let ours = sockets.iter().filter(|socket| socket.uid == process.uid && ports.contains(&socket.port));
    // The poorest socket decides.
    let smallest = ours.map(|socket| (socket.receive / 2, socket.send / 2)).reduce(|a, b| (a.0.min(b.0), a.1.min(b.1)));
    Ok(judge_buffers(smallest))
}

fn judge_buffers(smallest: Option<(u32, u32)>) -> Verdict {
    match smallest {
        None => Verdict::skipped("the kernel shows no UDP socket of the engine"),
        Some((receive, send)) if receive >= ASKED && send >= ASKED => {
            Verdict::ok(format!("the engine's UDP sockets have all the buffer that they asked for ({ASKED} bytes)"))
        }
        Some((receive, send)) => Verdict::warning(
            format!(
                "the engine's UDP sockets have {receive} bytes to receive and {send} to send, of {ASKED} asked for"
            ),
            "put udp.limits right, then systemctl restart rayfish-engine",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn small_limits_are_a_warning_with_the_file_that_raises_them() {
        assert_eq!(judge_limits(Some(WANTED), Some(WANTED)).mark, Mark::Ok);
        assert_eq!(judge_limits(None, Some(WANTED)).mark, Mark::Skipped);
        for (receive, send) in [(212_992, WANTED), (WANTED, 212_992)] {
            let verdict = judge_limits(Some(receive), Some(send));
            assert!(verdict.mark == Mark::Warning && verdict.remedy.unwrap().contains(FILE));
        }
    }

    #[test]
    fn sockets_that_got_less_than_they_asked_for_are_a_warning() {
        assert_eq!(judge_buffers(Some((ASKED, ASKED))).mark, Mark::Ok);
        assert_eq!(judge_buffers(Some((212_992, ASKED))).mark, Mark::Warning);
        assert_eq!(judge_buffers(Some((ASKED, 212_992))).mark, Mark::Warning);
        assert_eq!(judge_buffers(None).mark, Mark::Skipped);
    }

    #[test]
    fn the_limits_cover_what_is_asked_for() {
        assert!(u64::from(ASKED) <= WANTED);
    }
}
