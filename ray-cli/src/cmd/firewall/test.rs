//! `ray firewall test`

use clap::{Args, ValueEnum};
use ray_ipc::control::{ErrorCode, FirewallRequest, FlowDirection, FlowProtocol, Reply, Request};

use super::NetworkOption;
use crate::{
    cmd::Context,
    error::{Failure, Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
It judges a new flow and sends nothing. An answer ends with 0, allowed or
denied: --json has it in \"allow\".

Examples:
  ray firewall test bob tcp 22
  ray firewall test nas udp 53 --out --json";

/// Tell which rule decides about a new flow, and why
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Test {
    /// Host name, or endpoint id or an unambiguous start of one
    peer: String,
    #[arg(value_name = "PROTO")]
    protocol: Protocol,
    /// The port that is reached; for tcp and udp
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    port: Option<u16>,
    /// From this host to the peer
    #[arg(long)]
    out: bool,
    #[command(flatten)]
    network: NetworkOption,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Protocol {
    Tcp,
    Udp,
    Icmp,
    // Any other protocol; as a comment only, or clap makes a long help of it.
    Any,
}

impl Test {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let output = &context.output;
        self.check_port()?;
        let request = FirewallRequest::Test {
            peer: self.peer,
            protocol: self.protocol.into(),
            port: self.port,
            direction: if self.out { FlowDirection::Out } else { FlowDirection::In },
            network: self.network.network,
        };
        let tested = match context.ask(&Request::Firewall(request))? {
            Reply::FirewallTest(tested) => tested,
            other => return Err(unexpected("test the firewall", other).into()),
        };
        if output.json {
            return output.object(&json::firewall::tested(&tested));
        }
        output.data(&render::firewall::tested(&tested, output.palette))
    }

    fn check_port(&self) -> Result<(), Failure> {
        let wants_port = matches!(self.protocol, Protocol::Tcp | Protocol::Udp);
        let problem = match (wants_port, self.port) {
            (true, None) => "a flow of tcp or udp has a port",
            (false, Some(_)) => "only flows of tcp and udp have a port",
            (true, Some(_)) | (false, None) => return Ok(()),
        };
        Err(Failure::new(ErrorCode::Usage, format!("testing the firewall: {problem}"))
            .hint("ray firewall test bob tcp 22, or ray firewall test bob icmp"))
    }
}

impl From<Protocol> for FlowProtocol {
    fn from(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Tcp => Self::Tcp,
            Protocol::Udp => Self::Udp,
            Protocol::Icmp => Self::Icmp,
            Protocol::Any => Self::Any,
        }
    }
}
