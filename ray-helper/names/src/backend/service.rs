//! A program on the system bus that keeps settings of the host: found, asked, and noticed when it comes or goes.

use std::{
    os::fd::{AsFd, BorrowedFd},
    time::Duration,
};

use nix::errno::Errno;

use super::Failure;
use crate::bus::{Bus, BusError, Call, Kind, Malformed, Message, SYSTEM_BUS, Value};

const PROPERTIES: &str = "org.freedesktop.DBus.Properties";
const BUS_NAME: &str = "org.freedesktop.DBus";
const CHANGED_HANDS: &str = "NameOwnerChanged";
/// How long the program may take. The engine's request waits for it.
const PATIENCE: Duration = Duration::from_secs(3);

/// The program, and the connection to the bus, which is made when it is first needed.
#[derive(Debug)]
pub(super) struct Service {
    name: &'static str,
    bus: Option<Bus>,
}

impl Service {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, bus: None }
    }

    /// Whether the program runs. It is not started for the question.
    pub(super) fn is_there(&mut self) -> Result<bool, Failure> {
        let name = self.name;
        let found = self.bus().and_then(|bus| bus.owner(name)).map_err(failure("looking on the system bus"));
        // Without a bus there is nobody on it.
        match found {
            Err(Failure { errno: Errno::ENOENT | Errno::ECONNREFUSED, .. }) => Ok(false),
            found => found.map(|owner| owner.is_some()),
        }
    }

    /// Asks the program.
    pub(super) fn call(
        &mut self,
        step: &'static str,
        target: (&str, &str, &str),
        body: Vec<Value>,
    ) -> Result<Vec<Value>, Failure> {
        self.try_call(target, body).map_err(failure(step))
    }

    /// The same, for a caller to whom it matters why the program said no.
    pub(super) fn try_call(
        &mut self,
        (path, interface, member): (&str, &str, &str),
        body: Vec<Value>,
    ) -> Result<Vec<Value>, BusError> {
        let destination = self.name;
        self.bus()?.call(&Call { destination, path, interface, member, body }, PATIENCE)
    }

    /// Reads a property.
    pub(super) fn property(&mut self, path: &str, interface: &str, name: &str) -> Result<Value, Failure> {
        let body = vec![Value::text(interface), Value::text(name)];
        let step = "reading a setting on the system bus";
        let answer = self.call(step, (path, PROPERTIES, "Get"), body)?;
        answer.first().map(|value| value.inner().clone()).ok_or(Failure::unexpected(step))
    }

    /// Reads all properties, as a dictionary of variants.
    pub(super) fn properties(&mut self, path: &str, interface: &str) -> Result<Value, Failure> {
        let step = "reading settings on the system bus";
        let answer = self.call(step, (path, PROPERTIES, "GetAll"), vec![Value::text(interface)])?;
        answer.into_iter().next().ok_or(Failure::unexpected(step))
    }

    pub(super) fn watch(&self) -> Option<BorrowedFd<'_>> {
        self.bus.as_ref().map(AsFd::as_fd)
    }

    /// Whether the program has come, gone or been replaced since the last question, or the bus itself has.
    pub(super) fn changed(&mut self) -> bool {
        let Some(bus) = &mut self.bus else { return false };
        match bus.signals() {
            Ok(signals) => signals.iter().any(|signal| is_about(signal, self.name)),
            Err(_) => {
                self.bus = None;
                true
            }
        }
    }

    /// Whether something came in during a call. It makes the descriptor readable no more.
    pub(super) fn has_more(&self) -> bool {
        self.bus.as_ref().is_some_and(Bus::has_signals)
    }

    fn bus(&mut self) -> Result<&mut Bus, BusError> {
        if self.bus.as_ref().is_some_and(Bus::is_broken) {
            self.bus = None;
        }
        let bus = match self.bus.take() {
            Some(bus) => bus,
            None => {
                let mut bus = Bus::connect(SYSTEM_BUS)?;
                bus.subscribe(&format!(
                    "type='signal',sender='{BUS_NAME}',interface='{BUS_NAME}',member='{CHANGED_HANDS}',arg0='{}'",
                    self.name
                ))?;
                bus
            }
        };
        Ok(self.bus.insert(bus))
    }
}

impl Failure {
    /// An answer of another form than agreed.
    pub(super) fn unexpected(step: &'static str) -> Self {
        Self { step, errno: Errno::EPROTO, words: String::new() }
    }
}

/// What the bus answered, as a step that failed.
pub(super) fn failure(step: &'static str) -> impl FnOnce(BusError) -> Failure {
    move |error| match error {
        BusError::Socket(step, errno) => Failure { step, errno, words: String::new() },
        BusError::Malformed(Malformed(what)) => Failure { step, errno: Errno::EPROTO, words: what.to_owned() },
        BusError::Refused { name, words } => Failure { step, errno: Errno::EACCES, words: format!("{name}: {words}") },
        BusError::TimedOut => Failure { step, errno: Errno::ETIMEDOUT, words: String::new() },
    }
}

/// Any user may send any signal to anybody; only the sender's name is the bus's own.
fn is_about(signal: &Message, name: &str) -> bool {
    signal.kind == Kind::Signal
        && signal.sender.as_deref() == Some(BUS_NAME)
        && signal.member.as_deref() == Some(CHANGED_HANDS)
        && signal.body.first().and_then(Value::as_text) == Some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn believes_only_the_bus_that_a_name_has_changed_hands() {
        let signal = |sender: &str, name: &str| Message {
            kind: Kind::Signal,
            answers: None,
            path: None,
            interface: None,
            member: Some(CHANGED_HANDS.to_owned()),
            error: None,
            sender: Some(sender.to_owned()),
            body: vec![Value::text(name)],
        };
        assert!(is_about(&signal(BUS_NAME, "org.example.keeper"), "org.example.keeper"));
        assert!(!is_about(&signal(":1.66", "org.example.keeper"), "org.example.keeper"));
        assert!(!is_about(&signal(BUS_NAME, "org.example.other"), "org.example.keeper"));
    }
}
