//! What the tools that speak the mesh's own protocols share: an endpoint on the lab's small Internet, and keys from files.

use std::{fs, path::Path};

use iroh::{
    Endpoint, EndpointId, RelayMap, RelayMode, RelayUrl, SecretKey, address_lookup::PkarrResolver, endpoint::presets,
};

use super::ToolError;
use crate::lab::plan;

/// An endpoint that finds others by the lab's pkarr server and relay, and that nobody finds.
pub(super) async fn bind(key: [u8; 32]) -> Result<Endpoint, ToolError> {
    let relay = format!("http://{}", plan::infra_socket(plan::RELAY_PORT));
    let discovery: RelayUrl = pkarr().parse().map_err(|_| ToolError::new("the lab's discovery URL"))?;
    let relays = RelayMap::try_from_iter([relay.as_str()]).map_err(|_| ToolError::new("the lab's relay URL"))?;
    Endpoint::builder(presets::Minimal)
        .secret_key(SecretKey::from_bytes(&key))
        .relay_mode(RelayMode::Custom(relays))
        .address_lookup(PkarrResolver::builder(discovery.into()))
        .bind()
        .await
        .map_err(|error| ToolError::new(format!("binding: {error}")))
}

/// The base URL of the lab's pkarr server.
pub(super) fn pkarr() -> String {
    format!("http://{}/pkarr", plan::infra_socket(plan::PKARR_PORT))
}

/// The identity key of a node.
pub(super) fn read_key(path: &Path) -> Result<[u8; 32], ToolError> {
    let bytes = fs::read(path).map_err(super::failed(format!("reading {}", path.display())))?;
    bytes.try_into().map_err(|_| ToolError::new("the key has not 32 bytes"))
}

pub(super) fn endpoint_id(text: &str) -> Result<EndpointId, ToolError> {
    text.parse().map_err(|_| ToolError::new(format!("{text:?} is no endpoint id")))
}

pub(super) fn runtime() -> Result<tokio::runtime::Runtime, ToolError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .map_err(super::failed("starting"))
}
