//! Fetches a blob from a member, over the protocol of iroh-blobs: checked piece by piece, bounded in size and time.

use std::{fmt, future::Future, time::Duration};

use iroh::endpoint::{Connection, VarInt};
use iroh_blobs::{
    Hash,
    get::fsm::{self, ConnectedNext, DecodeError, RequestCounters},
    protocol::GetRequest,
};
use tokio::time::timeout;

use super::record::BlobRef;

const DONE: VarInt = VarInt::from_u32(0);

/// Why a blob was not fetched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FetchError {
    /// There is no connection; why, in the words of whoever dials.
    Unreachable(String),
    /// The member does not have it, or not for us.
    Refused,
    /// It is not the blob that the record names.
    Corrupt,
    Timeout,
}

impl fmt::Display for FetchError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreachable(why) => write!(f, "reaching a member for the published ledger: {why}"),
            Self::Refused => f.write_str("the member does not hand out the published ledger"),
            Self::Corrupt => f.write_str("the member sent something else than the published ledger"),
            Self::Timeout => f.write_str("the member did not hand out the published ledger in time"),
        }
    }
}

impl std::error::Error for FetchError {}

/// Connects with the protocol [`super::ALPN`] by `connect` and fetches the blob, all within the given time. What comes back has the
/// hash and the length that were asked for.
pub async fn fetch<E: fmt::Display>(
    connect: impl Future<Output = Result<Connection, E>>,
    blob: BlobRef,
    within: Duration,
) -> Result<Vec<u8>, FetchError> {
    let fetched = timeout(within, async {
        let connection = connect.await.map_err(|error| FetchError::Unreachable(error.to_string()))?;
        let _closes = CloseOnDrop(connection.clone());
        download(connection, blob).await
    });
    fetched.await.unwrap_or(Err(FetchError::Timeout))
}

async fn download(connection: Connection, blob: BlobRef) -> Result<Vec<u8>, FetchError> {
    let request = GetRequest::blob(Hash::from_bytes(blob.hash));
    let initial = fsm::start(connection, request, RequestCounters::default());
    let connected = initial.next().await.map_err(|_| FetchError::Refused)?;
    let ConnectedNext::StartRoot(root) = connected.next().await.map_err(|_| FetchError::Refused)? else {
        return Err(FetchError::Corrupt);
    };
    let (content, len) = root.next().next().await.map_err(|_| FetchError::Refused)?;
    // The sender says this length; nothing is read, and no memory taken, for another one.
    if len != u64::from(blob.len) {
        return Err(FetchError::Corrupt);
    }
    let (_, bytes) = content.concatenate_into_vec().await.map_err(reason)?;
    if *blake3::hash(&bytes).as_bytes() == blob.hash { Ok(bytes) } else { Err(FetchError::Corrupt) }
}

fn reason(error: DecodeError) -> FetchError {
    match error {
        DecodeError::ParentHashMismatch { .. } | DecodeError::LeafHashMismatch { .. } => FetchError::Corrupt,
        // Broken off: by the network, or because the sender has not what it began to send.
        _ => FetchError::Refused,
    }
}

/// However it ends, the connection serves nothing more.
struct CloseOnDrop(Connection);

impl Drop for CloseOnDrop {
    fn drop(&mut self) {
        self.0.close(DONE, b"done");
    }
}
