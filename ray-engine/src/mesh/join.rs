//! The join protocol: what a node without a membership and a member say to each other, on one stream.
//!
//! ```text
//! joiner                                   member
//!   Ask { room, invite, proof }       ──▶    invite known, unexpired, unused; proof = the invite's signature over the joiner
//!                                     ◀──  Offer { entries, more } …   the ledger
//!   Redeem { entries }                  ──▶    verified, recorded, told to the others
//!                                     ◀──  Seated
//! ```
//!
//! A joiner that finds itself on the offered roster is a member already and stops there. Any step may be answered by
//! `Refused`. The invite's secret never crosses.

use std::time::Duration;

use bincode::{Decode, Encode};
use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use tokio::{
    sync::{mpsc, oneshot},
    time::timeout,
};

use super::{JoinRefusal, Mesh, MeshError, MeshEvent, alpn, close, stream};
use crate::{
    ident::{PeerId, RoomId},
    ledger::limits::{ANSWER_ENTRIES_MAX, ENTRIES_MAX, ENTRY_BYTES_MAX},
};

/// The first words of a stranger. Who says nothing makes room for others.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);
/// A whole join as the member sees it. Strangers do not hold resources for longer.
const SERVE_TIMEOUT: Duration = Duration::from_secs(20);
/// A redeem entry, and the entry by which the joiner left earlier.
const REDEEM_ENTRIES_MAX: usize = 2;
const ASK_MAX: usize = REDEEM_ENTRIES_MAX * (ENTRY_BYTES_MAX + 8) + 64;
const ANSWER_MAX: usize = ANSWER_ENTRIES_MAX * (ENTRY_BYTES_MAX + 8) + 64;

#[derive(Debug, Encode, Decode)]
enum JoinRequest {
    Ask { room: [u8; 32], invite: [u8; 32], proof: [u8; 64] },
    Redeem { entries: Vec<Vec<u8>> },
}

#[derive(Debug, Encode, Decode)]
enum JoinAnswer {
    Offer { entries: Vec<Vec<u8>>, more: bool },
    Seated,
    Refused(JoinRefusal),
}

/// The joiner's side after a member has offered its ledger.
#[derive(Debug)]
pub struct Offer {
    pub entries: Vec<Vec<u8>>,
    connection: Connection,
    tx: SendStream,
    rx: RecvStream,
}

/// Shows an invite to `peer`.
pub async fn ask(
    mesh: &Mesh,
    peer: PeerId,
    room: RoomId,
    invite: [u8; 32],
    proof: [u8; 64],
) -> Result<Offer, MeshError> {
    let connection = mesh.connect(peer, alpn::JOIN).await?;
    let (mut tx, mut rx) = connection.open_bi().await.map_err(|error| MeshError::Lost(error.to_string()))?;
    stream::send::<ASK_MAX, _>(&mut tx, &JoinRequest::Ask { room: room.0, invite, proof }).await?;
    let mut entries = Vec::new();
    loop {
        match stream::recv::<ANSWER_MAX, _>(&mut rx).await? {
            JoinAnswer::Offer { entries: part, more } => {
                entries.extend(part);
                if entries.len() > ENTRIES_MAX {
                    return Err(MeshError::Violation("an endless offer"));
                }
                if !more {
                    return Ok(Offer { entries, connection, tx, rx });
                }
            }
            JoinAnswer::Refused(refusal) => return Err(MeshError::Refused(refusal)),
            JoinAnswer::Seated => return Err(MeshError::Violation("seated before redeeming")),
        }
    }
}

impl Offer {
    /// Hands over the redeem entry, after those it rests on; on success the member has recorded them.
    pub async fn redeem(mut self, entries: Vec<Vec<u8>>) -> Result<(), MeshError> {
        stream::send::<ASK_MAX, _>(&mut self.tx, &JoinRequest::Redeem { entries }).await?;
        let answer = stream::recv::<ANSWER_MAX, _>(&mut self.rx).await?;
        self.connection.close(VarInt::from_u32(close::DONE), b"done");
        match answer {
            JoinAnswer::Seated => Ok(()),
            JoinAnswer::Refused(refusal) => Err(MeshError::Refused(refusal)),
            JoinAnswer::Offer { .. } => Err(MeshError::Violation("a second offer")),
        }
    }

    /// Ends the conversation: nothing to redeem.
    pub fn decline(self) {
        self.connection.close(VarInt::from_u32(close::DONE), b"done");
    }
}

