//! A flow of known bytes as fast as it goes, and the other end's longest silence meanwhile.

use std::{
    io::{self, Write},
    net::{Shutdown, SocketAddr, TcpStream},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::{
    CHUNK_LEN,
    content::{Voice, content},
    socket::{connect, read_number},
};
use crate::tool::{ToolError, failed};

/// What became of a flow.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Flow {
    pub schema: String,
    pub bytes: u64,
    pub seconds: f64,
    /// The longest time without a word from the other end.
    pub silence_ms: u64,
    /// Whether all bytes arrived there, and were right.
    pub right: bool,
}

/// Sends as fast as it goes until `ended` says so, and watches for the other end's silence meanwhile.
pub fn flow(target: SocketAddr, ended: impl Fn() -> bool + Send + 'static) -> Result<Flow, ToolError> {
    let target = SocketAddr::new(target.ip(), target.port().saturating_add(1));
    let stream = connect(target).map_err(failed(format!("connecting to {target}")))?;
    run_flow(&stream, ended).map_err(failed(format!("sending to {target}")))
}

fn run_flow(stream: &TcpStream, ended: impl Fn() -> bool + Send + 'static) -> io::Result<Flow> {
    let started = Instant::now();
    let mut writing = stream.try_clone()?;
    let writer = thread::spawn(move || -> io::Result<u64> {
        let mut chunk_number = 0;
        while !ended() {
            writing.write_all(&content(Voice::Asks, chunk_number, CHUNK_LEN))?;
            chunk_number += 1;
        }
        writing.shutdown(Shutdown::Write)?;
        Ok(chunk_number * CHUNK_LEN as u64)
    });
    let (mut confirmed, mut silence, mut last) = (0, Duration::ZERO, Instant::now());
    let mut reading = stream;
    while let Ok(total) = read_number(&mut reading) {
        confirmed = total;
        silence = silence.max(last.elapsed());
        last = Instant::now();
    }
    let sent = writer.join().map_err(|_| io::Error::other("a thread died"))??;
    Ok(Flow {
        schema: "ray.lab.flow/1".to_owned(),
        bytes: confirmed,
        seconds: started.elapsed().as_secs_f64(),
        silence_ms: u64::try_from(silence.max(last.elapsed()).as_millis()).unwrap_or(u64::MAX),
        right: confirmed == sent,
    })
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, TcpListener};

    use super::*;
    use crate::tool::sizes::serve::answer_flow;

    #[test]
    fn a_flow_with_a_wrong_byte_or_a_pause_shows() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(150));
            answer_flow(far)
        });
        let started = Instant::now();
        let report = run_flow(&stream, move || started.elapsed() > Duration::from_millis(200)).unwrap();
        assert!(report.right && report.silence_ms >= 150, "{report:?}");

        let mut wrong = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (far, _) = listener.accept().unwrap();
        thread::spawn(move || answer_flow(far));
        wrong.write_all(&content(Voice::Asks, 1, 100)).unwrap();
        wrong.shutdown(Shutdown::Write).unwrap();
        assert!(read_number(&mut wrong).is_err(), "nothing of it was confirmed");
    }
}
