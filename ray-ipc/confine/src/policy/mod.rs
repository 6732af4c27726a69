//! Which system calls a process may make: what a policy file says, as a value.
//!
//! ```text
//! name                        # who needs it: allowed with any arguments
//! name arg0==A arg1&M==V      # who needs it: allowed with such arguments; several lines of a name are alternatives
//! name -> ERRNO               # who tries it: refused with an error, but for the lines of the name with conditions
//! ```
//!
//! A value is a number, a name, or several with `|` between them. What no line allows or refuses ends the process. An
//! argument is compared in its lower 32 bits, which is all that the kernel looks at where a condition makes sense, and in
//! all 64 where it is a pointer that must be `NULL`.

mod call;
mod parse;
mod value;

pub use self::parse::PolicyError;

/// The policy of the engine.
pub const ENGINE: &str = include_str!("../../policies/engine.syscalls");
/// The policy of the helper from its confinement on: what its start alone needs, and all that it needs while it serves.
pub const HELPER_START: &str =
    concat!(include_str!("../../policies/helper-start.syscalls"), include_str!("../../policies/helper.syscalls"));
/// The policy of the helper while it serves.
pub const HELPER: &str = include_str!("../../policies/helper.syscalls");
/// The policy of `ray-names` from its confinement on, whatever its backend.
pub const NAMES_START: &str = concat!(
    include_str!("../../policies/names-start.syscalls"),
    include_str!("../../policies/names.syscalls"),
    include_str!("../../policies/names-bus.syscalls")
);
/// The policy of `ray-names` while it serves with a backend that is a file.
pub const NAMES: &str = include_str!("../../policies/names.syscalls");
/// The policy of `ray-names` while it serves with a backend that is on the bus.
pub const NAMES_BUS: &str =
    concat!(include_str!("../../policies/names.syscalls"), include_str!("../../policies/names-bus.syscalls"));

/// Arguments of a system call.
pub type Arguments = [u64; 6];

/// The lines of a policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// In the order of the file.
    pub rules: Vec<Rule>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rule {
    /// The call's name.
    pub name: String,
    /// Its number here; `None` where this architecture lacks it.
    pub number: Option<i64>,
    /// What the line says about it.
    pub answer: Answer,
    /// Who needs it.
    pub reason: String,
}

/// What a line says about its call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Allowed where all of these hold.
    Allow(Vec<Condition>),
    /// Refused with this error where no other line of the call allows it.
    Refuse(i32),
}

/// What one argument must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Condition {
    /// Which argument, from 0.
    pub argument: u8,
    /// The bits that count; `None` for all.
    pub mask: Option<u32>,
    /// What they must be.
    pub value: Value,
}

/// What an argument is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Value {
    Number(u32),
    /// No pointer.
    Null,
    /// The id of the process that is confined.
    OwnPid,
}

/// What happens to a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    Allowed,
    /// The call fails with this error.
    Refused(i32),
    /// The process ends.
    Killed,
}

impl Policy {
    /// Reads a policy file.
    pub fn parse(text: &str) -> Result<Self, PolicyError> {
        parse::parse(text)
    }

    /// What happens to a call of the process `own_pid`: the meaning of a policy, which its filters must have.
    pub fn judge(&self, number: i64, arguments: &Arguments, own_pid: u32) -> Verdict {
        let mut verdict = Verdict::Killed;
        for rule in self.rules.iter().filter(|rule| rule.number == Some(number)) {
            match &rule.answer {
                Answer::Allow(conditions) if conditions.iter().all(|condition| condition.holds(arguments, own_pid)) => {
                    return Verdict::Allowed;
                }
                Answer::Allow(_) => {}
                Answer::Refuse(errno) => verdict = Verdict::Refused(*errno),
            }
        }
        verdict
    }

    /// The names of calls that are allowed with some arguments.
    pub fn allowed_names(&self) -> impl Iterator<Item = &str> {
        let mut names: Vec<&str> = Vec::new();
        for rule in &self.rules {
            if matches!(rule.answer, Answer::Allow(_)) && !names.contains(&rule.name.as_str()) {
                names.push(&rule.name);
            }
        }
        names.into_iter()
    }
}

impl Condition {
    /// Whether `arguments` are as the condition wants them.
    pub fn holds(&self, arguments: &Arguments, own_pid: u32) -> bool {
        let Some(argument) = arguments.get(usize::from(self.argument)).copied() else { return false };
        let expected = match self.value {
            Value::Null => return argument == 0,
            Value::Number(number) => number,
            Value::OwnPid => own_pid,
        };
        lower_half(argument) & self.mask.unwrap_or(u32::MAX) == expected
    }
}

/// The half of an argument that the kernel takes for an `int`.
#[allow(clippy::cast_possible_truncation, reason = "the upper half is what must go")]
fn lower_half(argument: u64) -> u32 {
    argument as u32
}
