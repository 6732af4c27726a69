//! `leave`: gives up the seat in a network and forgets it; forgets one that this node is no member of, or waits for.

use ray_ipc::control::{LeaveReply, LeaveRequest};

use super::{Core, Network, Result, Standing, failure, resolve::ID_DIGITS_MIN};
use crate::{
    ident::{PeerId, RoomId},
    ledger::Action,
};

impl Core {
    pub(super) fn leave(&mut self, request: &LeaveRequest) -> Result<LeaveReply> {
        let network = match self.chosen(Some(&request.network)) {
            Ok(network) => network,
            Err(unknown) => return self.stop_waiting_for(&request.network)?.ok_or(unknown),
        };
        let (room, name) = (network.room(), network.name().to_string());
        match network.standing(&self.me) {
            Standing::Member => {}
            Standing::Out(_) | Standing::Ended(_) => return self.forget(room, name, 0),
        }
        let successor = self.successor(network, request.successor.as_deref())?;
        let told = self.linked_members(room).len();
        if let Some(member) = successor {
            self.act(room, Action::Grant { member })?;
        }
        // On disk first: a crash from here on finds this node off the roster and forgets the network at the next start.
        self.act(room, Action::Leave)?;
        self.forget(room, name, told)
    }

    /// Whom to make a coordinator before this node goes.
    fn successor(&self, network: &Network, named: Option<&str>) -> Result<Option<PeerId>> {
        let (name, roster) = (network.name(), network.ledger.roster());
        let coordinates = roster.is_coordinator(&self.me);
        let Some(named) = named else {
            let others = || roster.members().filter(|member| member.peer != self.me);
            if coordinates && others().next().is_some() && !others().any(|member| member.coordinator) {
                return Err(failure::refused(
                    format!("leaving {name}: this node is its last coordinator, and members would remain"),
                    format!(
                        "name who follows (ray leave {name} --successor HOST), or end the network (ray nuke {name})"
                    ),
                ));
            }
            return Ok(None);
        };
        let successor = network.member(named)?;
        if successor.peer == self.me {
            return Err(failure::usage(format!("{named} is this node, which leaves {name}"), "name another member"));
        }
        if successor.coordinator {
            return Ok(None);
        }
        if !coordinates {
            return Err(failure::refused(
                format!("leaving {name}: only a coordinator has a successor, and this node is none"),
                format!("leave without one: ray leave {name}"),
            ));
        }
        Ok(Some(successor.peer))
    }

    fn forget(&mut self, room: RoomId, name: String, told: usize) -> Result<LeaveReply> {
        tokio::task::block_in_place(|| self.remove_network(room)).map_err(|error| failure::store(&error))?;
        self.apply();
        Ok(LeaveReply { name, told: u32::try_from(told).unwrap_or(u32::MAX) })
    }

    /// Stops asking to be let into a network that is known by its room id, or the start of it, alone.
    fn stop_waiting_for(&mut self, named: &str) -> Result<Option<LeaveReply>> {
        let mut rooms: Vec<RoomId> = self.waiting().into_iter().map(|waiting| waiting.room).collect();
        rooms.retain(|room| named.len() >= ID_DIGITS_MIN && room.to_string().starts_with(named));
        match rooms.as_slice() {
            [] => Ok(None),
            [room] => {
                let name = room.to_string();
                self.stop_waiting(*room)?;
                Ok(Some(LeaveReply { name, told: 0 }))
            }
            several => {
                let rooms: Vec<String> = several.iter().map(ToString::to_string).collect();
                Err(failure::not_found(
                    format!("{named:?} is ambiguous: this node waits for {}", rooms.join(", ")),
                    "name one by its whole room id",
                ))
            }
        }
    }
}
