//! A rule as text, such that reading it gives the same rule.

use std::fmt;

use super::{Action, Direction, PeerSelector, PortRange, Ports, Protocol, Rule, date};

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.direction, self.action, self.protocol)?;
        if !self.ports.is_all() {
            write!(f, " {}", self.ports)?;
        }
        if self.peer != PeerSelector::Any {
            let word = if self.direction == Direction::In { "from" } else { "to" };
            write!(f, " {word} {}", self.peer)?;
        }
        if let Some(network) = self.network {
            write!(f, " on {network}")?;
        }
        match self.expires.map(date::show) {
            Some(Some(until)) => write!(f, " until {until}"),
            // Later than anything can be written; such a rule cannot be read, and this one does not expire.
            Some(None) | None => Ok(()),
        }
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::In => "in",
            Self::Out => "out",
        })
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        })
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
            Self::Icmp => "icmp",
            Self::Any => "any",
        })
    }
}

impl fmt::Display for PeerSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Device(peer) => peer.fmt(f),
            Self::User(user) => write!(f, "user:{user}"),
            Self::Group(group) => write!(f, "group:{group}"),
            Self::Any => f.write_str("any"),
        }
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_all() {
            return f.write_str("all");
        }
        for (n, range) in self.ranges().iter().enumerate() {
            write!(f, "{}{range}", if n == 0 { "" } else { "," })?;
        }
        Ok(())
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.first() == self.last() { self.first().fmt(f) } else { write!(f, "{}-{}", self.first(), self.last()) }
    }
}
