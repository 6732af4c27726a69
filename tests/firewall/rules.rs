//! Rules as the model knows them: a list, walked from its beginning to its end.

use ray_engine::{
    firewall::{Action, Members, Origin, Party, Posture, Rule, Ruleset, Standing, rule::parse_bytes},
    ident::{PeerId, RoomId, UnixTime},
    ledger::{EntryId, UserKey},
};

use crate::packets::Side;

pub(crate) const PEERS: [u8; 2] = [1, 2];
pub(crate) const NETWORKS: [u8; 2] = [8, 9];
const USER: u8 = 5;

#[derive(Debug, Clone)]
pub(crate) struct Rules {
    pub(crate) list: Vec<Line>,
    pub(crate) on: bool,
    pub(crate) allow_in: bool,
    pub(crate) allow_out: bool,
}

#[derive(Debug, Clone)]
pub(crate) struct Line {
    pub(crate) opener: Side,
    pub(crate) allow: bool,
    pub(crate) protocol: &'static str,
    pub(crate) ports: Vec<(u16, u16)>,
    pub(crate) who: Who,
    pub(crate) network: Option<u8>,
    pub(crate) suggested: bool,
}

/// The narrowest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Who {
    Device(u8),
    User,
    Group,
    /// Has the same member.
    OtherGroup,
    Any,
}

impl Rules {
    /// The sentence of the documentation.
    pub(crate) fn allow(&self, peer: u8, network: u8, opener: Side, protocol: &str, port: Option<u16>) -> bool {
        if !self.on {
            return true;
        }
        let matching: Vec<&Line> =
            self.list.iter().filter(|line| line.matches(peer, network, opener, protocol, port)).collect();
        let Some(narrowest) = matching.iter().map(|line| line.width()).min() else {
            return if opener == Side::Peer { self.allow_in } else { self.allow_out };
        };
        let deciding = || matching.iter().filter(|line| line.width() == narrowest);
        let own_deny = matching.iter().any(|line| !line.suggested && !line.allow);
        deciding().all(|line| line.allow) && (deciding().any(|line| !line.suggested) || !own_deny)
    }

    pub(crate) fn compile(&self) -> Ruleset {
        let posture =
            Posture { on: self.on, inbound: action(self.allow_in), outbound: action(self.allow_out), reject: false };
        Ruleset::compile(self.list.iter().map(Line::rule).collect(), posture, members(), UnixTime(0))
    }
}

impl Line {
    fn width(&self) -> u8 {
        match self.who {
            Who::Device(_) => 0,
            Who::User => 1,
            Who::Group | Who::OtherGroup => 2,
            Who::Any => 3,
        }
    }

    fn matches(&self, peer: u8, network: u8, opener: Side, protocol: &str, port: Option<u16>) -> bool {
        let who = match self.who {
            Who::Device(device) => device == peer,
            // The user's device and both groups' only member is the first peer; the groups are in the first network.
            Who::User => peer == PEERS[0],
            Who::Group | Who::OtherGroup => peer == PEERS[0] && network == NETWORKS[0],
            Who::Any => true,
        };
        let port = self.ports.is_empty()
            || port.is_some_and(|port| self.ports.iter().any(|(first, last)| *first <= port && port <= *last));
        who && port
            && self.opener == opener
            && (self.protocol == "any" || self.protocol == protocol)
            && self.network.is_none_or(|own| own == network)
    }

    fn rule(&self) -> Rule {
        let (direction, side) = if self.opener == Side::Peer { ("in", "from") } else { ("out", "to") };
        let ports: Vec<String> = self.ports.iter().map(|(first, last)| format!("{first}-{last}")).collect();
        let who = match self.who {
            Who::Device(peer) => hex(peer),
            Who::User => format!("user:{}", hex(USER)),
            Who::Group => "group:admins".to_owned(),
            Who::OtherGroup => "group:ops".to_owned(),
            Who::Any => "any".to_owned(),
        };
        let network = self.network.map(hex).unwrap_or("any".to_owned());
        let action = if self.allow { "allow" } else { "deny" };
        let text = format!("{direction} {action} {} {} {side} {who} on {network}", self.protocol, ports.join(","));
        let mut rule = parse_bytes(text.as_bytes()).unwrap();
        if self.suggested {
            rule.origin = Origin::Suggestion(EntryId([7; 32]));
        }
        rule
    }
}

fn members() -> Members {
    let parties = PEERS.iter().flat_map(|peer| NETWORKS.map(|network| (*peer, network)));
    let standing = |(peer, network): (u8, u8)| {
        let user = (peer == PEERS[0]).then_some(UserKey([USER; 32]));
        let in_group = peer == PEERS[0] && network == NETWORKS[0];
        let groups = if in_group { vec!["admins".parse().unwrap(), "ops".parse().unwrap()] } else { vec![] };
        (Party { peer: PeerId([peer; 32]), network: RoomId([network; 32]) }, Standing { user, groups })
    };
    parties.map(standing).collect()
}

fn action(allow: bool) -> Action {
    if allow { Action::Allow } else { Action::Deny }
}

fn hex(byte: u8) -> String {
    format!("{byte:02x}").repeat(32)
}
