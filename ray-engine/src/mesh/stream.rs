//! Messages on a QUIC stream: a little-endian `u32` length, then that many bytes of bincode, capped before allocation.

use bincode::{Decode, Encode};
use iroh::endpoint::{RecvStream, SendStream};
use ray_ipc::codec;

use super::MeshError;

const LENGTH: usize = 4;

/// Sends one message of at most `MAX` bytes.
pub(super) async fn send<const MAX: usize, T: Encode>(stream: &mut SendStream, message: &T) -> Result<(), MeshError> {
    let body = codec::encode::<MAX, _>(message).map_err(|_| MeshError::Violation("own message over the limit"))?;
    let mut frame = Vec::with_capacity(LENGTH + body.len());
    // The codec has bounded the body far below 4 GiB.
    frame.extend_from_slice(&u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes());
    frame.extend_from_slice(&body);
    stream.write_all(&frame).await.map_err(|error| MeshError::Lost(error.to_string()))
}

/// Receives one message of at most `MAX` bytes.
pub(super) async fn recv<const MAX: usize, T: Decode<()>>(stream: &mut RecvStream) -> Result<T, MeshError> {
    let length = recv_length::<MAX>(stream).await?;
    recv_body::<MAX, T>(stream, length).await
}

/// Receives the length of a message, so that room for it can be made first.
pub(super) async fn recv_length<const MAX: usize>(stream: &mut RecvStream) -> Result<usize, MeshError> {
    let mut length = [0u8; LENGTH];
    stream.read_exact(&mut length).await.map_err(|error| MeshError::Lost(error.to_string()))?;
    let length = usize::try_from(u32::from_le_bytes(length)).unwrap_or(usize::MAX);
    if length > MAX { Err(MeshError::Violation("message over the limit")) } else { Ok(length) }
}

/// Receives the message of that length.
pub(super) async fn recv_body<const MAX: usize, T: Decode<()>>(
    stream: &mut RecvStream,
    length: usize,
) -> Result<T, MeshError> {
    let mut body = vec![0u8; length];
    stream.read_exact(&mut body).await.map_err(|error| MeshError::Lost(error.to_string()))?;
    codec::decode::<MAX, _>(&body).map_err(|_| MeshError::Violation("malformed message"))
}
