//! The set of verified entries of one network, and what is asked of it.
//!
//! Every entry in the set has its parents in the set, and stands by its own past. What the whole adds up to is evaluated when
//! it is asked for and kept; an entry that comes last is added to it, any other makes it be evaluated anew.

mod author;
mod exit;
mod insert;
#[cfg(test)]
mod tests;

use std::{
    collections::BTreeSet,
    sync::{Arc, OnceLock},
};

use ed25519_dalek::SigningKey;

pub use self::insert::Inserted;
use super::{
    action::{Action, InviteKey},
    alarm::Alarm,
    aside::Aside,
    authority::{last_leave, removal},
    entry::{Content, EntryId, VerifiedEntry, public_half, sign},
    history::History,
    limits::{ANSWER_ENTRIES_MAX, Index, WANTED_MAX},
    order::arrange,
    pending::Pending,
    roster::{InviteRefusal, InviteState, Roster},
    seniority::{Seniority, by_seniority},
    told::Told,
    view::View,
    views::Views,
};
use crate::ident::{Hostname, NetworkName, PeerId, RoomId, UnixTime};

/// The history of one network as far as this node knows it.
#[derive(Debug, Clone)]
pub struct Ledger {
    room: RoomId,
    history: History,
    heads: BTreeSet<EntryId>,
    pending: Pending,
    aside: Aside,
    alarms: Vec<Alarm>,
    empty: View,
    views: Views,
    /// The view of all entries, and their order.
    main: OnceLock<Arc<View>>,
    order: OnceLock<Vec<Index>>,
}

impl Ledger {
    /// Founds a network: signs its genesis entry.
    pub fn found(
        network_key: &SigningKey,
        founder: &SigningKey,
        name: NetworkName,
        hostname: Hostname,
        now: UnixTime,
    ) -> (Self, VerifiedEntry) {
        let room = RoomId(network_key.verifying_key().to_bytes());
        let founder = public_half(founder);
        let genesis = Content {
            room,
            author: PeerId(room.0),
            counter: 1,
            time: now,
            parents: Vec::new(),
            action: Action::Genesis { name, founder, hostname },
        };
        let entry = sign(genesis, network_key);
        let mut ledger = Self::empty(room);
        ledger.insert(entry.clone());
        (ledger, entry)
    }

    /// The ledger of a network of which only the room id is known.
    pub fn empty(room: RoomId) -> Self {
        Self {
            room,
            history: History::default(),
            heads: BTreeSet::new(),
            pending: Pending::default(),
            aside: Aside::default(),
            alarms: Vec::new(),
            empty: View::empty(room),
            views: Views::default(),
            main: OnceLock::new(),
            order: OnceLock::new(),
        }
    }

    pub fn room(&self) -> RoomId {
        self.room
    }

    /// The entries that are nobody's parents, ascending.
    pub fn heads(&self) -> Vec<EntryId> {
        self.heads.iter().copied().collect()
    }

    pub fn contains(&self, id: &EntryId) -> bool {
        self.history.contains(id)
    }

    pub fn get(&self, id: &EntryId) -> Option<&VerifiedEntry> {
        self.history.number(id).map(|number| self.history.entry(number))
    }

