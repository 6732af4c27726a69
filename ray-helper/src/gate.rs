//! Says whose turn it is: which request is legal in which phase of a connection. Pure.
//!
//! The table is the one drawn in [`ray_ipc::helper`]; a request that it does not show is a violation.

use ray_ipc::helper::{HelperRequest, LinkState};

/// How far a connection has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Connected, nothing said.
    New,
    /// Versions agree; this connection has no device.
    Greeted,
    /// The device is open.
    Open,
    /// It has addresses.
    Addressed,
    /// Its link is up.
    Up,
}

/// The phase that `request` leads to when it succeeds; `None` where it is out of its phase.
pub fn next(phase: Phase, request: &HelperRequest) -> Option<Phase> {
    match request {
        HelperRequest::Hello { .. } => match phase {
            Phase::New => Some(Phase::Greeted),
            Phase::Greeted | Phase::Open | Phase::Addressed | Phase::Up => None,
        },
        HelperRequest::OpenTun { .. } => match phase {
            Phase::Greeted => Some(Phase::Open),
            Phase::New | Phase::Open | Phase::Addressed | Phase::Up => None,
        },
        HelperRequest::ReturnTun { .. } => match phase {
            Phase::Greeted => Some(Phase::Open),
            Phase::New | Phase::Open | Phase::Addressed | Phase::Up => None,
        },
        HelperRequest::SetAddresses { .. } => match phase {
            Phase::Open | Phase::Addressed => Some(Phase::Addressed),
            Phase::Up => Some(Phase::Up),
            Phase::New | Phase::Greeted => None,
        },
        HelperRequest::ReplaceRoutes { .. } => match phase {
            Phase::Up => Some(Phase::Up),
            Phase::New | Phase::Greeted | Phase::Open | Phase::Addressed => None,
        },
        HelperRequest::SetLink { state: LinkState::Up } => match phase {
            Phase::Addressed | Phase::Up => Some(Phase::Up),
            Phase::New | Phase::Greeted | Phase::Open => None,
        },
        HelperRequest::SetLink { state: LinkState::Down } => match phase {
            Phase::Up => Some(Phase::Addressed),
            Phase::New | Phase::Greeted | Phase::Open | Phase::Addressed => None,
        },
        HelperRequest::Release => match phase {
            Phase::Open | Phase::Addressed | Phase::Up => Some(Phase::Greeted),
            Phase::New | Phase::Greeted => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv6Addr;

    use super::*;

    const PHASES: [Phase; 5] = [Phase::New, Phase::Greeted, Phase::Open, Phase::Addressed, Phase::Up];

    #[test]
    fn refuses_everything_that_the_table_does_not_show() {
        use Phase::*;
        let table: [(HelperRequest, [Option<Phase>; 5]); 8] = [
            (HelperRequest::Hello { version: 1 }, [Some(Greeted), None, None, None, None]),
            (HelperRequest::OpenTun { queues: 1, mtu: 1280 }, [None, Some(Open), None, None, None]),
            (HelperRequest::ReturnTun { queues: 1 }, [None, Some(Open), None, None, None]),
            (
                HelperRequest::SetAddresses { v4: None, v6: Ipv6Addr::LOCALHOST },
                [None, None, Some(Addressed), Some(Addressed), Some(Up)],
            ),
            (HelperRequest::ReplaceRoutes { routes: Vec::new() }, [None, None, None, None, Some(Up)]),
            (HelperRequest::SetLink { state: LinkState::Up }, [None, None, None, Some(Up), Some(Up)]),
            (HelperRequest::SetLink { state: LinkState::Down }, [None, None, None, None, Some(Addressed)]),
            (HelperRequest::Release, [None, None, Some(Greeted), Some(Greeted), Some(Greeted)]),
        ];
        for (request, row) in table {
            for (phase, expected) in PHASES.into_iter().zip(row) {
                assert_eq!(next(phase, &request), expected, "{request:?} in {phase:?}");
            }
        }
    }
}
