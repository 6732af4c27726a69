//! What policy predicts of the device: kept beside the live one and compared with it.

use std::{collections::BTreeSet, net::IpAddr};

use ray_helper::{gate::Phase, policy::Op, prefix::Prefix};
use ray_ipc::helper::LinkState;
use ray_tests::live_helper::NetState;

/// The device as the permitted operations have made it.
#[derive(Debug, Clone, Default)]
pub(super) struct Model {
    /// What was last asked for.
    wanted: BTreeSet<IpAddr>,
    /// What the device has of it.
    addresses: BTreeSet<IpAddr>,
    routes: BTreeSet<Prefix>,
    up: bool,
}

impl Model {
    /// An operation was carried out.
    pub(super) fn apply(&mut self, op: &Op) {
        match op {
            Op::Greet(_) => {}
            Op::OpenTun(_) | Op::Release | Op::ReturnTun => *self = Self::default(),
            Op::SetAddresses(addresses) => {
                let had_v4 = self.addresses.iter().any(IpAddr::is_ipv4);
                self.wanted.clone_from(addresses.as_set());
                self.addresses.clone_from(addresses.as_set());
                // The kernel takes the IPv4 routes of a device that loses its last IPv4 address.
                if had_v4 && !self.addresses.iter().any(IpAddr::is_ipv4) {
                    self.routes.retain(|route| route.network().is_ipv6());
                }
            }
            Op::ReplaceRoutes(routes) => self.routes.clone_from(routes.as_set()),
            Op::SetLink(LinkState::Up) => {
                self.up = true;
                self.addresses.clone_from(&self.wanted);
            }
            // The kernel forgets routes and IPv6 addresses of a link that is down.
            Op::SetLink(LinkState::Down) => {
                self.up = false;
                self.routes.clear();
                self.addresses.retain(IpAddr::is_ipv4);
            }
        }
    }

    /// Compares the live network with `before` and this device.
    pub(super) fn check(&self, phase: Option<Phase>, now: &NetState, before: &NetState) {
        let has_device = matches!(phase, Some(Phase::Open | Phase::Addressed | Phase::Up));
        let ours = now.links.iter().find(|line| line.contains(" ray0 "));
        assert_eq!(ours.is_some(), has_device, "{phase:?}: {now:#?}");
        let Some(ours) = ours else {
            assert_eq!(now, before, "{phase:?}");
            return;
        };
        let index = ours.strip_prefix("if").unwrap().split(' ').next().unwrap();
        assert_eq!(&now.without(index.parse().unwrap()), before, "{phase:?}");
        assert!(ours.ends_with(&format!("up {}", self.up)), "{phase:?}: {ours}");
        let own = format!("if{index} ");
        let addresses: BTreeSet<IpAddr> =
            now.addresses.iter().filter_map(|line| line.strip_prefix(&own)?.split('/').next()?.parse().ok()).collect();
        assert_eq!(addresses, self.addresses, "{phase:?}");
        assert!(addresses.iter().all(is_mesh), "{phase:?}: {addresses:?}");
        let routes: BTreeSet<String> = self.routes.iter().map(|route| format!("{route} if{index}")).collect();
        assert_eq!(now.helper_routes(), routes.iter().map(String::as_str).collect(), "{phase:?}");
        let bounded = |route: &Prefix| is_mesh(&route.network()) && route.len_bits() >= 7;
        assert!(self.routes.iter().all(bounded), "{phase:?}: {:?}", self.routes);
        assert_eq!(now.helper_rules(), 2, "{phase:?}");
    }
}

/// What a mesh address is, said once more without the policy's words.
fn is_mesh(address: &IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => v4.octets()[0] == 100 && (64..128).contains(&v4.octets()[1]),
        IpAddr::V6(v6) => matches!(v6.octets()[0], 2 | 3),
    }
}
