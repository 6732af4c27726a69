//! The rules that keep the engine's own packets out of the mesh prefixes, so that a peer that names its mesh address as
//! its address on the Internet can never make the tunnel swallow itself.
//!
//! They are matched after the local table, so the engine still reaches this node's own mesh address.

use std::{collections::BTreeSet, net::IpAddr};

use netlink_packet_core::{NLM_F_CREATE, NLM_F_EXCL};
use netlink_packet_route::{
    AddressFamily, RouteNetlinkMessage,
    route::{RouteHeader, RouteProtocol},
    rule::{RuleAction, RuleAttribute, RuleMessage, RuleUidRange},
};

use super::Failure;
use crate::{crash::crash_point, prefix::Prefix, sys::netlink::Netlink};

/// Marks routes and rules as ours (`rtm_protocol`, `FRA_PROTOCOL`); no assigned number is near.
pub(super) const PROTOCOL: u8 = 197;
/// Before the main table's 32766 and before the ranges that other mesh VPNs use.
const PRIORITY: u32 = 5197;
/// Just before that: what the engine may reach inside the prefixes, since no route of ours takes it.
const PRIORITY_KEPT: u32 = 5196;

/// Forbids `uid` to send into `prefixes`.
pub(super) fn install(netlink: &mut Netlink, uid: u32, prefixes: &[Prefix]) -> Result<(), Failure> {
    sweep(netlink)?;
    for prefix in prefixes {
        netlink
            .change(RouteNetlinkMessage::NewRule(prohibition(uid, prefix)), NLM_F_CREATE | NLM_F_EXCL)
            .map_err(Failure::at("adding the rule against loops"))?;
        crash_point("create-after-first-rule");
    }
    Ok(())
}

/// Lets `uid` reach `kept` as every other user does, and nothing else before the prohibition: the resolver of a provider
/// may be inside a mesh prefix.
pub(super) fn keep_reachable(netlink: &mut Netlink, uid: u32, kept: &[IpAddr]) -> Result<(), Failure> {
    for rule in
        ours(netlink)?.into_iter().filter(|rule| rule.attributes.contains(&RuleAttribute::Priority(PRIORITY_KEPT)))
    {
        netlink
            .change(RouteNetlinkMessage::DelRule(rule), 0)
            .map_err(Failure::at("removing the rule for a kept address"))?;
    }
    for address in BTreeSet::from_iter(kept) {
        netlink
            .change(RouteNetlinkMessage::NewRule(permission(uid, *address)), NLM_F_CREATE | NLM_F_EXCL)
            .map_err(Failure::at("adding the rule for a kept address"))?;
    }
    Ok(())
}

/// Whether the prohibitions that bear our mark are exactly those that [`install`] makes.
pub(super) fn are_installed(netlink: &mut Netlink, uid: u32, prefixes: &[Prefix]) -> Result<bool, Failure> {
    let mut found = ours(netlink)?;
    found.retain(|rule| rule.attributes.contains(&RuleAttribute::Priority(PRIORITY)));
    let expected: Vec<RuleMessage> = prefixes.iter().map(|prefix| prohibition(uid, prefix)).collect();
    let is_there = |wanted: &RuleMessage| found.iter().any(|rule| is_same(rule, wanted));
    Ok(found.len() == expected.len() && expected.iter().all(is_there))
}

/// Removes every rule that bears our mark.
pub fn sweep(netlink: &mut Netlink) -> Result<(), Failure> {
    for rule in ours(netlink)? {
        netlink
            .change(RouteNetlinkMessage::DelRule(rule), 0)
            .map_err(Failure::at("removing the rule against loops"))?;
    }
    Ok(())
}

/// Every rule that bears our mark.
fn ours(netlink: &mut Netlink) -> Result<Vec<RuleMessage>, Failure> {
    let mut found = Vec::new();
    for family in [AddressFamily::Inet, AddressFamily::Inet6] {
        let mut request = RuleMessage::default();
        request.header.family = family;
        let answers = netlink.dump(&RouteNetlinkMessage::GetRule(request)).map_err(Failure::at("listing rules"))?;
        found.extend(answers.into_iter().filter_map(|answer| match answer {
            RouteNetlinkMessage::NewRule(rule) if is_ours(&rule) => Some(rule),
            _ => None,
        }));
    }
    Ok(found)
}

fn prohibition(uid: u32, prefix: &Prefix) -> RuleMessage {
    let mut rule = RuleMessage::default();
    rule.header.family = if prefix.network().is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    rule.header.dst_len = prefix.len_bits();
    rule.header.action = RuleAction::Prohibit;
    rule.attributes = vec![
        RuleAttribute::Destination(prefix.network()),
        RuleAttribute::Priority(PRIORITY),
        RuleAttribute::UidRange(RuleUidRange { start: uid, end: uid }),
        RuleAttribute::Protocol(RouteProtocol::Other(PROTOCOL)),
    ];
    rule
}

fn permission(uid: u32, address: IpAddr) -> RuleMessage {
    let mut rule = RuleMessage::default();
    (rule.header.family, rule.header.dst_len) =
        if address.is_ipv4() { (AddressFamily::Inet, 32) } else { (AddressFamily::Inet6, 128) };
    rule.header.action = RuleAction::ToTable;
    rule.header.table = RouteHeader::RT_TABLE_MAIN;
    rule.attributes = vec![
        RuleAttribute::Destination(address),
        RuleAttribute::Priority(PRIORITY_KEPT),
        RuleAttribute::UidRange(RuleUidRange { start: uid, end: uid }),
        RuleAttribute::Protocol(RouteProtocol::Other(PROTOCOL)),
    ];
    rule
}

/// Whether `rule`, as the kernel tells it, is what `wanted` asked for; the kernel adds attributes of its own.
fn is_same(rule: &RuleMessage, wanted: &RuleMessage) -> bool {
    (rule.header.family, rule.header.dst_len, rule.header.src_len, rule.header.action)
        == (wanted.header.family, wanted.header.dst_len, wanted.header.src_len, wanted.header.action)
        && wanted.attributes.iter().all(|attribute| rule.attributes.contains(attribute))
}

fn is_ours(rule: &RuleMessage) -> bool {
    rule.attributes.contains(&RuleAttribute::Protocol(RouteProtocol::Other(PROTOCOL)))
        && [PRIORITY, PRIORITY_KEPT].iter().any(|own| rule.attributes.contains(&RuleAttribute::Priority(*own)))
}
