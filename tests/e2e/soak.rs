//! The data path under traffic that comes and goes, over a cable that is pulled, made narrower and wider, and left with the
//! relay alone: nothing stands still, nothing is kept for good, and every packet is accounted for.
//!
//! The full length: `RAY_SOAK_SECONDS=600 cargo test -p ray-tests --test e2e soak -- --nocapture`

use std::{
    collections::BTreeMap,
    env, thread,
    time::{Duration, Instant},
};

use ray_tests::lab::{INFRA, LabConfig, Process};

use crate::{
    soak_books::{Books, Held, check_link, close, held},
    soak_load::{Kind, Load, PORTS, Streamed, Stretch, serve},
    support::{Lab, PATIENCE, member, network_in, ray, start, until},
};

/// How long, unless the environment wants it otherwise.
const SECONDS: u64 = 40;
const SECONDS_VARIABLE: &str = "RAY_SOAK_SECONDS";
/// The node whose cable it is. The others are the bystanders.
const ROUGH: &str = "n1";
const NODES: [&str; 3] = ["n1", "n2", "n3"];
/// These count every packet at their devices.
const WITHOUT_OFFLOAD: [&str; 2] = ["n2", "n3"];

/// What happens to the cable, by the second.
const ROUGH_S: (u64, u64) = (16, 60);
const MTU_EVERY: u64 = 7;
const MTUS: [u16; 3] = [1280, 1400, 1500];
const PULLED_EVERY: u64 = 15;
const PULLED_AT: u64 = 10;
const PULLED: Duration = Duration::from_millis(700);
/// How long traffic goes on between two changes there.
const RELAYED: Duration = Duration::from_secs(2);

/// A connection that stands still for longer is as good as lost to whoever waits.
const SILENCE_MAX: Duration = Duration::from_secs(2);
/// What waits for a timer that doubles when nothing comes back waits for up to twice as long as nothing could. A link's probes
/// do so, and a connection's repetitions on top of them.
const DOUBLED: u32 = 2;
/// A stream's start is known this well only.
const SLACK: Duration = Duration::from_millis(500);

/// What a process may hold more of at the end than after a quarter of the time.
const RSS_MARGIN_KIB: u64 = 16 * 1024;
const FDS_MARGIN: u64 = 4;
const THREADS_MARGIN: u64 = 2;

/// A time in which the rough cable's node could not be reached, or did not know how.
#[derive(Debug, Clone, Copy)]
struct Outage {
    from: Instant,
    until: Instant,
    /// How much longer than otherwise something may stand still for it.
    most: Duration,
}

