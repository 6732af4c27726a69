//! Hands out blobs, over the protocol of iroh-blobs, to members of their networks and to nobody else.
//!
//! Who asks is known from the handshake. Whoever reads nothing here is turned away before it has asked; whoever asks for
//! a blob of a network that it is not in gets the answer that a blob gets which is not here. So nobody learns of a blob
//! that is not meant for them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::pending,
    sync::Arc,
};

use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use iroh_blobs::{
    Hash,
    protocol::{ERR_PERMISSION, GetRequest, Request},
    provider::{self, StreamPair, events::EventSender},
    store::readonly_mem::ReadonlyMemStore,
};
use tokio::{
    sync::{Semaphore, watch},
    time::timeout,
};

use super::{
    blob::Blob,
    limits::{ASK_TIMEOUT, READERS_MAX, REQUESTS_MAX, SERVE_TIMEOUT},
};
use crate::ident::{PeerId, RoomId};

/// The application protocol to accept.
pub const ALPN: &[u8] = iroh_blobs::ALPN;

/// Close codes.
const DONE: VarInt = VarInt::from_u32(0);
const STRANGER: VarInt = VarInt::from_u32(1);
const BUSY: VarInt = VarInt::from_u32(4);

/// The current blob of each network, and who may read it. Cloning shares it.
#[derive(Clone)]
pub struct Shelf {
    items: watch::Sender<BTreeMap<RoomId, Item>>,
    readers: Arc<Semaphore>,
}

struct Item {
    hash: [u8; 32],
    store: ReadonlyMemStore,
    readers: BTreeSet<PeerId>,
}

impl Default for Shelf {
    fn default() -> Self {
        Self { items: watch::Sender::default(), readers: Arc::new(Semaphore::new(READERS_MAX)) }
    }
}

impl fmt::Debug for Shelf {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shelf").field("blobs", &self.items.borrow().len()).finish_non_exhaustive()
    }
}

impl Shelf {
    /// Puts a network's blob up in place of its last one, for these members. Runs on the async runtime, as the memory that
    /// holds a blob is a task of its own.
    pub fn put(&self, room: RoomId, blob: &Blob, readers: BTreeSet<PeerId>) {
        let item = Item { hash: blob.reference().hash, store: ReadonlyMemStore::new([blob.bytes()]), readers };
        self.items.send_modify(|items| drop(items.insert(room, item)));
    }

    /// Lets exactly these read the network's blob, and cuts off others who are reading it.
    pub fn replace_readers(&self, room: RoomId, readers: BTreeSet<PeerId>) {
        self.items.send_modify(|items| {
            if let Some(item) = items.get_mut(&room) {
                item.readers = readers;
            }
        });
    }

    /// Takes the network's blob down.
    pub fn remove(&self, room: RoomId) {
        self.items.send_modify(|items| drop(items.remove(&room)));
    }

    /// Answers one connection, to its end.
    pub async fn serve(&self, connection: Connection) {
        let peer = PeerId(*connection.remote_id().as_bytes());
        if !self.knows(&peer) {
            connection.close(STRANGER, b"not a member");
            return;
        }
        let Ok(_permit) = self.readers.try_acquire() else {
            connection.close(BUSY, b"busy");
            return;
        };
        let end = timeout(SERVE_TIMEOUT, self.converse(&connection, &peer)).await;
        match end {
            Ok(code) => connection.close(code, b""),
            Err(_) => connection.close(DONE, b"too slow"),
        }
    }

    async fn converse(&self, connection: &Connection, peer: &PeerId) -> VarInt {
        for _ in 0..REQUESTS_MAX {
            let Ok(Ok((writer, reader))) = timeout(ASK_TIMEOUT, connection.accept_bi()).await else { break };
            if !self.knows(peer) {
                return STRANGER;
            }
            let Some(question) = self.question(peer, writer, reader).await else { continue };
            let room = question.room;
            tokio::select! {
                () = question.answer(connection) => {}
                () = self.expelled(peer, room) => return STRANGER,
            }
        }
        DONE
    }

    /// Reads what is asked for. Whatever may not be had is refused in one way.
    async fn question(&self, peer: &PeerId, mut writer: SendStream, mut reader: RecvStream) -> Option<Question> {
        let read = timeout(ASK_TIMEOUT, Request::read_async(&mut reader)).await;
        let asked = match read {
            // Whole blobs only: ranges, lists, observing and pushing are the protocol's other uses.
            Ok(Ok((Request::Get(request), _))) if request == GetRequest::blob(request.hash) => Some(request.hash),
            Ok(Ok(_) | Err(_)) | Err(_) => None,
        };
        match asked.and_then(|hash| self.readable(peer, hash.as_bytes())) {
            Some((room, store)) => Some(Question { room, hash: asked?, store, writer, reader }),
            None => {
                // The stream may be gone already.
                let _ = writer.reset(ERR_PERMISSION);
                None
            }
        }
    }

    /// Whether the peer may read anything at all.
    fn knows(&self, peer: &PeerId) -> bool {
        self.items.borrow().values().any(|item| item.readers.contains(peer))
    }

    fn readable(&self, peer: &PeerId, hash: &[u8; 32]) -> Option<(RoomId, ReadonlyMemStore)> {
        let items = self.items.borrow();
        let mut readable = items.iter().filter(|(_, item)| item.readers.contains(peer));
        readable.find(|(_, item)| item.hash == *hash).map(|(room, item)| (*room, item.store.clone()))
    }

    /// Ends when the peer may no longer read what the network publishes. A newer blob does not end it.
    async fn expelled(&self, peer: &PeerId, room: RoomId) {
        let gone = |items: &BTreeMap<RoomId, Item>| !items.get(&room).is_some_and(|item| item.readers.contains(peer));
        if self.items.subscribe().wait_for(gone).await.is_err() {
            pending().await
        }
    }
}

/// A request that may be answered.
struct Question {
    room: RoomId,
    hash: Hash,
    store: ReadonlyMemStore,
    writer: SendStream,
    reader: RecvStream,
}

impl Question {
    async fn answer(self, connection: &Connection) {
        let id = u64::try_from(connection.stable_id()).unwrap_or_default();
        let streams = StreamPair::new(id, self.reader, self.writer, EventSender::DEFAULT);
        if let Err(error) = provider::handle_get(streams, self.store.into(), GetRequest::blob(self.hash)).await {
            tracing::debug!(%error, "handing out a blob");
        }
    }
}

#[cfg(test)]
mod tests;
