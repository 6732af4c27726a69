//! What the mesh's resolver takes: the time of a lookup through the tunnel's device, and what many of them take from the
//! packets beside them.

use std::{
    net::{IpAddr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

use serde::{Deserialize, Serialize};

use super::{
    BenchError,
    agent::{Job, RoundTrips, Streamed},
    command::{members, ray, text},
    machine::Machine,
    noise::others,
    programs,
    station::Station,
    stats::Spread,
};
use crate::lab::{Lab, LabConfig, wait_for};

const SCHEMA: &str = "ray.lab.lookups/1";
const NETWORK: &str = "home";
const HOSTS: [&str; 2] = ["n1", "n2"];
const NAME: &str = "n2.home.ray";
const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(100, 100, 100, 53));
const PORT: u16 = 7001;
const ECHO_PORT: u16 = 7002;
/// While the host is idle: programs look up one name after the other.
const IDLE_RATE: f64 = 200.0;
const IDLE_S: f64 = 10.0;
const LOAD_RATE: f64 = 10_000.0;
const WARM_UP_S: f64 = 0.5;
const LINK_DEADLINE: Duration = Duration::from_secs(90);
const GRACE: Duration = Duration::from_secs(20);

/// What the caller wants measured.
#[derive(Debug, Clone)]
pub struct LookupsOptions {
    pub rounds: usize,
    /// Of each stream.
    pub seconds: f64,
    /// Where ours are; absent: they are built.
    pub programs: Option<PathBuf>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Lookups {
    pub schema: String,
    pub machine: Machine,
    /// The caller named our programs' directory: their build is not known.
    pub programs_given: bool,
    pub idle_p50_ms: f64,
    pub idle_p99_ms: f64,
    pub idle_max_ms: f64,
    pub rounds: Vec<Round>,
    /// Gbit/s of one stream by itself.
    pub alone: Option<Spread>,
    /// Beside as many questions, as long, that an echo on the same host answers, outside the tunnel.
    pub beside_echoes: Option<Spread>,
    /// Beside questions to the resolver.
    pub beside_lookups: Option<Spread>,
    /// What lookups take of the rate, in each round against its own stream by itself.
    pub slower: Option<Spread>,
    /// The same against the stream beside echoes: without what asking takes.
    pub slower_than_beside_echoes: Option<Spread>,
}

/// One turn of each.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Round {
    /// Cores that others kept busy before it.
    pub others: f64,
    pub alone: f64,
    pub beside_echoes: f64,
    pub beside_lookups: f64,
    pub asked: u64,
    pub answered: u64,
    pub p99_ms: f64,
}

/// Measures. `tell` gets a line for each step.
pub fn lookups(options: &LookupsOptions, tell: &mut dyn FnMut(&str)) -> Result<Lookups, BenchError> {
    let ours = programs::find(options.programs.as_deref(), tell)?;
    let machine = Machine::look();
    tell("starting 2 hosts");
    let config = LabConfig { nodes: 2, programs: Some(ours), ..LabConfig::default() };
    let lab = Lab::start(LabConfig { name: config.name.replace("test-", "bench-"), ..config })?;
    let found = measure(&lab, options, tell);
    let violations = lab.status().map(|status| status.violations()).unwrap_or_default();
    // Taken down before anything else may end this: a lab that is dropped says more than why.
    let _ = lab.down();
    if !violations.is_empty() {
        return Err(BenchError::new(format!("ended for a forbidden system call: {}", violations.join(", "))));
    }
    let (idle, rounds) = found?;
    let of = |figure: fn(&Round) -> f64| Spread::of(rounds.iter().map(figure));
    Ok(Lookups {
        schema: SCHEMA.to_owned(),
        machine,
        programs_given: options.programs.is_some(),
        idle_p50_ms: idle.p50_us / 1e3,
        idle_p99_ms: idle.p99_us / 1e3,
        idle_max_ms: idle.max_us / 1e3,
        alone: of(|round| round.alone),
        beside_echoes: of(|round| round.beside_echoes),
        beside_lookups: of(|round| round.beside_lookups),
        slower: of(|round| 1.0 - round.beside_lookups / round.alone),
        slower_than_beside_echoes: of(|round| 1.0 - round.beside_lookups / round.beside_echoes),
        rounds,
    })
}

fn measure(
    lab: &Lab,
    options: &LookupsOptions,
    tell: &mut dyn FnMut(&str),
) -> Result<(RoundTrips, Vec<Round>), BenchError> {
    let hosts = Hosts::link(lab)?;
    tell("lookups on an idle host");
    let idle = hosts.ask(SocketAddr::new(SERVER, 53), IDLE_RATE, IDLE_S)?;
    if idle.answered < idle.sent {
        return Err(BenchError::new(format!("{} of {} lookups were answered", idle.answered, idle.sent)));
    }
    let echo = SocketAddr::new(IpAddr::from([127, 0, 0, 1]), ECHO_PORT);
    let _echo = hosts.a.listen(Job::EchoServe { listen: echo })?;
    let mut rounds = Vec::new();
    for number in 0..options.rounds {
        tell(&format!("round {} of {}", number + 1, options.rounds));
        let others = others().map_err(BenchError::io("looking at the machine"))?;
        let span = options.seconds + 2.0 * WARM_UP_S;
        let mut turns = [(0.0, None), (0.0, None), (0.0, None)];
        // Each has each place.
        for turn in 0..turns.len() {
            let kind = (turn + number) % turns.len();
            let server = [None, Some(echo), Some(SocketAddr::new(SERVER, 53))].get(kind).copied().flatten();
            let asking = server.map(|server| hosts.begin(server, LOAD_RATE, span)).transpose()?;
            let rate = hosts.stream(options.seconds)?;
            let asked: Option<RoundTrips> = asking.map(|asking| asking.done(GRACE)).transpose()?;
            if let Some(place) = turns.get_mut(kind) {
                *place = (rate, asked);
            }
        }
        let [(alone, _), (beside_echoes, _), (beside_lookups, trips)] = turns;
        let trips = trips.unwrap_or_default();
        rounds.push(Round {
            others,
            alone,
            beside_echoes,
            beside_lookups,
            asked: trips.sent,
            answered: trips.answered,
            p99_ms: trips.p99_us / 1e3,
        });
    }
    Ok((idle, rounds))
}

/// Two linked hosts; the first one asks and sends.
struct Hosts {
    a: Station,
    b: Station,
    there: SocketAddr,
}

impl Hosts {
    fn link(lab: &Lab) -> Result<Self, BenchError> {
        let [a, b] = HOSTS;
        ray(lab, a, &["create", NETWORK])?;
        let code = text(&ray(lab, a, &["invite", NETWORK])?, "code")?;
        ray(lab, b, &["join", &code])?;
        ray(lab, b, &["firewall", "add", "in", "allow", "tcp", &PORT.to_string()])?;
        let member = wait_for(LINK_DEADLINE, "a direct path", || {
            let members = members(lab, a, NETWORK).ok()?;
            members.into_iter().find(|member| member["hostname"] == b && member["path"] == "direct")
        })?;
        let address = text(&member, "v4")?.parse().map_err(|_| BenchError::new("the other host has no address"))?;
        let open = |node| Station::open(lab, node, None);
        Ok(Self { a: open(a)?, b: open(b)?, there: SocketAddr::new(address, PORT) })
    }

    fn begin(&self, server: SocketAddr, rate: f64, seconds: f64) -> Result<super::station::Pending, BenchError> {
        self.a.start(Job::NameAsk { server, name: NAME.to_owned(), rate, seconds })
    }

    fn ask(&self, server: SocketAddr, rate: f64, seconds: f64) -> Result<RoundTrips, BenchError> {
        let deadline = Duration::try_from_secs_f64(seconds).unwrap_or_default() + GRACE;
        self.begin(server, rate, seconds)?.done(deadline)
    }

    /// Gbit/s of one stream.
    fn stream(&self, seconds: f64) -> Result<f64, BenchError> {
        let (listen, streams) = (self.there, 1);
        let receive = Job::TcpReceive { listen, streams, warm_up_s: WARM_UP_S, seconds, watch: Vec::new() };
        let receiving = self.b.listen(receive)?;
        let sending = self.a.start(Job::TcpSend { target: listen, streams, seconds: seconds + WARM_UP_S })?;
        let deadline = Duration::try_from_secs_f64(seconds).unwrap_or_default() + GRACE;
        let streamed: Streamed = receiving.done(deadline)?;
        let _: u64 = sending.done(GRACE)?;
        Ok(streamed.bytes.iter().sum::<u64>() as f64 * 8.0 / 1e9 / streamed.seconds.max(1e-9))
    }
}

impl Lookups {
    /// As a person reads it.
    pub fn table(&self) -> String {
        let spread = |spread: &Option<Spread>, scale: f64| {
            let none = || "nothing".to_owned();
            spread.as_ref().map_or_else(none, |spread| {
                let [median, min, max] = [spread.median, spread.min, spread.max].map(|figure| figure * scale);
                format!("{median:8.2}   ({min:.2} to {max:.2})")
            })
        };
        let (machine, rounds) = (&self.machine, self.rounds.len());
        let lines = [
            format!("{}, {} cores, Linux {}", machine.cpu, machine.cores, machine.kernel),
            format!(
                "lookup through the tunnel, idle: p50 {:.2} ms, p99 {:.2} ms, longest {:.2} ms",
                self.idle_p50_ms, self.idle_p99_ms, self.idle_max_ms
            ),
            format!("one TCP stream, Gbit/s, median of {rounds} rounds (and its ends):"),
            format!("  alone                               {}", spread(&self.alone, 1.0)),
            format!("  beside {LOAD_RATE} echoes/s outside it     {}", spread(&self.beside_echoes, 1.0)),
            format!("  beside {LOAD_RATE} lookups/s               {}", spread(&self.beside_lookups, 1.0)),
            format!("  slower than alone, %                {}", spread(&self.slower, 100.0)),
            format!("  slower than beside echoes, %        {}", spread(&self.slower_than_beside_echoes, 100.0)),
        ];
        let lost: u64 = self.rounds.iter().map(|round| round.asked.saturating_sub(round.answered)).sum();
        let p99 = Spread::of(self.rounds.iter().map(|round| round.p99_ms));
        let loaded = format!("lookups beside the stream: {lost} unanswered, p99 in ms {}", spread(&p99, 1.0));
        [lines.join("\n"), loaded].join("\n")
    }
}
