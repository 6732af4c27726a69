//! The signed history of a network and the roster that it folds to. Layer 1: no IO, no clock, no randomness.
//!
//! An *entry* is one signed statement that names the entries before it by hash. A [`Ledger`] is a set of verified entries in
//! which every entry's parents are present; two ledgers with the same entries fold to the same [`Roster`], whatever the
//! order in which the entries came.
//!
//! | file | job |
//! |---|---|
//! | `limits` | every bound |
//! | `action` | what an entry may say |
//! | `encode` | canonical bytes |
//! | `entry` | signing and verification |
//! | `invite` | the code that is handed out |
//! | `tree`, `marks`, `tally` | a map that is copied in no time, a set of numbers, a sum of hashes |
//! | `history` | the entries, and which could void which |
//! | `void` | which of them count |
//! | `order` | the one order in which all nodes fold |
//! | `roster`, `names`, `digest` | what the entries that count add up to |
//! | `fold` | what each of them does to it |
//! | `view`, `views` | all that of one set of entries, made of that of a smaller one |
//! | `authority` | whether an entry may stand, judged by its own past |
//! | `permit`, `parents` | whether this node may say something, and on top of what |
//! | `pending`, `aside` | entries whose parents are missing; forks |
//! | `told`, `alarm`, `seniority` | what people are shown |
//! | `log` | the set itself, and authoring |
//!
//! `docs/ledger.md` holds the rules and the bytes.

mod action;
mod alarm;
mod aside;
mod authority;
mod digest;
mod encode;
mod entry;
pub mod epoch;
mod fold;
mod history;
mod invite;
pub mod limits;
mod log;
mod marks;
mod names;
mod order;
mod parents;
mod pending;
mod permit;
mod roster;
mod seniority;
mod tally;
mod told;
mod tree;
mod view;
mod views;
mod void;

pub use ed25519_dalek::SigningKey;

pub use self::{
    action::{Action, GroupName, InviteKey, Mode, RuleText, Scope, UserKey},
    alarm::Alarm,
    authority::Refusal,
    entry::{EntryError, EntryId, VerifiedEntry, certify, consent, consents, uncertify, verify},
    invite::{Invite, InviteError},
    log::{Inserted, Ledger},
    permit::AuthorError,
    roster::{Epoch, InviteRefusal, InviteState, Member, Roster, Suggestion},
    seniority::Seniority,
    told::{Effect, NothingReason, Told, VoidReason},
};
