//! Dropped flows on their way to whoever follows them. Layer 4; its world is a channel in memory.
//!
//! While nobody follows, a drop costs one atomic load here. Otherwise so many are told in a second, and the rest is counted:
//! whoever sends what is dropped must not keep this host busy with talking about it.

use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Instant, SystemTime},
};

use tokio::sync::broadcast::{self, error::RecvError};

use crate::{
    firewall::{Direction, Party},
    packet::{self, Layout},
    plane::DropReason,
};

/// Drops that are told in one second: more than people read.
const TOLD_PER_SECOND: u32 = 50;
/// Drops that wait for a slow follower; it misses the oldest.
const WAITING_MAX: usize = 256;
/// Whoever follows at once.
const FOLLOWERS_MAX: usize = 16;

/// A packet that was dropped, without what it carried.
#[derive(Debug, Clone)]
pub struct Dropped {
    pub at: SystemTime,
    pub direction: Direction,
    /// The peer, and the network that the packet was in.
    pub party: Party,
    pub layout: Layout,
    pub reason: DropReason,
    /// Drops before it that were not told.
    pub suppressed: u64,
}

/// Where the packet loops tell what they drop.
#[derive(Debug)]
pub struct DropFeed {
    followers: AtomicUsize,
    drops: broadcast::Sender<Dropped>,
    pace: Mutex<Pace>,
}

impl Default for DropFeed {
    fn default() -> Self {
        Self { followers: AtomicUsize::new(0), drops: broadcast::Sender::new(WAITING_MAX), pace: Mutex::default() }
    }
}

impl DropFeed {
    pub fn is_followed(&self) -> bool {
        self.followers.load(Ordering::Relaxed) > 0
    }

    /// Tells the followers of a dropped packet, if there are any and it is a packet at all.
    pub fn tell(&self, direction: Direction, party: Party, bytes: &[u8], reason: DropReason) {
        if !self.is_followed() {
            return;
        }
        let Ok(parsed) = packet::parse(bytes) else { return };
        let suppressed = self.pace.lock().unwrap_or_else(PoisonError::into_inner).admit(Instant::now());
        if let Some(suppressed) = suppressed {
            let at = SystemTime::now();
            // The last follower may just have gone.
            let _ = self.drops.send(Dropped { at, direction, party, layout: parsed.layout(), reason, suppressed });
        }
    }

    /// What is dropped from now on; `None` when too many follow already.
    pub fn follow(self: &Arc<Self>) -> Option<Follower> {
        let taken = self
            .followers
            .fetch_update(Ordering::AcqRel, Ordering::Acquire, |count| (count < FOLLOWERS_MAX).then_some(count + 1));
        if taken.ok()? == 0 {
            *self.pace.lock().unwrap_or_else(PoisonError::into_inner) = Pace::default();
        }
        Some(Follower { drops: self.drops.subscribe(), feed: self.clone() })
    }
}

/// Somebody who follows, until it is dropped.
#[derive(Debug)]
pub struct Follower {
    drops: broadcast::Receiver<Dropped>,
    feed: Arc<DropFeed>,
}

impl Follower {
    /// The next drop. `None` never comes while the feed lives.
    pub async fn next(&mut self) -> Option<Dropped> {
        let mut missed = 0;
        loop {
            match self.drops.recv().await {
                Ok(mut dropped) => {
                    dropped.suppressed = dropped.suppressed.saturating_add(missed);
                    return Some(dropped);
                }
                Err(RecvError::Lagged(more)) => missed += more,
                Err(RecvError::Closed) => return None,
            }
        }
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        self.feed.followers.fetch_sub(1, Ordering::AcqRel);
    }
}

/// Lets so many pass in a second and counts the others.
#[derive(Debug, Default)]
struct Pace {
    second: Option<Instant>,
    told: u32,
    suppressed: u64,
}

