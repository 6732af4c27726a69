//! What a user should know about a network, in plain words.

use super::{Core, Network, Standing};
use crate::ledger::Alarm;

/// Alarms of one network that are told; somebody who raises more of them says nothing new.
const ALARMS_MAX: usize = 8;

impl Core {
    pub(super) fn network_warnings(&self, network: &Network) -> Vec<String> {
        let (name, ledger) = (network.name(), &network.ledger);
        let mut warnings = Vec::new();
        match network.standing(&self.me) {
            Standing::Member => {}
            Standing::Out(reason) => {
                warnings.push(format!(
                    "{name}: this node is no member any more: {reason}; forget it with: ray leave {name}"
                ));
            }
            Standing::Ended(by) => {
                let by = network.ended_by().unwrap_or(by);
                warnings.push(format!("{name}: {by} ended the network; forget it with: ray leave {name}"));
            }
        }
        let alarms = ledger.alarms();
        warnings.extend(alarms.iter().take(ALARMS_MAX).map(|alarm| format!("{name}: {}", words(network, alarm))));
        if alarms.len() > ALARMS_MAX {
            warnings.push(format!("{name}: {} more alarms of this kind", alarms.len() - ALARMS_MAX));
        }
        let unknown = ledger.unknown();
        if unknown > 0 {
            warnings.push(format!(
                "{name}: {unknown} entries were made by a newer release and have no effect here; update this one"
            ));
        }
        let waiting = ledger.pending_len();
        if network.damage.is_some() {
            warnings.push(format!(
                "{name}: entries on this node's disk are damaged; they are fetched from members, and until they are back \
                 this node changes nothing in the network"
            ));
        } else if waiting > 0 {
            warnings.push(format!(
                "{name}: {waiting} entries wait for earlier ones that no member has delivered yet; the members shown \
                 may be out of date"
            ));
        }
        let asking = self.knocks(network.room()).len();
        if asking > 0 && ledger.roster().is_coordinator(&self.me) {
            let nodes = if asking == 1 { "1 node asks".to_owned() } else { format!("{asking} nodes ask") };
            warnings.push(format!("{name}: {nodes} to be let in; see: ray requests {name}"));
        }
        warnings
    }
}

fn words(network: &Network, alarm: &Alarm) -> String {
    match alarm {
        Alarm::Divergence { checkpoint, author } => format!(
            "checkpoint {} by {} does not match what this node computes: one of the two runs another release or breaks \
             the rules; compare `ray version` on both",
            checkpoint.short(),
            network.name_of(author)
        ),
        Alarm::Fork { author, counter } => format!(
            "{} signed two different entries with the number {counter}: its key is in use in two places (a copied disk, \
             a restored backup), or it cheats; see: ray log {}",
            network.name_of(author),
            network.name()
        ),
    }
}
