//! Tools that speak Rayfish's own protocols, rightly or wrongly, and report.

use std::{net::IpAddr, path::PathBuf};

use clap::Subcommand;

use super::{Failure, Report};
use crate::tool::{blob, caller, rogue, stranger, swarm};

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum Member {
    /// Link as the member whose key this is and send what has to be dropped, to test the other side
    Rogue {
        key: PathBuf,
        /// Endpoint id to link with
        victim: String,
        own: IpAddr,
        theirs: IpAddr,
        other: IpAddr,
    },
    /// The record that a network publishes, from the lab's pkarr server
    Record { discovery_key: String },
    /// Fetch a published blob from a member
    Blob {
        member: String,
        hash: String,
        len: u32,
        /// As the node whose key this is instead of a stranger
        #[arg(long)]
        key: Option<PathBuf>,
    },
    /// Ask a member as a stranger, rightly and wrongly, and print each answer
    Stranger {
        victim: String,
        room: String,
        /// Public key of an open invite
        invite: String,
        /// Hash and length of the published blob
        blob: String,
        len: u32,
    },
    /// Join as many nodes that have no tunnel
    Swarm {
        code: String,
        count: usize,
        #[arg(long, default_value = "sim")]
        prefix: String,
    },
    /// Connect to the control socket, become another user, and show what the engine says of both connections
    CallerTurn { socket: PathBuf, uid: u32 },
}

pub(super) fn run(tool: Member) -> Result<Report, Failure> {
    match tool {
        Member::Rogue { key, victim, own, theirs, other } => Report::of(rogue::run(&key, &victim, own, theirs, other)),
        Member::Record { discovery_key } => Report::judged(blob::record(&discovery_key), Option::is_some),
        Member::Blob { member, hash, len, key } => {
            Report::judged(blob::fetch(key.as_deref(), &member, &hash, len), |fetched| fetched.blob.is_some())
        }
        Member::Stranger { victim, room, invite, blob, len } => {
            Report::of(stranger::run(&victim, &room, &invite, &blob, len))
        }
        Member::Swarm { code, count, prefix } => Report::of(swarm::run(&code, count, &prefix)),
        Member::CallerTurn { socket, uid } => Report::of(caller::turn(&socket, uid)),
    }
}
