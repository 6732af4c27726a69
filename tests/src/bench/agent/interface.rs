//! Gives a peer program's interface its address and its size, and asks the program over its socket.

use std::{
    io::{self, Read, Write},
    net::Shutdown,
    os::unix::net::UnixStream,
    time::Duration,
};

use super::Interface;
use crate::node::netlink::Netlink;

const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);

pub(super) fn configure(interface: &Interface) -> io::Result<()> {
    let Interface { name, address, prefix, mtu } = interface;
    let configure = || {
        let netlink = Netlink::open()?;
        netlink.add_address(name, *address, *prefix)?;
        netlink.set_mtu(name, *mtu)?;
        netlink.set_link(name, true)
    };
    configure().map_err(io::Error::other)
}

/// One request and its answer, which ends with an empty line.
pub(super) fn ask(path: &str, text: &str) -> io::Result<String> {
    let mut stream = UnixStream::connect(path)?;
    stream.set_read_timeout(Some(ANSWER_TIMEOUT))?;
    stream.write_all(text.as_bytes())?;
    // A program that reads to the end of what is said answers only then.
    stream.shutdown(Shutdown::Write)?;
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    while !answer.ends_with(b"\n\n") {
        match stream.read(&mut chunk)? {
            0 => break,
            len => answer.extend_from_slice(chunk.get(..len).unwrap_or_default()),
        }
    }
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
