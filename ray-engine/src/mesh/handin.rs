//! How a node that was put out of a network while it was away learns that, or shows that it is in: over the join protocol,
//! as no member links with it.
//!
//! ```text
//! former member                                        member
//!   Ask { room, by: HandIn { heads } }           ──▶     its ledger says that the node is out
//!                                                ◀──   Want { have, ids }
//!   Entries { entries, more }                    ──▶     tried on a copy of the ledger; asked on while there is more
//!                                                ◀──   Member: what was handed in makes it one, and is kept
//!                                                       or Out { entries, more } …: what says that it is out
//! ```
//!
//! Everybody else is refused in the words that a wrong guess gets.

use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use tokio::task::block_in_place;

use super::{
    JoinRefusal, Mesh, MeshError, MeshEvent, alpn, close,
    join::{ANSWER_MAX, ASK_MAX, Ground, JoinAnswer, JoinRequest, Reception, refuse},
    stream,
};
use crate::{
    ident::{PeerId, RoomId},
    ledger::{EntryId, Ledger, limits::ANSWER_ENTRIES_MAX},
    sync::{
        Hearing, Verdict, Want,
        limits::{HAVE_MAX, HEARING_ANSWERS_MAX, HEARING_HEADS_MAX, IDS_MAX},
        reply,
    },
};

/// What a member says to who hands in.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// The sender is a member, by what it knows.
    Member,
    /// It is out; these entries say so.
    Out(Vec<Vec<u8>>),
}

/// Hands in to `peer` what `ledger` has.
pub async fn hand_in(mesh: &Mesh, peer: PeerId, ledger: &Ledger) -> Result<Heard, MeshError> {
    let connection = mesh.connect(peer, alpn::JOIN).await?;
    let heard = tell(&connection, ledger).await;
    connection.close(VarInt::from_u32(close::DONE), b"done");
    heard
}

async fn tell(connection: &Connection, ledger: &Ledger) -> Result<Heard, MeshError> {
    let (mut tx, mut rx) = connection.open_bi().await.map_err(|error| MeshError::Lost(error.to_string()))?;
    let heads = ledger.heads().into_iter().map(|id| id.0).take(HEARING_HEADS_MAX).collect();
    let ask = JoinRequest::Ask { room: ledger.room().0, by: Ground::HandIn { heads } };
    stream::send::<ASK_MAX, _>(&mut tx, &ask).await?;
    let (mut questions, mut parts, mut told) = (0, 0, Vec::new());
    loop {
        match stream::recv::<ANSWER_MAX, _>(&mut rx).await? {
            JoinAnswer::Want { have, ids } if parts == 0 && have.len() <= HAVE_MAX && ids.len() <= IDS_MAX => {
                questions += 1;
                if questions > HEARING_ANSWERS_MAX {
                    return Err(MeshError::Violation("questions without end"));
                }
                let named = |bare: Vec<[u8; 32]>| -> Vec<EntryId> { bare.into_iter().map(EntryId).collect() };
                let (entries, more) = reply(ledger, &named(have), &named(ids));
                stream::send::<ANSWER_MAX, _>(&mut tx, &JoinRequest::Entries { entries, more }).await?;
            }
            JoinAnswer::Out { entries, more } => {
                parts += 1;
                told.extend(entries);
                // What goes beyond this comes with the next time.
                if !more || parts == HEARING_ANSWERS_MAX {
                    return Ok(Heard::Out(told));
                }
            }
            JoinAnswer::Member if parts == 0 => return Ok(Heard::Member),
            JoinAnswer::Refused(refusal) => return Err(MeshError::Refused(refusal)),
            JoinAnswer::Want { .. }
            | JoinAnswer::Member
            | JoinAnswer::Offer { .. }
            | JoinAnswer::Waiting
            | JoinAnswer::Seated { .. } => return Err(MeshError::Violation("no answer to who hands in")),
        }
    }
}

/// The member's side, after the first words.
pub(super) async fn hear(
    reception: &Reception,
    tx: &mut SendStream,
    rx: &mut RecvStream,
    peer: PeerId,
    room: RoomId,
    heads: Vec<[u8; 32]>,
) -> Result<(), MeshError> {
    // Whoever comes while others are heard comes again; joiners have places of their own.
    let Ok(place) = reception.hearings.try_acquire() else { return refuse(tx, JoinRefusal::NotNow).await };
    let ledger = match reception.decide(|reply| MeshEvent::HandInAsked { peer, room, reply }).await {
        Ok(ledger) => ledger,
        Err(refusal) => {
            // A stranger that does not read its refusal must not hold a former member's place.
            drop(place);
            return refuse(tx, refusal).await;
        }
    };
    let heads: Vec<EntryId> = heads.into_iter().map(EntryId).collect();
    let Some(mut hearing) = block_in_place(|| Hearing::open(*ledger, peer, &heads)) else {
        drop(place);
        return refuse(tx, JoinRefusal::Unknown).await;
    };
    loop {
        let Want { have, ids } = block_in_place(|| hearing.want());
        let bare = |ids: Vec<EntryId>| ids.into_iter().map(|id| id.0).collect();
        stream::send::<ANSWER_MAX, _>(tx, &JoinAnswer::Want { have: bare(have), ids: bare(ids) }).await?;
        let JoinRequest::Entries { entries, more } = stream::recv::<ANSWER_MAX, _>(rx).await? else {
            return Err(MeshError::Violation("no answer to what was asked"));
        };
        if !block_in_place(|| hearing.take(&entries, more)).map_err(MeshError::Violation)? {
            break;
        }
    }
    let verdict = block_in_place(|| hearing.close());
    drop(place);
    match verdict {
        Verdict::Member(entries) => {
            match reception.decide(|reply| MeshEvent::HandedIn { peer, room, entries, reply }).await {
                Ok(()) => stream::send::<ANSWER_MAX, _>(tx, &JoinAnswer::Member).await,
                Err(refusal) => refuse(tx, refusal).await,
            }
        }
        Verdict::Out(entries) => explain(tx, entries).await,
    }
}

async fn explain(tx: &mut SendStream, mut entries: Vec<Vec<u8>>) -> Result<(), MeshError> {
    for _ in 0..HEARING_ANSWERS_MAX {
        let rest = entries.split_off(ANSWER_ENTRIES_MAX.min(entries.len()));
        let more = !rest.is_empty();
        stream::send::<ANSWER_MAX, _>(tx, &JoinAnswer::Out { entries, more }).await?;
        if !more {
            break;
        }
        entries = rest;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
