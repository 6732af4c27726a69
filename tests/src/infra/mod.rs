//! The lab's small Internet: an iroh relay and a pkarr server, both over plain HTTP, and a DHT, in one process.

pub mod dht;
pub mod pkarr;

use std::{
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
};

use iroh_relay::server::{RelayConfig, Server, ServerConfig};
use tokio::net::TcpListener;

use self::dht::{DHT_PORT, Dht};
use crate::lab::plan::{PKARR_PORT, RELAY_PORT, infra_socket};

/// Serves both until the process is ended.
pub fn run() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(serve())
}

async fn serve() -> io::Result<()> {
    // Nodes name each other by address, so theirs is the one that others reach them at.
    let _dht = match infra_socket(DHT_PORT).ip() {
        IpAddr::V4(address) => Dht::start(address, DHT_PORT).await?,
        IpAddr::V6(_) => return Err(io::Error::other("the DHT speaks IPv4 only")),
    };
    // The unspecified IPv6 address takes IPv4 as well.
    let any = |port| SocketAddr::from((Ipv6Addr::UNSPECIFIED, port));
    let mut config = ServerConfig::default();
    config.relay = Some(RelayConfig::new(any(RELAY_PORT)));
    let mut relay = Server::spawn(config).await.map_err(io::Error::other)?;
    let listener = TcpListener::bind(any(PKARR_PORT)).await?;
    tokio::select! {
        ended = relay.join() => Err(io::Error::other(format!("the relay ended: {ended:?}"))),
        ended = pkarr::serve(listener) => ended,
    }
}
