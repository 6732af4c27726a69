//! What is measured once in a run: how long a start takes, an idle link's first packet, and how long a
//! pulled cable and a lost path keep data back.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::{
    BenchError,
    agent::{Job, Ping, Silence},
    contestant::Contestant,
    measure::{STREAM_PORT, Way},
    site::{HOSTS, Site},
};
use crate::lab::{Lab, LabError};

const CONNECT_DEADLINE_S: f64 = 40.0;
const DOWN: Duration = Duration::from_secs(1);
/// The stream runs for so long before the cable is pulled.
const BEFORE: Duration = Duration::from_millis(500);
/// And for so long after it is back: longer than any of them takes. A run of short windows is no measurement.
const AFTER_S: f64 = 6.0;
const AFTER_SHORT_S: f64 = 2.0;
/// A path that dies without a word is given up after a while.
const AFTER_RELAY_S: f64 = 18.0;
const AFTER_RELAY_SHORT_S: f64 = 8.0;
const GRACE: Duration = Duration::from_secs(25);

/// Milliseconds from the start of the programs to the first echo.
pub(super) fn connect(contestant: &mut dyn Contestant, site: &Site) -> Result<f64, BenchError> {
    let started = Instant::now();
    contestant.start(site)?;
    let [_, there] = contestant.addresses(site)?;
    let deadline = Duration::try_from_secs_f64(CONNECT_DEADLINE_S).unwrap_or_default() + GRACE;
    let _: Ping = site.a.run(Job::Ping { target: there, seconds: CONNECT_DEADLINE_S }, deadline)?;
    Ok(ms(started.elapsed()))
}

/// The round trip of one echo after `idle` without any traffic of ours.
pub(super) fn first_packet(way: &Way<'_>, idle: Duration) -> Result<f64, BenchError> {
    thread::sleep(idle);
    let ping: Ping = way.site.a.run(Job::Ping { target: way.addresses[1], seconds: 10.0 }, GRACE)?;
    Ok(ping.after_ms)
}

/// Milliseconds from the moment when host B's cable is back, after a second without it, until data flows again.
pub(super) fn outage(way: &Way<'_>) -> Result<f64, BenchError> {
    let after_s = if way.seconds < 1.0 { AFTER_SHORT_S } else { AFTER_S };
    silence_around(way, after_s, |lab| {
        lab.link_down(HOSTS[1])?;
        let down = Instant::now();
        thread::sleep(DOWN);
        lab.link_up(HOSTS[1])?;
        Ok(down.elapsed())
    })
}

/// Milliseconds without data when nothing gets through any more but by the relay.
pub(super) fn outage_to_relay(way: &Way<'_>) -> Result<f64, BenchError> {
    let after_s = if way.seconds < 1.0 { AFTER_RELAY_SHORT_S } else { AFTER_RELAY_S };
    silence_around(way, after_s, |lab| {
        lab.relay_only(&HOSTS)?;
        Ok(Duration::ZERO)
    })
}

/// The longest silence in a stream around `disturb`, less the time that this takes away by itself.
fn silence_around(
    way: &Way<'_>,
    after_s: f64,
    disturb: impl FnOnce(&Lab) -> Result<Duration, LabError>,
) -> Result<f64, BenchError> {
    let (site, target) = (way.site, way.socket(1, STREAM_PORT));
    let receiving = site.b.listen(Job::StreamReceive { listen: target })?;
    let seconds = (BEFORE + DOWN).as_secs_f64() + after_s;
    let sending = site.a.start(Job::StreamSend { target, seconds })?;
    thread::sleep(BEFORE);
    let taken = disturb(site.lab()?)?;
    let _: u64 = sending.done(GRACE)?;
    let silence: Silence = receiving.done(GRACE)?;
    Ok((silence.longest_ms - ms(taken)).max(0.0))
}

fn ms(span: Duration) -> f64 {
    span.as_secs_f64() * 1000.0
}