/// The member's side: serves one stranger.
pub(super) async fn serve(connection: Connection, events: &mpsc::Sender<MeshEvent>) {
    let peer = PeerId(*connection.remote_id().as_bytes());
    match timeout(SERVE_TIMEOUT, converse(&connection, peer, events)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::debug!(peer = %peer.short(), %error, "serving a join"),
        Err(_) => tracing::debug!(peer = %peer.short(), "serving a join: out of time"),
    }
    // The joiner closes when it has read the answer; a deadline for one that does not.
    if timeout(Duration::from_secs(2), connection.closed()).await.is_err() {
        connection.close(VarInt::from_u32(close::DONE), b"done");
    }
}

async fn converse(connection: &Connection, peer: PeerId, events: &mpsc::Sender<MeshEvent>) -> Result<(), MeshError> {
    let first = async {
        let (tx, mut rx) = connection.accept_bi().await.map_err(|error| MeshError::Lost(error.to_string()))?;
        let request = stream::recv::<ASK_MAX, _>(&mut rx).await?;
        Ok::<_, MeshError>((tx, rx, request))
    };
    let (mut tx, mut rx, request) = timeout(ASK_TIMEOUT, first).await.map_err(|_| MeshError::Timeout)??;
    let JoinRequest::Ask { room, invite, proof } = request else {
        return Err(MeshError::Violation("redeeming before asking"));
    };
    let room = RoomId(room);
    let entries = match decide(events, |reply| MeshEvent::JoinAsked { peer, room, invite, proof, reply }).await {
        Ok(entries) => entries,
        Err(refusal) => return refuse(&mut tx, refusal).await,
    };
    let chunks = entries.chunks(ANSWER_ENTRIES_MAX);
    let last = chunks.len().saturating_sub(1);
    for (at, chunk) in chunks.enumerate() {
        let offer = JoinAnswer::Offer { entries: chunk.to_vec(), more: at < last };
        stream::send::<ANSWER_MAX, _>(&mut tx, &offer).await?;
    }
    // A member that asks again ends here, by closing.
    let JoinRequest::Redeem { entries } = stream::recv::<ASK_MAX, _>(&mut rx).await? else {
        return Err(MeshError::Violation("asking twice"));
    };
    match decide(events, |reply| MeshEvent::JoinRedeemed { peer, room, entries, reply }).await {
        Ok(_) => stream::send::<ANSWER_MAX, _>(&mut tx, &JoinAnswer::Seated).await,
        Err(refusal) => refuse(&mut tx, refusal).await,
    }
}

async fn decide(
    events: &mpsc::Sender<MeshEvent>,
    event: impl FnOnce(super::event::JoinReplySender) -> MeshEvent,
) -> Result<Vec<Vec<u8>>, JoinRefusal> {
    let (reply, decision) = oneshot::channel();
    events.send(event(reply)).await.map_err(|_| JoinRefusal::Internal)?;
    decision.await.unwrap_or(Err(JoinRefusal::Internal))
}

async fn refuse(tx: &mut SendStream, refusal: JoinRefusal) -> Result<(), MeshError> {
    stream::send::<ANSWER_MAX, _>(tx, &JoinAnswer::Refused(refusal)).await
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use ray_ipc::codec;

    use super::*;

    #[test]
    fn frozen_vectors() {
        let ask = JoinRequest::Ask { room: [0x11; 32], invite: [0x22; 32], proof: [0x33; 64] };
        let hex = format!("00000000{}{}{}", "11".repeat(32), "22".repeat(32), "33".repeat(64));
        assert_eq!(HEXLOWER.encode(&codec::encode::<ASK_MAX, _>(&ask).unwrap()), hex);
        let redeem = JoinRequest::Redeem { entries: vec![vec![7, 8]] };
        assert_eq!(
            HEXLOWER.encode(&codec::encode::<ASK_MAX, _>(&redeem).unwrap()),
            "01000000010000000000000002000000000000000708"
        );

        for (answer, hex) in [
            (
                JoinAnswer::Offer { entries: vec![vec![9]], more: true },
                "000000000100000000000000010000000000000009".to_owned() + "01",
            ),
            (JoinAnswer::Seated, "01000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::InviteUnknown), "0200000000000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::InviteExpired), "0200000001000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::InviteUsedUp), "0200000002000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::EntryInvalid), "0200000003000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::Internal), "0200000004000000".to_owned()),
        ] {
            assert_eq!(HEXLOWER.encode(&codec::encode::<ANSWER_MAX, _>(&answer).unwrap()), hex, "{answer:?}");
        }
    }
}
