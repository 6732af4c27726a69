//! Bulk data over TCP: a sink that counts, and a sender that waits for the count.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{ToolError, failed};

const CHUNK_LEN: usize = 64 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest silence in the middle of a transfer.
const IDLE_TIMEOUT: Duration = Duration::from_secs(30);

/// About 13 Mbit/s: busy all the time, and no reason for others to lose packets.
const TRICKLE_LEN: usize = 16 * 1024;
const TRICKLE_PACE: Duration = Duration::from_millis(10);

/// What was transferred.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub bytes: u64,
    pub seconds: f64,
    pub mbit_per_s: f64,
}

/// Takes one connection, reads it to its end, and answers with `answer` bytes and the number of those that came.
pub fn sink(address: SocketAddr, answer: u64, listening: impl FnOnce()) -> Result<Report, ToolError> {
    let listener = TcpListener::bind(address).map_err(failed(format!("listening on {address}")))?;
    listening();
    let (stream, _) = listener.accept().map_err(failed("waiting for a sender"))?;
    let started = Instant::now();
    let bytes = drain(&stream, answer).map_err(failed("hearing and answering the sender"))?;
    Ok(report(bytes, started.elapsed()))
}

/// Sends `bytes`, closes that direction, and waits for `answer` bytes and for the other end's count.
pub fn send(target: SocketAddr, bytes: u64, answer: u64) -> Result<Report, ToolError> {
    let started = Instant::now();
    let counted = fill(target, bytes, answer).map_err(failed(format!("sending to {target}")))?;
    if counted == bytes {
        return Ok(report(bytes, started.elapsed()));
    }
    Err(ToolError::new(format!("{target} counted {counted} of {bytes} bytes")))
}

/// Sends at a moderate pace until `ended` says so, closes that direction, and waits for the other end's count.
pub fn send_until(target: SocketAddr, ended: impl Fn() -> bool) -> Result<Report, ToolError> {
    let started = Instant::now();
    let (sent, counted) = trickle(target, ended).map_err(failed(format!("sending to {target}")))?;
    if counted == sent {
        return Ok(report(sent, started.elapsed()));
    }
    Err(ToolError::new(format!("{target} counted {counted} of {sent} bytes")))
}

fn trickle(target: SocketAddr, ended: impl Fn() -> bool) -> io::Result<(u64, u64)> {
    let mut stream = TcpStream::connect_timeout(&target, CONNECT_TIMEOUT)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    let (chunk, mut sent) = (vec![0x72; TRICKLE_LEN], 0);
    while !ended() {
        stream.write_all(&chunk)?;
        sent += TRICKLE_LEN as u64;
        thread::sleep(TRICKLE_PACE);
    }
    stream.shutdown(Shutdown::Write)?;
    let mut count = [0; 8];
    stream.read_exact(&mut count)?;
    Ok((sent, u64::from_be_bytes(count)))
}

fn drain(mut stream: &TcpStream, answer: u64) -> io::Result<u64> {
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    let mut chunk = vec![0; CHUNK_LEN];
    let mut total = 0;
    loop {
        match stream.read(&mut chunk)? {
            0 => break,
            len => total += len as u64,
        }
    }
    io::copy(&mut io::repeat(0x61).take(answer), &mut stream)?;
    stream.write_all(&total.to_be_bytes())?;
    Ok(total)
}

fn fill(target: SocketAddr, bytes: u64, answer: u64) -> io::Result<u64> {
    let mut stream = TcpStream::connect_timeout(&target, CONNECT_TIMEOUT)?;
    stream.set_read_timeout(Some(IDLE_TIMEOUT))?;
    stream.set_write_timeout(Some(IDLE_TIMEOUT))?;
    io::copy(&mut io::repeat(0x72).take(bytes), &mut stream)?;
    stream.shutdown(Shutdown::Write)?;
    if io::copy(&mut (&stream).take(answer), &mut io::sink())? < answer {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut count = [0; 8];
    stream.read_exact(&mut count)?;
    Ok(u64::from_be_bytes(count))
}

fn report(bytes: u64, took: Duration) -> Report {
    let seconds = took.as_secs_f64();
    let mbit_per_s = bytes as f64 * 8.0 / 1e6 / seconds.max(1e-9);
    Report { schema: "ray.lab.bulk/1".to_owned(), bytes, seconds, mbit_per_s }
}
