//! The questions that are under way, and who waits for their answers.

use std::collections::{HashMap, HashSet};

use super::Client;
use crate::dns::{Exchange, Foreign, Question};

/// Questions under way at once. Each has a few sockets.
const FLIGHTS_MAX: usize = 128;
/// Who waits at once, for all of them.
const CLIENTS_MAX: usize = 1024;

#[derive(Default)]
pub(super) struct Flights {
    clients: HashMap<Question, Vec<(Foreign, Client)>>,
    /// How questions are spelt that are spelt like no other: one that comes in so is ours.
    spellings: HashSet<Vec<u8>>,
    waiting: usize,
}

/// What became of a question.
#[derive(Debug)]
pub(super) enum Entered {
    /// It is to be asked.
    First(Exchange),
    /// It is under way already.
    Joined,
    /// We have asked it ourselves.
    Looped(Foreign),
    Full(Foreign),
}

impl Flights {
    pub(super) fn enter(&mut self, foreign: Foreign, client: Client, random: impl FnOnce() -> u64) -> Entered {
        if self.spellings.contains(foreign.spelling()) {
            return Entered::Looped(foreign);
        }
        if self.waiting >= CLIENTS_MAX {
            return Entered::Full(foreign);
        }
        if let Some(clients) = self.clients.get_mut(foreign.question()) {
            clients.push((foreign, client));
            self.waiting += 1;
            return Entered::Joined;
        }
        if self.clients.len() >= FLIGHTS_MAX {
            return Entered::Full(foreign);
        }
        let exchange = foreign.exchange(random());
        if exchange.is_distinctive() {
            self.spellings.insert(exchange.spelling().to_vec());
        }
        self.clients.insert(foreign.question().clone(), vec![(foreign, client)]);
        self.waiting += 1;
        Entered::First(exchange)
    }

    /// Ends a question. Returns who waits for its answer.
    pub(super) fn leave(&mut self, exchange: &Exchange) -> Vec<(Foreign, Client)> {
        self.spellings.remove(exchange.spelling());
        let clients = self.clients.remove(exchange.question()).unwrap_or_default();
        self.waiting = self.waiting.saturating_sub(clients.len());
        clients
    }
}

#[cfg(test)]
impl Flights {
    pub(super) fn is_empty(&self) -> bool {
        self.clients.is_empty() && self.spellings.is_empty() && self.waiting == 0
    }
}

impl std::fmt::Debug for Flights {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Flights").field("questions", &self.clients.len()).field("waiting", &self.waiting).finish()
    }
}
