//! `join`, from both sides: asking members for a seat with an invite, and giving one.

use std::time::Duration;

use ray_ipc::control::{ErrorCode, ErrorReply, JoinReply, JoinRequest, Reply};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::{Answer, Command, Core, answer, failure, now};
use crate::{
    ident::{Hostname, NetworkName, PeerId, RoomId},
    ledger::{
        self, Action, AuthorError, Inserted, Invite, InviteError, InviteKey, InviteRefusal, Ledger, SigningKey,
        VerifiedEntry,
    },
    mesh::{JoinRefusal, Mesh, MeshError, join},
};

/// Between two rounds of asking.
const ROUND_PAUSE: Duration = Duration::from_secs(1);
/// One seat is given so long to answer before the next is asked.
const SEAT_TIMEOUT: Duration = Duration::from_secs(12);
const TIMEOUT_MAX_MS: u32 = 600_000;

/// A join that a member has recorded.
#[derive(Debug)]
pub(super) struct Joined {
    ledger: Ledger,
    seat: PeerId,
    answer: Answer,
}

/// What the task that asks for a seat works with.
struct Applicant {
    mesh: Mesh,
    key: SigningKey,
    me: PeerId,
    invite: Invite,
    hostname: Hostname,
    /// Names of the networks that this node is in.
    taken: Vec<NetworkName>,
    /// The entry by which this node left the network before.
    left: Option<Vec<u8>>,
    deadline: Instant,
}

impl Core {
    /// Checks what can be checked here, then asks for a seat in a task of its own.
    pub(super) async fn join(&mut self, request: JoinRequest, answer: Answer) {
        let applicant = match self.applicant(&request) {
            Ok(prepared) => prepared,
            Err(error) => return answer::send(&answer, Reply::Error(error)).await,
        };
        let Some(commands) = self.commands.upgrade() else { return };
        tokio::spawn(async move {
            match applicant.apply().await {
                Ok((ledger, seat)) => {
                    let joined = Command::Joined(Box::new(Joined { ledger, seat, answer: answer.clone() }));
                    if commands.send(joined).await.is_err() {
                        answer::send(&answer, Reply::Error(failure::shutting_down())).await;
                    }
                }
                Err(error) => answer::send(&answer, Reply::Error(error)).await,
            }
        });
    }

    fn applicant(&self, request: &JoinRequest) -> super::Result<Applicant> {
        let invite: Invite = request.code.parse().map_err(|error: InviteError| {
            failure::usage(error.to_string(), "copy the whole code that `ray invite` printed")
        })?;
        let hostname = self.hostname_or(request.hostname.as_deref())?;
        if let Some(network) = self.network(invite.room) {
            return Err(failure::refused(
                format!("this node is a member of {} already", network.name()),
                "`ray status` shows it",
            ));
        }
        let deadline = Instant::now() + Duration::from_millis(request.timeout_ms.clamp(1, TIMEOUT_MAX_MS).into());
        let left = self.store.left(invite.room).map_err(|error| failure::store(&error))?;
        Ok(Applicant {
            left,
            mesh: self.mesh.clone(),
            key: self.key.clone(),
            me: self.me,
            invite,
            hostname,
            taken: self.networks.iter().map(|network| network.name().clone()).collect(),
            deadline,
        })
    }

    /// Adds the network that a member has let this node into.
    pub(super) async fn finish_join(&mut self, joined: Joined) {
        let Joined { ledger, seat, answer } = joined;
        let room = ledger.room();
        let seated_by = ledger.roster().get(&seat).map_or_else(|| seat.short(), |member| member.hostname.to_string());
        let members = u32::try_from(ledger.roster().members().count()).unwrap_or(u32::MAX);
        let added = match self.network(room) {
            // Two joins at once with the same invite; the other one was first.
            Some(_) => Ok(()),
            // Made or entered while the member was being asked.
            None if !self.is_name_free(&ledger.roster().name) => Err(name_taken(&ledger.roster().name)),
            None => {
                tokio::task::block_in_place(|| self.add_network(ledger, None)).map_err(|error| failure::store(&error))
            }
        };
        let reply = added.and_then(|()| {
            self.apply();
            self.network_reply(room)
        });
        let reply = reply.map(|network| Reply::Joined(JoinReply { network, members, seated_by }));
        answer::send(&answer, reply.unwrap_or_else(Reply::Error)).await;
    }

