//! What the bench and its agents tell each other.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde::{Deserialize, Serialize};

/// A job with the number that its events carry.
#[derive(Debug, Serialize, Deserialize)]
pub(in crate::bench) struct Order {
    pub(in crate::bench) id: u64,
    pub(in crate::bench) job: Job,
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::bench) enum Event {
    /// The job listens: the other end may begin.
    Ready {
        id: u64,
    },
    Done {
        id: u64,
        found: serde_json::Value,
    },
    Failed {
        id: u64,
        why: String,
    },
}

impl Event {
    pub(in crate::bench) fn id(&self) -> u64 {
        match self {
            Self::Ready { id } | Self::Done { id, .. } | Self::Failed { id, .. } => *id,
        }
    }
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::bench) enum Job {
    /// [`Streamed`]: what `streams` connections bring in `seconds` after the warm-up, and what it costs the programs
    /// called like those of `watch`.
    TcpReceive {
        listen: SocketAddr,
        streams: usize,
        warm_up_s: f64,
        seconds: f64,
        watch: Vec<String>,
    },
    /// Nothing: fills so many connections for so long.
    TcpSend {
        target: SocketAddr,
        streams: usize,
        seconds: f64,
    },
    /// [`Counted`]: how many datagrams of this trial come.
    UdpReceive {
        listen: SocketAddr,
        trial: u32,
    },
    /// [`Sent`]: sends at this rate a second; without one as fast as it goes.
    UdpSend {
        target: SocketAddr,
        trial: u32,
        len: usize,
        rate: Option<f64>,
        seconds: f64,
    },
    /// Answers what comes, until the agent ends.
    EchoServe {
        listen: SocketAddr,
    },
    /// [`RoundTrips`]
    EchoAsk {
        target: SocketAddr,
        count: u32,
        pace_us: u64,
    },
    /// [`RoundTrips`]: so many questions a second for the address of a name.
    NameAsk {
        server: SocketAddr,
        name: String,
        rate: f64,
        seconds: f64,
    },
    /// [`Silence`]: the longest one in a stream of a thousand a second.
    StreamReceive {
        listen: SocketAddr,
    },
    StreamSend {
        target: SocketAddr,
        seconds: f64,
    },
    /// [`Ping`]: echo requests again and again until one is answered, or for so long.
    Ping {
        target: IpAddr,
        seconds: f64,
    },
    /// [`Watched`]: what the programs of these names have used so far, in this host or in the whole lab.
    Watch {
        names: Vec<String>,
        own_host: bool,
    },
    /// Holds the programs of these names in this host, with all their threads, on one CPU.
    Pin {
        names: Vec<String>,
        cpu: usize,
    },
    /// The answer of a WireGuard program to a request of its text protocol.
    Uapi {
        path: String,
        text: String,
    },
    Interface(Interface),
    /// TCP's congestion control in this host.
    Congestion,
}

#[derive(Debug, Serialize, Deserialize)]
pub(in crate::bench) struct Interface {
    pub(in crate::bench) name: String,
    pub(in crate::bench) address: IpAddr,
    pub(in crate::bench) prefix: u8,
    pub(in crate::bench) mtu: u32,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::bench) struct Streamed {
    /// In the window, of each stream.
    pub(in crate::bench) bytes: Vec<u64>,
    pub(in crate::bench) seconds: f64,
    pub(in crate::bench) used: Used,
}

/// CPU seconds.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::bench) struct Used {
    /// By program, of both hosts.
    pub(in crate::bench) programs: BTreeMap<String, f64>,
    /// Of the whole machine, interrupts and others' work included.
    pub(in crate::bench) machine: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::bench) struct Counted {
    pub(in crate::bench) received: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::bench) struct Sent {
    pub(in crate::bench) sent: u64,
    /// Those that the kernel did not take.
    pub(in crate::bench) refused: u64,
    pub(in crate::bench) seconds: f64,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(in crate::bench) struct RoundTrips {
    pub(in crate::bench) sent: u64,
    pub(in crate::bench) answered: u64,
    pub(in crate::bench) p50_us: f64,
    pub(in crate::bench) p99_us: f64,
    pub(in crate::bench) max_us: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::bench) struct Silence {
    pub(in crate::bench) received: u64,
    pub(in crate::bench) longest_ms: f64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::bench) struct Ping {
    /// From the start of the job to the first answer.
    pub(in crate::bench) after_ms: f64,
    /// Of the request that was answered.
    pub(in crate::bench) round_trip_ms: f64,
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(in crate::bench) struct Watched {
    pub(in crate::bench) processes: Vec<ProcessUse>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(in crate::bench) struct ProcessUse {
    pub(in crate::bench) name: String,
    pub(in crate::bench) pid: i32,
    pub(in crate::bench) cpu_s: f64,
    pub(in crate::bench) resident_bytes: u64,
    /// The resident part that no file backs: what the program has asked for.
    pub(in crate::bench) anonymous_bytes: u64,
    /// The most that was resident since the program started.
    pub(in crate::bench) peak_bytes: u64,
}
