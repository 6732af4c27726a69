//! Waiting for a state, with a deadline.

use std::{
    thread,
    time::{Duration, Instant},
};

use super::LabError;

/// Time between two looks: short against anything a network does, long against the cost of a look.
const INTERVAL: Duration = Duration::from_millis(50);

/// Looks again and again until `condition` holds, at least once, or `deadline` has passed since the call.
pub fn wait_until(deadline: Duration, what: &str, mut condition: impl FnMut() -> bool) -> Result<(), LabError> {
    wait_for(deadline, what, || condition().then_some(()))
}

/// Looks again and again until `look` finds something.
pub fn wait_for<T>(deadline: Duration, what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T, LabError> {
    let started = Instant::now();
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        if started.elapsed() >= deadline {
            return Err(LabError::Deadline { what: what.to_owned(), after: deadline });
        }
        thread::sleep(INTERVAL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_what_did_not_happen() {
        let error = wait_until(Duration::ZERO, "n1 sees n2", || false).unwrap_err();
        assert!(matches!(&error, LabError::Deadline { what, .. } if what == "n1 sees n2"));
    }

    #[test]
    fn looks_at_least_once() {
        wait_until(Duration::ZERO, "true", || true).unwrap();
    }
}
