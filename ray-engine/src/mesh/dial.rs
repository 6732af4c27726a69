//! Keeps a link to each wanted peer: one task a peer that dials while there is none, with back-off.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Mutex,
    time::Duration,
};

use tokio::{
    sync::watch,
    task::JoinHandle,
    time::{sleep, timeout},
};

use super::endpoint::Mesh;
use crate::ident::PeerId;

/// One attempt, discovery included.
const ATTEMPT: Duration = Duration::from_secs(12);
/// A first attempt after a path has gone silent. The library begins with the addresses that it remembers, and sends to what it
/// finds meanwhile a second later, or at once in the next attempt.
const LOOK_UP: Duration = Duration::from_millis(100);
const BACKOFF_MIN: Duration = Duration::from_millis(500);
/// A peer that returns also dials us, so this bounds only the case where it cannot.
const BACKOFF_MAX: Duration = Duration::from_secs(8);
/// Head start of the smaller id, which makes two connections at once rare.
const HEAD_START: Duration = Duration::from_millis(700);

/// The dialling tasks.
#[derive(Debug, Default)]
pub(super) struct Dialler {
    tasks: Mutex<HashMap<PeerId, Task>>,
}

#[derive(Debug)]
struct Task {
    handle: JoinHandle<()>,
    /// Changes when somebody wants the peer at once.
    hurry: watch::Sender<u64>,
}

impl Dialler {
    /// Makes the set of peers to be linked with exactly `wanted`.
    pub(super) fn replace(&self, mesh: &Mesh, wanted: &BTreeSet<PeerId>) {
        let Ok(mut tasks) = self.tasks.lock() else { return };
        tasks.retain(|peer, task| {
            let keep = wanted.contains(peer);
            if !keep {
                task.handle.abort();
            }
            keep
        });
        for peer in wanted {
            tasks.entry(*peer).or_insert_with(|| {
                let (hurry, hurried) = watch::channel(0);
                let handle = tokio::spawn(keep_linked(mesh.clone(), *peer, hurried));
                Task { handle, hurry }
            });
        }
    }

    /// Skips the back-off of a peer: there is traffic for it.
    pub(super) fn hurry(&self, peer: &PeerId) {
        let Ok(tasks) = self.tasks.lock() else { return };
        if let Some(task) = tasks.get(peer) {
            task.hurry.send_modify(|count| *count += 1);
        }
    }

    /// Whether the peer is being dialled.
    pub(super) fn dials(&self, peer: &PeerId) -> bool {
        self.tasks.lock().is_ok_and(|tasks| tasks.contains_key(peer))
    }
}

async fn keep_linked(mesh: Mesh, peer: PeerId, mut hurried: watch::Receiver<u64>) {
    let mut backoff = BACKOFF_MIN;
    if mesh.id() > peer {
        sleep(HEAD_START).await;
    }
    loop {
        if let Some(link) = mesh.links().get(&peer) {
            mesh.links().gone(&link).await;
            if link.was_silent() && timeout(LOOK_UP, mesh.dial(peer)).await.is_ok() {
                continue;
            }
            if link.has_greeted() {
                backoff = BACKOFF_MIN;
                continue;
            }
            // The handshake ends before the other side's gate has judged: a link without a word was no success.
            if link.was_turned_away() {
                backoff = BACKOFF_MAX;
            }
        } else {
            match timeout(ATTEMPT, mesh.dial(peer)).await {
                Ok(Ok(())) => continue,
                Ok(Err(error)) => tracing::debug!(peer = %peer.short(), %error, "dialling"),
                Err(_) => tracing::debug!(peer = %peer.short(), "dialling: no answer in time"),
            }
        }
        tokio::select! {
            () = sleep(backoff) => backoff = (backoff * 2).min(BACKOFF_MAX),
            () = hurry(&mut hurried) => {}
            () = mesh.links().wait_for_any(&peer) => {}
        }
    }
}

/// Traffic makes a dial come sooner, but never in a tight loop: each costs discovery servers a request.
async fn hurry(hurried: &mut watch::Receiver<u64>) {
    hurried.mark_unchanged();
    sleep(BACKOFF_MIN).await;
    if hurried.changed().await.is_err() {
        std::future::pending().await
    }
}
