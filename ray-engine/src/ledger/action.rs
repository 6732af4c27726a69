//! What an entry may say.

use std::fmt;

use data_encoding::HEXLOWER;

use crate::ident::{Hostname, NetworkName, PeerId, UnixTime};

/// One statement. Who may make it, and what follows, stands in `authority` and `roster`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Begins the network and names its first coordinator. Signed by the network key, without parents.
    Genesis { name: NetworkName, founder: PeerId, hostname: Hostname },
    /// Lets whoever holds the secret half of `invite` join, `uses` times. Signed by a coordinator.
    MintInvite { invite: InviteKey, uses: u32, expires: UnixTime, hostname: Option<Hostname> },
    /// Joins by an invite. Signed by the joiner; `proof` is the invite key's signature over the joiner's id.
    Redeem { invite: InviteKey, hostname: Hostname, proof: [u8; 64] },
    /// Seats a member. Signed by a coordinator.
    Admit { member: PeerId, hostname: Hostname },
    /// Gives up the author's own seat.
    Leave,
}

/// The public half of an invite: an ed25519 key. The bytes need not be a valid curve point; such an invite admits nobody.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct InviteKey(pub [u8; 32]);

impl fmt::Display for InviteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for InviteKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "InviteKey({})", HEXLOWER.encode(&self.0[..5]))
    }
}
