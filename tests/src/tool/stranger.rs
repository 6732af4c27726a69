//! Somebody on no roster, who asks a member in every way that strangers may, and notes each answer byte by byte. For tests
//! of what a guess can learn.

use std::{collections::BTreeMap, time::Duration};

use bincode::Encode;
use data_encoding::HEXLOWER;
use ed25519_dalek::SigningKey;
use iroh::{
    Endpoint, EndpointAddr, EndpointId, SecretKey,
    endpoint::{Connection, ConnectionError, VarInt},
};
use ray_engine::{
    ident::{Hostname, PeerId, RoomId},
    ledger::{Invite, consent},
    publish::{self, BlobRef},
};
use ray_ipc::codec;
use serde::Serialize;
use tokio::time::timeout;

use super::{
    ToolError,
    blob::{bytes, random_key},
    endpoint::{self, endpoint_id},
};

const JOIN: &[u8] = b"rayfish/join/2";
const LINK: &[u8] = b"rayfish/link/2";
/// One question, with its handshake.
const QUESTION: Duration = Duration::from_secs(10);
/// After an answer nothing more is waited for than this.
const SILENCE: Duration = Duration::from_secs(1);
/// Longer than any refusal; the start of a history is enough to see one.
const ANSWER_MAX: usize = 64 * 1024;
const QUESTION_MAX: usize = 4096;

/// Each question, and what came back: bytes as hex, and how the conversation ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    pub schema: &'static str,
    pub answers: BTreeMap<&'static str, String>,
}

enum Question {
    /// The first words of a join.
    Join(Ground, RoomId),
    Blob(BlobRef),
    Link,
}

/// The join protocol's first message.
#[derive(Encode)]
enum First {
    Ask { room: [u8; 32], by: Ground },
}

#[derive(Encode)]
enum Ground {
    Invite { invite: [u8; 32], proof: [u8; 64] },
    Knock { hostname: String, after: Option<[u8; 32]>, consent: [u8; 64] },
    HandIn { heads: Vec<[u8; 32]> },
}

/// What a stranger may have picked up.
struct Known {
    room: RoomId,
    /// Public key of an invite that is open.
    invite: [u8; 32],
    blob: BlobRef,
}

/// Asks `victim` about what a stranger may know, and in the same words about what does not exist.
pub fn run(victim: &str, room: &str, invite: &str, blob: &str, len: u32) -> Result<Report, ToolError> {
    let victim = endpoint_id(victim)?;
    let blob = BlobRef { hash: bytes(blob)?, len };
    let known = Known { room: RoomId(bytes(room)?), invite: bytes(invite)?, blob };
    endpoint::runtime()?.block_on(async {
        let mut answers = BTreeMap::new();
        for name in QUESTIONS {
            // A new face for each: what was asked before must not matter.
            let key = random_key();
            let endpoint = endpoint::bind(key).await?;
            let answer = timeout(QUESTION, ask(&endpoint, victim, known.question(name, &key))).await;
            answers.insert(name, answer.unwrap_or_else(|_| "nothing in time".to_owned()));
            endpoint.close().await;
        }
        Ok(Report { schema: "ray.lab.stranger/1", answers })
    })
}

const QUESTIONS: [&str; 11] = [
    "knock, right room",
    "knock, wrong room",
    "made-up invite, right room",
    "made-up invite, wrong room",
    "known invite without its secret, right room",
    "known invite without its secret, wrong room",
    "hand in, right room",
    "hand in, wrong room",
    "blob, right hash",
    "blob, wrong hash",
    "link",
];

impl Known {
    fn question(&self, name: &str, key: &[u8; 32]) -> Question {
        let me = PeerId(*SecretKey::from_bytes(key).public().as_bytes());
        // A key as good as the right one: a number that is none could be told apart.
        let nowhere = RoomId(SigningKey::from_bytes(&random_key()).verifying_key().to_bytes());
        let room = if name.ends_with("wrong room") { nowhere } else { self.room };
        match name.split(',').next().unwrap_or_default() {
            "knock" => {
                let hostname = Hostname::from_system("guest");
                let consent = consent(&SigningKey::from_bytes(key), room, &hostname, None);
                Question::Join(Ground::Knock { hostname: hostname.to_string(), after: None, consent }, room)
            }
            "made-up invite" => {
                let invite = Invite { room, secret: random_key(), seats: vec![me] };
                Question::Join(Ground::Invite { invite: invite.key().0, proof: invite.proof(&me) }, room)
            }
            "known invite without its secret" => {
                let proof = Invite { room, secret: random_key(), seats: vec![me] }.proof(&me);
                Question::Join(Ground::Invite { invite: self.invite, proof }, room)
            }
            "hand in" => Question::Join(Ground::HandIn { heads: vec![random_key()] }, room),
            "blob" if name.ends_with("right hash") => Question::Blob(self.blob),
            "blob" => Question::Blob(BlobRef { hash: random_key(), ..self.blob }),
            _ => Question::Link,
        }
    }
}

async fn ask(endpoint: &Endpoint, victim: EndpointId, question: Question) -> String {
    let connect = |alpn: &'static [u8]| endpoint.connect(EndpointAddr::new(victim), alpn);
    match question {
        Question::Join(by, room) => {
            let Ok(connection) = connect(JOIN).await else { return "no connection".to_owned() };
            let body = codec::encode::<QUESTION_MAX, _>(&First::Ask { room: room.0, by }).unwrap_or_default();
            let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
            converse(&connection, &[&length[..], &body].concat()).await
        }
        Question::Blob(blob) => match publish::fetch(connect(publish::ALPN), blob, QUESTION).await {
            Ok(blob) => HEXLOWER.encode(&blob),
            Err(error) => error.to_string(),
        },
        Question::Link => match connect(LINK).await {
            Ok(connection) => converse(&connection, &[0; 4]).await,
            Err(_) => "no connection".to_owned(),
        },
    }
}

/// Says the words and listens: to the end, or until nothing more comes.
async fn converse(connection: &Connection, words: &[u8]) -> String {
    let mut heard = Vec::new();
    let talk = async {
        let (mut tx, mut rx) = connection.open_bi().await.map_err(|_| ())?;
        tx.write_all(words).await.map_err(|_| ())?;
        let mut chunk = [0; 4096];
        let mut patience = QUESTION;
        while heard.len() < ANSWER_MAX
            && let Ok(read) = timeout(patience, rx.read(&mut chunk)).await
            && let Some(len) = read.map_err(|_| ())?
        {
            heard.extend_from_slice(chunk.get(..len).unwrap_or_default());
            patience = SILENCE;
        }
        Ok::<(), ()>(())
    };
    let end = match talk.await {
        Ok(()) => "",
        Err(()) => "broken off ",
    };
    let closed = match timeout(SILENCE, connection.closed()).await {
        Ok(ConnectionError::ApplicationClosed(close)) => format!("closed {close}"),
        Ok(error) => error.to_string(),
        Err(_) => "left open".to_owned(),
    };
    connection.close(VarInt::from_u32(0), b"done");
    format!("{} {end}{closed}", HEXLOWER.encode(&heard))
}
