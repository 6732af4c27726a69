//! Tools that send or watch traffic, and report.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use clap::Subcommand;

use super::{Failure, Report, stdin_end};
use crate::{
    cli::output::note,
    tool::{
        bulk, capture, dns_abuse, flood,
        names::{
            files, gopher,
            watch::{self, Expected},
        },
        reach::{self, Cell},
        sizes, stream,
    },
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Traffic {
    /// Read one connection to its end and report
    TcpSink {
        address: SocketAddr,
        /// Bytes to send when the sender has closed
        #[arg(long, default_value_t = 0)]
        answer: u64,
    },
    /// Send bytes to a tcp-sink and report
    TcpSend {
        target: SocketAddr,
        bytes: u64,
        /// Bytes that the sink sends when we have closed
        #[arg(long, default_value_t = 0)]
        answer: u64,
    },
    /// Send to a tcp-sink until our stdin ends, and report
    TcpTrickle { target: SocketAddr },
    /// Count the numbers of a udp-stream, and report
    UdpCount { address: SocketAddr },
    /// Send a thousand numbers a second until our stdin ends, and report
    UdpStream { target: SocketAddr },
    /// Watch an interface for packets in the clear from or to mesh addresses until our stdin ends, and report
    Capture { interface: String },
    /// Send one datagram in each of many flows
    UdpFlood {
        target: IpAddr,
        /// A UDP port of a reach-serve there
        echo: u16,
        flows: u32,
    },
    /// Send a DNS server queries that break the format; prints what each was answered with
    DnsAbuse { server: IpAddr },
    /// Exchange datagrams and TCP writes of every size with a sizes-serve, look at each byte, and report
    Sizes {
        target: SocketAddr,
        /// The longest datagram and the longest write
        max: usize,
        /// Leave so many sizes out between two
        #[arg(long, default_value_t = 1)]
        step: usize,
    },
    /// Send bursts of numbered datagrams to a sizes-serve, each with one call, and report how many are answered
    Bursts {
        target: SocketAddr,
        count: u64,
        /// Datagrams in a burst
        #[arg(long, default_value_t = 40)]
        segments: u64,
        #[arg(long, default_value_t = 1200)]
        size: usize,
    },
    /// Send to a sizes-serve over TCP until our stdin ends, and report the longest silence
    Flow { target: SocketAddr },
    /// Look names up by the C library, ten a second in turns, until our stdin ends, and report
    DnsWatch {
        /// NAME=ADDRESS,…; without addresses a name that nobody has
        #[arg(required = true)]
        names: Vec<Expected>,
    },
    /// Watch files and directories for changes until our stdin ends, and report
    FilesWatch {
        #[arg(required = true)]
        paths: Vec<PathBuf>,
    },
    /// Look a name up as programs do that read /etc/resolv.conf by themselves
    DnsGopher { name: String },
    /// Ask which of tcp/ADDRESS:PORT, udp/ADDRESS:PORT and icmp/ADDRESS answer; one JSON object
    Reach {
        #[arg(long, default_value = "10", value_name = "SECONDS", value_parser = seconds)]
        deadline: Duration,
        #[arg(required = true)]
        cells: Vec<Cell>,
    },
}

pub(super) fn run(tool: Traffic) -> Result<Report, Failure> {
    match tool {
        Traffic::TcpSink { address, answer } => {
            Report::of(bulk::sink(address, answer, || note(&format!("listening on {address}"))))
        }
        Traffic::TcpSend { target, bytes, answer } => Report::of(bulk::send(target, bytes, answer)),
        Traffic::TcpTrickle { target } => Report::of(bulk::send_until(target, stdin_end())),
        Traffic::UdpCount { address } => Report::of(stream::count(address, || note("listening"))),
        Traffic::UdpStream { target } => Report::of(stream::send(target, stdin_end())),
        Traffic::Capture { interface } => Report::of(capture::watch(&interface, stdin_end(), || note("watching"))),
        Traffic::UdpFlood { target, echo, flows } => Report::of(flood::flood(target, echo, flows)),
        Traffic::DnsAbuse { server } => Report::of(dns_abuse::queries(server)),
        Traffic::Sizes { target, max, step } => Report::judged(sizes::ask(target, max, step), sizes::Report::intact),
        Traffic::Bursts { target, count, segments, size } => Report::of(sizes::bursts(target, count, segments, size)),
        Traffic::Flow { target } => Report::of(sizes::flow(target, stdin_end())),
        Traffic::DnsWatch { names } => Report::of(watch::watch(&names, stdin_end(), || note("watching"))),
        Traffic::FilesWatch { paths } => Report::of(files::watch(&paths, stdin_end(), || note("watching"))),
        Traffic::DnsGopher { name } => Report::of(gopher::look_up(&name)),
        Traffic::Reach { deadline, cells } => Report::of(reach::ask(&cells, deadline)),
    }
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds = text.parse().map_err(|_| "it is no number".to_owned())?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_is_a_time() {
        assert_eq!(seconds("0.25"), Ok(Duration::from_millis(250)));
        for wrong in ["-1", "NaN", "soon", ""] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
