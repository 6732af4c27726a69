//! Tells from outside whether a node's process answers.

use std::{
    fs, io,
    io::{Read, Write},
    os::unix::net::UnixStream,
    time::Duration,
};

use ray_ipc::control::{ClientHello, LENGTH_PREFIX, Message, ServerHello, VERSION};

use crate::lab::plan::{ENGINE_SOCKET, PKARR_PORT, RELAY_PORT};

/// How long one hello may take.
const HELLO_TIMEOUT: Duration = Duration::from_secs(2);
/// The flag of a listening socket in `/proc/net/unix`.
const ACCEPTS: &str = "00010000";
/// The state of a listening socket in `/proc/net/tcp`.
const LISTEN: &str = "0A";

/// Whether a privileged program listens at `socket`. It is not connected to: it serves its engine and nobody else.
pub(super) fn privileged(holder: i32, socket: &str) -> bool {
    let table = fs::read_to_string(format!("/proc/{holder}/net/unix")).unwrap_or_default();
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(3) == Some(&ACCEPTS) && fields.get(7) == Some(&socket)
    })
}

/// Whether the engine answers a hello.
pub(super) fn engine(holder: i32) -> bool {
    hello(&format!("/proc/{holder}/root{ENGINE_SOCKET}")).is_ok()
}

/// Whether the relay and the pkarr server listen.
pub(super) fn infra(holder: i32) -> bool {
    let tables =
        ["tcp", "tcp6"].map(|name| fs::read_to_string(format!("/proc/{holder}/net/{name}")).unwrap_or_default());
    [RELAY_PORT, PKARR_PORT].into_iter().all(|port| tables.iter().any(|table| listens(table, port)))
}

fn listens(table: &str, port: u16) -> bool {
    let port = format!(":{port:04X}");
    table.lines().any(|line| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(1).is_some_and(|local| local.ends_with(&port)) && fields.get(3) == Some(&LISTEN)
    })
}

fn hello(path: &str) -> io::Result<()> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(HELLO_TIMEOUT))?;
    stream.set_write_timeout(Some(HELLO_TIMEOUT))?;
    stream.write_all(&ClientHello { version: VERSION }.to_frame().map_err(io::Error::other)?)?;

    let mut prefix = [0; LENGTH_PREFIX];
    stream.read_exact(&mut prefix)?;
    let len = usize::try_from(u32::from_le_bytes(prefix)).map_err(io::Error::other)?;
    if len > ServerHello::MAX {
        return Err(io::Error::other("a hello longer than the protocol allows"));
    }
    let mut body = vec![0; len];
    stream.read_exact(&mut body)?;
    ServerHello::from_body(&body).map_err(io::Error::other)?;
    Ok(())
}
