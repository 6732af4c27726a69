//! What one entry says, in plain words and as a stable name.
//!
//! Every name in it was checked when the entry was read, and keys are shown as hexadecimal digits: nothing here reaches a
//! terminal that is not printable ASCII.

use data_encoding::HEXLOWER;

use super::names::Names;
use crate::{
    ident::UnixTime,
    ledger::{Action, InviteKey, Scope, UserKey, VerifiedEntry},
};

/// The stable name of an action, for programs.
pub(super) fn name(action: &Action) -> &'static str {
    match action {
        Action::Genesis { .. } => "genesis",
        Action::MintInvite { .. } => "mint-invite",
        Action::Redeem { .. } => "redeem",
        Action::Admit { .. } => "admit",
        Action::Leave => "leave",
        Action::Welcome { .. } => "welcome",
        Action::Remove { .. } => "remove",
        Action::Grant { .. } => "grant",
        Action::Revoke { .. } => "revoke",
        Action::RevokeInvite { .. } => "revoke-invite",
        Action::Rename { .. } => "rename",
        Action::SetMode { .. } => "set-mode",
        Action::RotateEpoch { .. } => "rotate-epoch",
        Action::Rekey { .. } => "rekey",
        Action::SetEphemeral { .. } => "set-ephemeral",
        Action::Checkpoint { .. } => "checkpoint",
        Action::Dissolve => "dissolve",
        Action::CertifyDevice { .. } => "certify-device",
        Action::RevokeDevice { .. } => "revoke-device",
        Action::GroupAdd { .. } => "group-add",
        Action::GroupRemove { .. } => "group-remove",
        Action::Suggest { .. } => "suggest",
        Action::Withdraw { .. } => "withdraw",
        Action::Unknown { .. } => "unknown",
    }
}

/// Who says what. Takes the entry into `names`, which holds what came before it.
pub(super) fn sentence(entry: &VerifiedEntry, counted: bool, names: &mut Names) -> Sentence {
    let before = match entry.action() {
        // The network key speaks for whoever holds it: the founder.
        Action::Genesis { hostname, .. } => hostname.to_string(),
        _ => names.of(&entry.author()),
    };
    let old_name = match entry.action() {
        Action::Rename { member, .. } => names.of(member),
        _ => String::new(),
    };
    names.follow(entry, counted);
    let deed = deed(entry, counted, names, &old_name);
    Sentence { text: format!("{before} {deed}"), author: before }
}

pub(super) struct Sentence {
    pub(super) author: String,
    pub(super) text: String,
}

