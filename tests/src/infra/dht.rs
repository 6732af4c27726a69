//! A Mainline DHT of the lab's own: a few nodes on one address, each of which a client may enter by.

use std::{io, net::Ipv4Addr, net::SocketAddrV4};

use pkarr::dht::{DhtClient, DhtConfig};
use tokio::task::spawn_blocking;

/// The first node's UDP port; the others follow.
pub const DHT_PORT: u16 = 6881;
/// Enough that a record is kept at more than one place.
pub const DHT_NODES: u16 = 4;

/// The nodes. They end when this is dropped.
#[derive(Debug)]
pub struct Dht {
    nodes: Vec<DhtClient>,
}

impl Dht {
    /// Starts the nodes on ports from `port` on. Each enters by those before it, so that all find all.
    pub async fn start(address: Ipv4Addr, port: u16) -> io::Result<Self> {
        let (mut known, mut nodes) = (Vec::new(), Vec::new());
        for port in port..port + DHT_NODES {
            let mut config = DhtConfig::default();
            config.bind_address = Some(address);
            config.port = Some(port);
            config.bootstrap = Some(known.clone());
            config.server_mode = true;
            nodes.push(spawn_blocking(|| DhtClient::build(config)).await.map_err(io::Error::other)??);
            known.push(SocketAddrV4::new(address, port));
        }
        Ok(Self { nodes })
    }

    /// Nodes that run.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use pkarr::{Keypair, SignedPacket};

    use super::*;

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn keeps_a_record_for_who_enters_by_any_node() {
        // Ports that nothing else in these tests uses, outside the range that the system hands out.
        let port = 26_881;
        let dht = Dht::start(Ipv4Addr::LOCALHOST, port).await.unwrap();
        assert_eq!(dht.len(), usize::from(DHT_NODES));
        let keypair = Keypair::random();
        let text = "hello".try_into().unwrap();
        let packet = SignedPacket::builder().txt("_rayfish".try_into().unwrap(), text, 30).sign(&keypair).unwrap();
        client(port).await.publish(&packet).await.unwrap();
        for entrance in port..port + DHT_NODES {
            let outcome = client(entrance).await.resolve(&keypair.public_key(), None).await.complete().await;
            assert_eq!(outcome.most_recent.unwrap().as_bytes(), packet.as_bytes(), "port {entrance}");
        }
    }

    async fn client(entrance: u16) -> DhtClient {
        let mut config = DhtConfig::default();
        config.bootstrap = Some(vec![SocketAddrV4::new(Ipv4Addr::LOCALHOST, entrance)]);
        config.port = Some(0);
        spawn_blocking(|| DhtClient::build(config)).await.unwrap().unwrap()
    }
}
