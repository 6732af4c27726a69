//! One contestant's turn in a round: bulk data, datagrams, round trips, and what they cost.

use std::{
    net::{IpAddr, SocketAddr},
    ops::RangeInclusive,
    time::Duration,
};

use super::{
    BenchError,
    agent::{Job, RoundTrips, Streamed},
    cost,
    metric::Figures,
    search,
    site::Site,
    station::Station,
};

/// What a firewall has to let through.
pub(super) const PORTS: RangeInclusive<u16> = 7001..=7009;
const TCP_PORT: u16 = 7001;
pub(super) const UDP_PORT: u16 = 7002;
const ECHO_PORT: u16 = 7003;
pub(super) const STREAM_PORT: u16 = 7004;

/// What is cut off before a window begins, as a share of it and at most.
const WARM_UP_SHARE: f64 = 0.25;
const WARM_UP_MAX_S: f64 = 0.75;
const ECHO_PACE_US: u64 = 2000;
const ECHOES_A_SECOND: f64 = 500.0;
/// Of the window: the last answers are to come while there is still load.
const LOADED_SHARE: f64 = 0.9;
/// Round trips that an idle p99 is made of, in a run of at least a second.
const ECHOES_MIN: f64 = 1000.0;
/// Beyond what a job takes by itself.
const GRACE: Duration = Duration::from_secs(15);

/// Two hosts between which a contestant runs.
#[derive(Debug)]
pub(super) struct Way<'a> {
    pub(super) site: &'a Site,
    /// Of host A and host B.
    pub(super) addresses: [IpAddr; 2],
    /// Programs whose use counts.
    pub(super) programs: &'a [String],
    pub(super) seconds: f64,
}

