//! What a user may ask about the firewall of this host, and about what coordinators propose.

use bincode::{Decode, Encode};

/// One act on the firewall of this host, unless it names a network's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum FirewallRequest {
    /// Rules, defaults and what waits for a decision.
    Show,
    /// Add a rule, or replace the one with the same selector. Names in the text are resolved by the engine.
    Add {
        rule: String,
        expires_s: Option<u64>,
    },
    /// The number that `show` gives, or the rule's words.
    Remove {
        rule: String,
    },
    /// What becomes of flows that no rule matches.
    Default {
        direction: FlowDirection,
        allow: bool,
    },
    /// Whether refused senders are told.
    Reject {
        on: bool,
    },
    /// Whether rules and defaults count at all.
    Enable {
        on: bool,
    },
    /// Which rule decides about a new flow, and why.
    Test {
        /// Host name, or endpoint id or an unambiguous start of one.
        peer: String,
        protocol: FlowProtocol,
        port: Option<u16>,
        direction: FlowDirection,
        network: Option<String>,
    },
    /// The suggestions of a network that concern this host, and what was decided about them; absent = of all networks.
    Pending {
        network: Option<String>,
    },
    Accept(SuggestionRequest),
    Decline(SuggestionRequest),
    /// Whether suggestions of a network are accepted by themselves; absent = only show.
    AutoAccept {
        network: Option<String>,
        on: Option<bool>,
    },
    /// As a coordinator: propose a rule to the members in scope.
    Suggest {
        network: Option<String>,
        scope: SuggestionScope,
        rule: String,
    },
    /// As a coordinator: take a suggestion back.
    Withdraw {
        network: Option<String>,
        id: String,
    },
    /// Follow the flows that are dropped, until the caller hangs up or so many were told (0 = no end).
    Log {
        limit: u32,
    },
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SuggestionRequest {
    pub network: Option<String>,
    /// The suggestion's id or an unambiguous start of it; absent = all that wait.
    pub id: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum SuggestionScope {
    All,
    /// Host name, or endpoint id or an unambiguous start of one.
    Member(String),
    Group(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum FlowDirection {
    In,
    Out,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Encode, Decode)]
pub enum FlowProtocol {
    Tcp,
    Udp,
    Icmp,
    Any,
}

/// A set of members under a name, kept in a network's ledger.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum GroupRequest {
    List { network: Option<String> },
    Add { network: Option<String>, group: String, member: String },
    Remove { network: Option<String>, group: String, member: String },
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FirewallReply {
    pub on: bool,
    pub reject: bool,
    pub inbound_allow: bool,
    pub outbound_allow: bool,
    pub rules: Vec<RuleStatus>,
    /// Suggestions that wait for a decision, over all networks.
    pub pending: u32,
    /// What the request changed, in plain words; absent where nothing was asked to change or nothing had to.
    pub change: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct RuleStatus {
    /// From 1, as shown; a rule's number changes when one before it is removed.
    pub number: u32,
    /// With keys, as it is stored.
    pub stored: String,
    /// With the names that the keys have at this moment.
    pub shown: String,
    /// Unix time, seconds.
    pub expires_at: Option<u64>,
    /// The suggestion that it came from.
    pub suggestion: Option<SuggestionOrigin>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SuggestionOrigin {
    pub id: String,
    pub network: String,
    /// Host name of the coordinator, or its endpoint id if it has left.
    pub author: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct FirewallTestReply {
    pub allow: bool,
    /// The rule that decides, as [`RuleStatus::shown`] has it.
    pub rule: Option<RuleStatus>,
    /// Why, in one sentence.
    pub why: String,
    pub network: String,
    pub peer: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SuggestionsReply {
    pub suggestions: Vec<SuggestionStatus>,
    /// By network: whether suggestions are accepted by themselves.
    pub auto_accept: Vec<(String, bool)>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct SuggestionStatus {
    pub origin: SuggestionOrigin,
    pub scope: SuggestionScope,
    /// With the names of this moment.
    pub rule: String,
    /// Unix time, seconds, as the author said.
    pub time: u64,
    pub state: SuggestionState,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub enum SuggestionState {
    Pending,
    Accepted,
    Declined,
    /// This release cannot read it; why.
    Unreadable {
        reason: String,
    },
}

/// A flow that was dropped.
#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct DroppedFlow {
    /// Unix time, milliseconds.
    pub time_ms: u64,
    pub direction: FlowDirection,
    pub peer: String,
    pub network: String,
    pub protocol: u8,
    pub src: std::net::IpAddr,
    pub src_port: Option<u16>,
    pub dst: std::net::IpAddr,
    pub dst_port: Option<u16>,
    /// Name of the drop counter.
    pub reason: String,
    /// Drops that were not told since the one before, because there were too many.
    pub suppressed: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GroupsReply {
    pub network: String,
    pub groups: Vec<GroupStatus>,
}

#[derive(Debug, Clone, PartialEq, Eq, Encode, Decode)]
pub struct GroupStatus {
    pub name: String,
    /// Host names.
    pub members: Vec<String>,
}
