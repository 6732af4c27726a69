//! `create`: founds a network.

use ray_ipc::control::{CreateRequest, NetworkReply};

use super::{Core, Result, failure, mode::asked, now};
use crate::{
    ident::{Hostname, NetworkName, RoomId},
    ledger::{Action, Ledger, Mode, SigningKey},
    mesh,
};

impl Core {
    pub(super) fn create(&mut self, request: CreateRequest) -> Result<NetworkReply> {
        let name: NetworkName =
            request.name.parse().map_err(|error| failure::bad_name("network name", &request.name, error))?;
        let hostname = self.hostname_or(request.hostname.as_deref())?;
        if !self.is_name_free(&name) {
            return Err(failure::refused(
                format!("this node is in a network called {name} already"),
                format!("choose another name, or leave it first: ray leave {name}"),
            ));
        }
        let (network_key, mode) = (mesh::random_key(), asked(request.mode));
        let (mut ledger, _) =
            Ledger::found(&SigningKey::from_bytes(&network_key), &self.key, name.clone(), hostname, now());
        // In one step with the rest: there is no moment in which the network has another mode than was asked for.
        if mode != Mode::default() {
            let entry = ledger
                .author(&self.key, Action::SetMode { mode }, now())
                .map_err(|error| failure::author(name.as_str(), &error))?;
            ledger.insert(entry);
        }
        let room = ledger.room();
        tokio::task::block_in_place(|| self.add_network(ledger, Some(&network_key)))
            .map_err(|error| failure::store(&error))?;
        self.apply();
        // The network is there. A coordinator that finds it without an epoch makes up for what fails here.
        if let Err(error) = self.rotate_epoch(room) {
            tracing::error!(network = %name, error = %error.message, "beginning the first epoch");
        }
        self.network_reply(room)
    }

    pub(super) fn is_name_free(&self, name: &NetworkName) -> bool {
        self.networks.iter().all(|network| network.name() != name)
    }

    /// The name that the user gave, or the system's.
    pub(super) fn hostname_or(&self, given: Option<&str>) -> Result<Hostname> {
        match given {
            None => Ok(self.hostname.clone()),
            Some(text) => text.parse().map_err(|error| failure::bad_name("host name", text, error)),
        }
    }

    /// A network as its new member sees it.
    pub(super) fn network_reply(&self, room: RoomId) -> Result<NetworkReply> {
        let network = self.network(room);
        let seat = network.and_then(|network| Some((network, network.ledger.roster().get(&self.me)?)));
        let (network, member) = seat.ok_or_else(|| failure::not_found("the network is gone again", ""))?;
        Ok(NetworkReply {
            name: network.name().to_string(),
            room_id: room.to_string(),
            hostname: member.hostname.to_string(),
            v4: if self.ipv6_only { None } else { member.v4 },
            v6: member.v6,
        })
    }
}
