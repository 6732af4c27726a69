//! Decides whether a well-formed request may become an operation.
//!
//! Safe because every value is compared with root's own [`Config`], and nothing here performs IO.

mod op;

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ray_ipc::helper::{HelperRequest, Refusal, Route, VERSION};

pub use self::op::{AddressSet, Greeting, Op, RouteSet, TunSpec};
use crate::{config::Config, prefix::Prefix};

/// Where every node answers DNS, so no node's own address.
const MAGIC_V4: Ipv4Addr = Ipv4Addr::new(100, 100, 100, 53);
const MAGIC_V6: Ipv6Addr = Ipv6Addr::new(0x0200, 0, 0, 0, 0, 0, 0, 0x53);
/// Other mesh VPNs and providers answer here on many hosts, so no node does.
const FOREIGN_MAGIC_V4: [Ipv4Addr; 2] = [Ipv4Addr::new(100, 100, 100, 100), Ipv4Addr::new(100, 100, 100, 200)];

/// Judges `request` by `config` alone. Routes are judged once more by [`judge_against_host`], when it is their turn.
pub fn judge(config: &Config, request: HelperRequest) -> Result<Op, Refusal> {
    match request {
        HelperRequest::Hello { version } => Ok(Op::Greet(Greeting::new(version == VERSION))),
        HelperRequest::OpenTun { queues, mtu } => judge_tun(config, queues, mtu).map(Op::OpenTun),
        HelperRequest::SetAddresses { v4, v6 } => judge_addresses(config, v4, v6).map(Op::SetAddresses),
        HelperRequest::ReplaceRoutes { routes } => judge_routes(config, &routes).map(Op::ReplaceRoutes),
        HelperRequest::SetLink { state } => Ok(Op::SetLink(state)),
        HelperRequest::Release => Ok(Op::Release),
        HelperRequest::ReturnTun { queues } => judge_queues(config, queues).map(|()| Op::ReturnTun),
    }
}

/// Judges permitted routes by what the host reaches elsewhere at this moment: its gateways and its other interfaces'
/// addresses.
pub fn judge_against_host(routes: &RouteSet, reached: &[IpAddr]) -> Result<(), Refusal> {
    routes.as_set().iter().find_map(|destination| taken(destination, reached)).map_or(Ok(()), Err)
}

fn judge_queues(config: &Config, queues: u8) -> Result<(), Refusal> {
    if (1..=config.queues_max).contains(&queues) { Ok(()) } else { Err(Refusal::QueueCount { max: config.queues_max }) }
}

fn judge_tun(config: &Config, queues: u8, mtu: u16) -> Result<TunSpec, Refusal> {
    judge_queues(config, queues)?;
    if !(config.mtu_min..=config.mtu_max).contains(&mtu) {
        return Err(Refusal::Mtu { min: config.mtu_min, max: config.mtu_max });
    }
    Ok(TunSpec::new(queues, mtu))
}

fn judge_addresses(config: &Config, v4: Option<Ipv4Addr>, v6: Ipv6Addr) -> Result<AddressSet, Refusal> {
    let mut addresses = BTreeSet::from([judge_address(config, config.prefix_v6, v6.into())?]);
    if let Some(v4) = v4 {
        let prefix = config.prefix_v4.ok_or(Refusal::Ipv4Disabled)?;
        addresses.insert(judge_address(config, prefix, v4.into())?);
    }
    Ok(AddressSet::new(addresses))
}

/// Whether the engine's own resolver answers at `address`.
pub fn is_magic(address: IpAddr) -> bool {
    [IpAddr::V4(MAGIC_V4), IpAddr::V6(MAGIC_V6)].contains(&address)
}

fn judge_address(config: &Config, prefix: Prefix, address: IpAddr) -> Result<IpAddr, Refusal> {
    let foreign = FOREIGN_MAGIC_V4.map(IpAddr::V4).contains(&address);
    let reserved = is_magic(address) || foreign || prefix.is_extreme(address);
    if !prefix.contains(address) || reserved || config.keep.contains(&address) {
        return Err(Refusal::Address);
    }
    Ok(address)
}

fn judge_routes(config: &Config, routes: &[Route]) -> Result<RouteSet, Refusal> {
    if routes.len() > usize::from(config.routes_max) {
        return Err(Refusal::RouteCount { max: config.routes_max });
    }
    let judged: Result<BTreeSet<Prefix>, Refusal> = routes.iter().map(|route| judge_route(config, route)).collect();
    judged.map(RouteSet::new)
}

fn judge_route(config: &Config, route: &Route) -> Result<Prefix, Refusal> {
    let destination = Prefix::new(route.destination, route.prefix).ok_or(Refusal::RouteMalformed)?;
    let mesh = match route.destination {
        IpAddr::V4(_) => config.prefix_v4.ok_or(Refusal::Ipv4Disabled)?,
        IpAddr::V6(_) => config.prefix_v6,
    };
    if !mesh.covers(&destination) {
        return Err(Refusal::RouteOutsideMesh);
    }
    taken(&destination, &config.keep).map_or(Ok(destination), Err)
}

/// The refusal of a route to `destination`, where it contains one of the addresses that the host `reaches` elsewhere.
fn taken(destination: &Prefix, reached: &[IpAddr]) -> Option<Refusal> {
    reached
        .iter()
        .find(|address| destination.contains(**address))
        .map(|address| Refusal::RouteTaken { address: *address })
}

#[cfg(test)]
mod tests;