    /// The member's side, first step: the ledger for whoever holds a good invite.
    pub(super) fn offer(
        &self,
        peer: PeerId,
        room: RoomId,
        invite: [u8; 32],
        proof: &[u8; 64],
    ) -> Result<Vec<Vec<u8>>, JoinRefusal> {
        let network = self.network(room).ok_or(JoinRefusal::InviteUnknown)?;
        let invite = InviteKey(invite);
        // The proof first: whoever does not hold the invite learns nothing about it.
        if !invite.proves(&room, &peer, proof) {
            return Err(JoinRefusal::InviteUnknown);
        }
        let known = network.ledger.roster().invite(&invite).is_some();
        if !(known && network.has(&peer)) {
            network.ledger.check_invite(&invite, now()).map_err(refusal)?;
        }
        Ok(network.ledger.entries().map(|entry| entry.bytes().to_vec()).collect())
    }

    /// The member's side, second step: records the joiner's redeem entry, and before it the entry by which the joiner left
    /// earlier, if this member has not heard of that.
    pub(super) fn seat(&mut self, peer: PeerId, room: RoomId, entries: &[Vec<u8>]) -> Result<(), JoinRefusal> {
        let verified: Result<Vec<_>, _> = entries.iter().map(|bytes| ledger::verify(bytes, room)).collect();
        let entries = verified.map_err(|error| {
            tracing::warn!(peer = %peer.short(), %error, "a joiner's entry does not verify");
            JoinRefusal::EntryInvalid
        })?;
        let (redeem, leaves) = entries.split_last().ok_or(JoinRefusal::EntryInvalid)?;
        let Action::Redeem { invite, .. } = *redeem.action() else { return Err(JoinRefusal::EntryInvalid) };
        if redeem.author() != peer || leaves.iter().any(|e| *e.action() != Action::Leave || e.author() != peer) {
            return Err(JoinRefusal::EntryInvalid);
        }
        let network = self.network(room).ok_or(JoinRefusal::InviteUnknown)?;
        network.ledger.check_invite(&invite, now()).map_err(refusal)?;
        self.take_entries(room, entries.clone()).map_err(|_| JoinRefusal::Internal)?;
        let network = self.network(room).ok_or(JoinRefusal::InviteUnknown)?;
        let Some(member) = network.ledger.roster().get(&peer) else {
            return Err(network
                .ledger
                .check_invite(&invite, now())
                .map_or_else(refusal, |_| JoinRefusal::EntryInvalid));
        };
        tracing::info!(network = %network.name(), host = %member.hostname, peer = %peer.short(), "seated a member");
        self.publish(room, &entries);
        self.apply();
        Ok(())
    }
}

impl Applicant {
    /// Asks the seats one after the other, again and again until one says yes, all that answer say no, or time is up. The
    /// most telling refusal is returned.
    async fn apply(self) -> super::Result<(Ledger, PeerId)> {
        let mut worst = MeshError::Timeout;
        loop {
            for seat in self.invite.seats.iter().filter(|seat| **seat != self.me) {
                let until = self.deadline.min(Instant::now() + SEAT_TIMEOUT);
                match timeout_at(until, self.ask(*seat)).await {
                    Ok(Ok(ledger)) => return Ok((ledger, *seat)),
                    Ok(Err(Failed::Final(error))) => return Err(error),
                    Ok(Err(Failed::Mesh(error))) => {
                        tracing::info!(seat = %seat.short(), %error, "asking for a seat");
                        if !matches!(worst, MeshError::Refused(_)) {
                            worst = error;
                        }
                    }
                    Err(_) => tracing::info!(seat = %seat.short(), "asking for a seat: no answer in time"),
                }
            }
            let next = Instant::now() + ROUND_PAUSE;
            if matches!(worst, MeshError::Refused(_)) || next >= self.deadline {
                return Err(self.explain(&worst));
            }
            sleep_until(next).await;
        }
    }

