//! Who may ask what: any local user reads, root and the operators change.

use ray_ipc::{
    control::{ErrorCode, ErrorReply, Request},
    cred::PeerCred,
};

/// What the kernel's word on a caller makes of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor {
    Root,
    Operator,
    Reader,
}

/// The uids that root has named as operators.
#[derive(Debug, Clone, Default)]
pub struct Operators(Vec<u32>);

impl Operators {
    pub fn new(uids: Vec<u32>) -> Self {
        Self(uids)
    }

    /// What this caller may do.
    pub fn actor(&self, caller: PeerCred) -> Actor {
        match caller.uid {
            0 => Actor::Root,
            uid if self.0.contains(&uid) => Actor::Operator,
            _ => Actor::Reader,
        }
    }
}

/// Lets the request pass, or says who may make it.
pub(super) fn check(actor: Actor, caller: PeerCred, request: &Request) -> Result<(), ErrorReply> {
    let changes = match request {
        Request::Status | Request::Ping(_) | Request::Version => false,
        Request::Up
        | Request::Down
        | Request::Create(_)
        | Request::Join(_)
        | Request::Leave(_)
        | Request::Invite(_) => true,
    };
    match actor {
        Actor::Root | Actor::Operator => Ok(()),
        Actor::Reader if !changes => Ok(()),
        Actor::Reader => Err(ErrorReply {
            code: ErrorCode::NotPermitted,
            message: format!("uid {} may look but not change anything", caller.uid),
            hint: Some(
                "run it as root, or have root add you to `operators` in /etc/rayfish/engine.toml and restart the engine"
                    .to_owned(),
            ),
        }),
    }
}

#[cfg(test)]
mod tests {
    use ray_ipc::control::LeaveRequest;

    use super::*;

    #[test]
    fn a_reader_cannot_change_anything() {
        let operators = Operators::new(vec![1000]);
        for uid in [1, 1001, 65534, u32::MAX] {
            let caller = PeerCred { uid, gid: 0, pid: 1 };
            let actor = operators.actor(caller);
            assert_eq!(actor, Actor::Reader, "{uid}");
            let leave = Request::Leave(LeaveRequest { network: "home".to_owned() });
            for request in [Request::Up, Request::Down, leave] {
                assert_eq!(check(actor, caller, &request).map_err(|e| e.code), Err(ErrorCode::NotPermitted));
            }
            assert_eq!(check(actor, caller, &Request::Status), Ok(()));
        }
    }

    #[test]
    fn root_and_operators_may_change() {
        let operators = Operators::new(vec![1000]);
        for uid in [0, 1000] {
            let caller = PeerCred { uid, gid: 5, pid: 1 };
            assert_eq!(check(operators.actor(caller), caller, &Request::Down), Ok(()));
        }
    }
}
