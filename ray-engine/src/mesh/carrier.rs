//! What carries the datagrams of a link: the link's own QUIC connection.
//!
//! A carrier knows nothing of packets, and frames and queues know nothing of it but what stands here: how large a datagram
//! may be at this moment, how much it still holds, how to hand it more, and how to have it drop what it holds. A second carrier,
//! such as a UDP socket of our own keyed from the link, would answer the same questions.
#![forbid(unsafe_code)]

use bytes::Bytes;
use iroh::endpoint::{Connection, SendDatagramError};

use super::Unsent;

/// What the connection may hold, its bookkeeping included. A full connection drops its oldest datagrams, uncounted.
pub(super) const SEND_BUFFER: usize = 4 * 1024 * 1024;
/// What [`Carrier::held`] may grow to, so that it is never full: an IP packet has at least 20 bytes, so the bookkeeping of what
/// is held takes less than twice as much as that does.
pub const CARRIER_MAX: usize = SEND_BUFFER / 3;
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
        if bytes + 3 * self.held() > SEND_BUFFER {
            return Err(Unsent::Congested);
        }
        self.connection.send_many_datagrams(datagrams).map(drop).map_err(unsent)
    }

    /// Drops the datagrams that have not left. The connection offers no such thing, but whoever adds to a full one drops its
    /// oldest. What is added here takes room and is empty: two bytes each on the wire, which say nothing.
    pub(super) fn discard(&self) -> Result<(), Unsent> {
        const EMPTY: [Bytes; 256] = [const { Bytes::new() }; 256];
        for _ in 0..=SEND_BUFFER / (BOOKKEEPING * EMPTY.len()) {
            self.connection.send_many_datagrams(&EMPTY).map_err(unsent)?;
        }
        Ok(())
    }

    /// Waits for datagrams and moves what is there into `out`; `None` when the carrier is gone.
    pub(super) async fn recv(&self, out: &mut [Bytes]) -> Option<usize> {
        self.connection.read_many_datagrams(out).await.ok()
    }
}

fn unsent(error: SendDatagramError) -> Unsent {
    match error {
        SendDatagramError::TooLarge => Unsent::Shrunk,
        SendDatagramError::UnsupportedByPeer | SendDatagramError::Disabled | SendDatagramError::ConnectionLost(_) => {
            Unsent::Lost
        }
    }
}
