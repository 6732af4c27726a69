//! Every line of every policy: in force, as narrow as it says, and needed.

use nix::errno::Errno;
use ray_confine::policy::{Answer, Arguments, Policy, Rule, Verdict};

use crate::{
    child::{self, Outcome},
    policies,
    witness::{self, OWN_PID},
};

/// What the engine may hope to misuse in the process that has a privilege.
const HELPER_CALLS_MAX: usize = 40;

/// Calls on the way of a packet, where a condition would cost time.
const DATA_PATH: [&str; 17] = [
    "read",
    "write",
    "readv",
    "writev",
    "recvmsg",
    "recvmmsg",
    "recvfrom",
    "sendmsg",
    "sendmmsg",
    "sendto",
    "epoll_wait",
    "epoll_pwait",
    "epoll_ctl",
    "futex",
    "clock_gettime",
    "clock_nanosleep",
    "sched_yield",
];

#[test]
fn every_line_allows_or_refuses_what_it_says() {
    for (name, policy) in policies() {
        for (rule, number) in numbered(&policy) {
            let outcome = child::call(&[&policy], number, &witness::arguments(rule));
            match rule.answer {
                Answer::Allow(_) => assert_ne!(outcome, Outcome::Killed, "{name}: {rule:?}"),
                Answer::Refuse(errno) => {
                    assert_eq!(outcome, Outcome::Made(Err(Errno::from_raw(errno))), "{name}: {rule:?}");
                }
            }
        }
    }
}

#[test]
fn an_argument_beside_the_one_that_a_line_names_gets_the_declared_verdict() {
    for (name, policy) in policies() {
        for (rule, number) in numbered(&policy) {
            let Answer::Allow(conditions) = &rule.answer else { continue };
            let arguments = witness::arguments(rule);
            for condition in conditions {
                let mut refused = 0;
                for changed in witness::neighbours(&arguments, condition) {
                    let expected = match judge(&policy, number, &changed) {
                        // Another line is about this one.
                        Verdict::Allowed => continue,
                        Verdict::Refused(errno) => Outcome::Made(Err(Errno::from_raw(errno))),
                        Verdict::Killed => Outcome::Killed,
                    };
                    assert_eq!(child::call(&[&policy], number, &changed), expected, "{name}: {rule:?} at {changed:x?}");
                    refused += 1;
                }
                assert!(refused > 0, "{name}: {rule:?}: {condition:?} keeps nothing out");
            }
        }
    }
}

#[test]
fn no_line_is_redundant() {
    for (name, policy) in policies() {
        for (index, rule) in policy.rules.iter().enumerate() {
            let Some(number) = rule.number else { continue };
            let mut without = policy.clone();
            without.rules.remove(index);
            let arguments = witness::arguments(rule);
            let verdict = judge(&policy, number, &arguments);
            assert_ne!(judge(&without, number, &arguments), verdict, "{name}: {rule:?} changes nothing");
        }
    }
}

#[test]
fn the_serving_helper_has_at_most_forty_calls() {
    let [_, _, (_, helper), ..] = policies();
    let names: Vec<&str> = helper.allowed_names().collect();
    assert!(names.len() <= HELPER_CALLS_MAX, "{}: {names:?}", names.len());
}

#[test]
fn what_a_serving_program_may_do_its_start_may_do_too() {
    let [_, (_, helper_start), (_, helper), (_, names_start), (_, names), (_, names_bus)] = policies();
    for (start, serving) in [(&helper_start, &helper), (&names_start, &names), (&names_start, &names_bus)] {
        for (rule, number) in numbered(serving) {
            let arguments = witness::arguments(rule);
            assert_eq!(judge(start, number, &arguments), judge(serving, number, &arguments), "{rule:?}");
            // As it runs: the second on top of the first.
            let outcome = child::call(&[start, serving], number, &arguments);
            assert_ne!(outcome, Outcome::Killed, "{rule:?}");
        }
    }
}

#[test]
fn a_file_of_resolvers_needs_no_socket() {
    let [.., (_, names), _] = policies();
    for call in ["socket", "connect", "bind", "listen", "sendto"] {
        assert!(!names.allowed_names().any(|name| name == call), "{call}");
    }
}

#[test]
fn calls_on_the_way_of_a_packet_have_no_condition() {
    let [(_, engine), ..] = policies();
    for name in DATA_PATH {
        let lines: Vec<&Rule> = engine.rules.iter().filter(|rule| rule.name == name).collect();
        assert_eq!(lines.len(), 1, "{name}");
        assert_eq!(lines[0].answer, Answer::Allow(vec![]), "{name}");
    }
}

fn numbered(policy: &Policy) -> impl Iterator<Item = (&Rule, i64)> {
    policy.rules.iter().filter_map(|rule| Some((rule, rule.number?)))
}

fn judge(policy: &Policy, number: i64, arguments: &Arguments) -> Verdict {
    policy.judge(number, arguments, u32::try_from(OWN_PID).unwrap())
}
