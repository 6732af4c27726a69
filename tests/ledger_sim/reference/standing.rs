//! "Which entries stand": an entry is judged by the fold of its own past.

use ray_engine::ledger::{Action, EntryId, Mode, VerifiedEntry};

use super::{Reference, Set, View};

const INVITE_TOLERANCE_S: u64 = 600;
const QUOTA: u64 = 1024;
const QUOTA_S: u64 = 3600;
const COORDINATORS_MAX: usize = 64;

impl Reference {
    /// Why an entry does not stand; `None` if it does.
    pub(super) fn refusal(&self, entry: &VerifiedEntry, past: &Set, view: &View) -> Option<&'static str> {
        let author = entry.author();
        let own: Vec<&VerifiedEntry> = past.iter().map(|n| self.entry(n)).filter(|e| e.author() == author).collect();
        let highest = own.iter().map(|e| e.counter()).max().unwrap_or(0);
        if Some(entry.counter()) != highest.checked_add(1) {
            return Some("rule 1: counter");
        }
        if matches!(entry.action(), Action::Genesis { .. }) {
            return (!self.facts.is_empty()).then_some("rule 3: a second genesis");
        }
        if view.dissolved.is_some() {
            return Some("rule 4: dissolved");
        }
        if !view.seats.contains_key(&author) {
            return Some("rule 4: no member");
        }
        let coordinates = view.coordinators.contains_key(&author);
        if is_coordinators(entry.action()) && !coordinates {
            return Some("rule 4: no coordinator");
        }
        if !coordinates && entry.counter() > QUOTA {
            return Some("rule 2: quota");
        }
        let before = own.iter().filter(|e| e.counter() + QUOTA == entry.counter());
        if before.into_iter().any(|e| e.time().0.abs_diff(entry.time().0) < QUOTA_S) {
            return Some("rule 2: too many an hour");
        }
        self.refusal_of_action(entry, past, view)
    }

    fn refusal_of_action(&self, entry: &VerifiedEntry, past: &Set, view: &View) -> Option<&'static str> {
        let author = entry.author();
        let holds = |wanted: &dyn Fn(&VerifiedEntry) -> bool| {
            past.iter().any(|number| !view.void.has(number) && wanted(self.entry(number)))
        };
        let only_coordinator = view.coordinators.len() == 1 && view.coordinators.contains_key(&author);
        match entry.action() {
            Action::Redeem { invite: key, joiner, after, .. } => {
                let minted = |expired: bool| {
                    holds(&|e| {
                        matches!(e.action(), Action::MintInvite { invite, expires, .. } if invite == key
                            && (expired || entry.time().0 < expires.0.saturating_add(INVITE_TOLERANCE_S)))
                    })
                };
                let revoked = |e: &VerifiedEntry| *e.action() == Action::RevokeInvite { invite: *key };
                match () {
                    () if !minted(true) => Some("rule 5: no mint"),
                    () if holds(&revoked) => Some("rule 5: revoked"),
                    () if !minted(false) => Some("rule 5: expired"),
                    () => self.refusal_of_joiner(past, view, joiner, after),
                }
            }
            Action::Welcome { .. } if view.mode != Mode::Open => Some("rule 5: not open"),
            Action::Welcome { joiner, after, .. } => self.refusal_of_joiner(past, view, joiner, after),
            Action::Leave => (only_coordinator && view.seats.len() > 1).then_some("rule 6: the last coordinator"),
            Action::Remove { member } if *member == author => Some("a coordinator, not about itself"),
            Action::Remove { member } => (!view.seats.contains_key(member)).then_some("rule 6: target no member"),
            Action::Grant { member } => match () {
                () if !view.seats.contains_key(member) => Some("rule 6: target no member"),
                () if view.coordinators.contains_key(member) => Some("rule 6: target is a coordinator"),
                () => (view.coordinators.len() >= COORDINATORS_MAX).then_some("rule 6: 64 coordinators"),
            },
            Action::Revoke { member } if *member == author && only_coordinator => {
                Some("rule 6: the last coordinator's own")
            }
            Action::Revoke { member } => {
                (!view.coordinators.contains_key(member)).then_some("rule 6: target no coordinator")
            }
            Action::RevokeInvite { invite: key } => {
                let minted =
                    |e: &VerifiedEntry| matches!(e.action(), Action::MintInvite { invite, .. } if invite == key);
                (!holds(&minted)).then_some("rule 6: no mint")
            }
            Action::Withdraw { suggestion } => {
                let suggested =
                    |e: &VerifiedEntry| e.id() == *suggestion && matches!(e.action(), Action::Suggest { .. });
                (!holds(&suggested)).then_some("rule 6: no such suggestion")
            }
            Action::Rename { member, .. } => {
                let Some(seat) = view.seats.get(member) else { return Some("rule 6: target no member") };
                let own = *member == author && !seat.bound;
                (!own && !view.coordinators.contains_key(&author)).then_some("rule 6: not its own, or bound")
            }
            Action::Genesis { .. }
            | Action::MintInvite { .. }
            | Action::Admit { .. }
            | Action::SetMode { .. }
            | Action::RotateEpoch { .. }
            | Action::Rekey { .. }
            | Action::SetEphemeral { .. }
            | Action::Checkpoint { .. }
            | Action::Dissolve
            | Action::CertifyDevice { .. }
            | Action::RevokeDevice { .. }
            | Action::GroupAdd { .. }
            | Action::GroupRemove { .. }
            | Action::Suggest { .. }
            | Action::Unknown { .. } => None,
        }
    }

    fn refusal_of_joiner(
        &self,
        past: &Set,
        view: &View,
        joiner: &ray_engine::ident::PeerId,
        after: &Option<EntryId>,
    ) -> Option<&'static str> {
        if view.seats.contains_key(joiner) {
            return Some("rule 5: the joiner is a member");
        }
        let removed = |n: usize| !view.void.has(n) && *self.entry(n).action() == Action::Remove { member: *joiner };
        if past.iter().any(removed) {
            return Some("rule 5: the joiner was removed");
        }
        let leaves = past.iter().map(|n| self.entry(n));
        let leaves = leaves.filter(|e| e.author() == *joiner && *e.action() == Action::Leave);
        let last = leaves.min_by_key(|e| (u64::MAX - e.counter(), e.id())).map(VerifiedEntry::id);
        (last != *after).then_some("rule 5: after")
    }

    /// What a coordinator's entry rests on.
    pub(super) fn ground(&self, entry: &VerifiedEntry, view: &View) -> Option<usize> {
        let ground = view.coordinators.get(&entry.author()).copied();
        match entry.action() {
            Action::Rename { .. } => ground,
            action => ground.filter(|_| is_coordinators(action)),
        }
    }
}

/// Whether the table gives the action to coordinators alone.
fn is_coordinators(action: &Action) -> bool {
    match action {
        Action::MintInvite { .. }
        | Action::Admit { .. }
        | Action::Remove { .. }
        | Action::Grant { .. }
        | Action::Revoke { .. }
        | Action::RevokeInvite { .. }
        | Action::SetMode { .. }
        | Action::RotateEpoch { .. }
        | Action::Rekey { .. }
        | Action::SetEphemeral { .. }
        | Action::Checkpoint { .. }
        | Action::Dissolve
        | Action::GroupAdd { .. }
        | Action::GroupRemove { .. }
        | Action::Suggest { .. }
        | Action::Withdraw { .. } => true,
        Action::Genesis { .. }
        | Action::Redeem { .. }
        | Action::Leave
        | Action::Welcome { .. }
        | Action::Rename { .. }
        | Action::CertifyDevice { .. }
        | Action::RevokeDevice { .. }
        | Action::Unknown { .. } => false,
    }
}
