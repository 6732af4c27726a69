//! Who is meant to be inside the tunnel and is not: members whose addresses the host keeps for itself. Whoever hands out
//! the host's settings, by DHCP say, can name a member's address there, and would be sent that member's packets.

use std::net::IpAddr;

use super::Core;

impl Core {
    pub(super) fn outside_warnings(&self, outside: &[IpAddr]) -> Vec<String> {
        if outside.is_empty() {
            return Vec::new();
        }
        let members = self.networks.iter().flat_map(|network| {
            network.ledger.roster().members().flat_map(move |member| {
                let name = if member.peer == self.me {
                    "this node".to_owned()
                } else {
                    format!("{}.{}.ray", member.hostname, network.name())
                };
                let v4 = member.v4.map(IpAddr::V4);
                v4.into_iter().chain([IpAddr::V6(member.v6)]).map(move |address| (address, name.clone()))
            })
        });
        judge(outside, &members.collect::<Vec<_>>())
    }
}

/// One warning for each address of `outside` that is one of `members`.
fn judge(outside: &[IpAddr], members: &[(IpAddr, String)]) -> Vec<String> {
    let mut warnings = Vec::new();
    for address in outside {
        let mut names: Vec<&str> =
            members.iter().filter(|(of, _)| of == address).map(|(_, name)| name.as_str()).collect();
        names.sort_unstable();
        names.dedup();
        if names.is_empty() {
            continue;
        }
        warnings.push(format!(
            "packets to {} ({address}) do not go through the tunnel but out unprotected: this host uses that address as \
             its gateway or resolver, or keeps it; unless that is meant, remove it from the default route, from \
             /etc/resolv.conf and what writes that, and from keep in /etc/rayfish/helper.toml, then: systemctl restart \
             rayfish-helper",
            names.join(", ")
        ));
    }
    warnings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn warns_of_each_member_whose_address_the_host_keeps_and_of_nothing_else() {
        let members = [
            (address("100.64.0.7"), "bob.home.ray".to_owned()),
            (address("200::7"), "bob.home.ray".to_owned()),
            (address("100.64.0.7"), "bob.club.ray".to_owned()),
            (address("100.64.0.1"), "this node".to_owned()),
            (address("100.64.0.1"), "this node".to_owned()),
            (address("100.64.0.9"), "eve.home.ray".to_owned()),
        ];
        assert_eq!(judge(&[address("100.100.2.136"), address("200::8")], &members), [] as [String; 0]);
        let warned = judge(&["100.64.0.7", "100.100.2.136", "200::7", "100.64.0.1"].map(address), &members);
        let begins = ["bob.club.ray, bob.home.ray (100.64.0.7)", "bob.home.ray (200::7)", "this node (100.64.0.1)"];
        assert_eq!(warned.len(), begins.len(), "{warned:?}");
        for (warning, begin) in warned.iter().zip(begins) {
            assert!(warning.starts_with(&format!("packets to {begin} do not go through the tunnel")), "{warning}");
        }
    }

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }
}
