//! Sending answers to somebody who may have gone.

use ray_ipc::control::Reply;
use tokio::sync::oneshot;

use super::Answer;
use crate::mesh::JoinRefusal;

/// Sends one message of an answer. A caller that has gone is nobody's loss.
pub(super) async fn send(answer: &Answer, reply: Reply) {
    if answer.send(reply).await.is_err() {
        tracing::debug!("a caller left before its answer");
    }
}

/// Sends the decision on a join step.
pub(super) fn decide<T>(reply: oneshot::Sender<Result<T, JoinRefusal>>, decision: Result<T, JoinRefusal>) {
    if reply.send(decision).is_err() {
        tracing::debug!("a joiner left before its answer");
    }
}
