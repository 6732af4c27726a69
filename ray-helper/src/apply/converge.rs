//! Leads a set in the kernel from what it is to what it shall be, or back. Pure but for the change it is handed.

use std::collections::BTreeSet;

use super::{Failure, Setback};

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Change<T> {
    Add(T),
    Remove(T),
}

impl<T> Change<T> {
    fn reversed(self) -> Self {
        match self {
            Self::Add(item) => Self::Remove(item),
            Self::Remove(item) => Self::Add(item),
        }
    }
}

/// Adds what is missing, then removes what is too much; on a failure takes the steps back in reverse.
pub(super) fn converge<T: Ord + Copy>(
    current: &BTreeSet<T>,
    desired: &BTreeSet<T>,
    mut change: impl FnMut(Change<T>) -> Result<(), Failure>,
) -> Result<(), Setback> {
    let additions = desired.difference(current).copied().map(Change::Add);
    let removals = current.difference(desired).copied().map(Change::Remove);
    let mut done = Vec::new();
    for step in additions.chain(removals) {
        if let Err(failure) = change(step) {
            return Err(take_back(done, failure, change));
        }
        done.push(step);
    }
    Ok(())
}

/// Takes every step back, also those after one that cannot be.
fn take_back<T>(
    done: Vec<Change<T>>,
    failure: Failure,
    mut change: impl FnMut(Change<T>) -> Result<(), Failure>,
) -> Setback {
    let mut torn = false;
    for step in done.into_iter().rev() {
        torn |= change(step.reversed()).is_err();
    }
    if torn { Setback::Torn(failure) } else { Setback::Failed(failure) }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;

    const FAILURE: Failure = Failure { step: "testing", errno: Errno::EIO };

    #[test]
    fn adds_before_it_removes() {
        let mut steps = Vec::new();
        let outcome = converge(&set([1, 2]), &set([2, 3]), |step| {
            steps.push(step);
            Ok(())
        });
        assert_eq!((outcome, steps), (Ok(()), vec![Change::Add(3), Change::Remove(1)]));
    }

    #[test]
    fn a_failure_at_any_step_leaves_the_earlier_set() {
        let (current, desired) = (set([1, 2, 3]), set([3, 4, 5]));
        for failing in 0..4 {
            let mut kernel = current.clone();
            let mut count = 0;
            let outcome = converge(&current, &desired, |step| {
                count += 1;
                if count == failing + 1 {
                    return Err(FAILURE);
                }
                apply(&mut kernel, step);
                Ok(())
            });
            assert_eq!((outcome, &kernel), (Err(Setback::Failed(FAILURE)), &current), "step {failing}");
        }
    }

    #[test]
    fn says_so_when_it_cannot_go_back() {
        let outcome = converge(&set([1]), &set([2, 3]), |step| match step {
            Change::Add(2) => Ok(()),
            Change::Add(_) | Change::Remove(_) => Err(FAILURE),
        });
        assert_eq!(outcome, Err(Setback::Torn(FAILURE)));
    }

    fn apply(kernel: &mut BTreeSet<u8>, step: Change<u8>) {
        match step {
            Change::Add(item) => assert!(kernel.insert(item)),
            Change::Remove(item) => assert!(kernel.remove(&item)),
        }
    }

    fn set<const N: usize>(items: [u8; N]) -> BTreeSet<u8> {
        items.into()
    }
}
