//! Many members at once: joins as so many nodes, each with a key of its own, by the engine's own join over the lab's small
//! Internet. They have no tunnel and are gone when they are in.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use ray_engine::{
    ident::Hostname,
    ledger::Invite,
    mesh::{
        By, Entering, Guest, Mesh, MeshSettings, Seating, Ticket,
        join::{self, Asked},
    },
    publish,
};
use serde::Serialize;
use tokio::{
    sync::{Semaphore, mpsc},
    task::JoinSet,
    time::{sleep, timeout},
};

use super::{
    ToolError,
    blob::random_key,
    endpoint::{pkarr, runtime},
};

/// Below what a member grants one address at once.
const AT_ONCE: usize = 6;
/// One attempt, with finding the member.
const ATTEMPT: Duration = Duration::from_secs(15);
/// Members turn away who comes too often from one address; the next attempt asks another one.
const PAUSE: Duration = Duration::from_millis(500);
const ATTEMPTS_MAX: usize = 40;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub joined: usize,
    /// Attempts that were turned away or lost, and repeated.
    pub repeated: usize,
    pub took_ms: u128,
}

/// Joins as `count` nodes by one invite, named `<prefix>-1` and so on.
pub fn run(code: &str, count: usize, prefix: &str) -> Result<Report, ToolError> {
    let invite: Invite = code.parse().map_err(|_| ToolError::new("that is no invite code"))?;
    let started = Instant::now();
    runtime()?.block_on(async {
        let (invite, room) = (Arc::new(invite), Arc::new(Semaphore::new(AT_ONCE)));
        let mut joining = JoinSet::new();
        for number in 1..=count {
            let hostname = Hostname::from_system(&format!("{prefix}-{number}"));
            let (invite, room) = (Arc::clone(&invite), Arc::clone(&room));
            joining.spawn(async move {
                let _permit = room.acquire_owned().await;
                become_member(&invite, number, &hostname).await
            });
        }
        let (mut joined, mut repeated) = (0, 0);
        while let Some(ended) = joining.join_next().await {
            repeated += ended.map_err(|error| ToolError::new(error.to_string()))??;
            joined += 1;
        }
        Ok(Report { schema: "ray.lab.swarm/1", joined, repeated, took_ms: started.elapsed().as_millis() })
    })
}

/// Joins as one node; how many attempts failed before.
async fn become_member(invite: &Invite, number: usize, hostname: &Hostname) -> Result<usize, ToolError> {
    let (events, _events) = mpsc::channel(1);
    let mesh = Mesh::bind(settings(), events, Arc::new(|_| {})).await;
    let mesh = mesh.map_err(|error| ToolError::new(format!("binding: {error}")))?;
    let mut last = String::new();
    for attempt in 0..ATTEMPTS_MAX {
        // Each begins with another member.
        let seat = invite.seats.iter().cycle().nth(number + attempt).copied();
        let seat = seat.ok_or_else(|| ToolError::new("the invite names nobody"))?;
        match timeout(ATTEMPT, attempt_at(&mesh, invite, hostname, seat)).await {
            Ok(Ok(())) => {
                mesh.close().await;
                return Ok(attempt);
            }
            Ok(Err(error)) => last = error,
            Err(_) => last = "no answer in time".to_owned(),
        }
        sleep(PAUSE).await;
    }
    Err(ToolError::new(format!("{hostname} is not let in: {last}")))
}

async fn attempt_at(
    mesh: &Mesh,
    invite: &Invite,
    hostname: &Hostname,
    seat: ray_engine::ident::PeerId,
) -> Result<(), String> {
    let me = mesh.id();
    let by = By::Invite { invite: invite.key().0, proof: invite.proof(&me) };
    let asked = join::ask(mesh, seat, invite.room, by).await.map_err(|error| error.to_string())?;
    let Asked::Offer(offer) = asked else { return Err("it has to wait".to_owned()) };
    let proof = invite.redeem(&me, hostname, None);
    let by = Ticket::Invite { invite: invite.key().0, proof };
    // It has never left, and keeps nothing: what it would verify of the offer is what a real node verifies.
    let entering = Entering { leave: None, hostname: hostname.clone(), after: None, by, have: Vec::new() };
    match offer.enter(entering).await.map_err(|error| error.to_string())? {
        Seating::Seated(entries) if entries.is_empty() => Err("seated by nothing".to_owned()),
        Seating::Seated(_) => Ok(()),
        Seating::Waiting => Err("it has to wait".to_owned()),
    }
}

fn settings() -> MeshSettings {
    MeshSettings {
        secret_key: random_key(),
        relays: Some(Vec::new()),
        discovery: Some(vec![pkarr()]),
        external_addrs: Vec::new(),
        features: 0,
        bind_port: 0,
        guest: Guest { alpn: publish::ALPN, serve: Arc::new(|_| Box::pin(async {})) },
    }
}
