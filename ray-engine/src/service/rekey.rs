//! `network rekey`: replaces the key that signs a network's discovery record.

use data_encoding::HEXLOWER;
use ray_ipc::control::{NetworkRequest, RekeyReply};

use super::{Core, Result};

impl Core {
    pub(super) fn replace_network_key(&mut self, request: &NetworkRequest) -> Result<RekeyReply> {
        let network = self.governed(request.network.as_deref(), "replace the network's key")?;
        let (room, name) = (network.room(), network.name().to_string());
        self.rekey(room)?;
        let discovery = self.chosen(Some(&room.to_string()))?.ledger.roster().discovery;
        Ok(RekeyReply { network: name, discovery_key: HEXLOWER.encode(&discovery) })
    }
}
