//! The join protocol: what a node without a membership and a member say to each other, on one stream.
//!
//! ```text
//! joiner                                               member
//!   Ask { room, by: Invite { invite, proof } }   ──▶     the invite is good, and the joiner holds it
//!    or Ask { room, by: Knock { …, consent } }   ──▶     the network is open, or a coordinator decides
//!                                                ◀──   Offer { room, entries, more } …   the ledger
//!   Redeem { leave, hostname, after, proof }     ──▶     the member signs the entry that seats the joiner
//!    or Enter { leave, hostname, after, consent }
//!                                                ◀──   Seated { entries }
//! ```
//!
//! A former member hands in what it knows on the same stream; see [`super::handin`].
//!
//! A joiner that finds itself on the offered roster is a member already and stops there. Any step may be answered by
//! `Refused`, and where a coordinator has to decide first by `Waiting`. The invite's secret never crosses.

use std::{sync::Arc, time::Duration};

use bincode::{Decode, Encode};
use iroh::endpoint::{Connection, RecvStream, SendStream, VarInt};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::timeout,
};

use super::{
    By, Door, Entering, JoinRefusal, Mesh, MeshError, MeshEvent, Seating, Ticket, alpn, close, handin, stream,
};
use crate::{
    ident::{Hostname, PeerId, RoomId},
    ledger::{
        EntryId,
        limits::{ANSWER_ENTRIES_MAX, ENTRIES_MAX, ENTRY_BYTES_MAX},
    },
};

/// The first words of a stranger. Who says nothing makes room for others.
const ASK_TIMEOUT: Duration = Duration::from_secs(3);
/// A refusal is a few bytes; who does not take them is not waited for.
const REFUSAL_TIMEOUT: Duration = Duration::from_secs(2);
/// A whole join as the member sees it. Strangers do not hold resources for longer.
const SERVE_TIMEOUT: Duration = Duration::from_secs(20);
/// Ledgers that are copied out to strangers at once; each may be several megabytes.
const OFFERS_MAX: usize = 8;
/// Former members that are heard at once: each costs a trial of the whole ledger.
const HEARINGS_MAX: usize = 4;
/// The entry by which the joiner left earlier, and its words.
pub(super) const ASK_MAX: usize = ENTRY_BYTES_MAX + 512;
pub(super) const ANSWER_MAX: usize = ANSWER_ENTRIES_MAX * (ENTRY_BYTES_MAX + 8) + 128;

#[derive(Debug, Encode, Decode)]
pub(super) enum JoinRequest {
    Ask { room: [u8; 32], by: Ground },
    Redeem { leave: Option<Vec<u8>>, hostname: String, after: Option<[u8; 32]>, proof: [u8; 64] },
    Enter { leave: Option<Vec<u8>>, hostname: String, after: Option<[u8; 32]>, consent: [u8; 64] },
    Entries { entries: Vec<Vec<u8>>, more: bool },
}

#[derive(Debug, Encode, Decode)]
pub(super) enum Ground {
    Invite { invite: [u8; 32], proof: [u8; 64] },
    Knock { hostname: String, after: Option<[u8; 32]>, consent: [u8; 64] },
    HandIn { heads: Vec<[u8; 32]> },
}

#[derive(Debug, Encode, Decode)]
pub(super) enum JoinAnswer {
    Offer { room: [u8; 32], entries: Vec<Vec<u8>>, more: bool },
    Waiting,
    Refused(JoinRefusal),
    Seated { entries: Vec<Vec<u8>> },
    Want { have: Vec<[u8; 32]>, ids: Vec<[u8; 32]> },
    Member,
    Out { entries: Vec<Vec<u8>>, more: bool },
}

/// What a member answers to a stranger that asks.
#[derive(Debug)]
pub enum Asked {
    Offer(Offer),
    /// A coordinator has to decide; ask again.
    Waiting,
}

/// The joiner's side after a member has offered its ledger.
#[derive(Debug)]
pub struct Offer {
    pub room: RoomId,
    pub entries: Vec<Vec<u8>>,
    connection: Connection,
    tx: SendStream,
    rx: RecvStream,
}

