//! Routes: packets to members go into the device, the engine's own never do, and nothing on this host takes either away.

use std::{
    collections::BTreeSet,
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use ray_ipc::control::TunStatus;

use super::{mesh, unseen};
use crate::cmd::doctor::{
    engine::Engine,
    finding::Verdict,
    look::{
        interface,
        route::{self, Route},
        rule::{self, Prohibition},
    },
};

/// Members whose routes are looked up; a host where these are right and others wrong shows it in `route.stolen`.
const LOOKUPS_MAX: usize = 64;
/// `rp_filter`: only packets from where an answer would go are taken.
const STRICT: i64 = 1;

/// Where the kernel would send from to reach an address.
type Lookup = (IpAddr, io::Result<IpAddr>);

pub(super) fn mesh(engine: &Engine) -> Result<Verdict, Verdict> {
    let tun = engine.tun()?;
    Ok(judge_mesh(&lookups(engine, tun)?, &tun.ifname, &mesh::own(tun)))
}

fn judge_mesh(lookups: &[Lookup], name: &str, own: &[IpAddr]) -> Verdict {
    let is_refused = |(_, source): &Lookup| source.as_ref().is_err_and(|error| error.raw_os_error() == Some(13));
    if lookups.iter().any(is_refused) {
        return Verdict::skipped("the rule against loops holds for this user too: run it as another one");
    }
    match astray(lookups, own).as_slice() {
        [] => Verdict::ok(format!("packets to the mesh go to {name}")),
        [(target, source), rest @ ..] => {
            let others = if rest.is_empty() { String::new() } else { format!(", and {} more", rest.len()) };
            let found = match source {
                Ok(source) => format!("packets to {target} would leave from {source}, not through {name}{others}"),
                Err(error) => format!("packets to {target} go nowhere: {error}{others}"),
            };
            Verdict::failed(found, format!("see route.stolen and `ip route get {target}`; then: ray down && ray up"))
        }
    }
}

/// The targets that are not reached from our own addresses.
fn astray<'a>(lookups: &'a [Lookup], own: &[IpAddr]) -> Vec<&'a Lookup> {
    lookups.iter().filter(|(_, source)| !source.as_ref().is_ok_and(|source| own.contains(source))).collect()
}

pub(super) fn stolen(engine: &Engine) -> Result<Verdict, Verdict> {
    let tun = engine.tun()?;
    let routes = route::all().map_err(unseen("reading the routes"))?;
    Ok(judge_stolen(&routes, &tun.ifname, tun.v4.is_some()))
}

fn judge_stolen(routes: &[Route], name: &str, with_v4: bool) -> Verdict {
    let is_thief = |route: &&Route| {
        route.interface != name && mesh::contains_route(route) && (with_v4 || route.destination.is_ipv6())
    };
    let thieves: Vec<&Route> = routes.iter().filter(is_thief).collect();
    let Some(first) = thieves.first() else {
        return Verdict::ok("no route on another interface takes mesh addresses");
    };
    let all: Vec<String> = thieves.iter().map(|route| format!("{route} to {}", route.interface)).collect();
    let family = if first.destination.is_ipv4() { "ip route" } else { "ip -6 route" };
    let for_good = if first.destination.is_ipv4() {
        "if a DHCP server sets it (option 121), have the client ignore routes, or set ipv6_only = true in \
         /etc/rayfish/engine.toml"
    } else {
        "stop what sets it"
    };
    Verdict::failed(
        format!("mesh addresses are taken away by the route {}", all.join(" and ")),
        format!("{family} del {first} dev {}; {for_good}", first.interface),
    )
}

pub(super) fn rule(engine: &Engine) -> Result<Verdict, Verdict> {
    let (tun, uid) = (engine.tun()?, engine.process()?.uid);
    let mut rules = rule::prohibitions(false).map_err(unseen("reading the routing rules"))?;
    rules.extend(rule::prohibitions(true).map_err(unseen("reading the routing rules"))?);
    Ok(judge_rule(&rules, uid, &mesh::own(tun)))
}

/// Root may have narrowed the prefixes, so what counts is that a prohibition covers our own address.
fn judge_rule(rules: &[Prohibition], engine: u32, own: &[IpAddr]) -> Verdict {
    let forbids = |rule: &Prohibition, address: &IpAddr| {
        rule.uid == engine && mesh::covers(rule.destination, rule.prefix, *address)
    };
    match own.iter().find(|address| !rules.iter().any(|rule| forbids(rule, address))) {
        None => Verdict::ok("a rule keeps the engine's own packets out of the tunnel"),
        Some(address) => Verdict::failed(
            format!(
                "no rule keeps the engine's own packets (uid {engine}) out of the tunnel: {} can loop",
                if address.is_ipv4() { "IPv4" } else { "IPv6" }
            ),
            "systemctl restart rayfish-helper",
        ),
    }
}

pub(super) fn filter(engine: &Engine) -> Result<Verdict, Verdict> {
    let tun = engine.tun()?;
    if tun.v4.is_none() {
        return Ok(Verdict::skipped("there is no IPv4 in this mesh"));
    }
    let of = |name: &str| interface::setting("ipv4", name, "rp_filter").unwrap_or_default();
    // The kernel takes the stricter of the two.
    let strict = of("all").max(of(&tun.ifname)) == STRICT;
    let lookups: Vec<Lookup> = lookups(engine, tun)?.into_iter().filter(|(target, _)| target.is_ipv4()).collect();
    Ok(judge_filter(strict, astray(&lookups, &mesh::own(tun)).len(), &tun.ifname))
}