/// What was done, after the name of whoever did it.
fn deed(entry: &VerifiedEntry, counted: bool, names: &Names, old_name: &str) -> String {
    let own = |peer| entry.author() == peer;
    match entry.action() {
        Action::Genesis { name, .. } => format!("founded the network {name}"),
        Action::MintInvite { invite, uses, expires, hostname } => {
            let hostname = hostname.as_ref().map(|name| format!(" as {name}")).unwrap_or_default();
            let (uses, expires) = (times(*uses), utc(*expires));
            format!("minted an invite for {uses}{hostname} until {expires} (key {})", short(invite))
        }
        Action::Redeem { invite, joiner, hostname, .. } => {
            let joiner = if counted { names.of(joiner) } else { hostname.to_string() };
            format!("let {joiner} in with {}", whose(invite, names))
        }
        Action::Admit { member, hostname } => {
            let member = if counted { names.of(member) } else { hostname.to_string() };
            format!("accepted {member}")
        }
        Action::Welcome { joiner, hostname, .. } => {
            let joiner = if counted { names.of(joiner) } else { hostname.to_string() };
            format!("let {joiner} in, the network being open")
        }
        Action::Leave => "left".to_owned(),
        Action::Remove { member } => format!("removed {}", names.of(member)),
        Action::Grant { member } => format!("made {} a coordinator", names.of(member)),
        Action::Revoke { member } if own(*member) => "gave up being a coordinator".to_owned(),
        Action::Revoke { member } => format!("made {} a plain member", names.of(member)),
        Action::RevokeInvite { invite } => format!("revoked {} (key {})", whose(invite, names), short(invite)),
        Action::Rename { member, hostname } => {
            let new_name = if counted { names.of(member) } else { hostname.to_string() };
            if own(*member) { format!("took the name {new_name}") } else { format!("renamed {old_name} to {new_name}") }
        }
        Action::SetMode { mode } => format!("set the mode to {mode}"),
        Action::RotateEpoch { .. } => "replaced the key that published data is encrypted with".to_owned(),
        Action::Rekey { .. } => "replaced the key that signs the discovery record".to_owned(),
        Action::SetEphemeral { seconds: 0 } => "turned off the removal of idle members".to_owned(),
        Action::SetEphemeral { seconds } => format!("had members removed after {seconds} s without a sign of life"),
        Action::Checkpoint { .. } => "confirmed the history up to here".to_owned(),
        Action::Dissolve => "ended the network".to_owned(),
        Action::CertifyDevice { user, .. } => format!("became a device of the user {}", short_user(user)),
        Action::RevokeDevice { user, device, .. } => {
            format!("recorded that {} is no device of the user {} any more", names.of(device), short_user(user))
        }
        Action::GroupAdd { group, member } => format!("put {} into the group {group}", names.of(member)),
        Action::GroupRemove { group, member } => format!("took {} out of the group {group}", names.of(member)),
        Action::Suggest { scope, rule } => {
            let scope = match scope {
                Scope::All => "all members".to_owned(),
                Scope::Member(member) => names.of(member),
                Scope::Group(group) => format!("the group {group}"),
            };
            format!("suggested to {scope} the rule: {}", rule.as_str())
        }
        Action::Withdraw { suggestion } => format!("took the suggestion {} back", suggestion.short()),
        Action::Unknown { tag, .. } => format!("did what only a newer release understands (action {tag})"),
    }
}

fn whose(invite: &InviteKey, names: &Names) -> String {
    names.minter(invite).map_or_else(|| "an invite that nobody made".to_owned(), |minter| format!("{minter}'s invite"))
}

fn times(uses: u32) -> String {
    match uses {
        1 => "1 use".to_owned(),
        u32::MAX => "any number of uses".to_owned(),
        uses => format!("{uses} uses"),
    }
}

fn short(invite: &InviteKey) -> String {
    HEXLOWER.encode(&invite.0[..5])
}

fn short_user(user: &UserKey) -> String {
    HEXLOWER.encode(&user.0[..5])
}

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// Date and minute in UTC, after Hinnant's `civil_from_days`.
fn utc(UnixTime(unix_s): UnixTime) -> String {
    // Years start in March here, so that the leap day is the last of a year; an era is 400 years.
    let days = unix_s / DAY + 719_468;
    let (era, day_of_era) = (days / 146_097, days % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let month_from_march = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * month_from_march + 2) / 5 + 1;
    let month = if month_from_march < 10 { month_from_march + 3 } else { month_from_march - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute) = (unix_s % DAY / HOUR, unix_s % HOUR / MINUTE);
    format!("{year:04}-{month:02}-{day:02} {hour:02}:{minute:02} UTC")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_know_leap_years() {
        for (unix_s, date) in [
            (0, "1970-01-01 00:00 UTC"),
            (951_782_400, "2000-02-29 00:00 UTC"),
            (1_709_251_140, "2024-02-29 23:59 UTC"),
            (1_709_251_200, "2024-03-01 00:00 UTC"),
            (1_735_689_599, "2024-12-31 23:59 UTC"),
            (1_735_689_600, "2025-01-01 00:00 UTC"),
            (4_107_542_400, "2100-03-01 00:00 UTC"),
        ] {
            assert_eq!(utc(UnixTime(unix_s)), date);
        }
        assert!(!utc(UnixTime(u64::MAX)).is_empty());
    }
}