/// What a process of a node holds.
type Holdings = BTreeMap<(String, &'static str), Held>;

/// One run.
struct Soak<'a> {
    lab: &'a Lab,
    load: &'a Load<'a>,
    started: Instant,
    seconds: u64,
    outages: Vec<Outage>,
    /// What was counted when nothing was last on its way, and when that was.
    books: (BTreeMap<&'static str, Books>, Instant),
    /// After a quarter of the time.
    quarter: Option<Holdings>,
    told_s: u64,
}

#[test]
fn a_rough_path_stalls_nothing_leaks_nothing_and_loses_no_count() {
    let seconds = env::var(SECONDS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(SECONDS);
    let lab = &three_nodes();
    let _servers = NODES.map(|node| serve(lab, node));
    let (load, outages) = (&Load::new(lab), Vec::new());
    let (books, started) = ((close(lab, &NODES), Instant::now()), Instant::now());
    let mut soak = Soak { lab, load, started, seconds, outages, books, quarter: None, told_s: 0 };
    while soak.started.elapsed().as_secs() < seconds {
        soak.roughen();
        soak.lose_the_direct_path();
        soak.relay_and_return();
    }
    soak.tell();
    check_held(&soak.quarter.unwrap(), &held(lab));
}

fn three_nodes() -> Lab {
    let mut config = LabConfig { nodes: 3, ..LabConfig::default() };
    for node in WITHOUT_OFFLOAD {
        config.node(node).engine_toml = "offload = false\n".to_owned();
    }
    let lab = start(config);
    // Engines try UDP ports of the infra that are closed. What a node is told of that stands among what its engine tells it.
    let silent = "echo 100000000 > /proc/sys/net/ipv4/icmp_ratelimit";
    assert_eq!(lab.exec(INFRA, &["sh", "-c", silent]).unwrap().code(), 0);
    let lab = network_in(lab, 3);
    for node in NODES {
        for protocol in ["tcp", "udp"] {
            ray(&lab, node, &["firewall", "add", "in", "allow", protocol, PORTS]);
        }
    }
    // Every cable carries single packets from now on.
    lab.link_mtu(ROUGH, 1500).unwrap();
    lab
}

impl Soak<'_> {
    /// Full traffic while the cable gets narrower and wider and is pulled. Every link outlives that.
    fn roughen(&mut self) {
        let seconds = (self.seconds / 4).clamp(ROUGH_S.0, ROUGH_S.1);
        let (books, streams) = self.leg(true, |soak| {
            let (started, mut mtus) = (Instant::now(), MTUS.iter().cycle());
            for second in 1..seconds {
                thread::sleep((started + Duration::from_secs(second)).saturating_duration_since(Instant::now()));
                if second % MTU_EVERY == 0 {
                    soak.lab.link_mtu(ROUGH, *mtus.next().unwrap()).unwrap();
                }
                if second % PULLED_EVERY == PULLED_AT {
                    let from = Instant::now();
                    soak.lab.link_down(ROUGH).unwrap();
                    thread::sleep(PULLED);
                    soak.lab.link_up(ROUGH).unwrap();
                    let until = Instant::now();
                    soak.outages.push(Outage { from, until, most: DOUBLED * (until - from) });
                }
                soak.look();
            }
            soak.lab.link_mtu(ROUGH, 1500).unwrap();
        });
        check_books(&books);
        streams.iter().for_each(|streamed| check_stream(streamed, &books));
    }

    /// The numbered streams alone, because a connection that is begun meanwhile would measure its own patience.
    fn lose_the_direct_path(&mut self) {
        self.until_path_is("direct");
        let (books, streams) = self.leg(false, |soak| {
            thread::sleep(RELAYED);
            soak.lab.relay_only(&[ROUGH]).unwrap();
            soak.until_path_is("relay");
            thread::sleep(RELAYED);
        });
        // Between the bystanders nothing happened.
        check_link(&books, "n2", "n3");
        check_link(&books, "n3", "n2");
        let bystanders = streams.iter().filter(|streamed| !streamed.between.contains(&ROUGH));
        bystanders.for_each(|streamed| check_stream(streamed, &books));
    }

    /// Full traffic over the relay, and where the direct path would do again.
    fn relay_and_return(&mut self) {
        let (books, streams) = self.leg(true, |soak| {
            thread::sleep(RELAYED);
            soak.look();
            // The direct path is looked for once a minute, and when a cable is plugged in.
            soak.lab.relay_only(&[]).unwrap();
            thread::sleep(RELAYED);
        });
        check_books(&books);
        streams.iter().for_each(|streamed| check_stream(streamed, &books));
        // A relay is reached by TCP, which a cable that silently takes less than it did leads to a standstill.
        self.lab.link_down(ROUGH).unwrap();
        self.lab.link_up(ROUGH).unwrap();
        self.until_path_is("direct");
    }

    /// Has traffic go while `act` does something, and waits until nothing is on its way. Nothing may have stood still.
    fn leg(&mut self, full: bool, act: impl FnOnce(&mut Self)) -> (BTreeMap<&'static str, Books>, Vec<Streamed>) {
        self.load.go();
        let streams = thread::scope(|scope| {
            let load = self.load;
            let streams = [(["n1", "n2"], "v4", 0), (["n2", "n1"], "v6", 0), (["n3", "n2"], "v4", 1)]
                .map(|(between, family, serial)| scope.spawn(move || load.stream(between, family, serial)));
            if full {
                let transfers =
                    [(["n1", "n2"], "v4"), (["n2", "n1"], "v4"), (["n1", "n3"], "v6"), (["n2", "n3"], "v4")];
                for (serial, (between, family)) in (0..).zip(transfers) {
                    scope.spawn(move || load.transfers(between, family, serial));
                }
                let flows = [(["n1", "n2"], "v6"), (["n2", "n1"], "v4"), (["n3", "n2"], "v6")];
                for (serial, (between, family)) in (10..).zip(flows) {
                    scope.spawn(move || load.flows(between, family, serial));
                }
            }
            let _stop = StopOnDrop(load);
            act(self);
            load.stop();
            streams.map(|stream| stream.join().unwrap())
        });
        let closed = (close(self.lab, &NODES), Instant::now());
        let elapsed = closed.1 - self.books.1;
        let books = NODES.map(|node| (node, closed.0[node].since(&self.books.0[node], elapsed)));
        self.books = closed;
        self.check_silence();
        (books.into_iter().collect(), streams.into())
    }

    /// Panics if something stood still for longer than it may.
    fn check_silence(&self) {
        let at = |time: Instant| time.saturating_duration_since(self.started).as_secs_f32();
        let outages: Vec<_> = self.outages.iter().map(|outage| (at(outage.from), at(outage.until))).collect();
        self.load.done(|done| {
            let faults = done.stretches.iter().filter(|stretch| is_too_silent(stretch, &self.outages));
            let faults: Vec<_> = faults
                .map(|stretch| {
                    let Stretch { between, kind, from, until, silence } = stretch;
                    format!("{between:?}, {kind:?}: {} ms in {:?}", silence.as_millis(), (at(*from), at(*until)))
                })
                .collect();
            assert!(faults.is_empty(), "outages: {outages:?}; stood still: {faults:#?}");
        });
    }

    fn until_path_is(&self, path: &str) {
        until(PATIENCE, &format!("the path of {ROUGH} is {path}"), || {
            NODES.iter().filter(|node| **node != ROUGH).all(|node| {
                [(ROUGH, *node), (*node, ROUGH)]
                    .into_iter()
                    .all(|(from, to)| member(self.lab, from, to)["path"] == path)
            })
        });
    }

    /// What there is to see to now and then.
    fn look(&mut self) {
        let elapsed = self.started.elapsed().as_secs();
        if self.quarter.is_none() && elapsed >= self.seconds / 4 {
            self.quarter = Some(held(self.lab));
        }
        if elapsed >= self.told_s + 60 {
            self.tell();
        }
    }

    /// One line of how it goes.
    #[allow(clippy::print_stdout, reason = "it is for whoever waits")]
    fn tell(&mut self) {
        self.told_s = self.started.elapsed().as_secs();
        let held = held(self.lab);
        let engines = held.iter().filter(|((_, process), _)| *process == Process::Engine.name());
        let rss: Vec<u64> = engines.map(|(_, held)| held.rss_kib / 1024).collect();
        self.load.done(|done| {
            let longest = |kind, rough: bool| {
                let those = done.stretches.iter().filter(|stretch| stretch.kind == kind && is_rough(stretch) == rough);
                those.map(|stretch| stretch.silence).max().unwrap_or_default().as_millis()
            };
            let [flow, stream] = [Kind::Flow, Kind::Stream].map(|kind| [longest(kind, true), longest(kind, false)]);
            println!(
                "{} s: {} transfers and {} flows, {} MB; longest silence in ms, rough and bystanders: flows {flow:?}, streams \
                 {stream:?}; engines {rss:?} MiB",
                self.told_s, done.transfers, done.flows, done.bytes / 1_000_000,
            );
        });
    }
}

fn is_rough(stretch: &Stretch) -> bool {
    stretch.between.contains(&ROUGH)
}

/// Whether something stood still for longer than the outages that it met can tell.
fn is_too_silent(stretch: &Stretch, outages: &[Outage]) -> bool {
    let met = |outage: &&Outage| {
        is_rough(stretch) && stretch.from <= outage.until + SILENCE_MAX + SLACK && stretch.until + SLACK >= outage.from
    };
    let extra = outages.iter().filter(met).map(|outage| outage.most).max().unwrap_or_default();
    stretch.silence
        > SILENCE_MAX
            + match stretch.kind {
                Kind::Stream => extra,
                Kind::Flow => DOUBLED * extra,
            }
}

fn check_books(books: &BTreeMap<&str, Books>) {
    for from in NODES {
        NODES.iter().filter(|to| **to != from).for_each(|to| check_link(books, from, to));
        if WITHOUT_OFFLOAD.contains(&from) {
            books[from].check_host(from)
        } else {
            books[from].check_host_roughly(from)
        }
    }
}

/// What did not come of a stream is among what was counted as lost or dropped.
fn check_stream(streamed: &Streamed, books: &BTreeMap<&str, Books>) {
    let [from, to] = streamed.between.map(|node| &books[node]);
    let missing = streamed.sent.sent - streamed.counted.received;
    let lost = to.links[streamed.between[0]].lost;
    let known = [streamed.sent.refused, from.untaken, from.dropped(), lost, to.dropped(), to.unread];
    assert!(missing <= known.iter().sum(), "{missing} missing: {streamed:?}, {books:?}");
}

fn check_held(quarter: &Holdings, end: &Holdings) {
    for (process, before) in quarter {
        let after = &end[process];
        let text = format!("{process:?} after a quarter: {before:?}, at the end: {after:?}");
        assert!(after.rss_kib <= before.rss_kib + RSS_MARGIN_KIB, "{text}");
        assert!(after.fds <= before.fds + FDS_MARGIN, "{text}");
        assert!(after.threads <= before.threads + THREADS_MARGIN, "{text}");
    }
}

/// So that a failure on the way ends the traffic too.
struct StopOnDrop<'a>(&'a Load<'a>);

impl Drop for StopOnDrop<'_> {
    fn drop(&mut self) {
        self.0.stop();
    }
}