/// Asks `peer` for a seat in the network that `room` finds.
pub async fn ask(mesh: &Mesh, peer: PeerId, room: RoomId, by: By) -> Result<Asked, MeshError> {
    let connection = mesh.connect(peer, alpn::JOIN).await?;
    let (mut tx, mut rx) = connection.open_bi().await.map_err(|error| MeshError::Lost(error.to_string()))?;
    stream::send::<ASK_MAX, _>(&mut tx, &JoinRequest::Ask { room: room.0, by: ground(by) }).await?;
    let mut entries = Vec::new();
    loop {
        match stream::recv::<ANSWER_MAX, _>(&mut rx).await? {
            JoinAnswer::Offer { room, entries: part, more } => {
                let oversized = part.iter().any(|entry| entry.len() > ENTRY_BYTES_MAX);
                if oversized || part.len() > ANSWER_ENTRIES_MAX || more && part.is_empty() {
                    return Err(MeshError::Violation("an offer out of bounds"));
                }
                entries.extend(part);
                if entries.len() > ENTRIES_MAX {
                    return Err(MeshError::Violation("an endless offer"));
                }
                if !more {
                    return Ok(Asked::Offer(Offer { room: RoomId(room), entries, connection, tx, rx }));
                }
            }
            JoinAnswer::Waiting => return Ok(Asked::Waiting),
            JoinAnswer::Refused(refusal) => return Err(MeshError::Refused(refusal)),
            JoinAnswer::Seated { .. } => return Err(MeshError::Violation("seated before entering")),
            JoinAnswer::Want { .. } | JoinAnswer::Member | JoinAnswer::Out { .. } => {
                return Err(MeshError::Violation("an answer to who hands in"));
            }
        }
    }
}

impl Offer {
    /// Says the last word; on success the member has recorded the seat.
    pub async fn enter(mut self, entering: Entering) -> Result<Seating, MeshError> {
        let (leave, hostname) = (entering.leave, entering.hostname.to_string());
        let after = entering.after.map(|id| id.0);
        let request = match entering.by {
            Ticket::Invite { proof, .. } => JoinRequest::Redeem { leave, hostname, after, proof },
            Ticket::Consent(consent) => JoinRequest::Enter { leave, hostname, after, consent },
        };
        stream::send::<ASK_MAX, _>(&mut self.tx, &request).await?;
        let answer = stream::recv::<ANSWER_MAX, _>(&mut self.rx).await?;
        self.connection.close(VarInt::from_u32(close::DONE), b"done");
        match answer {
            JoinAnswer::Seated { entries } => Ok(Seating::Seated(entries)),
            JoinAnswer::Waiting => Ok(Seating::Waiting),
            JoinAnswer::Refused(refusal) => Err(MeshError::Refused(refusal)),
            JoinAnswer::Offer { .. } => Err(MeshError::Violation("a second offer")),
            JoinAnswer::Want { .. } | JoinAnswer::Member | JoinAnswer::Out { .. } => {
                Err(MeshError::Violation("an answer to who hands in"))
            }
        }
    }

    /// Ends the conversation: no seat is needed.
    pub fn decline(self) {
        self.connection.close(VarInt::from_u32(close::DONE), b"done");
    }
}

/// Serves strangers. Cloning shares the bound on ledgers that are copied out.
#[derive(Debug, Clone)]
pub(super) struct Reception {
    events: mpsc::Sender<MeshEvent>,
    offers: Arc<Semaphore>,
    pub(super) hearings: Arc<Semaphore>,
}

impl Reception {
    pub(super) fn new(events: mpsc::Sender<MeshEvent>) -> Self {
        let places = |count| Arc::new(Semaphore::new(count));
        Self { events, offers: places(OFFERS_MAX), hearings: places(HEARINGS_MAX) }
    }