impl Pace {
    /// How many were suppressed before this one, if it may be told.
    fn admit(&mut self, now: Instant) -> Option<u64> {
        if self.second.is_none_or(|second| now.saturating_duration_since(second).as_secs() >= 1) {
            self.second = Some(now);
            self.told = 0;
        }
        if self.told >= TOLD_PER_SECOND {
            self.suppressed = self.suppressed.saturating_add(1);
            return None;
        }
        self.told += 1;
        Some(std::mem::take(&mut self.suppressed))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::{
        firewall::Denied,
        ident::{PeerId, RoomId},
    };

    const BOB: Party = Party { peer: PeerId([2; 32]), network: RoomId([9; 32]) };
    const REASON: DropReason = DropReason::Firewall(Denied::DefaultIn);

    #[tokio::test]
    async fn tells_a_follower_who_was_dropped_and_why_but_not_what_was_carried() {
        let feed = Arc::new(DropFeed::default());
        let mut follower = feed.follow().unwrap();
        feed.tell(Direction::In, BOB, &datagram(), REASON);
        let dropped = follower.next().await.unwrap();
        assert_eq!((dropped.party, dropped.reason, dropped.suppressed), (BOB, REASON, 0));
        assert_eq!(dropped.layout.flow().map(|flow| (flow.src_port, flow.dst_port)), Some((4000, 53)));
        assert!(!format!("{dropped:?}").contains("secret"));
    }

    #[tokio::test]
    async fn counts_what_is_too_much_for_one_second_and_says_so_in_the_next() {
        let feed = Arc::new(DropFeed::default());
        let mut follower = feed.follow().unwrap();
        for _ in 0..TOLD_PER_SECOND + 7 {
            feed.tell(Direction::In, BOB, &datagram(), REASON);
        }
        for _ in 0..TOLD_PER_SECOND {
            assert_eq!(follower.next().await.unwrap().suppressed, 0);
        }
        let start = Instant::now();
        let mut pace = Pace::default();
        let told = (0..TOLD_PER_SECOND + 7).filter(|_| pace.admit(start).is_some()).count();
        assert_eq!(told, TOLD_PER_SECOND as usize);
        assert_eq!(pace.admit(start + Duration::from_millis(999)), None);
        assert_eq!(pace.admit(start + Duration::from_secs(1)), Some(8));
        assert_eq!(pace.admit(start + Duration::from_secs(1)), Some(0));
    }

    #[tokio::test]
    async fn a_slow_follower_learns_how_many_it_missed() {
        let feed = Arc::new(DropFeed::default());
        let mut follower = feed.follow().unwrap();
        for n in 0..WAITING_MAX + 5 {
            *feed.pace.lock().unwrap() = Pace::default();
            let party = Party { peer: PeerId([u8::try_from(n % 256).unwrap(); 32]), ..BOB };
            feed.tell(Direction::In, party, &datagram(), REASON);
        }
        let first = follower.next().await.unwrap();
        assert_eq!((first.party.peer, first.suppressed), (PeerId([5; 32]), 5));
        assert_eq!(follower.next().await.unwrap().suppressed, 0);
    }

    #[test]
    fn builds_nothing_while_nobody_follows_and_bounds_who_does() {
        let feed = Arc::new(DropFeed::default());
        assert!(!feed.is_followed());
        feed.tell(Direction::In, BOB, &datagram(), REASON);
        assert_eq!(feed.pace.lock().unwrap().told, 0);
        let followers: Vec<_> = (0..FOLLOWERS_MAX + 3).filter_map(|_| feed.follow()).collect();
        assert_eq!(followers.len(), FOLLOWERS_MAX);
        drop(followers);
        assert!(!feed.is_followed() && feed.follow().is_some());
    }

    #[tokio::test]
    async fn what_is_no_packet_is_not_told() {
        let feed = Arc::new(DropFeed::default());
        let mut follower = feed.follow().unwrap();
        feed.tell(Direction::In, BOB, b"nonsense", REASON);
        feed.tell(Direction::Out, BOB, &datagram(), REASON);
        assert_eq!(follower.next().await.unwrap().direction, Direction::Out);
    }

    fn datagram() -> Vec<u8> {
        let (src, dst) = ("100.64.0.2:4000".parse().unwrap(), "100.64.0.1:53".parse().unwrap());
        packet::udp::build(src, dst, b"secret").unwrap()
    }
}
