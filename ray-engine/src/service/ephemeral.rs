//! `ephemeral`: after how long without a sign of life a member is removed.

use ray_ipc::control::{EphemeralReply, EphemeralRequest};

use super::{Core, Result, failure};
use crate::ledger::Action;

/// Below this, members whose links are merely re-established would be removed.
const SECONDS_MIN: u32 = 30;

impl Core {
    pub(super) fn ephemeral(&mut self, request: &EphemeralRequest) -> Result<EphemeralReply> {
        let network = self.entered(request.network.as_deref())?;
        let now_s = network.ledger.roster().ephemeral;
        let (room, network) = (network.room(), network.name().to_string());
        let Some(seconds) = request.seconds.filter(|seconds| *seconds != now_s) else {
            return Ok(EphemeralReply { network, seconds: now_s, changed: false });
        };
        if (1..SECONDS_MIN).contains(&seconds) {
            return Err(failure::usage(
                format!("removing idle members of {network} after {seconds} s: less than {SECONDS_MIN} s"),
                format!("give {SECONDS_MIN} s or more, or turn it off: ray ephemeral off {network}"),
            ));
        }
        self.governed(Some(&room.to_string()), "decide when idle members are removed")?;
        self.act(room, Action::SetEphemeral { seconds })?;
        Ok(EphemeralReply { network, seconds, changed: true })
    }
}
