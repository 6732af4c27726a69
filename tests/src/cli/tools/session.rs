//! Tools that go on until they are ended or what they wait for comes.

use std::{
    io,
    net::{IpAddr, SocketAddr},
    path::PathBuf,
};

use clap::Subcommand;

use super::{Failure, stdin_end};
use crate::{
    bench,
    cli::output::{note, print},
    tool::{
        caller, dns_abuse, hold, http,
        names::{server, zone::Entry},
        notify, reach, sizes,
    },
};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Session {
    /// Serve a page that says the host's name
    HttpServe { address: SocketAddr },
    /// Answer what sizes, bursts and flow send, at this port and the one above
    SizesServe { port: u16 },
    /// Echo on these ports of TCP and UDP
    ReachServe {
        #[arg(required = true)]
        ports: Vec<u16>,
    },
    /// Have a reach-serve echo a word, and another one when our stdin ends
    TcpIdle { target: SocketAddr },
    /// Keep a connection to a reach-serve busy; prints how often it answered, at last the error that ended it
    TcpHold { target: SocketAddr },
    /// Hold connections to a DNS server open, each with half a question
    DnsHold {
        server: IpAddr,
        #[arg(long)]
        count: usize,
    },
    /// Answer questions about public names, given as NAME TYPE VALUE, at port 53; prints each question
    DnsServer { address: IpAddr, entries: Vec<Entry> },
    /// Print what services tell their manager at this socket
    NotifyListen { path: PathBuf },
    /// Call at the control socket again and again, and read no answer
    CallerCrowd { socket: PathBuf },
    /// Take measuring jobs on stdin, for the bench
    BenchAgent {
        #[arg(long)]
        cpu: Option<usize>,
    },
}

pub(super) fn run(tool: Session) -> Result<u8, Failure> {
    // Whoever stops reading has seen enough.
    let count = |count: u64| drop(print(&count.to_string()));
    match tool {
        Session::HttpServe { address } => http::serve(address)?,
        Session::SizesServe { port } => sizes::serve(port, || note("listening"))?,
        Session::ReachServe { ports } => reach::serve(&ports, || drop(print("listening")))?,
        Session::TcpIdle { target } => {
            hold::idle(target, || drop(io::copy(&mut io::stdin(), &mut io::sink())))?;
        }
        Session::TcpHold { target } => {
            print(&hold::hold(target, count)?)?;
            return Ok(1);
        }
        Session::DnsHold { server, count } => dns_abuse::connections(server, count, stdin_end())?,
        Session::DnsServer { address, entries } => {
            server::serve(address, entries, || note("listening"), |line| drop(print(line)))?;
        }
        Session::NotifyListen { path } => notify::listen(&path, || note("listening"), |line| drop(print(line)))?,
        Session::CallerCrowd { socket } => caller::crowd(&socket, count)?,
        Session::BenchAgent { cpu } => bench::serve(cpu)?,
    }
    Ok(0)
}
