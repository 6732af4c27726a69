//! A joiner's side of a join, in a task of its own: finding members, showing the invite or asking without one, and
//! checking what they say.

use std::{collections::BTreeSet, time::Duration};

use ray_ipc::control::{ErrorCode, ErrorReply};
use tokio::time::{Instant, sleep, sleep_until, timeout_at};

use super::{failure, publication::find_seeds, seat::refusal};
use crate::{
    ident::{Hostname, NetworkName, PeerId, RoomId},
    ledger::{self, EntryId, Inserted, Invite, Ledger, SigningKey},
    mesh::{
        By, Entering, JoinRefusal, Mesh, MeshError, Seating, Ticket,
        join::{self, Asked, Offer},
    },
    publish::Announcer,
    store::Store,
};

/// Between two rounds of asking.
const ROUND_PAUSE: Duration = Duration::from_secs(1);
/// One seat is given so long to answer before the next is asked.
const SEAT_TIMEOUT: Duration = Duration::from_secs(12);
/// A node that waits for a coordinator asks again after this, and more seldom with each time.
const ASK_AGAIN_MIN: Duration = Duration::from_secs(5);
const ASK_AGAIN_MAX: Duration = Duration::from_secs(60);

/// What a joiner was given.
#[derive(Debug, Clone)]
pub(super) enum Target {
    Invite(Invite),
    /// A room id, or the key that a network's record is found at.
    Room(RoomId),
}

impl Target {
    pub(super) fn room(&self) -> RoomId {
        match self {
            Self::Invite(invite) => invite.room,
            Self::Room(room) => *room,
        }
    }
}

/// What the task works with.
pub(super) struct Applicant {
    pub(super) mesh: Mesh,
    pub(super) announcer: Announcer,
    pub(super) store: Store,
    pub(super) key: SigningKey,
    pub(super) me: PeerId,
    pub(super) target: Target,
    pub(super) hostname: Hostname,
    /// Names of the networks that this node is in.
    pub(super) taken: Vec<NetworkName>,
}

/// What came of asking.
pub(super) enum Outcome {
    /// The ledger, and who opened the door.
    Entered(Box<Ledger>, PeerId),
    /// A coordinator has to decide.
    Waiting,
}

enum Failed {
    /// Another seat may do better.
    Mesh(MeshError),
    /// No seat can help.
    Final(ErrorReply),
}

impl From<MeshError> for Failed {
    fn from(error: MeshError) -> Self {
        Self::Mesh(error)
    }
}

impl Applicant {
    /// Asks the seats one after the other, again and again until one says yes, all that answer say no, or time is up. The
    /// most telling refusal is returned.
    pub(super) async fn apply(&self, deadline: Instant) -> super::Result<Outcome> {
        let mut worst = MeshError::Timeout;
        loop {
            match self.round(deadline, &mut worst).await {
                Ok(Some(outcome)) => return Ok(outcome),
                Ok(None) => {}
                Err(error) => return Err(error),
            }
            let next = Instant::now() + ROUND_PAUSE;
            if matches!(worst, MeshError::Refused(_)) || next >= deadline {
                return Err(self.explain(&worst));
            }
            sleep_until(next).await;
        }
    }

    /// Asks until a coordinator has decided, however long that takes.
    pub(super) async fn wait(&self) -> super::Result<(Box<Ledger>, PeerId)> {
        let mut pause = ASK_AGAIN_MIN;
        loop {
            sleep(pause).await;
            pause = (pause * 2).min(ASK_AGAIN_MAX);
            let mut worst = MeshError::Timeout;
            let deadline = Instant::now() + ASK_AGAIN_MAX;
            if let Some(Outcome::Entered(ledger, seat)) = self.round(deadline, &mut worst).await? {
                return Ok((ledger, seat));
            }
            if let MeshError::Refused(JoinRefusal::Denied) = worst {
                return Err(self.explain(&worst));
            }
        }
    }

    /// Asks each seat once. `None`: none has said yes.
    async fn round(&self, deadline: Instant, worst: &mut MeshError) -> super::Result<Option<Outcome>> {
        let mut waiting = None;
        for seat in self.seats(deadline).await {
            let until = deadline.min(Instant::now() + SEAT_TIMEOUT);
            match timeout_at(until, self.ask(seat)).await {
                Ok(Ok(entered @ Outcome::Entered(..))) => return Ok(Some(entered)),
                // One seat that has heard the request is enough; another may be a coordinator's that decides at once.
                Ok(Ok(Outcome::Waiting)) => waiting = Some(Outcome::Waiting),
                Ok(Err(Failed::Final(error))) => return Err(error),
                Ok(Err(Failed::Mesh(error))) => {
                    tracing::info!(seat = %seat.short(), %error, "asking for a seat");
                    if !matches!(worst, MeshError::Refused(_)) {
                        *worst = error;
                    }
                }
                Err(_) => tracing::info!(seat = %seat.short(), "asking for a seat: no answer in time"),
            }
        }
        Ok(waiting)
    }

    async fn seats(&self, deadline: Instant) -> Vec<PeerId> {
        let mut seats = match &self.target {
            Target::Invite(invite) => invite.seats.clone(),
            Target::Room(room) => timeout_at(deadline, find_seeds(&self.announcer, *room)).await.unwrap_or_default(),
        };
        let mut seen = BTreeSet::from([self.me]);
        seats.retain(|seat| seen.insert(*seat));
        seats
    }

    async fn ask(&self, seat: PeerId) -> Result<Outcome, Failed> {
        match join::ask(&self.mesh, seat, self.target.room(), self.ground()?).await? {
            Asked::Waiting => Ok(Outcome::Waiting),
            Asked::Offer(offer) => self.enter(seat, offer).await,
        }
    }

