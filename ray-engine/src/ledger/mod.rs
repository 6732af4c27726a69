//! The signed history of a network and the roster that it folds to. Layer 1: no IO, no clock, no randomness.
//!
//! An *entry* is one signed statement (found, mint an invite, redeem it, admit, leave) that names the entries before it
//! by hash. A [`Ledger`] is a set of verified entries in which every entry's parents are present; two ledgers with the
//! same entries fold to the same [`Roster`], whatever the order in which the entries came.
//!
//! | file | job |
//! |---|---|
//! | `limits` | every bound |
//! | `action` | what an entry may say |
//! | `encode` | canonical bytes |
//! | `entry` | signing and verification |
//! | `graph` | who came before whom |
//! | `order` | the one order in which all nodes fold |
//! | `authority` | whether an entry may stand, judged by its own past |
//! | `names`, `roster` | what the entries that stand add up to |
//! | `pending` | entries whose parents are missing |
//! | `log` | the set itself, and authoring |
//! | `invite` | the code that is handed out |
//!
//! `docs/ledger.md` holds the rules and the bytes.

mod action;
mod authority;
mod encode;
mod entry;
mod graph;
mod invite;
pub mod limits;
mod log;
mod names;
mod order;
mod pending;
mod roster;

pub use ed25519_dalek::SigningKey;

pub use self::{
    action::{Action, InviteKey},
    authority::{AuthorError, Refusal},
    entry::{EntryError, EntryId, VerifiedEntry, verify},
    invite::{Invite, InviteError},
    log::{Inserted, Ledger},
    roster::{InviteRefusal, InviteState, Member, Roster},
};
