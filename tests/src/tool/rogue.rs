//! A member that breaks the rules: it links with a node's own key and sends what an honest engine never would. For tests
//! of what the other side drops.

mod wrongs;

use std::{net::IpAddr, path::Path, time::Duration};

use iroh::{
    EndpointAddr, EndpointId,
    endpoint::{Connection, RecvStream, SendStream},
};
use ray_engine::mesh::wire::{LinkMessage, VERSION};
use ray_ipc::codec;
use serde::Serialize;
use tokio::time::{sleep, timeout};

use self::wrongs::{Kind, Wrong, wrongs};
use super::{
    ToolError,
    endpoint::{self, endpoint_id, read_key},
};

const LINK: &[u8] = b"rayfish/link/2";
const MESSAGE_MAX: usize = 2 * 1024 * 1024;
const TIMEOUT: Duration = Duration::from_secs(20);
const POLL: Duration = Duration::from_millis(1);
/// Datagrams get lost, several at once; of each kind a few at different times do not all.
const ROUNDS: usize = 5;
const BETWEEN_ROUNDS: Duration = Duration::from_millis(100);

/// What was sent, by the reason for which it has to be dropped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub sent: Vec<&'static str>,
}

/// Links with `victim` as the node whose identity key lies at `key`. `own` is that node's mesh address, `theirs` the
/// victim's, `other` that of a third member.
pub fn run(key: &Path, victim: &str, own: IpAddr, theirs: IpAddr, other: IpAddr) -> Result<Report, ToolError> {
    let (key, victim, runtime) = (read_key(key)?, endpoint_id(victim)?, endpoint::runtime()?);
    let wrongs = wrongs(own, theirs, other)?;
    runtime.block_on(async { timeout(TIMEOUT, link_and_send(key, victim, wrongs)).await }).map_err(|_| late())?
}

async fn link_and_send(key: [u8; 32], victim: EndpointId, wrongs: Vec<Wrong>) -> Result<Report, ToolError> {
    let broken = |what: &'static str| move |error: &dyn std::fmt::Display| ToolError::new(format!("{what}: {error}"));
    let endpoint = endpoint::bind(key).await?;
    let connection =
        endpoint.connect(EndpointAddr::new(victim), LINK).await.map_err(|error| broken("linking")(&error))?;
    let sent = break_rules(&connection, wrongs).await.map_err(|error| match connection.close_reason() {
        Some(reason) => ToolError::new(format!("{error}: {reason}")),
        None => error,
    })?;
    endpoint.close().await;
    Ok(Report { schema: "ray.lab.rogue/1", sent })
}

async fn break_rules(connection: &Connection, wrongs: Vec<Wrong>) -> Result<Vec<&'static str>, ToolError> {
    let (mut tx, mut rx) = connection.open_bi().await.map_err(|error| ToolError::new(format!("opening: {error}")))?;
    say(&mut tx, &LinkMessage::Hello { version: VERSION, features: 0, release: "rogue".to_owned() }).await?;
    let handle = loop {
        if let LinkMessage::Networks(networks) = hear(&mut rx).await? {
            let network = networks.first().ok_or_else(|| ToolError::new("no network is shared"))?;
            break network.handle;
        }
    };
    let datagrams: Vec<Vec<u8>> = wrongs
        .iter()
        .map(|wrong| match wrong.kind {
            Kind::Packet => frame(handle, &wrong.bytes),
            Kind::NextHandle => frame(handle.wrapping_add(1), &wrong.bytes),
            Kind::NoHandle => frame(handle.wrapping_add(1000), &wrong.bytes),
            Kind::Datagram => wrong.bytes.clone(),
        })
        .collect();
    let room = connection.datagram_send_buffer_space();
    for _ in 0..ROUNDS {
        for datagram in &datagrams {
            send(connection, datagram.clone()).await?;
        }
        sleep(BETWEEN_ROUNDS).await;
    }
    // The end of the stream may overtake datagrams that wait, but not those that have left.
    while connection.datagram_send_buffer_space() < room {
        sleep(POLL).await;
    }
    tx.finish().map_err(|error| ToolError::new(format!("ending: {error}")))?;
    let _ = tx.stopped().await;
    Ok(wrongs.iter().map(|wrong| wrong.reason).collect())
}

fn frame(handle: u16, packet: &[u8]) -> Vec<u8> {
    let length = u16::try_from(packet.len()).unwrap_or(u16::MAX);
    [&[1u8][..], &handle.to_le_bytes(), &length.to_le_bytes(), packet].concat()
}

async fn send(connection: &Connection, datagram: Vec<u8>) -> Result<(), ToolError> {
    connection
        .send_datagram_wait(datagram.into())
        .await
        .map_err(|error| ToolError::new(format!("sending a datagram: {error}")))
}

async fn say(tx: &mut SendStream, message: &LinkMessage) -> Result<(), ToolError> {
    let body = codec::encode::<MESSAGE_MAX, _>(message).map_err(|error| ToolError::new(error.to_string()))?;
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    tx.write_all(&[&length[..], &body].concat()).await.map_err(|error| ToolError::new(format!("speaking: {error}")))
}

async fn hear(rx: &mut RecvStream) -> Result<LinkMessage, ToolError> {
    let fail = |error: &dyn std::fmt::Display| ToolError::new(format!("listening: {error}"));
    let mut length = [0; 4];
    rx.read_exact(&mut length).await.map_err(|error| fail(&error))?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MESSAGE_MAX {
        return Err(ToolError::new("listening: an endless message"));
    }
    let mut body = vec![0; length];
    rx.read_exact(&mut body).await.map_err(|error| fail(&error))?;
    codec::decode::<MESSAGE_MAX, _>(&body).map_err(|error| fail(&error))
}

fn late() -> ToolError {
    ToolError::new("the victim did not answer in time")
}
