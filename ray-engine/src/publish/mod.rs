//! Publication: how a network is found, and how it is read, by a member that meets nobody. Layer 4; its worlds are pkarr
//! relays, the Mainline DHT, and iroh-blobs' protocol.
//!
//! A coordinator that has the network key signs a [`Record`] under it: which [`Blob`] holds the ledger, and six members to
//! try. The blob is the ledger, sealed with the epoch's key; every member with the same entries makes the same blob and
//! hands it out to members.
//!
//! | file | job |
//! |---|---|
//! | `limits` | every bound |
//! | `record`, `seeds` | what is shown, and whom it names; pure |
//! | `blob` | the sealed ledger; pure |
//! | `publisher` | when to publish and when to look; pure |
//! | `announce`, `relay`, `dht` | putting and getting records |
//! | `serve`, `fetch` | handing out and getting blobs |
//!
//! # How a service uses it
//!
//! Once: [`Announcer::new`] with the mesh's endpoint, and a [`Shelf`], whose [`Shelf::serve`] gets each accepted
//! connection with [`ALPN`]. For each network:
//!
//! * a [`Publisher`], told what happens ([`Publisher::allow`], [`Publisher::changed`], [`Publisher::linked`]); each
//!   [`Task`] that [`Publisher::next`] names is spawned, and its end told.
//! * when the ledger or the epoch changed: [`blob::build`], [`Shelf::put`]; when only the roster did: [`Shelf::replace_readers`].
//! * [`Task::Publish`]: [`seeds::choose`], [`Announcer::publish`]; the receipt's `issued` is kept on disk as the floor.
//! * [`Task::LookUp`]: [`Announcer::look_up`]; the record's `issued` is kept as the floor; the seeds are dialled; if its blob is not
//!   the own one, [`fetch()`] it from a seed, [`blob::open`], and take the entries in as from any peer.

mod announce;
pub mod blob;
mod dht;
mod fetch;
pub mod limits;
mod publisher;
pub mod record;
mod relay;
pub mod seeds;
mod serve;

pub use self::{
    announce::{Announcer, Answers, Draft, Failure, PlaceError, Places, Receipt},
    blob::{Blob, BlobError},
    fetch::{FetchError, fetch},
    publisher::{Millis, Publisher, Task},
    record::{BlobRef, Cover, Expected, Issued, Record, RecordError},
    seeds::Candidate,
    serve::{ALPN, Shelf},
};
