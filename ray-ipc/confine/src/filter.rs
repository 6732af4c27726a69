//! Makes a policy the kernel's: compiles it to filters and installs them.
//!
//! A filter gives one answer to what matches it and one to the rest, and of several filters the strictest answer counts.
//! So a policy becomes one filter for each error that it answers with, which lets everything else through, and one that
//! lets the policy's calls through and ends the process at any other.

use std::collections::{BTreeMap, BTreeSet};

use seccompiler::{
    BackendError, BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule, TargetArch,
};

use crate::{
    ConfineError,
    policy::{Answer, Condition, Policy, Value},
};

/// What happens at a call that the policy does not name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Violation {
    /// The process ends.
    Kill,
    /// The kernel logs the call and makes it: how a policy is learnt. Confines nothing.
    Log,
}

/// A policy as the kernel takes it.
#[derive(Debug, Clone)]
pub struct Filters {
    programs: Vec<BpfProgram>,
}

impl Filters {
    /// Compiles `policy` for the calling process.
    pub fn compile(policy: &Policy, violation: Violation) -> Result<Self, ConfineError> {
        compile(policy, violation, std::process::id()).map(|programs| Self { programs }).map_err(ConfineError::Compile)
    }

    /// Installs the filters for good, in the calling thread and those that it will start.
    pub fn install(&self) -> Result<(), ConfineError> {
        for program in &self.programs {
            seccompiler::apply_filter(program).map_err(ConfineError::Filter)?;
        }
        Ok(())
    }
}

/// Parses and installs a policy that is part of the program.
pub(crate) fn enforce(text: &str, violation: Violation) -> Result<(), ConfineError> {
    let policy = Policy::parse(text).map_err(ConfineError::Policy)?;
    Filters::compile(&policy, violation)?.install()
}

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: TargetArch = TargetArch::x86_64;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: TargetArch = TargetArch::aarch64;

type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn compile(policy: &Policy, violation: Violation, own_pid: u32) -> Result<Vec<BpfProgram>, BackendError> {
    let errors: BTreeSet<i32> = policy.rules.iter().filter_map(|rule| refusal(&rule.answer)).collect();
    let mut programs = Vec::new();
    for errno in errors {
        let action = SeccompAction::Errno(errno.unsigned_abs());
        programs.push(program(refused(policy, errno, own_pid)?, SeccompAction::Allow, action)?);
    }
    let violation = match violation {
        Violation::Kill => SeccompAction::KillProcess,
        Violation::Log => SeccompAction::Log,
    };
    // Last, because installing a filter takes calls that this one need not allow.
    programs.push(program(allowed(policy, own_pid)?, violation, SeccompAction::Allow)?);
    Ok(programs)
}

fn program(rules: Rules, mismatch: SeccompAction, matched: SeccompAction) -> Result<BpfProgram, BackendError> {
    SeccompFilter::new(rules, mismatch, matched, ARCHITECTURE)?.try_into()
}

/// What the last filter lets through. A call that is refused with an error must pass here, or its process would end.
fn allowed(policy: &Policy, own_pid: u32) -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    for rule in &policy.rules {
        let Some(number) = rule.number else { continue };
        let alternatives = rules.entry(number).or_default();
        let is_refused = policy.rules.iter().any(|other| other.name == rule.name && refusal(&other.answer).is_some());
        match &rule.answer {
            // No alternative at all means any arguments.
            Answer::Allow(conditions) if !conditions.is_empty() && !is_refused => {
                let conditions = conditions.iter().map(|condition| holds(condition, own_pid));
                alternatives.push(SeccompRule::new(conditions.collect::<Result<_, _>>()?)?);
            }
            Answer::Allow(_) | Answer::Refuse(_) => {}
        }
    }
    Ok(rules)
}

/// What is answered with `errno`: calls that none of their lines allows.
fn refused(policy: &Policy, errno: i32, own_pid: u32) -> Result<Rules, BackendError> {
    let mut rules = Rules::new();
    for rule in policy.rules.iter().filter(|rule| refusal(&rule.answer) == Some(errno)) {
        let Some(number) = rule.number else { continue };
        let mut none_holds = Vec::new();
        for other in policy.rules.iter().filter(|other| other.name == rule.name) {
            if let Answer::Allow(conditions) = &other.answer {
                for condition in conditions {
                    none_holds.push(fails(condition, own_pid)?);
                }
            }
        }
        let alternatives = rules.entry(number).or_default();
        if !none_holds.is_empty() {
            alternatives.push(SeccompRule::new(none_holds)?);
        }
    }
    Ok(rules)
}

fn refusal(answer: &Answer) -> Option<i32> {
    match answer {
        Answer::Refuse(errno) => Some(*errno),
        Answer::Allow(_) => None,
    }
}

fn holds(condition: &Condition, own_pid: u32) -> Result<SeccompCondition, BackendError> {
    let (length, value) = operand(condition, own_pid);
    let operator = condition.mask.map_or(SeccompCmpOp::Eq, |mask| SeccompCmpOp::MaskedEq(mask.into()));
    SeccompCondition::new(condition.argument, length, operator, value)
}

fn fails(condition: &Condition, own_pid: u32) -> Result<SeccompCondition, BackendError> {
    let (length, value) = operand(condition, own_pid);
    let (operator, value) = match condition.mask {
        None => (SeccompCmpOp::Ne, value),
        // Masks of refused calls have one bit, so that the opposite is the other value of that bit.
        Some(mask) => (SeccompCmpOp::MaskedEq(mask.into()), value ^ u64::from(mask)),
    };
    SeccompCondition::new(condition.argument, length, operator, value)
}

fn operand(condition: &Condition, own_pid: u32) -> (SeccompCmpArgLen, u64) {
    match condition.value {
        Value::Number(number) => (SeccompCmpArgLen::Dword, number.into()),
        Value::OwnPid => (SeccompCmpArgLen::Dword, own_pid.into()),
        Value::Null => (SeccompCmpArgLen::Qword, 0),
    }
}

/// What a violation does: ends the process, unless a debug build was asked to teach what it needs.
pub(crate) fn violation() -> Violation {
    if cfg!(debug_assertions) && std::env::var_os("RAY_SECCOMP").is_some_and(|mode| mode == "log") {
        Violation::Log
    } else {
        Violation::Kill
    }
}
