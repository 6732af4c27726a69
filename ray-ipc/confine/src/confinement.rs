//! What of a process's confinement is in force, and what a kernel was too old for.

use crate::filter::Violation;

/// The first version of the kernel's Landlock that covers all that is asked of it: signals and abstract sockets came last.
const LANDLOCK_WANTED: u8 = 6;

/// What is in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Confinement {
    /// Version of the kernel's Landlock interface whose rules hold; `None` where the kernel has none of it.
    pub landlock_abi: Option<u8>,
    /// No memory becomes executable that was anything else before.
    pub refuses_executable_memory: bool,
    violation: Violation,
}

impl Confinement {
    pub(crate) fn new(landlock_abi: Option<u8>, refuses_executable_memory: bool, violation: Violation) -> Self {
        Self { landlock_abi, refuses_executable_memory, violation }
    }

    /// Whether a system call that the policy lacks is refused. Only a build for debugging can log it and go on.
    pub fn filters_calls(&self) -> bool {
        self.violation == Violation::Kill
    }

    /// What is not in force that should be, one clause each.
    pub fn missing(&self) -> Vec<&'static str> {
        let landlock = match self.landlock_abi {
            None => Some("the kernel lacks Landlock: files are protected by their owners and modes only"),
            Some(abi) if abi < LANDLOCK_WANTED => {
                Some("the kernel's Landlock is older than 6.12: signals, sockets and truncation are not all covered")
            }
            Some(_) => None,
        };
        let memory = (!self.refuses_executable_memory)
            .then_some("the kernel is older than 6.3: memory can become executable where system calls allow it");
        let calls = (!self.filters_calls())
            .then_some("RAY_SECCOMP=log: system calls that the policy lacks are logged and made");
        [landlock, memory, calls].into_iter().flatten().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_each_part_that_is_missing_and_nothing_else() {
        assert_eq!(Confinement::new(Some(6), true, Violation::Kill).missing(), [""; 0]);
        for partial in [
            Confinement::new(None, true, Violation::Kill),
            Confinement::new(Some(5), true, Violation::Kill),
            Confinement::new(Some(7), false, Violation::Kill),
            Confinement::new(Some(7), true, Violation::Log),
        ] {
            assert_eq!(partial.missing().len(), 1, "{partial:?}");
        }
    }
}
