//! Datagrams and TCP writes of every size, bursts, and a steady flow: each byte is known to both ends, and what is lost,
//! damaged, late or out of order is told apart.

mod bursts;
mod content;
mod datagrams;
mod flow;
mod serve;
mod socket;
mod writes;

use std::{collections::BTreeSet, net::SocketAddr};

use serde::{Deserialize, Serialize};

use self::socket::{DATAGRAM_MAX, connect};
pub use self::{
    bursts::{Bursts, bursts},
    flow::{Flow, flow},
    serve::serve,
};
use super::{ToolError, failed};

/// What goes through a connection at once, each way, behind the single writes.
const BULK_LEN: usize = 4 * 1024 * 1024;
const CHUNK_LEN: usize = 64 * 1024;
/// The length of the number that a datagram of a burst begins with.
const NUMBER_LEN: usize = 8;

/// What became of an exchange.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub udp: Sized,
    pub tcp: Sized,
    /// Bytes that went through the connection at once, each way, and whether they were right.
    pub bulk_bytes: usize,
    pub bulk_right: bool,
}

/// What became of one exchange of each size.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Sized {
    pub sent: usize,
    pub arrived: usize,
    /// Sizes that took more than one attempt.
    pub repeated: usize,
    /// Sizes whose content was not what was sent, there or back.
    pub damaged: BTreeSet<usize>,
    /// Sizes that never arrived.
    pub missing: BTreeSet<usize>,
    /// Answers that came behind a later one.
    pub reordered: usize,
}

impl Report {
    pub fn intact(&self) -> bool {
        let whole = |sized: &Sized| sized.arrived == sized.sent && sized.damaged.is_empty() && sized.missing.is_empty();
        whole(&self.udp) && whole(&self.tcp) && self.bulk_right
    }
}

/// Exchanges datagrams and writes of the sizes 1 to `max`, every `step`th and the last one, and a lot at once.
pub fn ask(target: SocketAddr, max: usize, step: usize) -> Result<Report, ToolError> {
    if max == 0 || max > DATAGRAM_MAX || step == 0 {
        return Err(ToolError::new(format!("sizes go from 1 to {DATAGRAM_MAX}, by steps of 1 or more")));
    }
    let sizes: BTreeSet<usize> = (1..=max).step_by(step).chain([max]).collect();
    let udp = datagrams::exchange(target, &sizes).map_err(failed(format!("exchanging datagrams with {target}")))?;
    let mut stream = connect(target).map_err(failed(format!("connecting to {target}")))?;
    let tcp = writes::exchange_each(&mut stream, &sizes);
    let bulk_right = tcp.missing.is_empty() && writes::exchange(&mut stream, BULK_LEN).unwrap_or(false);
    Ok(Report { schema: "ray.lab.sizes/1".to_owned(), udp, tcp, bulk_bytes: BULK_LEN, bulk_right })
}

#[cfg(test)]
mod tests {
    use std::{
        net::{Ipv4Addr, TcpListener},
        thread,
        time::{Duration, Instant},
    };

    use super::*;

    #[test]
    fn finds_nothing_wrong_where_nothing_is() {
        let target = server();
        let report = ask(target, 1300, 7).unwrap();
        assert!(report.intact(), "{report:?}");
        assert_eq!((report.udp.sent, report.udp.reordered), (187, 0));
        let bursts = bursts(target, 3, 40, 1200).unwrap();
        assert_eq!((bursts.sent, bursts.answered, bursts.damaged, bursts.reordered), (120, 120, 0, 0));
        let started = Instant::now();
        let flow = flow(target, move || started.elapsed() > Duration::from_millis(200)).unwrap();
        assert!(flow.right && flow.bytes > 0, "{flow:?}");
    }

    #[test]
    fn refuses_what_no_datagram_can_be() {
        let target = SocketAddr::from((Ipv4Addr::LOCALHOST, 9));
        assert!(ask(target, DATAGRAM_MAX + 1, 1).is_err());
        assert!(ask(target, 10, 0).is_err());
        assert!(bursts(target, 1, 60, 1200).is_err());
        assert!(bursts(target, 1, 1, NUMBER_LEN - 1).is_err());
    }

    fn server() -> SocketAddr {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap().local_addr().unwrap().port();
        let (tell, told) = std::sync::mpsc::channel();
        thread::spawn(move || serve(free, || tell.send(()).unwrap()));
        told.recv().unwrap();
        SocketAddr::from((Ipv4Addr::LOCALHOST, free))
    }
}
