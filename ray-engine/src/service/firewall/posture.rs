//! `firewall default`, `reject`, `on` and `off`: what holds beside the rules.

use ray_ipc::control::{FlowDirection, Reply};

use super::super::{Core, Result};
use crate::{firewall::Action, store::FirewallRecord};

impl Core {
    pub(super) fn set_default(&mut self, direction: FlowDirection, allow: bool) -> Result<Reply> {
        let action = if allow { Action::Allow } else { Action::Deny };
        let mut record = FirewallRecord { unset: false, ..self.firewall.record.clone() };
        let (word, default) = match direction {
            FlowDirection::In => ("in", &mut record.posture.inbound),
            FlowDirection::Out => ("out", &mut record.posture.outbound),
        };
        *default = action;
        let verb = if allow { "allowed" } else { "denied" };
        self.set_posture(record, format!("what no rule matches is now {verb} {word}"))
    }

    pub(super) fn set_reject(&mut self, on: bool) -> Result<Reply> {
        let mut record = self.firewall.record.clone();
        record.posture.reject = on;
        let words = if on { "refused senders are now told" } else { "refused senders are told nothing now" };
        self.set_posture(record, words.to_owned())
    }

    pub(super) fn enable_firewall(&mut self, on: bool) -> Result<Reply> {
        let mut record = self.firewall.record.clone();
        record.posture.on = on;
        let words = if on {
            "the firewall is on: rules and defaults count"
        } else {
            "the firewall is off: every member of every network reaches all of this host"
        };
        self.set_posture(record, words.to_owned())
    }

    fn set_posture(&mut self, record: FirewallRecord, change: String) -> Result<Reply> {
        if record == self.firewall.record {
            return Ok(self.firewall_reply(None));
        }
        self.change_firewall(record)?;
        Ok(self.firewall_reply(Some(change)))
    }
}
