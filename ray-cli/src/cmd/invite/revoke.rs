//! `ray invite revoke`

use clap::Args;
use ray_ipc::control::{Reply, Request, RevokeInviteRequest};

use crate::{
    cmd::{Context, Network, code},
    error::{Stop, unexpected},
    json, render,
};

const EXAMPLES: &str = "\
Whom it let in already stays.

Examples:
  ray invite revoke 4f2a9c01d2
  ray invite revoke - home < invite.txt";

/// Make an invite useless
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Revoke {
    /// As `ray invite list` shows it, or the code, or - to read it
    invite: String,
    #[command(flatten)]
    network: Network,
}

impl Revoke {
    pub(super) fn run(self, context: &Context) -> Result<(), Stop> {
        let invite = code::given(&self.invite, &context.output)?;
        let request = RevokeInviteRequest { network: self.network.network, invite };
        let revoked = match context.ask(&Request::RevokeInvite(request))? {
            Reply::InviteRevoked(revoked) => revoked,
            other => return Err(unexpected("revoke an invite", other).into()),
        };
        if context.output.json {
            return context.output.object(&json::invite::revoked(&revoked));
        }
        context.output.confirm(&render::invite::revoked(&revoked))
    }
}
