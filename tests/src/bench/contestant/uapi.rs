//! The text that a WireGuard program is configured with over its socket, and the keys in it.

use std::{
    fs::File,
    io::{self, Read},
    net::{IpAddr, SocketAddr},
};

use curve25519_dalek::MontgomeryPoint;
use data_encoding::HEXLOWER;

/// A Curve25519 key pair.
#[derive(Clone)]
pub(super) struct Keys {
    secret: [u8; 32],
    pub(super) public: [u8; 32],
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys({})", HEXLOWER.encode(&self.public))
    }
}

impl Keys {
    pub(super) fn generate() -> io::Result<Self> {
        let mut secret = [0; 32];
        File::open("/dev/urandom")?.read_exact(&mut secret)?;
        Ok(Self::of(secret))
    }

    fn of(secret: [u8; 32]) -> Self {
        Self { secret, public: MontgomeryPoint::mul_base_clamped(secret).to_bytes() }
    }
}

/// The other end of a tunnel.
#[derive(Debug)]
pub(super) struct Peer {
    pub(super) public: [u8; 32],
    pub(super) endpoint: SocketAddr,
    pub(super) address: IpAddr,
}

/// The request that makes a device know its key, its port and its one peer. It ends with an empty line.
pub(super) fn set(keys: &Keys, port: u16, peer: &Peer) -> String {
    let prefix = if peer.address.is_ipv4() { 32 } else { 128 };
    [
        "set=1".to_owned(),
        format!("private_key={}", HEXLOWER.encode(&keys.secret)),
        format!("listen_port={port}"),
        "replace_peers=true".to_owned(),
        format!("public_key={}", HEXLOWER.encode(&peer.public)),
        format!("endpoint={}", peer.endpoint),
        "replace_allowed_ips=true".to_owned(),
        format!("allowed_ip={}/{prefix}", peer.address),
        String::new(),
        String::new(),
    ]
    .join("\n")
}

/// The program took the request when it answers `errno=0`.
pub(super) fn check(answer: &str) -> Result<(), String> {
    match answer.lines().find_map(|line| line.strip_prefix("errno=")) {
        Some("0") => Ok(()),
        Some(number) => Err(format!("the program refuses its configuration: errno {number}")),
        None => Err(format!("the program answers {answer:?} to its configuration")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The second key pair of RFC 7748, section 6.1.
    const SECRET: &str = "5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb";
    const PUBLIC: &str = "de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f";

    #[test]
    fn the_request_names_key_port_and_peer_and_ends_with_an_empty_line() {
        let peer = Peer {
            public: [0xab; 32],
            endpoint: "10.77.0.12:51820".parse().unwrap(),
            address: "10.91.0.2".parse().unwrap(),
        };
        let expected = format!(
            "set=1\nprivate_key={SECRET}\nlisten_port=51820\nreplace_peers=true\npublic_key={}\n\
             endpoint=10.77.0.12:51820\nreplace_allowed_ips=true\nallowed_ip=10.91.0.2/32\n\n",
            "ab".repeat(32)
        );
        assert_eq!(set(&Keys::of(secret()), 51820, &peer), expected);
    }

    #[test]
    fn both_ends_would_agree_on_a_secret() {
        let (a, b) = (Keys::generate().unwrap(), Keys::generate().unwrap());
        let shared = |own: &Keys, other: &Keys| MontgomeryPoint(other.public).mul_clamped(own.secret);
        assert_eq!(shared(&a, &b), shared(&b, &a));
        assert_ne!(a.public, b.public);
        assert_eq!(HEXLOWER.encode(&Keys::of(secret()).public), PUBLIC);
    }

    #[test]
    fn tells_a_refusal_from_an_answer() {
        assert_eq!(check("errno=0\n\n"), Ok(()));
        assert!(check("errno=22\n\n").unwrap_err().contains("22"));
        assert!(check("").is_err());
    }

    #[test]
    fn shows_no_secret() {
        let keys = Keys::of([7; 32]);
        assert!(!format!("{keys:?}").contains(&HEXLOWER.encode(&[7; 32])));
    }

    fn secret() -> [u8; 32] {
        HEXLOWER.decode(SECRET.as_bytes()).unwrap().try_into().unwrap()
    }
}
