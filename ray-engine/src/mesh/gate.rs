//! Who may open a link: decided by roster, right after the handshake, before any byte of the peer is parsed further.

use std::{collections::BTreeSet, sync::Arc};

use arc_swap::ArcSwap;
use iroh::endpoint::{AfterHandshakeOutcome, Connection, EndpointHooks, VarInt};

use super::{alpn, close};
use crate::ident::PeerId;

/// The peers that share a network with this node. Empty admits nobody.
#[derive(Debug, Clone, Default)]
pub(super) struct Gate(Arc<ArcSwap<BTreeSet<PeerId>>>);

impl Gate {
    pub(super) fn admits(&self, peer: &PeerId) -> bool {
        self.0.load().contains(peer)
    }

    pub(super) fn replace(&self, members: BTreeSet<PeerId>) {
        self.0.store(Arc::new(members));
    }
}

impl EndpointHooks for Gate {
    async fn after_handshake<'a>(&'a self, connection: &'a Connection) -> AfterHandshakeOutcome {
        let stranger = !self.admits(&PeerId(*connection.remote_id().as_bytes()));
        if connection.alpn() == alpn::LINK && stranger {
            return AfterHandshakeOutcome::Reject {
                error_code: VarInt::from_u32(close::STRANGER),
                reason: b"not a member".to_vec(),
            };
        }
        AfterHandshakeOutcome::Accept
    }
}
