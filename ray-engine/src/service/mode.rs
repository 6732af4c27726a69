//! `network mode`: who may enter a network without an invite.

use ray_ipc::control::{ModeReply, NetworkMode, SetModeRequest};

use super::{Core, Result};
use crate::ledger::{Action, Mode};

impl Core {
    pub(super) fn set_mode(&mut self, request: &SetModeRequest) -> Result<ModeReply> {
        let network = self.governed(request.network.as_deref(), "change who may enter")?;
        let (room, name, now) = (network.room(), network.name().to_string(), network.ledger.roster().mode);
        let mode = asked(request.mode);
        if mode != now {
            self.act(room, Action::SetMode { mode })?;
        }
        Ok(ModeReply { network: name, mode: request.mode })
    }
}

/// The ledger's word for a mode that a user asks for.
pub(super) fn asked(mode: NetworkMode) -> Mode {
    match mode {
        NetworkMode::Closed => Mode::Closed,
        NetworkMode::Approval => Mode::Approval,
        NetworkMode::Open => Mode::Open,
    }
}

/// The reply's word for a mode.
pub(super) fn shown(mode: Mode) -> NetworkMode {
    match mode {
        Mode::Closed => NetworkMode::Closed,
        Mode::Approval => NetworkMode::Approval,
        Mode::Open => NetworkMode::Open,
    }
}
