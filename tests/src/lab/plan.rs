//! The fixed facts of every lab: addresses, ports, users, paths.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::INFRA;

/// Prefix lengths of the underlay.
pub const UNDERLAY_PREFIX_V4: u8 = 24;
pub const UNDERLAY_PREFIX_V6: u8 = 64;
/// Where the relay listens in the infra node, plain HTTP.
pub const RELAY_PORT: u16 = 3340;
/// Where the pkarr server listens in the infra node, plain HTTP.
pub const PKARR_PORT: u16 = 8080;
/// The engine's user and group in every node.
pub const ENGINE_USER: &str = "rayfish";
pub const ENGINE_UID: u32 = 60077;
/// A user without any rights in Rayfish.
pub const PLAIN_USER: &str = "alice";
pub const PLAIN_UID: u32 = 60078;
/// The lab's own corner of a private `/run`.
pub const LAB_DIR: &str = "/run/ray-lab";
/// Our programs, as every user of a node can reach them.
pub const PROGRAMS_DIR: &str = "/run/ray-lab/bin";
/// Where the engine answers `ray`.
pub const ENGINE_SOCKET: &str = ray_ipc::control::SOCKET_PATH;
/// Where the helper waits for its engine.
pub const HELPER_SOCKET: &str = "/run/rayfish/helper.sock";
/// Where the program for names waits for its engine.
pub const NAMES_SOCKET: &str = ray_ipc::names::SOCKET_PATH;

/// The node's underlay addresses. Both read alike: n2 is 10.77.0.12 and fd77::12.
pub fn addresses(node: &str) -> Option<(Ipv4Addr, Ipv6Addr)> {
    let last = host_number(node)?;
    let v6 = format!("fd77::{last}").parse().ok()?;
    Some((Ipv4Addr::new(10, 77, 0, last), v6))
}

/// The relay's or the pkarr server's address.
pub fn infra_socket(port: u16) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(Ipv4Addr::new(10, 77, 0, 1)), port)
}

/// infra is .1, n1 is .11, n2 is .12, …
fn host_number(node: &str) -> Option<u8> {
    if node == INFRA {
        return Some(1);
    }
    let number: u8 = node.strip_prefix('n')?.parse().ok()?;
    number.checked_add(10).filter(|_| number > 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gives_each_node_the_address_of_the_plan() {
        assert_eq!(addresses("n2").unwrap(), (Ipv4Addr::new(10, 77, 0, 12), "fd77::12".parse().unwrap()));
        assert_eq!(addresses(INFRA).unwrap().1, "fd77::1".parse::<Ipv6Addr>().unwrap());
    }

    #[test]
    fn has_an_address_for_the_last_node() {
        assert!(addresses(&format!("n{}", super::super::NODES_MAX)).is_some());
        for node in ["n0", "n", "x1", "n300"] {
            assert!(addresses(node).is_none(), "{node}");
        }
    }
}