fn judge_filter(strict: bool, astray: usize, name: &str) -> Verdict {
    match (strict, astray) {
        (false, _) => Verdict::ok(format!("the kernel takes packets of members on {name} whatever its routes")),
        (true, 0) => Verdict::ok(format!("the strict reverse path filter on {name} agrees with the routes")),
        (true, _) => Verdict::failed(
            format!(
                "the strict reverse path filter drops packets of members on {name}, for their routes lead elsewhere"
            ),
            format!(
                "put route.mesh right, or: sysctl -w net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.{name}.rp_filter=2"
            ),
        ),
    }
}

/// The way to members, and where there are none to the ends of the ranges.
fn lookups(engine: &Engine, tun: &TunStatus) -> Result<Vec<Lookup>, Verdict> {
    let own = mesh::own(tun);
    let members = engine.status()?.networks.iter().flat_map(|network| &network.members);
    let members = members.flat_map(|member| member.v4.map(IpAddr::from).into_iter().chain([member.v6.into()]));
    let mut targets: BTreeSet<IpAddr> = members.filter(|target| !own.contains(target)).collect();
    targets.extend([IpAddr::from(Ipv4Addr::new(100, 64, 0, 1)), Ipv4Addr::new(100, 127, 255, 254).into()]);
    targets.extend([IpAddr::from(Ipv6Addr::new(0x0200, 0, 0, 0, 0, 0, 0, 1))]);
    let targets = targets.into_iter().filter(|target| target.is_ipv6() || tun.v4.is_some());
    Ok(targets.take(LOOKUPS_MAX).map(|target| (target, route::source_towards(target))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn a_member_that_is_reached_from_another_address_is_astray() {
        let own = [address("100.64.0.9"), address("200::9")];
        let right: Lookup = (address("100.64.0.1"), Ok(address("100.64.0.9")));
        let wrong: Lookup = (address("100.64.0.2"), Ok(address("10.77.0.11")));
        let nowhere: Lookup = (address("200::2"), Err(io::Error::from_raw_os_error(101)));
        assert_eq!(judge_mesh(&[right], "ray0", &own).mark, Mark::Ok);
        let verdict = judge_mesh(&[wrong, nowhere], "ray0", &own);
        assert!(verdict.mark == Mark::Failed && verdict.found.contains("from 10.77.0.11"), "{verdict:?}");
        assert!(verdict.found.ends_with("and 1 more"), "{verdict:?}");
        let forbidden: Lookup = (address("200::2"), Err(io::Error::from_raw_os_error(13)));
        assert_eq!(judge_mesh(&[forbidden], "ray0", &own).mark, Mark::Skipped);
    }

    #[test]
    fn a_route_inside_the_mesh_on_another_interface_is_a_thief() {
        let ours = [route("100.64.0.0", 10, "ray0"), route("200::", 7, "ray0"), route("0.0.0.0", 0, "eth0")];
        assert_eq!(judge_stolen(&ours, "ray0", true).mark, Mark::Ok);
        let thief = route("100.64.7.0", 24, "eth0");
        let verdict = judge_stolen(&[&ours[..], std::slice::from_ref(&thief)].concat(), "ray0", true);
        assert!(verdict.mark == Mark::Failed && verdict.found.contains("100.64.7.0/24 to eth0"), "{verdict:?}");
        assert!(verdict.remedy.unwrap().starts_with("ip route del 100.64.7.0/24 dev eth0"));
        assert_eq!(judge_stolen(&[thief], "ray0", false).mark, Mark::Ok);
        let v6 = judge_stolen(&[route("234::", 64, "eth0")], "ray0", false);
        assert!(v6.mark == Mark::Failed && v6.remedy.unwrap().starts_with("ip -6 route del 234::/64"));
    }

    #[test]
    fn the_engine_must_be_kept_out_of_both_families() {
        let rule = |uid, destination: &str, prefix| Prohibition { uid, destination: address(destination), prefix };
        let (v4, v6) = (rule(977, "100.64.0.0", 10), rule(977, "200::", 7));
        let own = [address("100.64.0.9"), address("200::9")];
        assert_eq!(judge_rule(&[v4.clone(), v6.clone()], 977, &own).mark, Mark::Ok);
        assert_eq!(judge_rule(std::slice::from_ref(&v4), 977, &own).mark, Mark::Failed);
        assert_eq!(judge_rule(&[v6], 977, &own[1..]).mark, Mark::Ok);
        assert_eq!(judge_rule(&[v4, rule(1000, "200::", 7)], 977, &own).mark, Mark::Failed);
        assert_eq!(judge_rule(&[rule(977, "100.65.0.0", 16), rule(977, "200::", 7)], 977, &own).mark, Mark::Failed);
        assert_eq!(judge_rule(&[], 977, &own).mark, Mark::Failed);
    }

    #[test]
    fn a_strict_filter_matters_only_where_routes_lead_elsewhere() {
        assert_eq!(judge_filter(false, 3, "ray0").mark, Mark::Ok);
        assert_eq!(judge_filter(true, 0, "ray0").mark, Mark::Ok);
        assert_eq!(judge_filter(true, 1, "ray0").mark, Mark::Failed);
    }

    fn route(destination: &str, prefix: u8, interface: &str) -> Route {
        Route { destination: address(destination), prefix, interface: interface.into() }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
