//! Decides when a node publishes its network's record and when it looks the record up. Time comes in; nothing happens here.

/// Milliseconds of a clock that only goes forward.
pub type Millis = u64;

/// Changes come in bursts: what follows within this time is published with the first.
const SETTLE_MS: Millis = 10_000;
/// However often the network changes, servers and the DHT are asked no more often.
const INTERVAL_MIN_MS: Millis = 60_000;
/// The DHT forgets what nobody repeats within about two hours.
const PERIOD_MS: Millis = 30 * 60_000;
/// So that coordinators which started together do not publish together.
const PERIOD_JITTER_MS: Millis = 5 * 60_000;
/// After a failure; doubles up to the period.
const RETRY_MS: Millis = 30_000;
/// A node that sees no member for this long looks for one. A link that broke is back sooner.
const LONELY_MS: Millis = 60_000;
/// Between two look-ups that led nowhere; doubles.
const LOOK_UP_MS: Millis = 60_000;
/// The longest wait between two look-ups: what a network that moved as a whole has to wait for a node.
const LOOK_UP_MS_MAX: Millis = 30 * 60_000;

/// What the caller starts, and tells the end of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// To end with [`Publisher::published`].
    Publish,
    /// To end with [`Publisher::looked_up`].
    LookUp,
}

/// One network's timetable.
#[derive(Debug, Clone)]
pub struct Publisher {
    dice: Dice,
    publication: Publication,
    search: Search,
}

#[derive(Debug, Clone, Default)]
struct Publication {
    /// `None`: this node does not publish, or is publishing now and nothing changed since.
    due: Option<Millis>,
    allowed: bool,
    running: bool,
    started: Option<Millis>,
    failures: u32,
}

#[derive(Debug, Clone, Default)]
struct Search {
    /// `None`: members are linked, or a look-up is under way.
    due: Option<Millis>,
    lonely: bool,
    running: bool,
    misses: u32,
}

impl Publisher {
    /// A node that starts sees nobody and publishes nothing. `seed`: any bytes that other nodes do not have.
    pub fn new(seed: [u8; 32], now: Millis) -> Self {
        let search = Search { due: Some(now.saturating_add(LONELY_MS)), lonely: true, ..Search::default() };
        Self { dice: Dice { seed, thrown: 0 }, publication: Publication::default(), search }
    }

    /// Whether this node publishes: it coordinates, has the network key, and the network is not dissolved.
    pub fn allow(&mut self, allowed: bool, now: Millis) {
        if allowed == self.publication.allowed {
            return;
        }
        self.publication.allowed = allowed;
        self.publication.failures = 0;
        self.publication.due = None;
        if allowed {
            self.changed(now);
        }
    }

    /// What the record says is not what it should say: members, epoch, mode, network key, seeds that went.
    pub fn changed(&mut self, now: Millis) {
        let publication = &mut self.publication;
        // The next attempt publishes the change as well; changes do not shorten the wait for servers that failed.
        let waits_for_servers = publication.failures > 0 && publication.due.is_some();
        if !publication.allowed || waits_for_servers {
            return;
        }
        let soonest = publication.started.map_or(0, |started| started.saturating_add(INTERVAL_MIN_MS));
        let due = now.saturating_add(SETTLE_MS).max(soonest);
        publication.due = Some(publication.due.map_or(due, |known| known.min(due)));
    }

    /// Whether any member is linked.
    pub fn linked(&mut self, any: bool, now: Millis) {
        if any != self.search.lonely {
            return;
        }
        self.search.lonely = !any;
        self.search.misses = 0;
        if any && self.publication.failures > 0 {
            // Whatever cut this node off from members may have cut it off from servers.
            self.publication.failures = 0;
            self.publication.due = None;
            self.changed(now);
        }
        self.search.due = (!any && !self.search.running).then_some(now.saturating_add(LONELY_MS));
    }

    /// The publication that was started has ended; well, if it is stored in one place at least.
    pub fn published(&mut self, well: bool, now: Millis) {
        let publication = &mut self.publication;
        publication.running = false;
        if !publication.allowed {
            return;
        }
        let wait = if well {
            publication.failures = 0;
            PERIOD_MS - PERIOD_JITTER_MS + self.dice.below(2 * PERIOD_JITTER_MS)
        } else {
            publication.failures = publication.failures.saturating_add(1);
            let wait = doubled(RETRY_MS, publication.failures, PERIOD_MS);
            publication.due = None;
            wait + self.dice.below(wait / 4)
        };
        let due = now.saturating_add(wait);
        publication.due = Some(publication.due.map_or(due, |changed| changed.min(due)));
    }

    /// The look-up that was started has ended. Whatever it found, this node is lonely until a member is linked.
    pub fn looked_up(&mut self, now: Millis) {
        self.search.running = false;
        if !self.search.lonely {
            return;
        }
        self.search.misses = self.search.misses.saturating_add(1);
        let wait = doubled(LOOK_UP_MS, self.search.misses, LOOK_UP_MS_MAX);
        self.search.due = Some(now.saturating_add(wait + self.dice.below(wait / 4)));
    }

    /// What is to be started now. Ask until there is nothing more.
    pub fn next(&mut self, now: Millis) -> Option<Task> {
        if !self.search.running && is_due(self.search.due, now) {
            self.search.due = None;
            self.search.running = true;
            return Some(Task::LookUp);
        }
        if !self.publication.running && is_due(self.publication.due, now) {
            self.publication.due = None;
            self.publication.running = true;
            self.publication.started = Some(now);
            return Some(Task::Publish);
        }
        None
    }

    /// When to ask again, if nothing happens before.
    pub fn wake_at(&self) -> Option<Millis> {
        let publication = self.publication.due.filter(|_| !self.publication.running);
        let search = self.search.due.filter(|_| !self.search.running);
        publication.into_iter().chain(search).min()
    }
}

/// `base` after one failure, twice as much after each more.
fn doubled(base: Millis, times: u32, max: Millis) -> Millis {
    let factor = 1_u64.checked_shl(times.saturating_sub(1)).filter(|factor| *factor > 0).unwrap_or(Millis::MAX);
    base.saturating_mul(factor).min(max)
}

fn is_due(due: Option<Millis>, now: Millis) -> bool {
    due.is_some_and(|due| due <= now)
}

/// Numbers that differ from node to node and from throw to throw.
#[derive(Debug, Clone)]
struct Dice {
    seed: [u8; 32],
    thrown: u64,
}

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.thrown = self.thrown.wrapping_add(1);
        let hash = blake3::keyed_hash(&self.seed, &self.thrown.to_le_bytes());
        let number = hash.as_bytes().first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number % bound.max(1)
    }
}

#[cfg(test)]
mod tests;
