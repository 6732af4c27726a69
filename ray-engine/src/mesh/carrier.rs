//! What carries the datagrams of a link: the link's own QUIC connection.
//!
//! A carrier knows nothing of packets, and frames and queues know nothing of it but what stands here: how large a datagram
//! may be at this moment, how much it still holds, and how to hand it more. A second carrier, such as a UDP socket of our
//! own keyed from the link, would answer the same four questions.
#![forbid(unsafe_code)]

use bytes::Bytes;
use iroh::endpoint::{Connection, SendDatagramError};

use super::Unsent;

/// What the connection may hold, its bookkeeping included. Far above what [`Carrier::held`] is ever let grow to, because a
/// full connection would drop its oldest datagrams, uncounted.
pub(super) const SEND_BUFFER: usize = 8 * 1024 * 1024;
/// Datagrams that came and were not fetched yet. Enough for a burst while the device is written to.
pub(super) const RECEIVE_BUFFER: usize = 2 * 1024 * 1024;
/// What the connection adds to each datagram that it holds: its handle.
const BOOKKEEPING: usize = size_of::<Bytes>();

#[derive(Debug, Clone)]
pub(super) struct Carrier {
    connection: Connection,
}

impl Carrier {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection }
    }

    /// Largest datagram that the path takes at this moment; `None` when the carrier is gone. It shrinks and grows.
    pub(super) fn datagram_max(&self) -> Option<usize> {
        self.connection.max_datagram_size()
    }

    /// Bytes of datagrams that have not left yet.
    pub(super) fn held(&self) -> usize {
        SEND_BUFFER.saturating_sub(self.connection.datagram_send_buffer_space() + BOOKKEEPING)
    }

    /// Takes all of these datagrams, or none.
    pub(super) fn send(&self, datagrams: &[Bytes]) -> Result<(), Unsent> {
        let bytes: usize = datagrams.iter().map(|datagram| datagram.len() + BOOKKEEPING).sum();
        // An IP packet has at least 20 bytes, so the bookkeeping of what is held takes less than twice as much as that does.
        if bytes + 3 * self.held() > SEND_BUFFER {
            return Err(Unsent::Congested);
        }
        self.connection.send_many_datagrams(datagrams).map(drop).map_err(|error| match error {
            SendDatagramError::TooLarge => Unsent::Shrunk,
            SendDatagramError::UnsupportedByPeer
            | SendDatagramError::Disabled
            | SendDatagramError::ConnectionLost(_) => Unsent::Lost,
        })
    }

    /// Waits for datagrams and moves what is there into `out`; `None` when the carrier is gone.
    pub(super) async fn recv(&self, out: &mut [Bytes]) -> Option<usize> {
        self.connection.read_many_datagrams(out).await.ok()
    }
}
