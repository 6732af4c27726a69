//! Names of local users and groups, by plain reading of `/etc/passwd` and `/etc/group`.
//!
//! The engine may load no library once it is confined, and every lookup through the system's name services loads some.
//! So it knows local accounts only; whoever comes out of a directory service is named by number.

use std::{collections::BTreeMap, fs::File, io, io::Read, path::Path};

const PASSWD: &str = "/etc/passwd";
const GROUP: &str = "/etc/group";

/// Fields of a line, as passwd(5) and group(5) have them. A line with more or fewer is no account, which also goes for one
/// that was cut off.
const PASSWD_FIELDS: usize = 7;
const GROUP_FIELDS: usize = 4;
/// Local accounts are a page of text; what lies behind this is not read.
const FILE_MAX: u64 = 4 * 1024 * 1024;
const ACCOUNTS_MAX: usize = 65_536;
/// Longer names exist nowhere: the kernel's and the C library's own limit for a login name is 256, that of tools 32.
const NAME_MAX: usize = 64;
/// `(uid_t)-1`, which means "no user" to the kernel.
pub(super) const NO_ID: u32 = u32::MAX;

/// The local accounts, as they were when this was read.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Names,
    groups: Names,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Names {
    ids: BTreeMap<String, u32>,
    names: BTreeMap<u32, String>,
}

impl Accounts {
    /// Reads this host's accounts. What cannot be read has none.
    pub fn read() -> Self {
        Self::parse(&text_of(Path::new(PASSWD)), &text_of(Path::new(GROUP)))
    }

    /// Parses the text of the two files.
    pub fn parse(passwd: &str, group: &str) -> Self {
        Self { users: names(passwd, PASSWD_FIELDS), groups: names(group, GROUP_FIELDS) }
    }

    pub fn uid(&self, user: &str) -> Option<u32> {
        self.users.ids.get(user).copied()
    }

    pub fn gid(&self, group: &str) -> Option<u32> {
        self.groups.ids.get(group).copied()
    }

    pub fn user(&self, uid: u32) -> Option<&str> {
        self.users.names.get(&uid).map(String::as_str)
    }

    pub fn group(&self, gid: u32) -> Option<&str> {
        self.groups.names.get(&gid).map(String::as_str)
    }
}

/// The file's text without the lines that are not UTF-8.
fn text_of(path: &Path) -> String {
    let mut bytes = Vec::new();
    let read = |bytes: &mut Vec<u8>| -> io::Result<usize> { File::open(path)?.take(FILE_MAX).read_to_end(bytes) };
    if let Err(error) = read(&mut bytes) {
        tracing::warn!(%error, path = %path.display(), "reading the local accounts: their names are not known");
        return String::new();
    }
    let lines = bytes.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok());
    lines.flat_map(|line| [line, "\n"]).collect()
}

/// Names and numbers of the lines with so many fields. Of two lines the first counts, as everywhere else.
fn names(text: &str, fields: usize) -> Names {
    let mut found = Names::default();
    for (name, id) in text.lines().take(ACCOUNTS_MAX).filter_map(|line| account(line, fields)) {
        found.ids.entry(name.to_owned()).or_insert(id);
        found.names.entry(id).or_insert_with(|| name.to_owned());
    }
    found
}

fn account(line: &str, fields: usize) -> Option<(&str, u32)> {
    let mut parts = line.split(':');
    let (name, _password, id) = (parts.next()?, parts.next()?, parts.next()?);
    let whole = line.split(':').count() == fields;
    let digits = id.bytes().all(|byte| byte.is_ascii_digit());
    let id = id.parse().ok().filter(|id| digits && *id != NO_ID)?;
    (whole && is_name(name)).then_some((name, id))
}

/// Whether an account can have this name. Lines that begin with `+` or `-` belong to an old directory service.
pub(super) fn is_name(name: &str) -> bool {
    let plain = |c: char| !c.is_whitespace() && !c.is_control() && c != ':';
    (1..=NAME_MAX).contains(&name.len()) && name.chars().all(plain) && !name.starts_with(['+', '-', '#', '@', '*'])
}

#[cfg(test)]
mod tests {
    use super::*;

    const USERS: &str = "root:x:0:0:root:/root:/bin/sh\nalice:x:1000:1000:Alice,,,:/home/alice:/bin/sh\n";
    const GROUPS: &str = "root:x:0:\nwheel:x:27:alice,bob\nalice:x:1000:\n";

    #[test]
    fn knows_names_and_numbers_both_ways() {
        let accounts = Accounts::parse(USERS, GROUPS);
        assert_eq!((accounts.uid("alice"), accounts.user(1000)), (Some(1000), Some("alice")));
        assert_eq!((accounts.gid("wheel"), accounts.group(27)), (Some(27), Some("wheel")));
        assert_eq!((accounts.uid("wheel"), accounts.gid("bob"), accounts.user(27)), (None, None, None));
    }

    #[test]
    fn of_two_lines_the_first_counts() {
        let twice = format!("{USERS}alice:x:0:0::/:/bin/sh\ntoor:x:0:0::/:/bin/sh\n");
        let accounts = Accounts::parse(&twice, "");
        assert_eq!(
            (accounts.uid("alice"), accounts.user(0), accounts.uid("toor")),
            (Some(1000), Some("root"), Some(0))
        );
    }

    #[test]
    fn a_line_that_is_no_account_is_none() {
        for line in [
            "",
            "bob",
            "bob:x:1001",
            "bob:x:1001:1001:::/bin/sh:more",
            "bob:x::1001::/:/bin/sh",
            "bob:x:-1:1001::/:/bin/sh",
            "bob:x:+5:1001::/:/bin/sh",
            "bob:x:4294967295:1001::/:/bin/sh",
            "bob:x:4294967296:1001::/:/bin/sh",
            "bob:x: 5:1001::/:/bin/sh",
            ":x:1001:1001::/:/bin/sh",
            "+:x:1001:1001::/:/bin/sh",
            "@bob:x:1001:1001::/:/bin/sh",
            "b ob:x:1001:1001::/:/bin/sh",
            "b\u{1b}ob:x:1001:1001::/:/bin/sh",
        ] {
            assert_eq!(Accounts::parse(line, ""), Accounts::default(), "{line:?}");
        }
        assert_eq!(Accounts::parse("", "wheel:x:2"), Accounts::default(), "a group whose number may have been cut off");
    }

    #[test]
    fn a_file_without_end_costs_bounded_memory() {
        let endless: String = (1..=70_000).map(|id| format!("u{id}:x:{id}:{id}::/:/bin/sh\n")).collect();
        let accounts = Accounts::parse(&endless, "");
        assert_eq!(accounts.users.ids.len(), ACCOUNTS_MAX);
        let long = format!("{}:x:5:5::/:/bin/sh", "x".repeat(NAME_MAX + 1));
        assert_eq!(Accounts::parse(&long, ""), Accounts::default());
    }
}
