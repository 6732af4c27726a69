//! Control frames: what two nodes tell each other about the link itself, beside its packets.

use bytes::{BufMut, Bytes, BytesMut};

use super::{BadFrame, KIND_CONTROL};

const TYPE_TOTALS: u8 = 1;
const TOTALS_LEN: usize = 16;

/// What the sender has sent on this link so far. The difference to what arrived is lost, or on its way.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Totals {
    pub packets: u64,
    /// Of packets, without frames.
    pub bytes: u64,
}

/// The datagram that tells them. Only for peers that named [`super::super::wire::FEATURE_CONTROL`].
pub fn control_totals(totals: Totals) -> Bytes {
    let mut datagram = BytesMut::with_capacity(2 + TOTALS_LEN);
    datagram.put_u8(KIND_CONTROL);
    datagram.put_u8(TYPE_TOTALS);
    datagram.put_u64_le(totals.packets);
    datagram.put_u64_le(totals.bytes);
    datagram.freeze()
}

/// Reads what follows the kind; `None` where this node does not know the type.
pub(super) fn read(rest: &[u8]) -> Result<Option<Totals>, BadFrame> {
    let (&kind, body) = rest.split_first().ok_or(BadFrame)?;
    if kind != TYPE_TOTALS {
        return Ok(None);
    }
    let ([packets, bytes], []) = body.as_chunks::<8>() else { return Err(BadFrame) };
    Ok(Some(Totals { packets: u64::from_le_bytes(*packets), bytes: u64::from_le_bytes(*bytes) }))
}
