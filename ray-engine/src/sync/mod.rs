//! How members bring each other's ledgers level: who is told what, who is asked for what, what is accepted. Layer 2: no
//! IO, no clock, no randomness.
//!
//! One [`Sync`] serves one network. The caller feeds it what happened as an [`Event`], does what the [`Action`]s say,
//! and calls again with [`Event::Tick`] no later than [`Sync::wake_at`].
//!
//! Members tell each other their heads: when a link comes up, soon after they grew, and every minute, so that a lost
//! message costs a minute at most. A member that hears of an unknown head, or holds an entry whose parent is missing,
//! *wants*: it names what it has, and one peer answers with what lies beyond. New entries are sent unasked when they
//! are few.
//!
//! A peer may withhold, lie, and flood. So: whoever failed is asked after everybody else, and ever more rarely; a need
//! that one peer does not meet goes to the next; what was not asked for has a budget, and so have the answers that a
//! peer gets. A peer that is not on the roster is neither asked, nor told, nor answered.
//!
//! But who was removed may *hand in*: it may know of something that makes its removal void, such as its own removal of
//! the one who removed it. So its heads are heard, and it is asked for what they lead to, after everybody else. It is
//! told nothing, and what it sends unasked is dropped. The ledger judges the rest.
//!
//! | file | job |
//! |---|---|
//! | `limits` | every bound |
//! | `budget` | what a peer may cost |
//! | `recent` | sets that forget |
//! | `peer` | what is known of a linked peer, and the judgement on its answers |
//! | `have` | what a Want says of the own ledger |
//! | `ask` | who is asked, and when |
//! | `learn` | entries that arrive |
//! | `tell` | answers, pushes and announcements |
//! | `hearing` | what a former member hands in where it has no link |

use std::collections::BTreeMap;

use self::{budget::Gone, peer::Peer, recent::Recent};
use crate::{
    ident::PeerId,
    ledger::{EntryId, Ledger, VerifiedEntry},
};

mod ask;
mod budget;
mod have;
mod hearing;
mod learn;
pub mod limits;
mod peer;
mod recent;
mod tell;

pub use self::{
    hearing::{Hearing, Verdict, Want},
    tell::reply,
};

/// A monotonic clock's reading, in milliseconds.
pub type Millis = u64;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A link to a peer is up, or was replaced by a newer one. The peer named these heads.
    Linked {
        peer: PeerId,
        heads: Vec<EntryId>,
    },
    Unlinked {
        peer: PeerId,
    },
    Heads {
        peer: PeerId,
        heads: Vec<EntryId>,
    },
    Want {
        peer: PeerId,
        have: Vec<EntryId>,
        ids: Vec<EntryId>,
    },
    Entries {
        peer: PeerId,
        entries: Vec<Vec<u8>>,
        more: bool,
    },
    /// The ledger took these in, and they are durable. Also for entries of our own. There may be none: all that was to
    /// be taken waits for parents, or was refused.
    Grew {
        entries: Vec<EntryId>,
    },
    Tick,
}

/// What the caller is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    Send {
        peer: PeerId,
        message: Message,
    },
    /// Insert these, make durable what the ledger took, and tell so by [`Event::Grew`].
    Take {
        peer: PeerId,
        entries: Vec<VerifiedEntry>,
    },
    /// The peer broke the protocol.
    Violation {
        peer: PeerId,
        what: &'static str,
    },
}

/// What members say to each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    Heads {
        heads: Vec<EntryId>,
    },
    /// Send these, and what is neither in `have` nor before it.
    Want {
        have: Vec<EntryId>,
        ids: Vec<EntryId>,
    },
    /// An answer, or entries that are new. `more`: the answer is full, and there is more.
    Entries {
        entries: Vec<Vec<u8>>,
        more: bool,
    },
}

/// How much was dropped, for the curious.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Dropped {
    /// Messages of peers that are not on the roster, or beyond the number of peers.
    pub strangers: u64,
    /// Answers that nobody had asked for.
    pub unasked: u64,
    /// Entries sent unasked beyond the budget.
    pub entries: u64,
    /// Wants beyond the budget.
    pub wants: u64,
    /// Announcements beyond the budget.
    pub announcements: u64,
}

