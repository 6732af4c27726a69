//! `join` as the user sees it: checked here, carried out by an [`Applicant`], and where a coordinator has to decide first
//! kept and repeated until it has.

use std::{collections::BTreeMap, time::Duration};

use ray_ipc::control::{JoinReply, JoinRequest, Reply, WaitingReply};
use tokio::{task::JoinHandle, time::Instant};

use super::{
    Answer, Command, Core, Standing, answer,
    applicant::{Applicant, Outcome, Target, name_taken},
    failure, now,
};
use crate::{
    ident::{Hostname, PeerId, RoomId},
    ledger::{Invite, InviteError, Ledger},
    store::{Joining, StoreError},
};

const TIMEOUT_MAX_MS: u32 = 600_000;
/// Networks that a node asks to be let into at the same time.
const WAITING_MAX: usize = 32;

/// A join that a member has recorded.
#[derive(Debug)]
pub(super) struct Joined {
    /// What the network was found by.
    target: RoomId,
    ledger: Ledger,
    seat: PeerId,
    /// Whether firewall rules that coordinators suggest are accepted by themselves; `None`: as was said before.
    auto_accept: Option<bool>,
    /// Absent where nobody waits for it any more.
    answer: Option<Answer>,
}

/// A join that a coordinator has to decide.
#[derive(Debug)]
pub(super) struct Waits {
    target: RoomId,
    hostname: Hostname,
    auto_accept: bool,
    answer: Answer,
}

/// A network that this node asks to be let into.
#[derive(Debug, Clone)]
pub(super) struct Waiting {
    pub(super) room: RoomId,
    pub(super) hostname: Hostname,
}

/// The networks that this node asks to be let into, each with the task that asks.
pub(super) type Petitions = BTreeMap<RoomId, Petition>;

#[derive(Debug)]
pub(super) struct Petition {
    hostname: Hostname,
    task: JoinHandle<()>,
}

impl Drop for Petition {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl Core {
    /// Checks what can be checked here, then asks for a seat in a task of its own.
    pub(super) async fn join(&mut self, request: JoinRequest, answer: Answer) {
        let applicant = match self.prepare(&request) {
            Ok(applicant) => applicant,
            Err(error) => return answer::send(&answer, Reply::Error(error)).await,
        };
        let Some(commands) = self.commands.upgrade() else { return };
        let auto_accept = request.auto_accept_firewall;
        let deadline = Instant::now() + Duration::from_millis(request.timeout_ms.clamp(1, TIMEOUT_MAX_MS).into());
        tokio::spawn(async move {
            let target = applicant.target.room();
            let command = match applicant.apply(deadline).await {
                Ok(Outcome::Entered(ledger, seat)) => {
                    let (ledger, auto_accept, answer) = (*ledger, Some(auto_accept), Some(answer.clone()));
                    Command::Joined(Box::new(Joined { target, ledger, seat, auto_accept, answer }))
                }
                Ok(Outcome::Waiting) => {
                    Command::Waits(Waits { target, hostname: applicant.hostname, auto_accept, answer: answer.clone() })
                }
                Err(error) => return answer::send(&answer, Reply::Error(error)).await,
            };
            if commands.send(command).await.is_err() {
                answer::send(&answer, Reply::Error(failure::shutting_down())).await;
            }
        });
    }

    fn prepare(&self, request: &JoinRequest) -> super::Result<Applicant> {
        let target = match request.target.trim().to_ascii_lowercase().parse::<RoomId>() {
            Ok(room) => Target::Room(room),
            Err(_) => Target::Invite(request.target.parse::<Invite>().map_err(|error: InviteError| {
                failure::usage(
                    error.to_string(),
                    "copy the whole code that `ray invite` printed, or the room id of an open network",
                )
            })?),
        };
        let hostname = self.hostname_or(request.hostname.as_deref())?;
        let room = target.room();
        let held = self.networks.iter().find(|n| n.room() == room || n.ledger.roster().discovery == room.0);
        if let Some(network) = held {
            return Err(match network.standing(&self.me) {
                Standing::Member => failure::refused(
                    format!("this node is a member of {} already", network.name()),
                    "`ray status` shows it",
                ),
                Standing::Out(reason) => failure::no_member(network.name(), &reason),
                Standing::Ended(by) => failure::ended(network.name(), &by),
            });
        }
        if self.petitions.len() >= WAITING_MAX && !self.petitions.contains_key(&room) {
            return Err(failure::refused(
                format!("this node asks to be let into {WAITING_MAX} networks already"),
                "give one up: ray leave ROOM-ID",
            ));
        }
        Ok(self.applicant(target, hostname))
    }

    fn applicant(&self, target: Target, hostname: Hostname) -> Applicant {
        Applicant {
            mesh: self.mesh.clone(),
            announcer: self.announcer.clone(),
            store: self.store.clone(),
            key: self.key.clone(),
            me: self.me,
            target,
            hostname,
            taken: self.networks.iter().map(|network| network.name().clone()).collect(),
        }
    }

