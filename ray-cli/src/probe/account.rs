//! Users as `/etc/passwd` and the helper's policy name them, read as plain text: a lookup through the C library could
//! load modules into a process that is about to confine itself.

use std::path::PathBuf;

/// A user of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) name: String,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
}

/// The kernel's stand-in for a user that does not exist here.
const NOBODY: u32 = 65534;

/// The engine's user: who the policy names, or else nobody.
pub(super) fn engine(policy: &str, passwd: &str) -> Account {
    let wanted = setting(policy, "engine_user").unwrap_or("rayfish");
    let by_name = || accounts(passwd).find(|(account, _)| account.name == wanted);
    let by_uid = || {
        let uid: u32 = wanted.parse().ok()?;
        let known = accounts(passwd).map(|(account, _)| account).find(|account| account.uid == uid);
        Some(known.unwrap_or(Account { name: uid.to_string(), uid, gid: uid }))
    };
    by_name().map(|(account, _)| account).or_else(by_uid).filter(|account| account.uid != 0).unwrap_or(Account {
        name: "nobody".to_owned(),
        uid: NOBODY,
        gid: NOBODY,
    })
}

/// The directories in which users keep what is theirs, each once.
pub(super) fn homes(passwd: &str) -> Vec<PathBuf> {
    let mut homes: Vec<PathBuf> = accounts(passwd).map(|(_, home)| PathBuf::from(home)).collect();
    homes.retain(|home| home.is_absolute() && home.components().count() > 1);
    homes.sort();
    homes.dedup();
    homes
}

/// The value of `key` in a flat list of `key = value`, without its quotes.
pub(super) fn setting<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    text.lines().find_map(|line| {
        let (found, value) = line.split_once('=')?;
        (found.trim() == key).then(|| value.split('#').next().unwrap_or_default().trim().trim_matches('"'))
    })
}

fn accounts(passwd: &str) -> impl Iterator<Item = (Account, &str)> {
    passwd.lines().filter_map(|line| {
        let mut fields = line.split(':');
        let (name, _, uid, gid) = (fields.next()?, fields.next()?, fields.next()?, fields.next()?);
        let account = Account { name: name.to_owned(), uid: uid.parse().ok()?, gid: gid.parse().ok()? };
        Some((account, fields.nth(1)?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh\nrayfish:x:977:976::/var/lib/rayfish:/bin/false\nalice:x:1000:1000::/home/alice:/bin/sh\nbob:x:1001:1001::/home/alice:/bin/sh\nbad:x:y:1::/:\n";

    #[test]
    fn finds_the_engines_user_by_name_and_by_number() {
        let rayfish = Account { name: "rayfish".into(), uid: 977, gid: 976 };
        assert_eq!(engine("", PASSWD), rayfish);
        assert_eq!(engine("engine_user = \"977\" # as root said\n", PASSWD), rayfish);
        assert_eq!(engine("engine_user = 60077\n", PASSWD).gid, 60077);
    }

    #[test]
    fn never_takes_root_for_the_engines_user() {
        assert_eq!(engine("engine_user = \"root\"\n", PASSWD).uid, NOBODY);
        assert_eq!(engine("engine_user = \"0\"\n", PASSWD).uid, NOBODY);
        assert_eq!(engine("", "").uid, NOBODY);
    }

    #[test]
    fn lists_each_home_once_and_not_the_root_directory() {
        assert_eq!(homes(PASSWD), ["/home/alice", "/root", "/var/lib/rayfish"].map(PathBuf::from));
        assert_eq!(homes("daemon:x:1:1::/:/bin/false\n"), [] as [PathBuf; 0]);
    }
}
