//! One connection: cuts questions out of what it reads, and writes replies, each behind its length.

use std::time::Duration;

use smoltcp::{
    iface::SocketHandle,
    socket::tcp::{Socket, SocketBuffer, State},
};

use super::{ConnectionId, Micros};

/// A question is some sixty bytes, and padded a few hundred.
pub(super) const QUESTION_MAX: usize = 1024;
const LENGTH_LEN: usize = 2;
const READ_BUFFER: usize = 2048;
pub(super) const WRITE_BUFFER: usize = 8192;
/// How long a connection may be open without a word (RFC 7766, 6.2.3: seconds).
const IDLE_MAX: Duration = Duration::from_secs(5);
/// How long the other end has to agree that it is over, or has begun.
const HANDSHAKE_MAX: Duration = Duration::from_secs(1);
/// How long an answer is waited for: longer than whoever gives it does.
const ANSWER_MAX: Duration = Duration::from_secs(10);

/// What a connection is about.
#[derive(Debug)]
pub(super) struct Connection {
    id: ConnectionId,
    handle: SocketHandle,
    inbox: Vec<u8>,
    /// A reply that is not yet written, behind its length.
    outbox: Vec<u8>,
    /// A question of it is being answered.
    asked: bool,
    /// When something last happened.
    since: Micros,
    state: State,
}

pub(super) fn socket() -> Socket<'static> {
    let mut socket = Socket::new(SocketBuffer::new(vec![0; READ_BUFFER]), SocketBuffer::new(vec![0; WRITE_BUFFER]));
    socket.set_nagle_enabled(false);
    socket
}

impl Connection {
    pub(super) fn new(id: ConnectionId, handle: SocketHandle, now: Micros) -> Self {
        Self { id, handle, inbox: Vec::new(), outbox: Vec::new(), asked: false, since: now, state: State::Listen }
    }

    pub(super) fn id(&self) -> ConnectionId {
        self.id
    }

    pub(super) fn handle(&self) -> SocketHandle {
        self.handle
    }

    /// Whose place is given away first: those that wait for no answer, and of those the idlest.
    pub(super) fn rank(&self) -> (bool, Micros) {
        (self.asked, self.since)
    }

    pub(super) fn advance(&mut self, socket: &mut Socket<'_>, now: Micros) {
        if socket.state() != self.state {
            (self.state, self.since) = (socket.state(), now);
        }
        self.write(socket, now);
        self.read(socket, now);
        if !socket.is_active() {
            return;
        }
        if self.question_len().is_some_and(|len| len > QUESTION_MAX) {
            return socket.abort();
        }
        if self.due_in(socket, now) == Some(Duration::ZERO) {
            match self.state {
                State::Established | State::CloseWait if !self.asked && self.outbox.is_empty() => socket.close(),
                _ => socket.abort(),
            }
            self.since = now;
        } else if self.state == State::CloseWait && !self.asked && self.outbox.is_empty() && !self.has_question() {
            socket.close();
        }
    }

    /// The question that has come whole, if none is being answered.
    pub(super) fn take_question(&mut self, now: Micros) -> Option<Vec<u8>> {
        if self.asked || !self.outbox.is_empty() {
            return None;
        }
        let len = self.question_len().filter(|_| self.has_question())?;
        let question = self.inbox.drain(..LENGTH_LEN + len).skip(LENGTH_LEN).collect();
        (self.asked, self.since) = (true, now);
        Some(question)
    }

    /// Takes the reply to the question. No bytes: there is none, and the client is told nothing.
    pub(super) fn reply(&mut self, reply: &[u8], now: Micros) {
        let len = u16::try_from(reply.len()).unwrap_or_default();
        if self.asked && len > 0 {
            self.outbox = [&len.to_be_bytes(), reply].concat();
        }
        (self.asked, self.since) = (false, now);
    }

    pub(super) fn due_in(&self, socket: &Socket<'_>, now: Micros) -> Option<Duration> {
        let patience = match socket.state() {
            State::Listen | State::Closed => return None,
            State::Established | State::CloseWait if self.asked => ANSWER_MAX,
            State::Established | State::CloseWait => IDLE_MAX,
            _ => HANDSHAKE_MAX,
        };
        Some(patience.saturating_sub(Duration::from_micros(now.saturating_sub(self.since))))
    }

    /// Whether the socket is of no more use. The time that TCP would wait for stray segments is for connections that are
    /// made anew from the same port, which a host's own kernel does not do so soon.
    pub(super) fn is_over(&self, socket: &Socket<'_>) -> bool {
        match socket.state() {
            State::TimeWait => true,
            // A reset may still have to go out.
            State::Closed => socket.remote_endpoint().is_none(),
            _ => false,
        }
    }

    fn read(&mut self, socket: &mut Socket<'_>, now: Micros) {
        while socket.can_recv() && self.inbox.len() < LENGTH_LEN + QUESTION_MAX {
            let room = LENGTH_LEN + QUESTION_MAX - self.inbox.len();
            let inbox = &mut self.inbox;
            let read = socket.recv(|bytes| {
                let taken = bytes.len().min(room);
                inbox.extend_from_slice(bytes.get(..taken).unwrap_or_default());
                (taken, taken)
            });
            match read {
                Ok(len) if len > 0 => self.since = now,
                Ok(_) | Err(_) => return,
            }
        }
    }

    fn write(&mut self, socket: &mut Socket<'_>, now: Micros) {
        if self.outbox.is_empty() || !socket.can_send() {
            return;
        }
        if let Ok(written @ 1..) = socket.send_slice(&self.outbox) {
            self.outbox.drain(..written);
            self.since = now;
        }
    }

    fn question_len(&self) -> Option<usize> {
        Some(usize::from(u16::from_be_bytes(*self.inbox.first_chunk()?)))
    }

    fn has_question(&self) -> bool {
        self.question_len().is_some_and(|len| self.inbox.len() >= LENGTH_LEN + len)
    }
}
