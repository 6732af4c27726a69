//! What the end of a child says about the act that it tried.

use nix::errno::Errno;

use super::act::{Access, Act, Defence, Needs};

/// How the child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// The kernel killed it for the call.
    Killed,
    Errno(Errno),
    /// The call was made.
    Done,
    /// It did not come back from the call.
    Stuck,
    /// It did not come as far as to try.
    Unready(String),
}

/// How the child ended, and what it found before it tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Observed {
    pub(crate) outcome: Outcome,
    /// Whether owner and mode of the file would have allowed it; `None` without a file.
    pub(crate) permitted: Option<bool>,
}

/// What holds for all acts of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The child had the user, groups and capabilities of the process.
    pub(crate) has_identity: bool,
    /// What this kernel offers.
    pub(crate) landlock_abi: Option<u8>,
}

/// The verdict on one act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// With the answer; without one the process was killed.
    Refused {
        by: Defence,
        errno: Option<Errno>,
    },
    /// With the answer, where the kernel minded something else than who asked.
    GotThrough {
        errno: Option<Errno>,
    },
    /// It got through for lack of what a newer kernel has.
    Open {
        needs: Needs,
    },
    NotJudged {
        reason: Reason,
    },
}

/// Why nothing can be said of an act.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    /// It depends on who tries it, and only root can become the process.
    WantsRoot,
    /// The file that it is about is not on this host.
    NotHere,
    /// The kernel was built without it.
    NotInKernel,
    /// Something to try it on could not be made.
    Unready(String),
}

impl Reason {
    pub(crate) fn words(&self) -> &str {
        match self {
            Self::WantsRoot => "run it with sudo",
            Self::NotHere => "not on this host",
            Self::NotInKernel => "not in this kernel",
            Self::Unready(reason) => reason,
        }
    }
}

/// Judges one act. Every answer that is not a known refusal is one of somebody who was let through.
pub(super) fn judge(act: &Act, observed: &Observed, standing: Standing, exists: Option<bool>) -> Verdict {
    match &observed.outcome {
        Outcome::Killed => Verdict::Refused { by: Defence::Seccomp, errno: None },
        Outcome::Unready(reason) => not_judged(Reason::Unready(reason.clone())),
        Outcome::Stuck | Outcome::Done => got_through(act, standing, None),
        Outcome::Errno(errno) => judge_errno(act, observed, standing, exists, *errno),
    }
}

fn judge_errno(act: &Act, observed: &Observed, standing: Standing, exists: Option<bool>, errno: Errno) -> Verdict {
    let refused = |by: Defence| {
        if standing.has_identity || by.belongs_to_the_process() {
            Verdict::Refused { by, errno: Some(errno) }
        } else {
            not_judged(Reason::WantsRoot)
        }
    };
    let is_file = act.target.is_some();
    match errno {
        // Landlock answers so where a link would leave its directory.
        Errno::EXDEV if is_file => refused(Defence::Landlock),
        Errno::EROFS if is_file => refused(Defence::ReadOnlyMount),
        Errno::ENOENT if is_file => match exists {
            Some(true) => refused(Defence::MountNamespace),
            Some(false) => not_judged(Reason::NotHere),
            None => not_judged(Reason::WantsRoot),
        },
        _ if act.refusals.contains(&errno) => refused(defence(act, observed, errno)),
        // A file system without nameless files.
        Errno::EOPNOTSUPP if act.target.as_ref().is_some_and(|target| target.access == Access::Fill) => {
            not_judged(Reason::NotInKernel)
        }
        Errno::ENOSYS
        | Errno::EAFNOSUPPORT
        | Errno::EPROTONOSUPPORT
        | Errno::ESOCKTNOSUPPORT
        | Errno::ENODEV
        | Errno::ENXIO => not_judged(Reason::NotInKernel),
        _ => got_through(act, standing, Some(errno)),
    }
}

/// Who gave the answer. The kernel asks owner and mode first, then Landlock, then the driver.
fn defence(act: &Act, observed: &Observed, errno: Errno) -> Defence {
    match (&act.target, observed.permitted) {
        // The filter answers before the memory's own rule, which says EACCES.
        (None, _) if act.defence == Defence::Memory && errno == Errno::EPERM => Defence::Seccomp,
        (None, _) => act.defence,
        (Some(_), Some(true)) if errno == Errno::EPERM => Defence::Capabilities,
        (Some(_), Some(true)) => Defence::Landlock,
        (Some(_), Some(false) | None) => Defence::Permissions,
    }
}

fn got_through(act: &Act, standing: Standing, errno: Option<Errno>) -> Verdict {
    match act.needs {
        Some(needs) if standing.landlock_abi.is_none_or(|abi| abi < needs.landlock_abi) => Verdict::Open { needs },
        _ => Verdict::GotThrough { errno },
    }
}

fn not_judged(reason: Reason) -> Verdict {
    Verdict::NotJudged { reason }
}

