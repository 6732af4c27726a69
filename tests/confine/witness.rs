//! Arguments that a line of a policy is about, and their neighbours.

use ray_confine::policy::{Answer, Arguments, Condition, Rule, Value};

/// Stands for the child's own pid, which is not known before there is one. No pid and no other argument has this value.
pub(crate) const OWN_PID: u64 = 0x0051_7e1f;
/// No descriptor and no address.
const NOWHERE: u64 = u64::MAX;

/// Arguments that `rule` is about, and that do no harm.
pub(crate) fn arguments(rule: &Rule) -> Arguments {
    let mut arguments = match rule.name.as_str() {
        // It waits for ever unless something is wrong.
        "ppoll" => [NOWHERE, NOWHERE, 0, 0, 0, 0],
        // A thread whose own memory cannot be anywhere is not started.
        "clone" => [0, NOWHERE, 0, 0, NOWHERE, 0],
        _ => [NOWHERE, 0, 0, 0, 0, 0],
    };
    match &rule.answer {
        Answer::Allow(conditions) => {
            for condition in conditions {
                arguments[usize::from(condition.argument)] = expected(condition);
            }
        }
        // Executable memory, and a request that no line names.
        Answer::Refuse(_) => arguments[1..3].copy_from_slice(&[0x5401, 4]),
    }
    arguments
}

/// What differs from `arguments` in one bit of what `condition` looks at, or by one.
pub(crate) fn neighbours(arguments: &Arguments, condition: &Condition) -> Vec<Arguments> {
    let value = arguments[usize::from(condition.argument)];
    let bits = match (condition.mask, condition.value) {
        (Some(mask), _) => mask.into(),
        (None, Value::Null) => u64::MAX,
        (None, Value::Number(_) | Value::OwnPid) => u32::MAX.into(),
    };
    let flipped = (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| bits & bit != 0).map(|bit| value ^ bit);
    let beside = if condition.mask.is_none() { vec![value.wrapping_add(1), value.wrapping_sub(1)] } else { Vec::new() };
    flipped
        .chain(beside)
        .map(|value| {
            let mut changed = *arguments;
            changed[usize::from(condition.argument)] = value;
            changed
        })
        .collect()
}

fn expected(condition: &Condition) -> u64 {
    match condition.value {
        Value::Number(number) => number.into(),
        Value::Null => 0,
        Value::OwnPid => OWN_PID,
    }
}