    /// The member's side: serves one stranger.
    pub(super) async fn serve(&self, connection: Connection) {
        let peer = PeerId(*connection.remote_id().as_bytes());
        match timeout(SERVE_TIMEOUT, self.converse(&connection, peer)).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(peer = %peer.short(), %error, "serving a join"),
            Err(_) => tracing::debug!(peer = %peer.short(), "serving a join: out of time"),
        }
        // The joiner closes when it has read the answer; a deadline for one that does not.
        if timeout(Duration::from_secs(2), connection.closed()).await.is_err() {
            connection.close(VarInt::from_u32(close::DONE), b"done");
        }
    }

    async fn converse(&self, connection: &Connection, peer: PeerId) -> Result<(), MeshError> {
        let first = async {
            let (tx, mut rx) = connection.accept_bi().await.map_err(|error| MeshError::Lost(error.to_string()))?;
            let request = stream::recv::<ASK_MAX, _>(&mut rx).await?;
            Ok::<_, MeshError>((tx, rx, request))
        };
        let (mut tx, mut rx, request) = timeout(ASK_TIMEOUT, first).await.map_err(|_| MeshError::Timeout)??;
        let JoinRequest::Ask { room, by } = request else {
            return Err(MeshError::Violation("entering before asking"));
        };
        let asked = RoomId(room);
        let (by, invite) = match by {
            Ground::Invite { invite, proof } => (By::Invite { invite, proof }, Some(invite)),
            Ground::Knock { hostname, after, consent } => {
                let (hostname, after) = words(&hostname, after)?;
                (By::Knock { hostname, after, consent }, None)
            }
            Ground::HandIn { heads } => return handin::hear(self, &mut tx, &mut rx, peer, asked, heads).await,
        };
        let copying = self.offers.acquire().await;
        let door = self.decide(|reply| MeshEvent::JoinAsked { peer, room: asked, by, reply }).await;
        let (room, entries, have) = match door {
            Ok(Door::Offer { room, entries, heads }) => (room, entries, heads),
            // A place is for whoever is offered something: a stranger that does not read must not hold one.
            Ok(Door::Waiting) => {
                drop(copying);
                return stream::send::<ANSWER_MAX, _>(&mut tx, &JoinAnswer::Waiting).await;
            }
            Err(refusal) => {
                drop(copying);
                return refuse(&mut tx, refusal).await;
            }
        };
        offer(&mut tx, room, entries).await?;
        drop(copying);

        // A member that asks again ends here, by closing.
        let entering = match (stream::recv::<ASK_MAX, _>(&mut rx).await?, invite) {
            (JoinRequest::Redeem { leave, hostname, after, proof }, Some(invite)) => {
                let (hostname, after) = words(&hostname, after)?;
                Entering { leave, hostname, after, by: Ticket::Invite { invite, proof }, have }
            }
            (JoinRequest::Enter { leave, hostname, after, consent }, None) => {
                let (hostname, after) = words(&hostname, after)?;
                Entering { leave, hostname, after, by: Ticket::Consent(consent), have }
            }
            (JoinRequest::Redeem { .. } | JoinRequest::Enter { .. }, _) => {
                return Err(MeshError::Violation("entering on another ground"));
            }
            (JoinRequest::Ask { .. } | JoinRequest::Entries { .. }, _) => {
                return Err(MeshError::Violation("asking twice"));
            }
        };
        match self.decide(|reply| MeshEvent::JoinEntered { peer, room, entering, reply }).await {
            Ok(Seating::Seated(entries)) => {
                stream::send::<ANSWER_MAX, _>(&mut tx, &JoinAnswer::Seated { entries }).await
            }
            Ok(Seating::Waiting) => stream::send::<ANSWER_MAX, _>(&mut tx, &JoinAnswer::Waiting).await,
            Err(refusal) => refuse(&mut tx, refusal).await,
        }
    }

    pub(super) async fn decide<T>(
        &self,
        event: impl FnOnce(oneshot::Sender<Result<T, JoinRefusal>>) -> MeshEvent,
    ) -> Result<T, JoinRefusal> {
        let (reply, decision) = oneshot::channel();
        self.events.send(event(reply)).await.map_err(|_| JoinRefusal::NotNow)?;
        decision.await.unwrap_or(Err(JoinRefusal::NotNow))
    }
}

async fn offer(tx: &mut SendStream, room: RoomId, mut entries: Vec<Vec<u8>>) -> Result<(), MeshError> {
    loop {
        let rest = entries.split_off(ANSWER_ENTRIES_MAX.min(entries.len()));
        let more = !rest.is_empty();
        stream::send::<ANSWER_MAX, _>(tx, &JoinAnswer::Offer { room: room.0, entries, more }).await?;
        if !more {
            return Ok(());
        }
        entries = rest;
    }
}

pub(super) async fn refuse(tx: &mut SendStream, refusal: JoinRefusal) -> Result<(), MeshError> {
    let answer = JoinAnswer::Refused(refusal);
    let sent = timeout(REFUSAL_TIMEOUT, stream::send::<ANSWER_MAX, _>(tx, &answer));
    sent.await.map_err(|_| MeshError::Timeout)?
}

fn ground(by: By) -> Ground {
    match by {
        By::Invite { invite, proof } => Ground::Invite { invite, proof },
        By::Knock { hostname, after, consent } => {
            Ground::Knock { hostname: hostname.to_string(), after: after.map(|id| id.0), consent }
        }
    }
}

fn words(hostname: &str, after: Option<[u8; 32]>) -> Result<(Hostname, Option<EntryId>), MeshError> {
    let hostname = hostname.parse().map_err(|_| MeshError::Violation("a host name that is none"))?;
    Ok((hostname, after.map(EntryId)))
}

#[cfg(test)]
mod tests {
    use data_encoding::HEXLOWER;
    use ray_ipc::codec;

    use super::*;
    use crate::sync::limits::{HAVE_MAX, HEARING_HEADS_MAX, IDS_MAX};