    fn ground(&self) -> Result<By, Failed> {
        match &self.target {
            Target::Invite(invite) => Ok(By::Invite { invite: invite.key().0, proof: invite.proof(&self.me) }),
            Target::Room(room) => {
                let after = self.left(*room)?.map(|bytes| EntryId::of(&bytes));
                let consent = ledger::consent(&self.key, *room, &self.hostname, after);
                Ok(By::Knock { hostname: self.hostname.clone(), after, consent })
            }
        }
    }

    async fn enter(&self, seat: PeerId, offer: Offer) -> Result<Outcome, Failed> {
        let room = offer.room;
        let mut ledger = Ledger::empty(room);
        take(&mut ledger, &offer.entries)?;
        let found = match &self.target {
            Target::Invite(invite) => invite.room == room,
            Target::Room(target) => *target == room || ledger.roster().discovery == target.0,
        };
        if !found || ledger.is_empty() {
            return Err(MeshError::Violation("another network than was asked for").into());
        }
        // A member that has not heard of our leaving would take us for a member still, until somebody tells it.
        let left = self.left(room)?.and_then(|bytes| Some((ledger::verify(&bytes, room).ok()?, bytes)));
        let leave = left.and_then(|(entry, bytes)| {
            matches!(ledger.insert(entry), Inserted::New { .. } | Inserted::Pending).then_some(bytes)
        });
        if ledger.roster().is_member(&self.me) {
            offer.decline();
            return Ok(Outcome::Entered(Box::new(ledger), seat));
        }
        if !ledger.roster().is_member(&seat) {
            return Err(MeshError::Violation("it is not a member itself").into());
        }
        // Before anything is used up: the roster that the member would write this node into cannot have a name of ours.
        let name = ledger.roster().name.clone();
        if self.taken.contains(&name) {
            offer.decline();
            return Err(Failed::Final(name_taken(&name)));
        }
        let after = ledger.last_leave(&self.me);
        let by = match &self.target {
            Target::Invite(invite) => {
                ledger.check_invite(&invite.key(), super::now()).map_err(|why| MeshError::Refused(refusal(why)))?;
                let proof = invite.redeem(&self.me, &self.hostname, after);
                Ticket::Invite { invite: invite.key().0, proof }
            }
            Target::Room(_) => Ticket::Consent(ledger::consent(&self.key, room, &self.hostname, after)),
        };
        let entering = Entering { leave, hostname: self.hostname.clone(), after, by, have: ledger.heads() };
        match offer.enter(entering).await? {
            Seating::Waiting => Ok(Outcome::Waiting),
            Seating::Seated(entries) => {
                take(&mut ledger, &entries)?;
                if !ledger.roster().is_member(&self.me) {
                    return Err(MeshError::Violation("it did not give the seat that it claims").into());
                }
                Ok(Outcome::Entered(Box::new(ledger), seat))
            }
        }
    }

    /// The entry by which this node left the network before.
    fn left(&self, room: RoomId) -> Result<Option<Vec<u8>>, Failed> {
        tokio::task::block_in_place(|| self.store.left(room)).map_err(|error| Failed::Final(failure::store(&error)))
    }

    fn explain(&self, error: &MeshError) -> ErrorReply {
        let room = self.target.room().short();
        let by_invite = matches!(self.target, Target::Invite(_));
        match error {
            MeshError::Refused(refusal) => {
                failure::refused(format!("joining network {room}: {refusal}"), hint(*refusal, by_invite))
            }
            MeshError::Timeout | MeshError::Unreachable(_) | MeshError::Lost(_) if by_invite => failure::fail(
                ErrorCode::Timeout,
                format!("joining network {room}: no member that the invite names could be reached ({error})"),
                "make sure that the machine that made the invite is online, then try again",
            ),
            MeshError::Timeout | MeshError::Unreachable(_) | MeshError::Lost(_) => failure::fail(
                ErrorCode::Timeout,
                format!("joining network {room}: no member was found and reached"),
                "if the room id is right, ask a coordinator for an invite: only open networks can be found without one",
            ),
            MeshError::Bind(_) | MeshError::Url { .. } | MeshError::Violation(_) => {
                failure::fail(ErrorCode::Other, format!("joining network {room}: {error}"), "")
            }
        }
    }
}

fn hint(refusal: JoinRefusal, by_invite: bool) -> &'static str {
    match refusal {
        JoinRefusal::Removed | JoinRefusal::Denied => "only a coordinator can let this node in",
        JoinRefusal::NotNow => "try again in a minute",
        JoinRefusal::Unknown if !by_invite => "ask a coordinator for an invite (ray invite)",
        JoinRefusal::Unknown
        | JoinRefusal::InviteExpired
        | JoinRefusal::InviteUsedUp
        | JoinRefusal::InviteRevoked
        | JoinRefusal::Invalid => "ask whoever invited you for a new invite (ray invite)",
    }
}

pub(super) fn name_taken(name: &NetworkName) -> ErrorReply {
    failure::refused(
        format!("this node is in another network called {name}"),
        format!("leave that one first (ray leave {name}); the invite is not used up"),
    )
}

/// Verifies what a member sent: only its own signatures make it one.
fn take(ledger: &mut Ledger, entries: &[Vec<u8>]) -> Result<(), MeshError> {
    let room = ledger.room();
    let verified: Result<Vec<_>, _> =
        tokio::task::block_in_place(|| entries.iter().map(|bytes| ledger::verify(bytes, room)).collect());
    for entry in verified.map_err(|_| MeshError::Violation("an entry that does not verify"))? {
        ledger.insert(entry);
    }
    Ok(())
}
