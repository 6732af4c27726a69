//! Who may do what, as root wrote it: `readers`, `users` and `admins`, with names resolved to numbers.
//!
//! An entry that names nobody on this host grants nothing and is told in a warning; the engine starts. The lists only grant,
//! so what falls away leaves less and never more, and an account that somebody deletes must not take the network away from a
//! host that may be reachable over nothing else. What cannot be meant as an entry at all is refused like any other mistake.

use serde::Deserialize;

use super::accounts::{Accounts, NO_ID, is_name};

/// Entries of one list; more people are a group.
pub const ENTRIES_MAX: usize = 64;

/// The three lists, the strongest first wherever a caller stands on several.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AccessLists {
    pub admins: Vec<Entry>,
    pub users: Vec<Entry>,
    pub readers: Vec<Entry>,
}

/// One entry of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// As root wrote it, for words to users.
    pub text: String,
    pub who: Who,
}

/// Whom an entry means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Who {
    Everybody,
    User(u32),
    /// Whoever has this group, as the primary or a supplementary one.
    Group(u32),
    /// No account of this host.
    Nobody,
}

/// An entry in the settings file.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(super) enum Written {
    Number(i64),
    Text(String),
}

impl Written {
    pub(super) fn everybody() -> Vec<Self> {
        vec![Self::Text("*".to_owned())]
    }
}

impl AccessLists {
    /// The lists by key, with the entries that name nobody.
    pub(super) fn unknown(&self) -> impl Iterator<Item = (&'static str, &Entry)> {
        let lists = [("readers", &self.readers), ("users", &self.users), ("admins", &self.admins)];
        let entries = lists.into_iter().flat_map(|(key, list)| list.iter().map(move |entry| (key, entry)));
        entries.filter(|(_, entry)| entry.who == Who::Nobody)
    }
}

/// Resolves one list; an error is what is wrong with it, in words.
pub(super) fn entries(list: Vec<Written>, accounts: &Accounts) -> Result<Vec<Entry>, String> {
    if list.len() > ENTRIES_MAX {
        return Err(format!("more than {ENTRIES_MAX} entries; name a group, as in \"@wheel\""));
    }
    list.into_iter().map(|written| entry(written, accounts)).collect()
}

fn entry(written: Written, accounts: &Accounts) -> Result<Entry, String> {
    match written {
        Written::Number(number) => match u32::try_from(number) {
            Ok(uid) if uid != NO_ID => Ok(Entry { text: number.to_string(), who: Who::User(uid) }),
            _ => Err(format!("{number} is no uid")),
        },
        Written::Text(text) => Ok(Entry { who: who(&text, accounts)?, text }),
    }
}

fn who(text: &str, accounts: &Accounts) -> Result<Who, String> {
    if text == "*" {
        return Ok(Who::Everybody);
    }
    if is_number(text) {
        return Err(format!(
            "{text:?} is neither a name nor a number; write a uid without quotes, a gid as \"@{text}\""
        ));
    }
    let found = match text.strip_prefix('@') {
        Some(digits) if is_number(digits) => match digits.parse() {
            Ok(NO_ID) | Err(_) => return Err(format!("{text:?} is no gid")),
            Ok(gid) => Some(Who::Group(gid)),
        },
        Some(group) if is_name(group) => accounts.gid(group).map(Who::Group),
        None if is_name(text) => accounts.uid(text).map(Who::User),
        Some(_) | None => {
            return Err(format!("{text:?} is none of a user name, \"@group\", a uid, \"@gid\" and \"*\""));
        }
    };
    Ok(found.unwrap_or(Who::Nobody))
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn resolves_users_and_groups_by_name_and_number() {
        let list = [text("alice"), Written::Number(1234), text("@wheel"), text("@27"), text("*")];
        let resolved: Vec<Who> = entries(list.to_vec(), &accounts()).unwrap().iter().map(|entry| entry.who).collect();
        assert_eq!(resolved, [Who::User(1000), Who::User(1234), Who::Group(10), Who::Group(27), Who::Everybody]);
    }

    #[test]
    fn a_name_without_an_account_grants_nothing_and_is_kept_for_the_warning() {
        for name in ["bob", "@bob", "wheel", "@alice"] {
            assert_eq!(
                entries(vec![text(name)], &accounts()).unwrap(),
                [Entry { text: name.to_owned(), who: Who::Nobody }]
            );
        }
        let lists =
            AccessLists { users: entries(vec![text("bob"), text("*")], &accounts()).unwrap(), ..Default::default() };
        assert_eq!(
            lists.unknown().map(|(key, entry)| (key, entry.text.as_str())).collect::<Vec<_>>(),
            [("users", "bob")]
        );
    }

    #[test]
    fn refuses_what_cannot_be_meant_as_an_entry() {
        for wrong in
            ["", "@", "1000", "@-1", "@4294967295", "@4294967296", "@@wheel", "**", "-alice", "a b", "a:b", "a\n"]
        {
            assert!(entries(vec![text(wrong)], &accounts()).is_err(), "{wrong:?}");
        }
        for wrong in [-1, 4_294_967_295, i64::MAX] {
            assert!(entries(vec![Written::Number(wrong)], &accounts()).is_err(), "{wrong}");
        }
        assert!(entries(vec![Written::Number(1); ENTRIES_MAX + 1], &accounts()).is_err());
        assert!(entries(vec![Written::Number(1); ENTRIES_MAX], &accounts()).is_ok());
    }

    fn accounts() -> Accounts {
        Accounts::parse("alice:x:1000:1000::/:/bin/sh\n", "wheel:x:10:alice\n")
    }

    fn text(text: &str) -> Written {
        Written::Text(text.to_owned())
    }
}