    /// Entries that are part of the ledger.
    pub fn len(&self) -> usize {
        self.history.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Entries that wait for a parent. Those that are kept aside are not counted: asking for more brings them no further.
    pub fn pending_len(&self) -> usize {
        self.pending.len()
    }

    /// A checkpoint of what is known.
    pub fn checkpoint(&self) -> Action {
        Action::Checkpoint { digest: self.roster().digest() }
    }

    /// What the ledger folds to.
    pub fn roster(&self) -> &Roster {
        self.main().roster()
    }

    /// Entries that somebody who has `have`, and all before them, lacks: parents before children, as many as one answer
    /// holds. Ids that are unknown here are ignored.
    pub fn missing(&self, have: &[EntryId]) -> Vec<&VerifiedEntry> {
        let marked = self.history.reach(&self.history.numbers(have));
        let lacking = self.order().iter().filter(|&&number| !marked.has(number));
        lacking.map(|&number| self.history.entry(number)).take(ANSWER_ENTRIES_MAX).collect()
    }

    /// Whether any of these heads is unknown here.
    pub fn lacks(&self, heads: &[EntryId]) -> bool {
        heads.iter().any(|id| !self.contains(id))
    }

    /// Parents that entries here wait for and nobody delivered, as many as are asked for at a time.
    pub fn wanted(&self) -> Vec<EntryId> {
        let wanted = self.pending.wanted().filter(|id| !self.contains(id) && self.aside.get(id).is_none());
        wanted.copied().take(WANTED_MAX).collect()
    }

    /// Whether the invite admits somebody now.
    pub fn check_invite(&self, invite: &InviteKey, now: UnixTime) -> Result<&InviteState, InviteRefusal> {
        self.roster().check_invite(invite, now)
    }

    /// The leave that a proof of this node for its next seat has to name.
    pub fn last_leave(&self, peer: &PeerId) -> Option<EntryId> {
        last_leave(&self.history, self.main(), peer)
    }

    /// The removal that keeps a node out, until it is admitted again.
    pub fn was_removed(&self, peer: &PeerId) -> Option<&VerifiedEntry> {
        if self.roster().is_member(peer) {
            return None;
        }
        removal(&self.history, self.main(), peer).map(|number| self.history.entry(number))
    }

    /// The entry that ended the network.
    pub fn dissolved(&self) -> Option<&VerifiedEntry> {
        if !self.roster().dissolved {
            return None;
        }
        let main = self.main();
        let ends = |&&number: &&Index| {
            matches!(self.history.action(number), Action::Dissolve) && main.holds(&self.history, number)
        };
        self.order().iter().find(ends).map(|&number| self.history.entry(number))
    }

    /// Entries that no checkpoint which counts anchors.
    pub fn unanchored(&self) -> usize {
        self.main().free()
    }

    /// As [`Self::unanchored`], of other authors than `me`.
    pub fn unanchored_by_others(&self, me: &PeerId) -> usize {
        let free = self.order().iter().rev().take(self.unanchored());
        free.filter(|&&number| self.history.entry(number).author() != *me).count()
    }

    /// Entries with actions that this program does not know.
    pub fn unknown(&self) -> usize {
        self.main().unknown()
    }

    /// All entries in fold order, with what each did.
    pub fn history(&self) -> Vec<Told<'_>> {
        let mut told = Vec::with_capacity(self.len());
        self.empty.extend(&self.history, self.history.sorted(), |number, effect| {
            told.push(Told { entry: self.history.entry(number), effect });
        });
        told
    }

    /// What should not have happened and did.
    pub fn alarms(&self) -> &[Alarm] {
        &self.alarms
    }

    /// Those who decide, the most senior first.
    pub fn coordinators(&self) -> Vec<Seniority> {
        by_seniority(&self.history, self.roster())
    }

    /// All entries in fold order, which has parents before children.
    pub fn entries(&self) -> impl Iterator<Item = &VerifiedEntry> {
        self.order().iter().map(|&number| self.history.entry(number))
    }

    /// The view of all entries.
    fn main(&self) -> &View {
        self.main.get_or_init(|| self.views.make(&self.history, &self.head_numbers(), &self.empty, None))
    }

    /// All entries in fold order.
    fn order(&self) -> &[Index] {
        self.order.get_or_init(|| {
            let sorted = self.history.sorted();
            arrange(&self.history, sorted, &self.main().anchors(&self.history, sorted)).order
        })
    }

    /// The view of these entries, ascending, and all before them.
    fn past(&self, parents: &[Index]) -> Arc<View> {
        if parents == self.head_numbers() {
            self.main();
        }
        self.views.make(&self.history, parents, &self.empty, self.main.get())
    }

    fn head_numbers(&self) -> Vec<Index> {
        self.history.numbers(&self.heads)
    }
}