    #[test]
    fn frozen_vectors() {
        let (ones, twos, threes) = ("11".repeat(32), "22".repeat(32), "33".repeat(64));
        for (request, hex) in [
            (
                JoinRequest::Ask { room: [0x11; 32], by: Ground::Invite { invite: [0x22; 32], proof: [0x33; 64] } },
                format!("00000000 {ones} 00000000 {twos} {threes}"),
            ),
            (
                JoinRequest::Ask {
                    room: [0x11; 32],
                    by: Ground::Knock { hostname: "bob".to_owned(), after: Some([0x22; 32]), consent: [0x33; 64] },
                },
                format!("00000000 {ones} 01000000 0300000000000000 626f62 01 {twos} {threes}"),
            ),
            (
                JoinRequest::Redeem {
                    leave: Some(vec![7, 8]),
                    hostname: "bob".to_owned(),
                    after: None,
                    proof: [0x33; 64],
                },
                format!("01000000 01 0200000000000000 0708 0300000000000000 626f62 00 {threes}"),
            ),
            (
                JoinRequest::Enter { leave: None, hostname: "bob".to_owned(), after: None, consent: [0x33; 64] },
                format!("02000000 00 0300000000000000 626f62 00 {threes}"),
            ),
            (
                JoinRequest::Ask { room: [0x11; 32], by: Ground::HandIn { heads: vec![[0x22; 32]] } },
                format!("00000000 {ones} 02000000 0100000000000000 {twos}"),
            ),
            (
                JoinRequest::Entries { entries: vec![vec![9]], more: true },
                "03000000 0100000000000000 0100000000000000 09 01".to_owned(),
            ),
        ] {
            assert_eq!(HEXLOWER.encode(&codec::encode::<ASK_MAX, _>(&request).unwrap()), hex.replace(' ', ""));
        }

        for (answer, hex) in [
            (
                JoinAnswer::Offer { room: [0x11; 32], entries: vec![vec![9]], more: true },
                format!("00000000 {ones} 0100000000000000 0100000000000000 09 01"),
            ),
            (JoinAnswer::Waiting, "01000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::Unknown), "02000000 00000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::InviteExpired), "02000000 01000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::InviteUsedUp), "02000000 02000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::InviteRevoked), "02000000 03000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::Denied), "02000000 04000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::Removed), "02000000 05000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::Invalid), "02000000 06000000".to_owned()),
            (JoinAnswer::Refused(JoinRefusal::NotNow), "02000000 07000000".to_owned()),
            (JoinAnswer::Seated { entries: vec![vec![9]] }, "03000000 0100000000000000 0100000000000000 09".to_owned()),
            (
                JoinAnswer::Want { have: vec![[0x11; 32]], ids: vec![[0x22; 32]] },
                format!("04000000 0100000000000000 {ones} 0100000000000000 {twos}"),
            ),
            (JoinAnswer::Member, "05000000".to_owned()),
            (
                JoinAnswer::Out { entries: vec![vec![9]], more: false },
                "06000000 0100000000000000 0100000000000000 09 00".to_owned(),
            ),
        ] {
            let bytes = codec::encode::<ANSWER_MAX, _>(&answer).unwrap();
            assert_eq!(HEXLOWER.encode(&bytes), hex.replace(' ', ""), "{answer:?}");
        }
    }

    #[test]
    fn the_longest_words_fit() {
        let request = JoinRequest::Redeem {
            leave: Some(vec![0xff; ENTRY_BYTES_MAX]),
            hostname: "n".repeat(63),
            after: Some([0xff; 32]),
            proof: [0xff; 64],
        };
        assert!(codec::encode::<ASK_MAX, _>(&request).is_ok());
        let request =
            JoinRequest::Ask { room: [0xff; 32], by: Ground::HandIn { heads: vec![[0xff; 32]; HEARING_HEADS_MAX] } };
        assert!(codec::encode::<ASK_MAX, _>(&request).is_ok());
        let (have, ids) = (vec![[0xff; 32]; HAVE_MAX], vec![[0xff; 32]; IDS_MAX]);
        assert!(codec::encode::<ANSWER_MAX, _>(&JoinAnswer::Want { have, ids }).is_ok());
        let entries = vec![vec![0xff; ENTRY_BYTES_MAX]; ANSWER_ENTRIES_MAX];
        assert!(codec::encode::<ANSWER_MAX, _>(&JoinAnswer::Offer { room: [0; 32], entries, more: true }).is_ok());
    }

    #[test]
    fn a_host_name_with_an_escape_sequence_is_a_violation() {
        assert!(words("bob\u{1b}[2J", None).is_err());
        assert!(words("bob", None).is_ok());
    }
}
