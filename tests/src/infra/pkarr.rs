//! A pkarr server: keeps one signed record per key and hands it out. `PUT` and `GET` on `/pkarr/<key in z-base-32>`.
//!
//! A record is kept when its signature is the key's and it is not older than the one that is there. The body is the
//! record without its key: signature, timestamp, DNS packet.

use std::{
    collections::HashMap,
    convert::Infallible,
    io,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::{
    Method, Request, Response, StatusCode,
    body::{Bytes, Incoming},
    header::{ACCESS_CONTROL_ALLOW_ORIGIN, CONTENT_TYPE},
    server::conn::http1,
    service::service_fn,
};
use hyper_util::rt::{TokioIo, TokioTimer};
use pkarr::{PublicKey, SignedPacket};
use tokio::{net::TcpListener, sync::Semaphore};

/// Records kept. A lab has hundreds; this bounds what a runaway client can fill to about 12 MB.
const RECORDS_MAX: usize = 10_000;
/// Longest body: 64 bytes of signature, 8 of timestamp, 1000 of DNS packet; rounded up to the record's own bound.
const BODY_LEN_MAX: usize = 1104;
/// Connections at a time.
const CONNECTIONS_MAX: usize = 1024;
/// Longest wait for a request's head.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);

const PREFIX: &str = "/pkarr/";

/// The records.
#[derive(Debug, Default)]
pub struct Store {
    records: Mutex<HashMap<[u8; 32], SignedPacket>>,
}

/// Why a record was not kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// Not signed by that key, or not a record at all.
    Invalid,
    /// A more recent one is there.
    Older,
    /// No room for another key.
    Full,
}

impl Store {
    /// Keeps a record that is valid and more recent than what is there. The same record again is fine.
    pub fn put(&self, key: &PublicKey, payload: &Bytes) -> Result<(), Rejection> {
        let record = SignedPacket::from_relay_payload(key, payload).map_err(|_| Rejection::Invalid)?;
        let mut records = self.lock();
        match records.get(key.as_bytes()) {
            Some(known) if known.more_recent_than(&record) => return Err(Rejection::Older),
            None if records.len() >= RECORDS_MAX => return Err(Rejection::Full),
            Some(_) | None => {}
        }
        records.insert(key.to_bytes(), record);
        Ok(())
    }

    /// The body that hands out the key's record.
    pub fn get(&self, key: &PublicKey) -> Option<Bytes> {
        self.lock().get(key.as_bytes()).map(SignedPacket::to_relay_payload)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<[u8; 32], SignedPacket>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves an empty store for ever.
pub async fn serve(listener: TcpListener) -> io::Result<()> {
    let store = Arc::new(Store::default());
    let room = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let permit = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
        // A client that left between its handshake and here is no failure of ours.
        let Ok((stream, _)) = listener.accept().await else { continue };
        let store = Arc::clone(&store);
        tokio::spawn(async move {
            let service = service_fn(|request| answer(&store, request));
            // A broken connection concerns its client only.
            let _ = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .serve_connection(TokioIo::new(stream), service)
                .await;
            drop(permit);
        });
    }
}

async fn answer(store: &Store, request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    let key = request.uri().path().strip_prefix(PREFIX).map(PublicKey::try_from);
    let key = match key {
        Some(Ok(key)) => key,
        Some(Err(_)) => return Ok(text(StatusCode::BAD_REQUEST, "not a key in z-base-32")),
        None => return Ok(text(StatusCode::NOT_FOUND, "only /pkarr/<key> is here")),
    };
    Ok(match *request.method() {
        Method::GET => match store.get(&key) {
            Some(payload) => bytes(payload),
            None => text(StatusCode::NOT_FOUND, "no record of that key"),
        },
        Method::PUT => match Limited::new(request.into_body(), BODY_LEN_MAX).collect().await {
            Ok(body) => put(store, &key, &body.to_bytes()),
            Err(error) if error.is::<LengthLimitError>() => text(StatusCode::PAYLOAD_TOO_LARGE, "record too long"),
            Err(_) => text(StatusCode::BAD_REQUEST, "the body broke off"),
        },
        _ => text(StatusCode::METHOD_NOT_ALLOWED, "GET and PUT only"),
    })
}

fn put(store: &Store, key: &PublicKey, payload: &Bytes) -> Response<Full<Bytes>> {
    match store.put(key, payload) {
        Ok(()) => text(StatusCode::NO_CONTENT, ""),
        Err(Rejection::Invalid) => text(StatusCode::BAD_REQUEST, "not a record signed by that key"),
        Err(Rejection::Older) => text(StatusCode::CONFLICT, "a more recent record is here"),
        Err(Rejection::Full) => text(StatusCode::INSUFFICIENT_STORAGE, "no room for another key"),
    }
}

fn bytes(payload: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(payload));
    let any = hyper::header::HeaderValue::from_static("*");
    let kind = hyper::header::HeaderValue::from_static("application/pkarr.org/relays#payload");
    response.headers_mut().insert(ACCESS_CONTROL_ALLOW_ORIGIN, any);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn text(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
}

#[cfg(test)]
mod tests {
    use pkarr::{Keypair, Timestamp};

