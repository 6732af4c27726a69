//! One caller: hello, then requests one after the other, each judged by the kernel's word on the caller.
//!
//! That word is about the moment of the connect and cannot change, so it is asked once.

use std::{fmt, io, time::Duration};

use ray_ipc::{
    codec::CodecError,
    control::{self, ClientHello, FirewallRequest, LENGTH_PREFIX, Message, Reply, Request, ServerHello},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::UnixStream,
    time::timeout,
};

use super::{
    Access, Caller,
    check::{check, whoami},
};
use crate::service::Service;

/// A caller that says nothing for so long is let go.
const IDLE_TIMEOUT: Duration = Duration::from_secs(60);
/// A caller that does not read its answer for so long is let go.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(super) enum SessionError {
    Io(io::Error),
    Codec(CodecError),
    /// A length prefix above the limit of what may come.
    TooLong(usize),
    Idle,
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io(cause) => write!(f, "talking to a caller: {cause}"),
            Self::Codec(cause) => write!(f, "talking to a caller: {cause}"),
            Self::TooLong(len) => write!(f, "a caller announces {len} bytes"),
            Self::Idle => f.write_str("a caller is silent"),
        }
    }
}

pub(super) async fn run(
    mut stream: UnixStream,
    caller: &Caller,
    service: &Service,
    access: &Access,
) -> Result<(), SessionError> {
    let Some(ClientHello { version }) = receive(&mut stream).await? else { return Ok(()) };
    let hello = ServerHello { version: control::VERSION, engine_release: env!("CARGO_PKG_VERSION").to_owned() };
    send(&mut stream, &hello).await?;
    if version != control::VERSION {
        return Ok(());
    }
    while let Some(request) = receive::<Request>(&mut stream).await? {
        if let Err(refusal) = check(access, caller, &request) {
            send(&mut stream, &Reply::Error(refusal)).await?;
            continue;
        }
        if request == Request::Whoami {
            send(&mut stream, &Reply::Whoami(Box::new(whoami(access, caller)))).await?;
            continue;
        }
        // Nothing may happen for hours, and only a word to the caller would show that it is gone.
        let follows = matches!(request, Request::Firewall(FirewallRequest::Log { .. }));
        let mut replies = service.submit(request).await;
        loop {
            let reply = tokio::select! {
                reply = replies.recv() => reply,
                () = hung_up(&stream), if follows => return Ok(()),
            };
            let Some(reply) = reply else { break };
            let last = reply.is_final();
            send(&mut stream, &reply).await?;
            if last {
                break;
            }
        }
    }
    Ok(())
}

/// Waits until the caller has gone, or speaks although it is not its turn.
async fn hung_up(stream: &UnixStream) {
    let mut byte = [0];
    while stream.readable().await.is_ok() {
        match stream.try_read(&mut byte) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Ok(_) | Err(_) => return,
        }
    }
}

/// The next message; `None` when the caller is done.
async fn receive<T: Message>(stream: &mut UnixStream) -> Result<Option<T>, SessionError> {
    let reading = async {
        let mut prefix = [0u8; LENGTH_PREFIX];
        match stream.read_exact(&mut prefix).await {
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(error) => return Err(SessionError::Io(error)),
        }
        let length = usize::try_from(u32::from_le_bytes(prefix)).unwrap_or(usize::MAX);
        if length > T::MAX {
            return Err(SessionError::TooLong(length));
        }
        let mut body = vec![0u8; length];
        stream.read_exact(&mut body).await.map_err(SessionError::Io)?;
        T::from_body(&body).map(Some).map_err(SessionError::Codec)
    };
    timeout(IDLE_TIMEOUT, reading).await.map_err(|_| SessionError::Idle)?
}

async fn send<T: Message>(stream: &mut UnixStream, message: &T) -> Result<(), SessionError> {
    let frame = message.to_frame().map_err(SessionError::Codec)?;
    timeout(WRITE_TIMEOUT, stream.write_all(&frame)).await.map_err(|_| SessionError::Idle)?.map_err(SessionError::Io)
}
