//! The routes of the main table, and where the kernel would send a packet.

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
};

/// A route with a prefix.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cmd::doctor) struct Route {
    pub(in crate::cmd::doctor) destination: IpAddr,
    pub(in crate::cmd::doctor) prefix: u8,
    pub(in crate::cmd::doctor) interface: String,
}

impl std::fmt::Display for Route {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.destination, self.prefix)
    }
}

/// Of a route: it is up; it is to an address of this host.
const UP: u32 = 0x1;
const LOCAL: u32 = 0x8000_0000;
/// Nobody listens there; no packet is sent.
const PORT: u16 = 9;

/// The routes of both families.
pub(in crate::cmd::doctor) fn all() -> io::Result<Vec<Route>> {
    let mut routes: Vec<Route> = fs::read_to_string("/proc/net/route")?.lines().filter_map(v4).collect();
    match fs::read_to_string("/proc/net/ipv6_route") {
        Ok(text) => routes.extend(text.lines().filter_map(v6)),
        // A kernel without IPv6.
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    Ok(routes)
}

/// The address that the kernel would send from to reach `target`, after all its rules and tables. Nothing is sent.
pub(in crate::cmd::doctor) fn source_towards(target: IpAddr) -> io::Result<IpAddr> {
    let any: IpAddr = if target.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(SocketAddr::new(target, PORT))?;
    Ok(socket.local_addr()?.ip())
}

/// `interface destination gateway flags . . metric mask …`, numbers in hex as they lie in memory.
fn v4(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let number = |at: usize| u32::from_str_radix(fields.get(at)?, 16).ok();
    if number(3)? & UP == 0 {
        return None;
    }
    let destination = Ipv4Addr::from(number(1)?.to_ne_bytes()).into();
    let prefix = u8::try_from(number(7)?.count_ones()).ok()?;
    Some(Route { destination, prefix, interface: (*fields.first()?).to_owned() })
}

/// `destination prefix source prefix next-hop metric . . flags interface`, numbers in hex.
fn v6(line: &str) -> Option<Route> {
    let fields: Vec<&str> = line.split_whitespace().collect();
    let flags = u32::from_str_radix(fields.get(8)?, 16).ok()?;
    if flags & UP == 0 || flags & LOCAL != 0 {
        return None;
    }
    let destination = Ipv6Addr::from(u128::from_str_radix(fields.first()?, 16).ok()?).into();
    let prefix = u8::from_str_radix(fields.get(1)?, 16).ok()?;
    Some(Route { destination, prefix, interface: (*fields.get(9)?).to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[cfg(target_endian = "little")]
    fn reads_a_line_of_each_table() {
        let line = "eth0\t0007406A\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0";
        let route = v4(&line.replace("0007406A", "00074064")).unwrap();
        assert_eq!((route.to_string().as_str(), route.interface.as_str()), ("100.64.7.0/24", "eth0"));
        assert_eq!(v4("Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT"), None);
        let line = "02000000000000000000000000000000 07 00000000000000000000000000000000 00 \
                    00000000000000000000000000000000 00000400 00000001 00000000 00000001     ray0";
        let route = v6(line).unwrap();
        assert_eq!((route.to_string().as_str(), route.interface.as_str()), ("200::/7", "ray0"));
        assert_eq!(v6(&line.replace("00000001     ray0", "80200001       lo")), None);
    }

    #[test]
    fn the_kernel_tells_where_it_would_send_from() {
        assert_eq!(source_towards(Ipv4Addr::LOCALHOST.into()).unwrap(), IpAddr::from(Ipv4Addr::LOCALHOST));
    }
}
