//! Reads a policy file; refuses everything that could be a mistake.

use std::{error::Error, fmt};

use super::{Answer, Condition, Policy, Rule, Value, call, value};

/// A system call has six arguments.
const ARGUMENTS: u8 = 6;

/// Why a policy file is not one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyError {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong there.
    pub fault: Fault,
}

/// What is wrong with a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// It does not say who needs the call.
    NoReason,
    UnknownCall(String),
    UnknownValue(String),
    /// Not of the form `argN==VALUE` or `argN&MASK==VALUE`.
    NotACondition(String),
    /// The value has bits that the mask takes away: it never matches.
    NeverTrue(String),
    /// Another line says the same, or something that contains it.
    Implied,
    /// A refusal of something that its other lines do not say so simply that the rest can be told.
    NotRefusable,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: ", self.line)?;
        match &self.fault {
            Fault::NoReason => f.write_str("no comment says who needs the call"),
            Fault::UnknownCall(name) => write!(f, "{name} is no system call that is known here"),
            Fault::UnknownValue(name) => write!(f, "{name} is no number and no value that is known here"),
            Fault::NotACondition(text) => write!(f, "{text} is not argN==VALUE or argN&MASK==VALUE"),
            Fault::NeverTrue(text) => write!(f, "{text} is never true"),
            Fault::Implied => f.write_str("another line of the call says it already"),
            Fault::NotRefusable => {
                f.write_str("a call that is refused may only be allowed by one single-bit mask or ==s")
            }
        }
    }
}

impl Error for PolicyError {}

pub(super) fn parse(text: &str) -> Result<Policy, PolicyError> {
    let mut rules: Vec<Rule> = Vec::new();
    for (index, line) in text.lines().enumerate() {
        let fail = |fault| PolicyError { line: index + 1, fault };
        let (statement, reason) = line.split_once('#').unwrap_or((line, ""));
        if statement.trim().is_empty() {
            continue;
        }
        let rule = parse_rule(statement, reason).map_err(fail)?;
        let mut siblings = rules.iter().filter(|other| other.name == rule.name);
        if siblings.any(|other| is_implied(&rule.answer, &other.answer) || is_implied(&other.answer, &rule.answer)) {
            return Err(fail(Fault::Implied));
        }
        rules.push(rule);
        let is_refused = |rule: &&Rule| matches!(rule.answer, Answer::Refuse(_));
        for refused in rules.iter().filter(is_refused) {
            let alternatives = rules.iter().filter(|other| other.name == refused.name);
            if !alternatives.into_iter().all(|other| is_negatable(&other.answer)) {
                return Err(fail(Fault::NotRefusable));
            }
        }
    }
    Ok(Policy { rules })
}

fn parse_rule(statement: &str, reason: &str) -> Result<Rule, Fault> {
    let reason = reason.trim();
    if reason.is_empty() {
        return Err(Fault::NoReason);
    }
    let mut words = statement.split_whitespace();
    let name = words.next().unwrap_or_default();
    let number = call::number(name).ok_or_else(|| Fault::UnknownCall(name.to_owned()))?;
    let words: Vec<&str> = words.collect();
    let answer = match words.as_slice() {
        ["->", errno] => Answer::Refuse(value::errno(errno).ok_or_else(|| Fault::UnknownValue((*errno).to_owned()))?),
        conditions => Answer::Allow(conditions.iter().map(|text| parse_condition(text)).collect::<Result<_, _>>()?),
    };
    Ok(Rule { name: name.to_owned(), number, answer, reason: reason.to_owned() })
}

fn parse_condition(text: &str) -> Result<Condition, Fault> {
    let malformed = || Fault::NotACondition(text.to_owned());
    let (left, right) = text.split_once("==").ok_or_else(malformed)?;
    let (argument, mask) = match left.split_once('&') {
        Some((argument, mask)) => (argument, Some(number(mask)?)),
        None => (left, None),
    };
    let argument = argument.strip_prefix("arg").and_then(|digits| digits.parse().ok()).ok_or_else(malformed)?;
    if argument >= ARGUMENTS {
        return Err(malformed());
    }
    let value = match right {
        "NULL" => Value::Null,
        "SELF" => Value::OwnPid,
        other => Value::Number(number(other)?),
    };
    match (mask, value) {
        (Some(mask), Value::Number(number)) if number & !mask != 0 => Err(Fault::NeverTrue(text.to_owned())),
        (Some(_), Value::Null | Value::OwnPid) => Err(malformed()),
        _ => Ok(Condition { argument, mask, value }),
    }
}

