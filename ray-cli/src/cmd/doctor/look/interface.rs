//! The network interfaces and their addresses.

use std::{collections::BTreeMap, fs, net::IpAddr};

use nix::{
    ifaddrs::getifaddrs,
    net::if_::InterfaceFlags,
    sys::socket::{AddressFamily, SockaddrLike, SockaddrStorage},
};

#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::cmd::doctor) struct Interface {
    pub(in crate::cmd::doctor) name: String,
    pub(in crate::cmd::doctor) up: bool,
    pub(in crate::cmd::doctor) addresses: Vec<IpAddr>,
}

/// All of them, by name.
pub(in crate::cmd::doctor) fn all() -> nix::Result<Vec<Interface>> {
    let mut found: BTreeMap<String, Interface> = BTreeMap::new();
    for entry in getifaddrs()? {
        let interface = found
            .entry(entry.interface_name.clone())
            .or_insert_with(|| Interface { name: entry.interface_name.clone(), ..Interface::default() });
        interface.up |= entry.flags.contains(InterfaceFlags::IFF_UP);
        interface.addresses.extend(entry.address.as_ref().and_then(ip));
    }
    Ok(found.into_values().collect())
}

/// One of them.
pub(in crate::cmd::doctor) fn named(name: &str) -> nix::Result<Option<Interface>> {
    Ok(all()?.into_iter().find(|interface| interface.name == name))
}

/// A file of an interface in sysfs. That may show another network namespace's interfaces; then there is none.
pub(in crate::cmd::doctor) fn attribute(interface: &str, file: &str) -> Option<String> {
    let path = format!("/sys/class/net/{interface}/{file}");
    fs::read_to_string(path).ok().map(|text| text.trim().to_owned())
}

/// A setting of an interface below `/proc/sys/net`.
pub(in crate::cmd::doctor) fn setting(family: &str, interface: &str, key: &str) -> Option<i64> {
    let path = format!("/proc/sys/net/{family}/conf/{interface}/{key}");
    fs::read_to_string(path).ok()?.trim().parse().ok()
}

fn ip(address: &SockaddrStorage) -> Option<IpAddr> {
    match address.family()? {
        AddressFamily::Inet => Some(address.as_sockaddr_in()?.ip().into()),
        AddressFamily::Inet6 => Some(address.as_sockaddr_in6()?.ip().into()),
        _ => None,
    }
}