/// Whether what the act is about is on this host; for what it would create, the directory.
pub(super) fn exists(act: &Act) -> Option<bool> {
    let target = act.target.as_ref()?;
    let path = match target.access {
        Access::Create => target.path.parent()?,
        Access::Read | Access::Write | Access::Fill => &target.path,
    };
    match std::fs::symlink_metadata(path) {
        Ok(_) => Some(true),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Some(false),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::{super::act::Kind, *};

    const ROOT: Standing = Standing { has_identity: true, landlock_abi: Some(7) };
    const USER: Standing = Standing { has_identity: false, landlock_abi: Some(7) };

    #[test]
    fn a_killed_child_was_refused_whoever_ran_it() {
        for standing in [ROOT, USER] {
            let killed = judge(&plain(), &observed(Outcome::Killed), standing, None);
            assert_eq!(killed, Verdict::Refused { by: Defence::Seccomp, errno: None });
        }
    }

    #[test]
    fn every_answer_of_one_who_was_let_through_is_a_breach() {
        for outcome in [Outcome::Done, Outcome::Errno(Errno::EINVAL), Outcome::Errno(Errno::EFAULT)] {
            for standing in [ROOT, USER] {
                let verdict = judge(&plain(), &observed(outcome.clone()), standing, None);
                assert!(matches!(verdict, Verdict::GotThrough { .. }), "{outcome:?}: {verdict:?}");
            }
        }
    }

    #[test]
    fn what_depends_on_the_user_is_not_judged_as_another_user() {
        let outcome = || observed(Outcome::Errno(Errno::EPERM));
        let refused = judge(&plain(), &outcome(), ROOT, None);
        assert_eq!(refused, Verdict::Refused { by: Defence::Capabilities, errno: Some(Errno::EPERM) });
        assert_eq!(judge(&plain(), &outcome(), USER, None), not_judged(Reason::WantsRoot));
        let filtered = plain().defended_by(Defence::Seccomp);
        assert!(matches!(judge(&filtered, &outcome(), USER, None), Verdict::Refused { by: Defence::Seccomp, .. }));
    }

    #[test]
    fn a_file_that_its_mode_would_open_was_refused_by_landlock() {
        let denied = |permitted| Observed { outcome: Outcome::Errno(Errno::EACCES), permitted: Some(permitted) };
        let by = |permitted| judge(&file(), &denied(permitted), ROOT, Some(true));
        assert_eq!(by(true), Verdict::Refused { by: Defence::Landlock, errno: Some(Errno::EACCES) });
        assert_eq!(by(false), Verdict::Refused { by: Defence::Permissions, errno: Some(Errno::EACCES) });
    }

    #[test]
    fn a_file_that_is_not_there_proves_nothing_unless_it_is_only_hidden() {
        let absent = || observed(Outcome::Errno(Errno::ENOENT));
        assert_eq!(judge(&file(), &absent(), ROOT, Some(false)), not_judged(Reason::NotHere));
        let hidden = judge(&file(), &absent(), ROOT, Some(true));
        assert_eq!(hidden, Verdict::Refused { by: Defence::MountNamespace, errno: Some(Errno::ENOENT) });
        assert!(matches!(judge(&plain(), &absent(), ROOT, None), Verdict::GotThrough { .. }));
    }

    #[test]
    fn a_kernel_without_the_means_leaves_an_act_open_and_one_with_them_does_not() {
        let act = || plain().needing(Needs::TCP);
        let old = Standing { landlock_abi: Some(3), ..ROOT };
        assert_eq!(judge(&act(), &observed(Outcome::Done), old, None), Verdict::Open { needs: Needs::TCP });
        assert!(matches!(judge(&act(), &observed(Outcome::Done), ROOT, None), Verdict::GotThrough { .. }));
        let none = Standing { landlock_abi: None, ..ROOT };
        assert!(matches!(judge(&plain(), &observed(Outcome::Done), none, None), Verdict::GotThrough { .. }));
    }

    #[test]
    fn a_call_that_the_kernel_lacks_is_not_judged_unless_that_is_the_refusal() {
        let missing = || observed(Outcome::Errno(Errno::ENOSYS));
        assert!(matches!(judge(&plain(), &missing(), ROOT, None), Verdict::NotJudged { .. }));
        let told_so = plain().refused_with(&[Errno::ENOSYS]).defended_by(Defence::Seccomp);
        assert!(matches!(judge(&told_so, &missing(), ROOT, None), Verdict::Refused { .. }));
    }

    #[test]
    fn a_child_that_did_not_try_proves_nothing() {
        let outcome = Outcome::Unready("no device".into());
        assert!(matches!(judge(&plain(), &observed(outcome), ROOT, None), Verdict::NotJudged { .. }));
    }

    #[test]
    fn a_call_that_never_ends_was_let_through() {
        assert!(matches!(judge(&plain(), &observed(Outcome::Stuck), ROOT, None), Verdict::GotThrough { .. }));
    }

    fn plain() -> Act {
        Act::call(Kind::Kernel, "bpf", "load a BPF program", libc::SYS_bpf, vec![])
    }

    fn file() -> Act {
        plain().on("/etc/shadow", Access::Read)
    }

    fn observed(outcome: Outcome) -> Observed {
        Observed { outcome, permitted: None }
    }
}
