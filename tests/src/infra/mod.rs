//! The lab's small Internet: an iroh relay and a pkarr server, both over plain HTTP, in one process.

pub mod pkarr;

use std::{
    io,
    net::{Ipv6Addr, SocketAddr},
};

use iroh_relay::server::{RelayConfig, Server, ServerConfig};
use tokio::net::TcpListener;

use crate::lab::plan::{PKARR_PORT, RELAY_PORT};

/// Serves both until the process is ended.
pub fn run() -> io::Result<()> {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(serve())
}

async fn serve() -> io::Result<()> {
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
