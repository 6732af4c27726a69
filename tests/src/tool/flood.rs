//! Very many flows of one datagram each, no faster than the other end takes them.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{ToolError, failed};

/// Destination ports that each source port sends to, from 1 on.
const PORTS: u32 = 50_000;
const FIRST_SOURCE_PORT: u32 = 10_000;
/// Flows between two echoes: few enough for every queue on the way.
const BATCH: u32 = 128;
/// A lost echo is asked for again after this.
const ECHO_TIMEOUT: Duration = Duration::from_millis(100);
/// Longest time without an echo.
const PATIENCE: Duration = Duration::from_secs(20);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub flows: u32,
    pub seconds: f64,
}

/// Sends one datagram in each of `flows` flows to `target`, whose UDP port `echo` answers.
pub fn flood(target: IpAddr, echo: u16, flows: u32) -> Result<Report, ToolError> {
    let started = Instant::now();
    let what = || format!("flooding {target}");
    let echo_socket = bind(target, 0).map_err(failed(what()))?;
    echo_socket.connect((target, echo)).map_err(failed(what()))?;
    echo_socket.set_read_timeout(Some(ECHO_TIMEOUT)).map_err(failed(what()))?;
    let mut source = None;
    for flow in 0..flows {
        if flow % PORTS == 0 {
            let port = u16::try_from(FIRST_SOURCE_PORT + flow / PORTS).map_err(|_| ToolError::new("too many flows"))?;
            source = Some(bind(target, port).map_err(failed(what()))?);
        }
        let port = u16::try_from(1 + flow % PORTS).unwrap_or(u16::MAX);
        if let Some(socket) = &source {
            send(socket, (target, port).into()).map_err(failed(what()))?;
        }
        if flow % BATCH == BATCH - 1 {
            await_echo(&echo_socket).map_err(failed(format!("waiting for an echo of port {echo}")))?;
        }
    }
    await_echo(&echo_socket).map_err(failed(format!("waiting for an echo of port {echo}")))?;
    Ok(Report { schema: "ray.lab.flood/1".to_owned(), flows, seconds: started.elapsed().as_secs_f64() })
}

fn bind(target: IpAddr, port: u16) -> io::Result<UdpSocket> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    UdpSocket::bind((any, port))
}

fn send(socket: &UdpSocket, to: SocketAddr) -> io::Result<()> {
    socket.send_to(b"flood", to).map(|_| ())
}

fn await_echo(socket: &UdpSocket) -> io::Result<()> {
    let started = Instant::now();
    while started.elapsed() < PATIENCE {
        socket.send(b"echo")?;
        match socket.recv(&mut [0; 16]) {
            Ok(_) => return Ok(()),
            Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::TimedOut.into())
}
