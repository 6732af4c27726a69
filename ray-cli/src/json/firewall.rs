//! The firewall: rules, verdicts, suggestions, dropped flows.

use ray_ipc::control::{
    DroppedFlow, FirewallReply, FirewallTestReply, FlowDirection, RuleStatus, SuggestionOrigin, SuggestionScope,
    SuggestionState, SuggestionStatus, SuggestionsReply,
};
use serde_json::{Map, Value, json};

use crate::render::{flow::protocol_name, measure::iso};

pub(crate) fn shown(firewall: &FirewallReply) -> Value {
    whole("ray.firewall.show/1", firewall).into()
}

/// The firewall after a change, and the change.
pub(crate) fn changed(schema: &str, firewall: &FirewallReply) -> Value {
    let mut object = whole(schema, firewall);
    object.insert("changed".to_owned(), firewall.change.is_some().into());
    object.insert("change".to_owned(), firewall.change.clone().into());
    object.into()
}

pub(crate) fn tested(tested: &FirewallTestReply) -> Value {
    json!({
        "schema": "ray.firewall.test/1", "ok": true, "allow": tested.allow, "why": tested.why,
        "rule": tested.rule.as_ref().map(rule), "network": tested.network, "peer": tested.peer,
    })
}

pub(crate) fn suggestions(schema: &str, reply: &SuggestionsReply) -> Value {
    let listed: Vec<Value> = reply.suggestions.iter().map(one).collect();
    let networks: Vec<Value> = reply
        .auto_accept
        .iter()
        .map(|(network, auto_accept)| json!({"network": network, "auto_accept": auto_accept}))
        .collect();
    json!({"schema": schema, "ok": true, "suggestions": listed, "networks": networks})
}

pub(crate) fn suggestion(schema: &str, suggestion: &SuggestionStatus) -> Value {
    json!({"schema": schema, "ok": true, "suggestion": one(suggestion)})
}

/// One of many objects, each in a line of its own.
pub(crate) fn dropped(flow: &DroppedFlow) -> Value {
    let at = flow.time_ms / 1000;
    json!({
        "schema": "ray.firewall.log/1", "ok": true, "dropped_at": at, "dropped": iso(at),
        "direction": direction_name(flow.direction), "peer": flow.peer, "network": flow.network,
        "protocol": protocol_name(flow.protocol), "src": flow.src, "src_port": flow.src_port, "dst": flow.dst,
        "dst_port": flow.dst_port, "reason": flow.reason, "suppressed": flow.suppressed,
    })
}

fn whole(schema: &str, firewall: &FirewallReply) -> Map<String, Value> {
    let rules: Vec<Value> = firewall.rules.iter().map(rule).collect();
    let fields = [
        ("schema", schema.into()),
        ("ok", true.into()),
        ("on", firewall.on.into()),
        ("reject", firewall.reject.into()),
        ("default_in", action_name(firewall.inbound_allow).into()),
        ("default_out", action_name(firewall.outbound_allow).into()),
        ("rules", rules.into()),
        ("pending", firewall.pending.into()),
    ];
    fields.into_iter().map(|(key, value): (&str, Value)| (key.to_owned(), value)).collect()
}

fn rule(rule: &RuleStatus) -> Value {
    json!({
        "number": rule.number, "rule": rule.shown, "stored": rule.stored, "expires_at": rule.expires_at,
        "expires": rule.expires_at.map(iso), "suggestion": rule.suggestion.as_ref().map(origin),
    })
}

fn origin(origin: &SuggestionOrigin) -> Value {
    json!({"id": origin.id, "network": origin.network, "author": origin.author})
}

fn one(suggestion: &SuggestionStatus) -> Value {
    let (scope, scope_name) = match &suggestion.scope {
        SuggestionScope::All => ("all", None),
        SuggestionScope::Member(member) => ("member", Some(member)),
        SuggestionScope::Group(group) => ("group", Some(group)),
    };
    let (state, reason) = match &suggestion.state {
        SuggestionState::Pending => ("pending", None),
        SuggestionState::Accepted => ("accepted", None),
        SuggestionState::Declined => ("denied", None),
        SuggestionState::Unreadable { reason } => ("unreadable", Some(reason)),
    };
    json!({
        "id": suggestion.origin.id, "network": suggestion.origin.network, "author": suggestion.origin.author,
        "scope": scope, "scope_name": scope_name, "rule": suggestion.rule, "suggested_at": suggestion.time,
        "suggested": iso(suggestion.time), "state": state, "reason": reason,
    })
}

fn direction_name(direction: FlowDirection) -> &'static str {
    match direction {
        FlowDirection::In => "in",
        FlowDirection::Out => "out",
    }
}

fn action_name(allow: bool) -> &'static str {
    if allow { "allow" } else { "deny" }
}
