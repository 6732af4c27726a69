//! Others that use the addresses of the mesh.

use std::net::IpAddr;

use super::{mesh, unseen};
use crate::cmd::doctor::{
    engine::Engine,
    finding::Verdict,
    look::{
        interface::{self, Interface},
        route::{self, Route},
    },
};

pub(super) fn other(engine: &Engine) -> Result<Verdict, Verdict> {
    // Without the engine's word every interface of the usual name is ours.
    let tun = engine.tun().ok();
    let (ours, with_v4) = tun.map_or(("ray0", true), |tun| (tun.ifname.as_str(), tun.v4.is_some()));
    let interfaces = interface::all().map_err(|errno| unseen("listing interfaces")(errno.into()))?;
    let routes = route::all().map_err(unseen("reading the routes"))?;
    Ok(judge(&interfaces, &routes, ours, with_v4))
}

fn judge(interfaces: &[Interface], routes: &[Route], ours: &str, with_v4: bool) -> Verdict {
    let matters = |address: &IpAddr| mesh::contains(*address) && (with_v4 || address.is_ipv6());
    let addresses = interfaces.iter().filter(|interface| interface.name != ours).flat_map(|interface| {
        let addresses = interface.addresses.iter().filter(|address| matters(address));
        addresses.map(|address| (address.is_ipv4(), format!("{} has the address {address}", interface.name)))
    });
    let routes = routes.iter().filter(|route| route.interface != ours && mesh::contains_route(route));
    let routes = routes.filter(|route| matters(&route.destination));
    let routes =
        routes.map(|route| (route.destination.is_ipv4(), format!("{} has the route {route}", route.interface)));
    let found: Vec<(bool, String)> = addresses.chain(routes).collect();
    let Some((is_v4, _)) = found.first() else {
        return Verdict::ok("nobody else on this host uses 100.64.0.0/10 or 200::/7");
    };
    let remedy = if *is_v4 {
        "it is another VPN, or a provider that shares addresses; where both stay: ipv6_only = true in \
         /etc/rayfish/engine.toml and prefix_v4 = \"none\" in /etc/rayfish/helper.toml"
    } else {
        "it is another overlay network; one of the two has to go"
    };
    let words: Vec<&str> = found.iter().map(|(_, words)| words.as_str()).collect();
    Verdict::warning(format!("somebody else uses mesh addresses: {}", words.join(", ")), remedy)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn another_interface_with_a_mesh_address_is_a_warning() {
        let ours = interface("ray0", &["100.64.0.9", "200::9"]);
        let cable = interface("eth0", &["10.77.0.11", "fd77::1"]);
        assert_eq!(judge(&[ours.clone(), cable.clone()], &[], "ray0", true).mark, Mark::Ok);
        let other = interface("tun1", &["100.100.1.2"]);
        let verdict = judge(&[ours.clone(), cable.clone(), other.clone()], &[], "ray0", true);
        assert!(verdict.mark == Mark::Warning && verdict.found.contains("tun1 has the address 100.100.1.2"));
        assert!(verdict.remedy.unwrap().contains("ipv6_only = true"));
        assert_eq!(judge(&[ours.clone(), other], &[], "ray0", false).mark, Mark::Ok);
        let overlay = judge(&[ours, interface("tun2", &["201::7"])], &[], "ray0", false);
        assert!(overlay.mark == Mark::Warning && overlay.remedy.unwrap().contains("overlay"));
    }

    #[test]
    fn another_interface_with_a_route_into_the_mesh_is_a_warning() {
        let route = Route { destination: "100.64.0.0".parse().unwrap(), prefix: 10, interface: "tun1".into() };
        assert_eq!(judge(&[], std::slice::from_ref(&route), "ray0", true).mark, Mark::Warning);
        assert_eq!(judge(&[], &[route], "tun1", true).mark, Mark::Ok);
    }

    fn interface(name: &str, addresses: &[&str]) -> Interface {
        let addresses = addresses.iter().map(|text| text.parse().unwrap()).collect();
        Interface { name: name.into(), up: true, addresses }
    }
}
