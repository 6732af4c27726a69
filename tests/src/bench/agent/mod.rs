//! What runs inside a host of the bench: takes jobs as JSON lines on stdin, each in a thread, and tells what they found.

mod echo;
mod host;
mod interface;
mod names;
mod protocol;
mod stream;
mod tcp;
mod udp;

use std::{
    io::{self, BufRead, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    thread,
    time::{Duration, Instant},
};

use nix::{
    sched::{CpuSet, sched_setaffinity},
    sys::{
        prctl,
        socket::{setsockopt, sockopt},
    },
    unistd::Pid,
};
use serde::Serialize;
use serde_json::Value;

pub(super) use self::protocol::{
    Counted, Event, Interface, Job, Order, Ping, ProcessUse, RoundTrips, Sent, Silence, Streamed, Used, Watched,
};

/// Room for what comes while the reader is not on a core; without it the loss of a trial is the scheduler's.
const BUFFER_LEN: usize = 4 * 1024 * 1024;
/// A socket that nobody feeds any more gives up after this.
const SILENCE_MAX: Duration = Duration::from_secs(20);

/// Serves until stdin ends. With `cpu`, everything that it does stays on that one.
pub fn serve(cpu: Option<usize>) -> io::Result<()> {
    if let Some(cpu) = cpu {
        pin(Pid::from_raw(0), cpu)?;
    }
    // A pace of 5000 a second needs sleeps that end when they should, not up to 50 µs later.
    let _ = prctl::set_timerslack(1);
    for line in io::stdin().lock().lines() {
        match serde_json::from_str::<Order>(&line?) {
            Ok(Order { id, job }) => drop(thread::spawn(move || answer(id, job))),
            Err(error) => return Err(io::Error::other(error)),
        }
    }
    Ok(())
}

fn answer(id: u64, job: Job) {
    let event = match perform(job, &|| tell(&Event::Ready { id })) {
        Ok(found) => Event::Done { id, found },
        Err(error) => Event::Failed { id, why: error.to_string() },
    };
    tell(&event);
}

fn perform(job: Job, ready: &dyn Fn()) -> io::Result<Value> {
    match job {
        Job::TcpReceive { listen, streams, warm_up_s, seconds, watch } => {
            found(&tcp::receive(listen, streams, (span(warm_up_s)?, span(seconds)?), &watch, ready)?)
        }
        Job::TcpSend { target, streams, seconds } => found(&tcp::send(target, streams, span(seconds)?)?),
        Job::UdpReceive { listen, trial } => found(&udp::receive(listen, trial, ready)?),
        Job::UdpSend { target, trial, len, rate, seconds } => {
            found(&udp::send(target, trial, len, rate, span(seconds)?)?)
        }
        Job::EchoServe { listen } => found(&echo::serve(listen, ready)?),
        Job::EchoAsk { target, count, pace_us } => found(&echo::ask(target, count, Duration::from_micros(pace_us))?),
        Job::NameAsk { server, name, rate, seconds } => found(&names::ask(server, &name, rate, span(seconds)?)?),
        Job::StreamReceive { listen } => found(&stream::receive(listen, ready)?),
        Job::StreamSend { target, seconds } => found(&stream::send(target, span(seconds)?)?),
        Job::Ping { target, seconds } => found(&host::ping(target, span(seconds)?)?),
        Job::Watch { names, own_host } => found(&host::watch(&names, own_host)?),
        Job::Pin { names, cpu } => found(&host::pin_all(&names, cpu)?),
        Job::Uapi { path, text } => found(&interface::ask(&path, &text)?),
        Job::Interface(interface) => found(&interface::configure(&interface)?),
        Job::Congestion => found(&host::congestion()?),
    }
}

fn found(value: &impl Serialize) -> io::Result<Value> {
    serde_json::to_value(value).map_err(io::Error::other)
}

fn span(seconds: f64) -> io::Result<Duration> {
    Duration::try_from_secs_f64(seconds).map_err(io::Error::other)
}

/// One line, whole: threads share stdout. A bench that has gone needs no answer.
fn tell(event: &Event) {
    if let Ok(mut line) = serde_json::to_vec(event) {
        line.push(b'\n');
        let mut out = io::stdout().lock();
        let _ = out.write_all(&line).and_then(|()| out.flush());
    }
}

fn pin(thread: Pid, cpu: usize) -> nix::Result<()> {
    let mut set = CpuSet::new();
    set.set(cpu)?;
    sched_setaffinity(thread, &set)
}

/// A socket with the room that a measurement needs, as far as this user may have it.
fn udp_socket(local: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(local)?;
    // Only root may have as much as it asks for.
    setsockopt(&socket, sockopt::RcvBufForce, &BUFFER_LEN)
        .or_else(|_| setsockopt(&socket, sockopt::RcvBuf, &BUFFER_LEN))?;
    socket.set_read_timeout(Some(SILENCE_MAX))?;
    Ok(socket)
}

/// A socket of any port that sends to `target`.
fn udp_to(target: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = udp_socket((any, 0).into())?;
    socket.connect(target)?;
    Ok(socket)
}

/// Sleeps until `due` after `started`, if that is still to come.
fn sleep_until(started: Instant, due: Duration) {
    let left = due.saturating_sub(started.elapsed());
    if !left.is_zero() {
        thread::sleep(left);
    }
}
