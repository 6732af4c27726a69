//! `requests`, `accept` and `deny`: who asks to be let in, and the answer.

use ray_ipc::control::{
    AcceptRequest, ErrorReply, JoinAsked, MemberReply, MemberRequest, NetworkRequest, RequestsReply,
};

use super::{
    Core, Network, Result, failure,
    hostname::check_free,
    resolve::{Pick, ambiguous, pick},
};
use crate::{
    ident::{Hostname, PeerId},
    ledger::Action,
    store::Knock,
};

impl Core {
    pub(super) fn requests(&self, request: &NetworkRequest) -> Result<RequestsReply> {
        let network = self.entered(request.network.as_deref())?;
        let mut knocks = self.knocks(network.room());
        knocks.sort_by_key(|knock| (knock.asked_at, knock.peer));
        let requests = knocks.into_iter().map(|knock| JoinAsked {
            endpoint_id: knock.peer.to_string(),
            hostname: knock.hostname.to_string(),
            asked_at: knock.asked_at.0,
        });
        Ok(RequestsReply { network: network.name().to_string(), requests: requests.collect() })
    }

    pub(super) fn accept(&mut self, request: &AcceptRequest) -> Result<MemberReply> {
        let given: Option<Hostname> = match &request.hostname {
            None => None,
            Some(text) => Some(text.parse().map_err(|error| failure::bad_name("host name", text, error))?),
        };
        let network = self.governed(request.network.as_deref(), "let somebody in")?;
        let room = network.room();
        if let Some(given) = &given {
            check_free(network, given, None)?;
        }
        let (peer, hostname) = match self.knock(network, &request.member) {
            Ok(knock) => (knock.peer, given.unwrap_or(knock.hostname)),
            Err(unknown) => expected(network, &request.member, given, unknown)?,
        };
        self.act(room, Action::Admit { member: peer, hostname })?;
        self.forget_knock(room, &peer);
        Ok(self.chosen(Some(&room.to_string()))?.member_reply(&peer))
    }

    pub(super) fn deny(&mut self, request: &MemberRequest) -> Result<MemberReply> {
        let network = self.governed(request.network.as_deref(), "turn somebody away")?;
        let (room, name) = (network.room(), network.name().to_string());
        let knock = self.knock(network, &request.member)?;
        self.deny_knock(room, &knock.peer);
        Ok(MemberReply { network: name, endpoint_id: knock.peer.to_string(), hostname: knock.hostname.to_string() })
    }

    /// The request that the user means: by the name that was wished for, or endpoint id or the start of one.
    fn knock(&self, network: &Network, target: &str) -> Result<Knock> {
        let knocks = self.knocks(network.room());
        match pick(network.name(), target, knocks.iter().map(|knock| (knock.peer, &knock.hostname))) {
            Pick::One(peer) => {
                knocks.into_iter().find(|knock| knock.peer == peer).ok_or_else(|| nobody_asks(network, target))
            }
            Pick::Nobody => Err(match network.member(target) {
                Ok(member) => failure::refused(
                    format!("{} is a member of {} already", member.hostname, network.name()),
                    format!("to remove it: ray kick {} {}", member.hostname, network.name()),
                ),
                Err(_) => nobody_asks(network, target),
            }),
            Pick::Several(names) => Err(ambiguous(network.name(), target, &names)),
        }
    }
}

/// Somebody who has not asked, by its whole id: a closed network hears nobody ask, and this lets one in nevertheless.
fn expected(
    network: &Network,
    target: &str,
    given: Option<Hostname>,
    unknown: ErrorReply,
) -> Result<(PeerId, Hostname)> {
    let peer = match target.trim().to_ascii_lowercase().parse::<PeerId>() {
        Ok(peer) if !network.has(&peer) => peer,
        Ok(_) | Err(_) => return Err(unknown),
    };
    let hostname = given.ok_or_else(|| {
        failure::usage(
            format!("{} has not asked to be let into {}, so it needs a name", peer.short(), network.name()),
            format!("give it one: ray accept {peer} {} --hostname NAME", network.name()),
        )
    })?;
    Ok((peer, hostname))
}

fn nobody_asks(network: &Network, target: &str) -> ErrorReply {
    failure::not_found(
        format!("nobody called {target:?} asks to be let into {}", network.name()),
        format!("see who does: ray requests {}", network.name()),
    )
}
