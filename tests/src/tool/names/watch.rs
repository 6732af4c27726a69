//! Looks names up ten times a second as programs do, by the C library, and tells how long each took and what came.

use std::{
    collections::{BTreeMap, BTreeSet},
    io,
    net::{IpAddr, ToSocketAddrs},
    str::FromStr,
    sync::mpsc::{self, RecvTimeoutError, Sender},
    thread,
    time::{Duration, Instant},
};

use serde::{Deserialize, Serialize};

use super::super::ToolError;

/// Ten a second.
const INTERVAL: Duration = Duration::from_millis(100);
/// A lookup that took longer than this is told one by one.
const SLOW: Duration = Duration::from_millis(300);
/// How long lookups that are under way at the end are waited for.
const LAST: Duration = Duration::from_secs(20);
const TOLD_MAX: usize = 100;

/// A name and the addresses that may be answered: `NAME=ADDRESS,…`; none for a name that nobody has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    name: String,
    addresses: BTreeSet<IpAddr>,
}

impl FromStr for Expected {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, list) = text.split_once('=').unwrap_or((text, ""));
        let addresses = list.split(',').filter(|word| !word.is_empty()).map(str::parse).collect::<Result<_, _>>();
        let addresses = addresses.map_err(|_| format!("{list:?} is no list of addresses"))?;
        Ok(Self { name: name.to_owned(), addresses })
    }
}

/// What became of the lookups of one name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// The addresses expected, or word that there are none where none are.
    pub right: u32,
    /// Word that there is no such name, though there is.
    pub unknown: u32,
    /// No word: nobody answered, or not usefully.
    pub failed: u32,
    /// Other addresses than those expected.
    pub wrong: u32,
}

/// One lookup that took long or went wrong.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Told {
    /// Since the beginning, of its start.
    pub at_ms: u64,
    pub name: String,
    pub ms: u64,
    pub outcome: String,
}

/// All lookups.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Report {
    pub schema: String,
    pub lookups: u32,
    pub longest_ms: u64,
    /// Lookups that had not ended long after the last one began.
    pub stuck: u32,
    pub names: BTreeMap<String, Tally>,
    pub slow: Vec<Told>,
    pub astray: Vec<Told>,
}

impl Report {
    /// Whether nobody answered at all for longer than `limit`.
    pub fn blocked(&self, limit: Duration) -> bool {
        self.stuck > 0 || u128::from(self.longest_ms) > limit.as_millis()
    }
}

struct Ended {
    name: usize,
    began: Instant,
    took: Duration,
    result: Result<BTreeSet<IpAddr>, io::Error>,
}

/// Looks the names up in turns until `done`. Each lookup has a thread of its own, and so a resolver that knows nothing
/// from before: it reads the host's settings like a program that has just been started.
pub fn watch(names: &[Expected], done: impl Fn() -> bool, watching: impl FnOnce()) -> Result<Report, ToolError> {
    if names.is_empty() {
        return Err(ToolError::new("no name to look up"));
    }
    let started = Instant::now();
    let mut report = Report {
        schema: "ray.lab.dns-watch/1".to_owned(),
        lookups: 0,
        longest_ms: 0,
        stuck: 0,
        names: names.iter().map(|expected| (expected.name.clone(), Tally::default())).collect(),
        slow: vec![],
        astray: vec![],
    };
    let (sender, ended) = mpsc::channel();
    watching();
    let mut open = 0_u32;
    for turn in 0_u32.. {
        if done() {
            break;
        }
        let index = usize::try_from(turn).unwrap_or_default() % names.len();
        if let Some(expected) = names.get(index) {
            look_up(index, expected.name.clone(), sender.clone());
            open += 1;
        }
        let next = started + INTERVAL * (turn + 1);
        while let Ok(lookup) = ended.recv_timeout(next.saturating_duration_since(Instant::now())) {
            open -= 1;
            report.count(names, started, lookup);
        }
    }
    let last = Instant::now();
    while open > 0 {
        match ended.recv_timeout(LAST.saturating_sub(last.elapsed())) {
            Ok(lookup) => report.count(names, started, lookup),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => break,
        }
        open -= 1;
    }
    report.stuck = open;
    Ok(report)
}