    async fn ask(&self, seat: PeerId) -> Result<Ledger, Failed> {
        let room = self.invite.room;
        let offer = join::ask(&self.mesh, seat, room, self.invite.key().0, self.invite.proof(&self.me))
            .await
            .map_err(Failed::Mesh)?;
        let mut ledger = Ledger::empty(room);
        for bytes in &offer.entries {
            // The offer comes from somebody whom only its own signatures make a member.
            let entry = ledger::verify(bytes, room)
                .map_err(|_| Failed::Mesh(MeshError::Violation("an entry that does not verify")))?;
            ledger.insert(entry);
        }
        // A member that has not heard of our leaving would take us for a member still, until somebody tells it.
        let mut redeeming: Vec<Vec<u8>> = Vec::new();
        if let Some(entry) = self.left.as_ref().and_then(|bytes| ledger::verify(bytes, room).ok()) {
            let bytes = entry.bytes().to_vec();
            if matches!(ledger.insert(entry), Inserted::New { .. }) {
                redeeming.push(bytes);
            }
        }
        if ledger.roster().is_member(&self.me) {
            offer.decline();
            return Ok(ledger);
        }
        if !ledger.roster().is_member(&seat) {
            return Err(Failed::Mesh(MeshError::Violation("it is not a member itself")));
        }
        // Before anything is used up: the roster that the member would write this node into cannot have a name of ours.
        let name = ledger.roster().name.clone();
        if self.taken.contains(&name) {
            offer.decline();
            return Err(Failed::Final(name_taken(&name)));
        }
        let action = Action::Redeem {
            invite: self.invite.key(),
            hostname: self.hostname.clone(),
            proof: self.invite.proof(&self.me),
        };
        let entry: VerifiedEntry = ledger.author(&self.key, action, now()).map_err(|error| match error {
            AuthorError::Invite(reason) => Failed::Mesh(MeshError::Refused(refusal(reason))),
            other => Failed::Final(failure::author(name.as_str(), &other)),
        })?;
        redeeming.push(entry.bytes().to_vec());
        offer.redeem(redeeming).await.map_err(Failed::Mesh)?;
        ledger.insert(entry);
        Ok(ledger)
    }

    fn explain(&self, error: &MeshError) -> ErrorReply {
        let room = self.invite.room.short();
        match error {
            MeshError::Refused(refusal) => failure::refused(
                format!("joining network {room}: {refusal}"),
                "ask whoever invited you for a new invite (ray invite)",
            ),
            MeshError::Timeout | MeshError::Unreachable(_) | MeshError::Lost(_) => failure::fail(
                ErrorCode::Timeout,
                format!("joining network {room}: no member that the invite names could be reached ({error})"),
                "make sure that the machine that made the invite is online, then try again",
            ),
            MeshError::Bind(_) | MeshError::Url { .. } | MeshError::Violation(_) => {
                failure::fail(ErrorCode::Other, format!("joining network {room}: {error}"), "")
            }
        }
    }
}

enum Failed {
    /// Another seat may do better.
    Mesh(MeshError),
    /// No seat can help.
    Final(ErrorReply),
}

fn name_taken(name: &NetworkName) -> ErrorReply {
    failure::refused(
        format!("this node is in another network called {name}"),
        format!("leave that one first (ray leave {name}); the invite is not used up"),
    )
}

fn refusal(reason: InviteRefusal) -> JoinRefusal {
    match reason {
        InviteRefusal::Unknown => JoinRefusal::InviteUnknown,
        InviteRefusal::Expired => JoinRefusal::InviteExpired,
        InviteRefusal::UsedUp => JoinRefusal::InviteUsedUp,
    }
}