/// A number, or names and numbers joined by `|`.
fn number(text: &str) -> Result<u32, Fault> {
    let one = |part: &str| value::number(part).ok_or_else(|| Fault::UnknownValue(part.to_owned()));
    text.split('|').try_fold(0, |all, part| Ok(all | one(part)?))
}

/// Whether `wide` says all that `narrow` says.
fn is_implied(narrow: &Answer, wide: &Answer) -> bool {
    match (narrow, wide) {
        (Answer::Allow(narrow), Answer::Allow(wide)) => wide.iter().all(|condition| narrow.contains(condition)),
        (Answer::Refuse(_), Answer::Refuse(_)) => true,
        (Answer::Allow(_), Answer::Refuse(_)) | (Answer::Refuse(_), Answer::Allow(_)) => false,
    }
}

/// Whether "none of these" can be said by conditions that must all hold.
fn is_negatable(answer: &Answer) -> bool {
    match answer {
        Answer::Refuse(_) => true,
        Answer::Allow(conditions) => match conditions.as_slice() {
            [condition] => condition.mask.is_none_or(u32::is_power_of_two),
            _ => false,
        },
    }
}

#[cfg(test)]
mod tests {
    use nix::libc;

    use super::*;

    #[test]
    fn reads_the_three_kinds_of_line() {
        let policy =
            parse("# prose\n\nread # all\nsocket arg0==AF_UNIX arg1&0xf==SOCK_DGRAM#x\nclone3 -> ENOSYS # y\n");
        let rules = policy.unwrap().rules;
        assert_eq!(rules[0].answer, Answer::Allow(vec![]));
        assert_eq!((rules[0].number, rules[0].reason.as_str()), (Some(libc::SYS_read), "all"));
        let family = Condition { argument: 0, mask: None, value: Value::Number(1) };
        let kind = Condition { argument: 1, mask: Some(15), value: Value::Number(2) };
        assert_eq!(rules[1].answer, Answer::Allow(vec![family, kind]));
        assert_eq!(rules[2].answer, Answer::Refuse(libc::ENOSYS));
    }

    #[test]
    fn refuses_a_line_that_may_be_a_mistake() {
        let unknown = |name: &str| Fault::UnknownValue(name.to_owned());
        for (text, fault) in [
            ("read", Fault::NoReason),
            ("read #  ", Fault::NoReason),
            ("raed # a", Fault::UnknownCall("raed".to_owned())),
            ("Read # a", Fault::UnknownCall("Read".to_owned())),
            ("socket arg0==AF_UNIXX # a", unknown("AF_UNIXX")),
            ("socket arg0==1|AF_X # a", unknown("AF_X")),
            ("socket arg0==-1 # a", unknown("-1")),
            ("socket arg0==0x100000000 # a", unknown("0x100000000")),
            ("read -> EVERY # a", unknown("EVERY")),
            ("socket arg6==1 # a", Fault::NotACondition("arg6==1".to_owned())),
            ("socket arg0!=1 # a", Fault::NotACondition("arg0!=1".to_owned())),
            ("socket arg0 == 1 # a", Fault::NotACondition("arg0".to_owned())),
            ("socket arg0&1==NULL # a", Fault::NotACondition("arg0&1==NULL".to_owned())),
            ("socket arg0&1==2 # a", Fault::NeverTrue("arg0&1==2".to_owned())),
        ] {
            assert_eq!(parse(text), Err(PolicyError { line: 1, fault }), "{text}");
        }
    }

    #[test]
    fn refuses_a_line_that_another_contains() {
        for text in [
            "read # a\nread # b",
            "kill arg0==SELF # a\nkill # b",
            "kill # a\nkill arg0==SELF # b",
            "socket arg0==1 # a\nsocket arg0==1 arg1==2 # b",
            "clone3 -> ENOSYS # a\nclone3 -> EPERM # b",
        ] {
            assert_eq!(parse(text).map_err(|error| (error.line, error.fault)), Err((2, Fault::Implied)), "{text}");
        }
        assert!(parse("socket arg0==1 arg1==2 # a\nsocket arg0==2 arg1==2 # b").is_ok());
    }

    #[test]
    fn refuses_a_refusal_whose_rest_cannot_be_told() {
        for text in [
            "ioctl # a\nioctl -> EPERM # b",
            "ioctl arg0==1 arg1==2 # a\nioctl -> EPERM # b",
            "ioctl -> EPERM # a\nioctl arg1&6==2 # b",
        ] {
            assert_eq!(parse(text).map_err(|error| (error.line, error.fault)), Err((2, Fault::NotRefusable)), "{text}");
        }
        assert!(parse("ioctl arg1==1 # a\nioctl arg1==2 # b\nioctl -> EPERM # c").is_ok());
    }
}