impl Way<'_> {
    pub(super) fn socket(&self, host: usize, port: u16) -> SocketAddr {
        SocketAddr::new(self.addresses[host.min(1)], port)
    }

    /// Has both hosts answer echoes until the site ends.
    pub(super) fn serve_echoes(&self) -> Result<(), BenchError> {
        self.site.b.listen(Job::EchoServe { listen: self.socket(1, ECHO_PORT) }).map(drop)
    }

    /// All figures of one turn.
    pub(super) fn turn(&self, at: &mut dyn FnMut(&str)) -> Result<Figures, BenchError> {
        let mut figures = self.memory("mem_idle")?;
        at("idle round trips");
        let idle = self.echoes(self.idle_echoes())?;
        put(&mut figures, [("rtt_idle_p50", idle.p50_us), ("rtt_idle_p99", idle.p99_us)]);
        for (key, streams, forth, cost) in [
            ("tcp1_ab", 1, true, Some("cpu_gb")),
            ("tcp1_ba", 1, false, None),
            ("tcp10_ab", 10, true, Some("cpu_gb_10")),
            ("tcp10_ba", 10, false, None),
        ] {
            at(key);
            let streamed = self.tcp(streams, forth)?;
            put(&mut figures, [(key, gbit(&streamed)), (&format!("{key}_fairness"), fairness(&streamed))]);
            figures.extend(cost.map(|cost| cost::cpu(&streamed, cost)).unwrap_or_default());
        }
        at("round trips under load");
        let (loaded, memory) = self.echoes_under_load()?;
        figures.extend(memory);
        let lost = lost_share(&loaded);
        put(&mut figures, [("rtt_load_p50", loaded.p50_us), ("rtt_load_p99", loaded.p99_us), ("rtt_load_lost", lost)]);
        for len in [1200u32, 64] {
            at(&format!("datagrams of {len} bytes"));
            let best = search::best(self, len)?;
            let of = |what: &str| format!("udp{len}_{what}");
            put(
                &mut figures,
                [
                    (&of("kpps"), best.received_pps / 1e3),
                    (&of("gbit"), best.received_pps * f64::from(len) * 8.0 / 1e9),
                    (&of("sender_kpps"), best.sender_max_pps / 1e3),
                ],
            );
        }
        figures.extend(cost::memory(self.site, self.programs, "mem_peak", |process| process.peak_bytes)?);
        Ok(figures)
    }

    /// What the programs hold now.
    pub(super) fn memory(&self, key: &str) -> Result<Figures, BenchError> {
        cost::memory(self.site, self.programs, key, |process| process.resident_bytes)
    }

    fn tcp(&self, streams: usize, forth: bool) -> Result<Streamed, BenchError> {
        let (from, to, host) = if forth { (&self.site.a, &self.site.b, 1) } else { (&self.site.b, &self.site.a, 0) };
        self.load(from, to, host, streams, |_| Ok(())).map(|(streamed, ())| streamed)
    }

    /// Fills streams from one host to the other, and does something meanwhile.
    fn load<T>(
        &self,
        from: &Station,
        to: &Station,
        host: usize,
        streams: usize,
        meanwhile: impl FnOnce(f64) -> Result<T, BenchError>,
    ) -> Result<(Streamed, T), BenchError> {
        let (target, seconds) = (self.socket(host, TCP_PORT), self.seconds);
        let warm_up_s = (seconds * WARM_UP_SHARE).min(WARM_UP_MAX_S);
        let watch = self.programs.to_vec();
        let receiving = to.listen(Job::TcpReceive { listen: target, streams, warm_up_s, seconds, watch })?;
        let span = seconds + warm_up_s;
        let sending = from.start(Job::TcpSend { target, streams, seconds: span })?;
        let found = meanwhile(warm_up_s)?;
        let deadline = Duration::try_from_secs_f64(span).unwrap_or_default() + GRACE;
        let streamed: Streamed = match receiving.done(deadline) {
            Ok(streamed) => streamed,
            // Why it could not connect says more than that nobody came.
            Err(error) => return Err(sending.done::<u64>(Duration::from_millis(1)).err().unwrap_or(error)),
        };
        let _: u64 = sending.done(GRACE)?;
        Ok((streamed, found))
    }

    fn echoes(&self, count: f64) -> Result<RoundTrips, BenchError> {
        // A run is far shorter than the two months after which this would be cut.
        let count = Duration::try_from_secs_f64(count / 1e3).map_or(0, |count| count.as_millis());
        let count = u32::try_from(count).unwrap_or(u32::MAX);
        let job = Job::EchoAsk { target: self.socket(1, ECHO_PORT), count, pace_us: ECHO_PACE_US };
        let trips: RoundTrips = self.site.a.run(job, Duration::from_micros(ECHO_PACE_US) * count + GRACE)?;
        if trips.answered * 2 < trips.sent {
            return Err(BenchError::new(format!("{} of {} echoes were answered", trips.answered, trips.sent)));
        }
        Ok(trips)
    }

    fn idle_echoes(&self) -> f64 {
        let in_time = self.seconds * ECHOES_A_SECOND;
        if self.seconds < 1.0 { in_time } else { in_time.max(ECHOES_MIN) }
    }

    /// Round trips beside a stream, and the memory at the end of both.
    fn echoes_under_load(&self) -> Result<(RoundTrips, Figures), BenchError> {
        let (_, found) = self.load(&self.site.a, &self.site.b, 1, 1, |warm_up_s| {
            std::thread::sleep(Duration::try_from_secs_f64(warm_up_s).unwrap_or_default());
            let trips = self.echoes(self.seconds * ECHOES_A_SECOND * LOADED_SHARE)?;
            Ok((trips, self.memory("mem_load")?))
        })?;
        Ok(found)
    }
}

fn put<const N: usize>(figures: &mut Figures, found: [(&str, f64); N]) {
    figures.extend(found.map(|(key, value)| (key.to_owned(), value)));
}

fn gbit(streamed: &Streamed) -> f64 {
    let bytes: u64 = streamed.bytes.iter().sum();
    bytes as f64 * 8.0 / 1e9 / streamed.seconds.max(1e-9)
}

/// The slowest stream's share of the fastest one's.
fn fairness(streamed: &Streamed) -> f64 {
    let ends = (streamed.bytes.iter().min(), streamed.bytes.iter().max());
    if let (Some(min), Some(max @ 1..)) = ends { *min as f64 / *max as f64 } else { 0.0 }
}

fn lost_share(trips: &RoundTrips) -> f64 {
    if trips.sent == 0 { 0.0 } else { 1.0 - trips.answered as f64 / trips.sent as f64 }
}
