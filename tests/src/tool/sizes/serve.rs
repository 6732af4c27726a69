//! The end that answers.

use std::{
    io::{self, Read, Write},
    net::{Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket},
    thread,
};

use super::{
    BULK_LEN, CHUNK_LEN, NUMBER_LEN,
    content::{Voice, answer, content},
    socket::{DATAGRAM_MAX, read_number, ready},
};
use crate::tool::{ToolError, failed};

/// Answers sizes at `port`, bursts at the one above (UDP), and flows there (TCP), for ever.
pub fn serve(port: u16, listening: impl FnOnce()) -> Result<(), ToolError> {
    let any = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let what = |port| format!("listening on port {port}");
    let above = port.checked_add(1).ok_or_else(|| ToolError::new("there is no port above that one"))?;
    let sizes = UdpSocket::bind(any(port)).map_err(failed(what(port)))?;
    let numbered = UdpSocket::bind(any(above)).map_err(failed(what(above)))?;
    let writes = TcpListener::bind(any(port)).map_err(failed(what(port)))?;
    let flows = TcpListener::bind(any(above)).map_err(failed(what(above)))?;
    listening();
    thread::spawn(move || answer_datagrams(&sizes, |heard| Some(answer(heard.len() as u64, heard))));
    thread::spawn(move || answer_datagrams(&numbered, answer_numbered));
    thread::spawn(move || answer_connections(&flows, answer_flow));
    answer_connections(&writes, answer_writes);
    Ok(())
}

fn answer_datagrams(socket: &UdpSocket, answer: impl Fn(&[u8]) -> Option<Vec<u8>>) {
    let mut buffer = vec![0; DATAGRAM_MAX];
    loop {
        // An error is about an earlier answer that did not arrive; that is seen at the other end.
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        if let Some(answer) = answer(buffer.get(..len).unwrap_or_default()) {
            let _ = socket.send_to(&answer, from);
        }
    }
}

pub(super) fn answer_numbered(heard: &[u8]) -> Option<Vec<u8>> {
    let (number, rest) = heard.split_first_chunk::<NUMBER_LEN>()?;
    Some([number.as_slice(), &answer(u64::from_be_bytes(*number), rest)].concat())
}

fn answer_connections(listener: &TcpListener, answer: fn(TcpStream) -> io::Result<()>) {
    for stream in listener.incoming().flatten() {
        // What went wrong is seen at the other end.
        thread::spawn(move || drop(ready(&stream).and_then(|()| answer(stream))));
    }
}

fn answer_writes(mut stream: TcpStream) -> io::Result<()> {
    loop {
        let len = usize::try_from(read_number(&mut stream)?).map_err(io::Error::other)?;
        if len == 0 || len > BULK_LEN {
            return Ok(());
        }
        let mut heard = vec![0; len];
        stream.read_exact(&mut heard)?;
        stream.write_all(&answer(len as u64, &heard))?;
    }
}

/// Answers each chunk with the number of bytes that were right up to its end.
pub(super) fn answer_flow(mut stream: TcpStream) -> io::Result<()> {
    let (mut total, mut chunk_number) = (0u64, 0u64);
    loop {
        let mut heard = vec![0; CHUNK_LEN];
        let mut len = 0;
        while let Some(rest) = heard.get_mut(len..).filter(|rest| !rest.is_empty()) {
            match stream.read(rest)? {
                0 => break,
                more => len += more,
            }
        }
        let said = content(Voice::Asks, chunk_number, CHUNK_LEN);
        if heard.get(..len) != said.get(..len) {
            return Ok(());
        }
        (total, chunk_number) = (total + len as u64, chunk_number + 1);
        stream.write_all(&total.to_be_bytes())?;
        if len < CHUNK_LEN {
            return Ok(());
        }
    }
}
