//! Finds the engine's uid and group in the text of `/etc/passwd`.
//!
//! The file is read by hand: the C library's lookup loads modules and may ask the network, in a process with privilege.

use std::{error::Error, fmt};

use crate::config::EngineUser;

/// Where local users are listed. A user who is known elsewhere only is named by number.
pub const PASSWD_PATH: &str = "/etc/passwd";

/// The engine's user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    pub uid: u32,
    pub gid: u32,
}

/// Why a user may not be the engine's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AccountError {
    Unknown {
        name: String,
    },
    /// The engine must not be root: that would be no separation at all.
    Root {
        user: String,
    },
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { name } => write!(f, "looking up engine_user {name:?}: {PASSWD_PATH} has no such user"),
            Self::Root { user } => write!(f, "looking up engine_user {user:?}: it is root"),
        }
    }
}

impl Error for AccountError {}

/// Resolves `user` against the text of [`PASSWD_PATH`].
///
/// A number without an entry is taken to have the group of the same number, as user-private groups do. Safe because
/// the group only says who may knock at the socket; the uid decides who is served.
pub fn resolve(user: &EngineUser, passwd: &str) -> Result<Account, AccountError> {
    let mut entries = passwd.lines().filter_map(parse_entry);
    let account = match user {
        EngineUser::Name(name) => entries
            .find_map(|(entry, account)| (entry == name).then_some(account))
            .ok_or_else(|| AccountError::Unknown { name: name.clone() })?,
        EngineUser::Uid(uid) => entries
            .find_map(|(_, account)| (account.uid == *uid).then_some(account))
            .unwrap_or(Account { uid: *uid, gid: *uid }),
    };
    if account.uid == 0 { Err(AccountError::Root { user: user.to_string() }) } else { Ok(account) }
}

fn parse_entry(line: &str) -> Option<(&str, Account)> {
    let mut fields = line.split(':');
    let name = fields.next()?;
    let uid = fields.nth(1)?.parse().ok()?;
    let gid = fields.next()?.parse().ok()?;
    Some((name, Account { uid, gid }))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str =
        "root:x:0:0:root:/root:/bin/sh\nbroken\nrayfish:x:977:978::/:/bin/false\ntoor:x:0:5::/:/bin/sh\n";

    #[test]
    fn refuses_an_unknown_name() {
        assert_eq!(resolve(&name("alice"), PASSWD), Err(AccountError::Unknown { name: "alice".into() }));
        assert!(resolve(&name("broken"), PASSWD).is_err());
    }

    #[test]
    fn refuses_every_name_of_root() {
        for user in [name("root"), name("toor"), EngineUser::Uid(0)] {
            assert!(matches!(resolve(&user, PASSWD), Err(AccountError::Root { .. })), "{user}");
        }
    }

    #[test]
    fn finds_by_name_and_by_number() {
        let rayfish = Account { uid: 977, gid: 978 };
        assert_eq!(resolve(&name("rayfish"), PASSWD), Ok(rayfish));
        assert_eq!(resolve(&EngineUser::Uid(977), PASSWD), Ok(rayfish));
        assert_eq!(resolve(&EngineUser::Uid(5), PASSWD), Ok(Account { uid: 5, gid: 5 }));
    }

    fn name(text: &str) -> EngineUser {
        EngineUser::Name(text.into())
    }
}