    use super::*;

    #[test]
    fn hands_out_what_was_put() {
        let (store, keypair) = (Store::default(), Keypair::random());
        let payload = record(&keypair, 1);
        store.put(&keypair.public_key(), &payload).unwrap();
        assert_eq!(store.get(&keypair.public_key()), Some(payload));
    }

    #[test]
    fn refuses_a_record_of_another_key() {
        let (store, keypair) = (Store::default(), Keypair::random());
        let payload = record(&Keypair::random(), 1);
        assert_eq!(store.put(&keypair.public_key(), &payload), Err(Rejection::Invalid));
        assert_eq!(store.get(&keypair.public_key()), None);
    }

    #[test]
    fn refuses_a_changed_record() {
        let (store, keypair) = (Store::default(), Keypair::random());
        let payload = record(&keypair, 1);
        for at in [0, 64, payload.len() - 1] {
            let mut changed = payload.to_vec();
            changed[at] ^= 1;
            assert_eq!(store.put(&keypair.public_key(), &changed.into()), Err(Rejection::Invalid), "byte {at}");
        }
    }

    #[test]
    fn refuses_an_older_record_and_keeps_the_newer() {
        let (store, keypair) = (Store::default(), Keypair::random());
        let (older, newer) = (record(&keypair, 1), record(&keypair, 2));
        store.put(&keypair.public_key(), &newer).unwrap();
        assert_eq!(store.put(&keypair.public_key(), &older), Err(Rejection::Older));
        assert_eq!(store.get(&keypair.public_key()), Some(newer.clone()));
        store.put(&keypair.public_key(), &newer).unwrap();
    }

    #[test]
    fn refuses_another_key_when_full_but_updates_known_ones() {
        let (store, keypair) = (Store::default(), Keypair::random());
        store.put(&keypair.public_key(), &record(&keypair, 1)).unwrap();
        let known = store.lock().get(keypair.public_key().as_bytes()).unwrap().clone();
        for number in 1..RECORDS_MAX {
            let mut key = [0; 32];
            key[..8].copy_from_slice(&number.to_le_bytes());
            store.lock().insert(key, known.clone());
        }
        let other = Keypair::random();
        assert_eq!(store.put(&other.public_key(), &record(&other, 1)), Err(Rejection::Full));
        store.put(&keypair.public_key(), &record(&keypair, 2)).unwrap();
    }

    fn record(keypair: &Keypair, time: u64) -> Bytes {
        let name = "_iroh".try_into().unwrap();
        let value = "relay=http://10.77.0.1:3340/".try_into().unwrap();
        let packet = SignedPacket::builder().txt(name, value, 30).timestamp(Timestamp::from(time));
        packet.sign(keypair).unwrap().to_relay_payload()
    }
}
