//! Forks that were kept aside, and are taken in because somebody else built on them.

use std::collections::{BTreeSet, VecDeque};

use super::{
    super::{
        entry::{EntryId, VerifiedEntry},
        limits::ADOPTERS_MAX,
    },
    Ledger,
    insert::Placed,
};

impl Ledger {
    /// What an entry is built on that is not part of the ledger, parents first, if this entry makes it part of it: all of
    /// it is here, aside or waiting, and the forks that are kept aside are somebody else's.
    pub(super) fn adoptable(&self, entry: &VerifiedEntry) -> Option<Vec<VerifiedEntry>> {
        // Whoever never had a seat has no say in what is kept.
        if self.aside.len() == 0 || self.history.seats(&entry.author()).is_empty() {
            return None;
        }
        let mut below = Vec::new();
        let mut seen = BTreeSet::new();
        let mut open: Vec<(EntryId, bool)> = entry.parents().iter().map(|id| (*id, false)).collect();
        while let Some((id, is_done)) = open.pop() {
            if self.contains(&id) || !is_done && !seen.insert(id) {
                continue;
            }
            let aside = self.aside.get(&id);
            if aside.is_some_and(|fork| fork.author() == entry.author()) {
                return None;
            }
            let held = aside.or_else(|| self.pending.get(&id))?;
            if is_done {
                below.push(held.clone());
            } else {
                open.push((id, true));
                open.extend(held.parents().iter().map(|id| (*id, false)));
            }
        }
        Some(below)
    }

    /// Takes in what an entry is built on, and the entry, if all of them stand.
    pub(super) fn adopt(
        &mut self,
        entry: VerifiedEntry,
        below: Vec<VerifiedEntry>,
        taken: &mut Vec<EntryId>,
    ) -> Placed {
        let mut trial = self.clone();
        // It may have waited, and come again.
        trial.pending.take(&entry.id());
        let mut with = Vec::new();
        for held in below {
            let id = held.id();
            trial.aside.take(&id);
            trial.pending.take(&id);
            match trial.append(held, true) {
                Placed::Taken => with.push(id),
                other => {
                    if self.pending.take(&id).is_some() {
                        self.pending.forget(&id);
                    }
                    return other;
                }
            }
        }
        with.push(entry.id());
        let placed = trial.append(entry.clone(), false);
        match placed {
            Placed::Taken => {
                *self = trial;
                taken.extend(with);
            }
            Placed::Aside => self.aside.put(entry),
            Placed::Waits | Placed::Refused(_) => {}
        }
        placed
    }

    /// This entry, or one that waits for it, if it waits no more because it makes what it is built on part of the ledger.
    pub(super) fn adopter_above(&mut self, id: &EntryId) -> Option<VerifiedEntry> {
        if self.aside.len() == 0 {
            return None;
        }
        let mut open = VecDeque::from([*id]);
        let mut seen = BTreeSet::from([*id]);
        let mut tried = 0;
        while let Some(id) = open.pop_front() {
            if let Some(entry) = self.pending.get(&id) {
                if self.adoptable(entry).is_some() {
                    return self.pending.take(&id);
                }
                tried += 1;
                if tried > ADOPTERS_MAX {
                    return None;
                }
            }
            open.extend(self.pending.children(&id).into_iter().filter(|child| seen.insert(*child)));
        }
        None
    }
}