fn look_up(index: usize, name: String, sender: Sender<Ended>) {
    thread::spawn(move || {
        let began = Instant::now();
        let result = addresses(&name);
        // Whoever has given up waiting has counted it as stuck.
        let _ = sender.send(Ended { name: index, began, took: began.elapsed(), result });
    });
}

/// What the C library says.
pub fn addresses(name: &str) -> io::Result<BTreeSet<IpAddr>> {
    Ok((name, 0).to_socket_addrs()?.map(|address| address.ip()).collect())
}

/// Whether the C library had no word about the name, rather than word that there is none.
pub fn is_failure(error: &io::Error) -> bool {
    let text = error.to_string();
    !["not known", "No address associated", "no address"].iter().any(|words| text.contains(words))
}

impl Report {
    fn count(&mut self, names: &[Expected], started: Instant, ended: Ended) {
        let Some(expected) = names.get(ended.name) else { return };
        let tally = self.names.entry(expected.name.clone()).or_default();
        self.lookups += 1;
        let none = expected.addresses.is_empty();
        let (field, is_right, outcome) = match &ended.result {
            Ok(found) if !none && found.is_subset(&expected.addresses) => {
                (&mut tally.right, true, format!("{found:?}"))
            }
            Ok(found) => (&mut tally.wrong, false, format!("{found:?}")),
            Err(error) if is_failure(error) => (&mut tally.failed, false, error.to_string()),
            Err(error) if none => (&mut tally.right, true, error.to_string()),
            Err(error) => (&mut tally.unknown, false, error.to_string()),
        };
        *field += 1;
        let millis = |duration: Duration| u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
        let ms = millis(ended.took);
        self.longest_ms = self.longest_ms.max(ms);
        let at_ms = millis(ended.began.saturating_duration_since(started));
        let told = Told { at_ms, name: expected.name.clone(), ms, outcome };
        if !is_right && self.astray.len() < TOLD_MAX {
            self.astray.push(told.clone());
        }
        if ended.took > SLOW && self.slow.len() < TOLD_MAX {
            self.slow.push(told);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_is_expected() {
        let two: Expected = "a.test=192.0.2.1,2001:db8::1".parse().unwrap();
        assert_eq!((two.name.as_str(), two.addresses.len()), ("a.test", 2));
        assert!("gone.test".parse::<Expected>().unwrap().addresses.is_empty());
        assert!("a.test=here".parse::<Expected>().is_err());
    }

    #[test]
    fn counts_each_outcome_where_it_belongs() {
        let names: Vec<Expected> = ["here.test=192.0.2.1", "gone.test"].map(|text| text.parse().unwrap()).into();
        let started = Instant::now();
        let mut report = Report {
            schema: String::new(),
            lookups: 0,
            longest_ms: 0,
            stuck: 0,
            names: BTreeMap::new(),
            slow: vec![],
            astray: vec![],
        };
        let not_known = || io::Error::other("failed to lookup address information: Name or service not known");
        let temporary =
            || io::Error::other("failed to lookup address information: Temporary failure in name resolution");
        let found = |text: &str| Ok(BTreeSet::from([text.parse().unwrap()]));
        for (name, result) in [
            (0, found("192.0.2.1")),
            (0, found("192.0.2.2")),
            (0, Err(not_known())),
            (0, Err(temporary())),
            (1, Err(not_known())),
            (1, found("192.0.2.1")),
        ] {
            report.count(&names, started, Ended { name, began: started, took: Duration::from_millis(400), result });
        }
        assert_eq!(report.names["here.test"], Tally { right: 1, unknown: 1, failed: 1, wrong: 1 });
        assert_eq!(report.names["gone.test"], Tally { right: 1, wrong: 1, ..Tally::default() });
        assert_eq!((report.astray.len(), report.slow.len(), report.longest_ms), (4, 6, 400));
        assert!(report.blocked(Duration::from_millis(399)) && !report.blocked(Duration::from_millis(400)));
    }
}
