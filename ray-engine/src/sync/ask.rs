//! Who is asked for what is missing, and when.

use std::collections::BTreeSet;

use super::{
    Action, Message, Millis, Sync, admits, hands_in, have,
    limits::{ANSWER_TIMEOUT, HEDGE_DELAY, IDS_MAX, INQUIRE_DELAY, INQUIRE_INTERVAL, OPEN_MAX, STAGGER},
    peer::{Asked, Peer},
};
use crate::{
    ident::PeerId,
    ledger::{EntryId, Ledger},
};

/// The lower the sooner a peer is asked.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Rank {
    /// It only hands in.
    outside: bool,
    failures: u32,
    /// It did not mention what is missing.
    silent: bool,
    plain_member: bool,
    /// Another order on each node, so that not all of them ask the same peer.
    lot: [u8; 32],
}

/// What is missing, and what a peer has been asked for already.
struct Needs {
    parents: BTreeSet<EntryId>,
    in_hand: BTreeSet<EntryId>,
    /// Whether peers that did not mention a parent may be asked for it, or when.
    inquire_at: Millis,
}

impl Sync {
    /// Judges what came of earlier Wants, asks the best peer if something is missing, and sets the time to look again.
    pub(super) fn ask(&mut self, ledger: &Ledger, now: Millis, actions: &mut Vec<Action>) {
        for peer in self.peers.values_mut() {
            peer.judge(ledger, &mut self.spurned, now);
            peer.close_want(ledger, now);
        }
        let needs = self.needs(ledger, now);
        let mut wake = Wake::after(now);
        let open = self.peers.values().filter(|peer| peer.asked.is_some()).count();
        let mut hold_until = now;
        for peer in self.peers.values() {
            if let Some(asked) = &peer.asked {
                wake.at(asked.at.saturating_add(HEDGE_DELAY));
                wake.at(asked.at.saturating_add(ANSWER_TIMEOUT));
                hold_until = hold_until.max(asked.at.saturating_add(STAGGER));
            }
            if let Some(answer) = &peer.answer {
                wake.at(answer.settled_at);
                hold_until = hold_until.max(answer.settled_at);
            }
        }
        wake.at(hold_until);
        wake.at(self.settled_at);
        let mut best: Option<(Rank, PeerId, Asked)> = None;
        for (id, peer) in &self.peers {
            let outside = hands_in(ledger, id, peer);
            if peer.asked.is_some() || !outside && !admits(ledger, id, peer) {
                continue;
            }
            let Some((asked, silent)) = self.need_of(peer, &needs, ledger, now, &mut wake) else { continue };
            let plain_member = !ledger.roster().is_coordinator(id);
            if outside && silent {
                continue;
            }
            let rank = Rank { outside, failures: peer.failures, silent, plain_member, lot: self.lot(id) };
            if best.as_ref().is_none_or(|(least, ..)| rank < *least) {
                best = Some((rank, *id, asked));
            }
        }
        if let Some((rank, id, asked)) = best
            && hold_until <= now
            && open < OPEN_MAX
        {
            self.want(id, asked, rank.silent, ledger, actions);
            wake.at(now.saturating_add(STAGGER));
            wake.at(now.saturating_add(HEDGE_DELAY));
            wake.at(now.saturating_add(ANSWER_TIMEOUT));
        }
        self.ask_at = wake.first;
    }

    fn needs(&mut self, ledger: &Ledger, now: Millis) -> Needs {
        let parents: BTreeSet<EntryId> = ledger.wanted().into_iter().take(IDS_MAX).collect();
        if parents.is_empty() {
            self.wanting_since = None;
        }
        let mut in_hand = BTreeSet::new();
        for peer in self.peers.values_mut() {
            peer.tried.retain(|id| parents.contains(id));
            let asked = peer.asked.as_ref().filter(|asked| asked.is_fresh(now));
            for asked in asked.into_iter().chain(peer.answer.as_ref().map(|answer| &answer.asked)) {
                in_hand.extend(asked.heads.iter().chain(&asked.parents));
            }
        }
        let since = if parents.is_empty() { now } else { *self.wanting_since.get_or_insert(now) };
        Needs { parents, in_hand, inquire_at: since.saturating_add(INQUIRE_DELAY) }
    }

    /// What a peer should be asked for now, and whether it never mentioned it. Notes when time may change that.
    fn need_of(
        &self,
        peer: &Peer,
        needs: &Needs,
        ledger: &Ledger,
        now: Millis,
        wake: &mut Wake,
    ) -> Option<(Asked, bool)> {
        let heads: BTreeSet<EntryId> = peer.unknown_heads(ledger, &self.spurned).collect();
        let parents: BTreeSet<EntryId> = needs.parents.difference(&peer.tried).copied().collect();
        let open = |ids: &BTreeSet<EntryId>| ids.iter().any(|id| !needs.in_hand.contains(id));
        let leads = peer.more || open(&heads);
        let mentioned = parents.iter().any(|id| peer.mentioned.contains(id) && !needs.in_hand.contains(id));
        let asks_at = if leads && (peer.more || peer.barren_until <= now) || mentioned {
            now
        } else {
            // Both may come with time: heads that it could not serve, parents that it may know.
            let heads_at = leads.then_some(peer.barren_until);
            let again = peer.inquired_at.map_or(0, |at| at.saturating_add(INQUIRE_INTERVAL));
            let parents_at = open(&parents).then_some(needs.inquire_at.max(again));
            heads_at.into_iter().chain(parents_at).min()?
        };
        let asks_at = asks_at.max(peer.rest_until);
        wake.at(asks_at);
        (asks_at <= now).then_some((Asked { at: now, heads, parents }, !leads && !mentioned))
    }

    fn want(&mut self, id: PeerId, asked: Asked, silent: bool, ledger: &Ledger, actions: &mut Vec<Action>) {
        let Some(peer) = self.peers.get_mut(&id) else { return };
        self.turn = self.turn.wrapping_add(1);
        let have = have::choose(ledger, peer, &self.spurned, self.turn);
        let ids = asked.parents.iter().copied().collect();
        if silent {
            peer.inquired_at = Some(asked.at);
        }
        peer.open_want(asked);
        actions.push(Action::Send { peer: id, message: Message::Want { have, ids } });
    }

    fn lot(&self, peer: &PeerId) -> [u8; 32] {
        let mut lot = peer.0;
        lot.iter_mut().zip(self.me.0).for_each(|(byte, own)| *byte ^= own);
        lot
    }
}

/// The first of several times that lie ahead.
struct Wake {
    now: Millis,
    first: Option<Millis>,
}

impl Wake {
    fn after(now: Millis) -> Self {
        Self { now, first: None }
    }

    fn at(&mut self, time: Millis) {
        if time > self.now {
            self.first = Some(self.first.map_or(time, |first| first.min(time)));
        }
    }
}
