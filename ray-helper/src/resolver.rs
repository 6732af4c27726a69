//! Finds the host's resolvers inside the mesh prefixes, which no route may take from the host.
//!
//! Read once, at the start: the serving helper opens no file but the TUN driver. A resolver that comes later is not known;
//! root names it in the policy as one to keep, or starts the helper again.

use std::{
    fs::File,
    io::{self, Read},
    net::IpAddr,
};

use crate::{
    policy::is_magic,
    prefix::{MESH_V4, MESH_V6},
};

/// Where they are listed: for everybody, and behind the stub of systemd-resolved.
const PATHS: [&str; 2] = ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"];
/// Such a file is a few lines; a part is as good as none.
const TEXT_LEN_MAX: u64 = 64 * 1024;
/// The C library asks three.
const RESOLVERS_MAX: usize = 8;

/// The resolvers of this host inside the mesh prefixes. A file that cannot be read names none: whoever can write it could
/// only make the helper refuse more.
pub fn inside_the_mesh() -> Vec<IpAddr> {
    PATHS.iter().filter_map(|path| read(path).ok()).flat_map(|text| parse(&text)).take(RESOLVERS_MAX).collect()
}

fn read(path: &str) -> io::Result<String> {
    let mut text = String::new();
    File::open(path)?.take(TEXT_LEN_MAX).read_to_string(&mut text)?;
    Ok(text)
}

fn parse(text: &str) -> Vec<IpAddr> {
    let nameservers = text.lines().filter_map(|line| {
        let mut words = line.split_whitespace();
        words.next().filter(|keyword| *keyword == "nameserver").and(words.next())
    });
    let addresses = nameservers.filter_map(|word| word.parse().ok());
    // Our own resolver is reached through the tunnel and nowhere else.
    addresses.filter(|&at| (MESH_V4.contains(at) || MESH_V6.contains(at)) && !is_magic(at)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_resolvers_that_a_mesh_route_would_take() {
        let text = "# nameserver 100.64.0.1\nnameserver 100.100.2.136\nnameserver 9.9.9.9\n  nameserver\t200::5 # ours\n\
                    nameservers 100.64.0.2\nsearch 100.64.0.3\nnameserver 100.64.0.4x\nnameserver\n\
                    nameserver 100.100.100.53\nnameserver 200::53";
        let expected: [IpAddr; 2] = ["100.100.2.136".parse().unwrap(), "200::5".parse().unwrap()];
        assert_eq!(parse(text), expected);
    }
}