    /// Adds the network that a member has let this node into.
    pub(super) async fn finish_join(&mut self, joined: Joined) {
        let Joined { target, ledger, seat, auto_accept, answer } = joined;
        let room = ledger.room();
        let seated_by = ledger.roster().get(&seat).map_or_else(|| seat.short(), |member| member.hostname.to_string());
        let members = u32::try_from(ledger.roster().members().count()).unwrap_or(u32::MAX);
        let added = match self.network(room) {
            // Two joins at once with the same invite; the other one was first.
            Some(_) => Ok(()),
            // Made or entered while the member was being asked.
            None if !self.is_name_free(&ledger.roster().name) => Err(name_taken(&ledger.roster().name)),
            None => {
                let auto_accept = auto_accept.unwrap_or_else(|| self.auto_accepts(target));
                // First: what is suggested already is accepted as the network is added.
                let remembered = self.remember_auto_accept(room, auto_accept);
                let added = remembered.and_then(|()| tokio::task::block_in_place(|| self.add_network(ledger, None)));
                added.map_err(|error| failure::store(&error))
            }
        };
        let reply = added.and_then(|()| {
            self.stop_waiting(target)?;
            self.forget_notices(target);
            self.apply();
            self.network_reply(room)
        });
        let reply = reply.map(|network| Reply::Joined(JoinReply { network, members, seated_by }));
        match (answer, reply) {
            (Some(answer), reply) => answer::send(&answer, reply.unwrap_or_else(Reply::Error)).await,
            (None, Ok(_)) => tracing::info!(%room, "let in"),
            (None, Err(error)) => {
                self.notice(target, format!("let into network {}, but: {}", room.short(), error.message));
            }
        }
    }

    /// Keeps asking for a seat that a coordinator has to grant. Durable when the user is told.
    pub(super) async fn start_waiting(&mut self, waits: Waits) {
        let Waits { target, hostname, auto_accept, answer } = waits;
        let joining = Joining { hostname: hostname.clone(), asked_at: now() };
        let stored = self
            .remember_auto_accept(target, auto_accept)
            .and_then(|()| tokio::task::block_in_place(|| self.store.save_joining(target, &joining)));
        let reply = match stored {
            Ok(()) => {
                self.petition(target, hostname.clone());
                Reply::Waiting(WaitingReply { room_id: target.to_string(), hostname: hostname.to_string() })
            }
            Err(error) => Reply::Error(failure::store(&error)),
        };
        answer::send(&answer, reply).await;
    }

    /// Goes on asking for what was asked for before this start.
    pub(super) fn load_petitions(&mut self) -> Result<(), StoreError> {
        for (target, joining) in self.store.joining()? {
            if self.network(target).is_some() {
                // Let in, and stopped before the request was removed.
                self.store.remove_joining(target)?;
            } else {
                self.petition(target, joining.hostname);
            }
        }
        Ok(())
    }

    fn petition(&mut self, target: RoomId, hostname: Hostname) {
        let Some(commands) = self.commands.upgrade() else { return };
        let applicant = self.applicant(Target::Room(target), hostname.clone());
        let commands = commands.downgrade();
        let task = tokio::spawn(async move {
            let command = match applicant.wait().await {
                Ok((ledger, seat)) => {
                    let ledger = *ledger;
                    Command::Joined(Box::new(Joined { target, ledger, seat, auto_accept: None, answer: None }))
                }
                Err(error) => Command::TurnedAway { target, why: error.message },
            };
            if let Some(commands) = commands.upgrade() {
                // An engine that shuts down asks again when it is back.
                let _ = commands.send(command).await;
            }
        });
        self.petitions.insert(target, Petition { hostname, task });
    }

    /// A coordinator said no, or there is no way in.
    pub(super) fn end_petition(&mut self, target: RoomId, why: String) {
        tracing::info!(%target, why, "not let in");
        if let Err(error) = self.stop_waiting(target) {
            tracing::error!(error = %error.message, "forgetting a request to be let in");
        }
        self.notice(target, why);
    }

    /// The networks that this node asks to be let into.
    pub(super) fn waiting(&self) -> Vec<Waiting> {
        let all = self.petitions.iter();
        all.map(|(room, petition)| Waiting { room: *room, hostname: petition.hostname.clone() }).collect()
    }

    /// Gives up asking to be let into a network.
    pub(super) fn stop_waiting(&mut self, room: RoomId) -> super::Result<()> {
        if self.petitions.contains_key(&room) {
            tokio::task::block_in_place(|| self.store.remove_joining(room)).map_err(|error| failure::store(&error))?;
            self.petitions.remove(&room);
            if self.network(room).is_none() {
                self.remember_auto_accept(room, false).map_err(|error| failure::store(&error))?;
            }
        }
        Ok(())
    }
}
