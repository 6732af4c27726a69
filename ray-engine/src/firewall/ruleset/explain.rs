//! Says in words which rule decides, and why.

use std::fmt;

use super::{
    super::rule::{Action, Direction, PeerSelector, Protocol, Rule},
    Decision,
};

/// An owned [`Decision`] for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explanation {
    pub action: Action,
    /// The rule that decides, with its index in the list.
    pub rule: Option<(usize, Rule)>,
    why: Why,
    direction: Direction,
    protocol: Protocol,
    port: Option<u16>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Why {
    Off,
    Stranger,
    Rule,
    Default,
}

/// Echoes and other protocols have no ports, whatever is asked.
pub(super) fn port_at(protocol: Protocol, port: Option<u16>) -> Option<u16> {
    port.filter(|_| protocol.has_ports())
}

impl Explanation {
    pub(super) fn new(decision: Decision<'_>, direction: Direction, protocol: Protocol, port: Option<u16>) -> Self {
        let (why, rule) = match decision {
            Decision::Off => (Why::Off, None),
            Decision::Stranger => (Why::Stranger, None),
            Decision::Rule(at, rule) => (Why::Rule, Some((at, rule.clone()))),
            Decision::Default(..) => (Why::Default, None),
        };
        Self { action: decision.action(), rule, why, direction, protocol, port }
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let verb = match self.action {
            Action::Allow => "allowed",
            Action::Deny => "denied",
        };
        write!(f, "{} {}", self.direction, self.protocol)?;
        if let Some(port) = self.port {
            write!(f, " {port}")?;
        }
        write!(f, " is {verb}: ")?;
        match (&self.rule, self.why) {
            (Some((at, rule)), _) => write!(f, "rule {} ({rule}) decides; {}", at + 1, reason(rule)),
            (None, Why::Off) => f.write_str("the firewall is off"),
            (None, Why::Stranger) => f.write_str("the peer is not a member of that network"),
            (None, Why::Default | Why::Rule) => {
                write!(f, "no rule matches, and the default for {} decides", self.direction)
            }
        }
    }
}

fn reason(rule: &Rule) -> &'static str {
    match (&rule.peer, rule.action) {
        (PeerSelector::Device(_), Action::Deny) => "it is about this device alone, and denies",
        (PeerSelector::Device(_), Action::Allow) => "it is about this device alone, and no such rule denies",
        (PeerSelector::User(_), Action::Deny) => "it is about this user, no rule is about the device, and it denies",
        (PeerSelector::User(_), Action::Allow) => "it is about this user, and no narrower or equal rule denies",
        (PeerSelector::Group(_), Action::Deny) => {
            "it is about a group of this peer, no rule is narrower, and it denies"
        }
        (PeerSelector::Group(_), Action::Allow) => {
            "it is about a group of this peer, and no narrower or equal rule denies"
        }
        (PeerSelector::Any, Action::Deny) => "it is about anybody, and denies where no narrower rule of yours allows",
        (PeerSelector::Any, Action::Allow) => "it is about anybody, and no matching rule denies",
    }
}