/// The exchange of one network's entries with all linked peers.
#[derive(Debug, Clone)]
pub struct Sync {
    me: PeerId,
    peers: BTreeMap<PeerId, Peer>,
    gone: Gone,
    /// How often the ledger grew: what a peer was told last is compared with it.
    version: u64,
    announce_at: Option<Millis>,
    /// When who is asked is to be considered again.
    ask_at: Option<Millis>,
    /// When the ledger has taken in what it can of the entries that came last.
    settled_at: Millis,
    /// Since when parents are missing.
    wanting_since: Option<Millis>,
    spurned: Recent,
    /// Counts what is cut to size, so that another part is left out each time.
    turn: usize,
    dropped: Dropped,
}

impl Sync {
    pub fn new(me: PeerId) -> Self {
        Self {
            me,
            peers: BTreeMap::new(),
            gone: Gone::default(),
            version: 1,
            announce_at: None,
            ask_at: None,
            settled_at: 0,
            wanting_since: None,
            spurned: Recent::holding(limits::SPURNED_MAX),
            turn: 0,
            dropped: Dropped::default(),
        }
    }

    pub fn handle(&mut self, event: Event, ledger: &Ledger, now: Millis) -> Vec<Action> {
        let mut actions = Vec::new();
        match event {
            Event::Linked { peer, heads } => self.link(peer, heads, ledger, now, &mut actions),
            Event::Unlinked { peer } => self.unlink(peer, now),
            Event::Heads { peer, heads } => self.hear(peer, heads, now, &mut actions),
            Event::Want { peer, have, ids } => self.answer(peer, &have, &ids, ledger, now, &mut actions),
            Event::Entries { peer, entries, more } => self.learn(peer, &entries, more, ledger, now, &mut actions),
            Event::Grew { entries } => self.spread(&entries, ledger, now, &mut actions),
            Event::Tick => {}
        }
        self.announce(ledger, now, &mut actions);
        self.ask(ledger, now, &mut actions);
        actions
    }

    /// When [`Event::Tick`] is due, if nothing happens before.
    pub fn wake_at(&self) -> Option<Millis> {
        let repeats = self.peers.values().map(|peer| peer.repeat_at);
        repeats.chain(self.announce_at).chain(self.ask_at).min()
    }

    pub fn dropped(&self) -> Dropped {
        self.dropped
    }

    fn link(&mut self, id: PeerId, mut heads: Vec<EntryId>, ledger: &Ledger, now: Millis, actions: &mut Vec<Action>) {
        self.unlink(id, now);
        if self.peers.len() >= limits::PEERS_MAX {
            self.dropped.strangers += 1;
            return;
        }
        heads.truncate(limits::HEADS_MAX);
        let mut peer = Peer::linked(heads, self.gone.take(&id), now);
        peer.member = ledger.roster().is_member(&id);
        self.peers.insert(id, peer);
        self.greet(id, ledger, now, actions);
    }

    fn unlink(&mut self, id: PeerId, now: Millis) {
        if let Some(peer) = self.peers.remove(&id) {
            self.gone.put(id, peer.record(), now);
        }
    }

    fn hear(&mut self, id: PeerId, heads: Vec<EntryId>, now: Millis, actions: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&id) else {
            self.dropped.strangers += 1;
            return;
        };
        if heads.len() > limits::HEADS_MAX {
            return violate(id, "too many heads", actions);
        }
        if peer.budget.announcements.take(now) {
            peer.hear(heads);
        } else {
            self.dropped.announcements += 1;
        }
    }
}

/// Whether a peer is told and asked. A dissolved network has no members; who was one at the end may still hear of it.
fn admits(ledger: &Ledger, id: &PeerId, peer: &Peer) -> bool {
    if ledger.dissolved().is_some() { peer.member } else { ledger.roster().is_member(id) }
}

/// Whether a peer that is not admitted may hand in what it knows: it was removed, or the network was dissolved, by what is
/// known here.
fn hands_in(ledger: &Ledger, id: &PeerId, peer: &Peer) -> bool {
    !admits(ledger, id, peer) && (ledger.was_removed(id).is_some() || ledger.dissolved().is_some())
}

fn violate(peer: PeerId, what: &'static str, actions: &mut Vec<Action>) {
    actions.push(Action::Violation { peer, what });
}

#[cfg(test)]
mod tests;
