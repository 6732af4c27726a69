//! Bulk data over TCP, counted where it arrives, in a window that leaves the warm-up out.

use std::{
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

use super::{Streamed, host};

const CHUNK_LEN: usize = 128 * 1024;
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// The sender goes on for so long after the receiver's window: the two do not begin at the same time.
const OVERLAP: Duration = Duration::from_secs(5);

/// Takes `streams` connections and counts what they bring in the second of the two spans.
pub(super) fn receive(
    listen: SocketAddr,
    streams: usize,
    (warm_up, span): (Duration, Duration),
    watch: &[String],
    ready: &dyn Fn(),
) -> io::Result<Streamed> {
    let listener = TcpListener::bind(listen)?;
    ready();
    let mut taken = Vec::with_capacity(streams);
    for _ in 0..streams {
        let (stream, _) = listener.accept()?;
        let count = Arc::new(AtomicU64::new(0));
        let (reader, counter) = (stream.try_clone()?, Arc::clone(&count));
        thread::spawn(move || drain(reader, &counter));
        taken.push((stream, count));
    }
    let counts = || taken.iter().map(|(_, count)| count.load(Ordering::Relaxed)).collect::<Vec<_>>();
    thread::sleep(warm_up);
    let (before, used, started) = (counts(), host::usage(watch)?, Instant::now());
    thread::sleep(span);
    let (after, seconds) = (counts(), started.elapsed().as_secs_f64());
    let used = host::usage(watch)?.since(&used);
    for (stream, _) in &taken {
        // It may have been closed by the other end.
        let _ = stream.shutdown(Shutdown::Both);
    }
    let bytes = after.iter().zip(before).map(|(after, before)| after - before).collect();
    Ok(Streamed { bytes, seconds, used })
}

fn drain(mut stream: TcpStream, count: &AtomicU64) {
    let mut chunk = vec![0; CHUNK_LEN];
    while let Ok(len @ 1..) = stream.read(&mut chunk) {
        count.fetch_add(len as u64, Ordering::Relaxed);
    }
}

/// Fills `streams` connections until the receiver closes them, at the latest a while after `span`.
pub(super) fn send(target: SocketAddr, streams: usize, span: Duration) -> io::Result<u64> {
    let deadline = Instant::now() + span + OVERLAP;
    let mut threads = Vec::with_capacity(streams);
    for _ in 0..streams {
        let stream = TcpStream::connect_timeout(&target, CONNECT_TIMEOUT)?;
        stream.set_write_timeout(Some(span + OVERLAP))?;
        threads.push(thread::spawn(move || fill(stream, deadline)));
    }
    Ok(threads.into_iter().map(|thread| thread.join().unwrap_or_default()).sum())
}

fn fill(mut stream: TcpStream, deadline: Instant) -> u64 {
    let chunk = vec![0x72; CHUNK_LEN];
    let mut sent = 0;
    while Instant::now() < deadline {
        match stream.write(&chunk) {
            Ok(len) => sent += len as u64,
            // The receiver has seen enough.
            Err(_) => break,
        }
    }
    sent
}
