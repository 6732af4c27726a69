//! The firewall of this host as lines of text: defaults, rules with keys, and what was decided about suggestions.
//!
//! ```text
//! rayfish firewall 1
//! on                                     or off
//! reject off                             or on
//! default in deny                        or allow
//! default out allow                      or deny
//! unset                                  where a damaged file was replaced, until a user sets a default
//! rule in allow tcp 22 from <64 digits>
//! accepted <room id> <suggestion id>     the oldest decision first
//! declined <room id> <suggestion id>
//! auto-accept <room id>
//! sum <blake3 of all before>
//! ```
//!
//! Read strictly: a rule that is missed could be the one that denies. Whatever is not exactly this is damaged.

use std::{collections::BTreeSet, fs, io, path::Path};

use data_encoding::HEXLOWER;

use super::{StoreError, atomic};
use crate::{
    firewall::{
        self, Action, Posture, Rule,
        limits::{RULE_TEXT_MAX, RULES_MAX},
        rule,
    },
    ident::{PeerId, RoomId},
    ledger::EntryId,
};

const FILE: &str = "firewall";
const ASIDE: &str = "firewall.damaged";
const TITLE: &str = "rayfish firewall 1";
const SUM: &str = "sum ";
/// Room for as many rules as there may be at their longest, and for ten thousand decisions.
const BYTES_MAX: usize = 4 << 20;
const DECISION_LEN: usize = "declined ".len() + 2 * (64 + 1);

const _: () = assert!(RULES_MAX * (RULE_TEXT_MAX + "rule \n".len()) + 10_000 * DECISION_LEN <= BYTES_MAX);

/// All that is remembered of the firewall. Rules are the user's own: suggested ones come out of the ledger.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FirewallRecord {
    pub posture: Posture,
    pub rules: Vec<Rule>,
    /// The oldest first.
    pub decided: Vec<Decided>,
    /// Networks whose suggestions are accepted by themselves.
    pub auto_accept: BTreeSet<RoomId>,
    /// What the user had set is lost, and nothing was set since.
    pub unset: bool,
}

/// What a user said to a suggestion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decided {
    pub room: RoomId,
    pub suggestion: EntryId,
    pub accepted: bool,
}

/// That of a fresh installation.
impl Default for FirewallRecord {
    fn default() -> Self {
        Self {
            posture: Posture::default(),
            rules: firewall::seeded(),
            decided: Vec::new(),
            auto_accept: BTreeSet::new(),
            unset: false,
        }
    }
}

impl FirewallRecord {
    /// In place of one that cannot be read: nobody knows what it denied.
    fn closed() -> Self {
        let posture = Posture { outbound: Action::Deny, ..Posture::default() };
        Self { posture, rules: Vec::new(), unset: true, ..Self::default() }
    }
}

pub(super) fn load(root: &Path) -> Result<FirewallRecord, StoreError> {
    let path = root.join(FILE);
    let text = match atomic::read(&path, BYTES_MAX as u64) {
        Ok(Some(bytes)) => String::from_utf8(bytes).ok(),
        Ok(None) => return Ok(FirewallRecord::default()),
        Err(StoreError::Io { cause, .. }) if cause.kind() == io::ErrorKind::FileTooLarge => None,
        Err(error) => return Err(error),
    };
    if let Some(record) = text.as_deref().and_then(read) {
        return Ok(record);
    }
    let aside = root.join(ASIDE);
    tracing::error!(path = %path.display(), aside = %aside.display(), "the firewall's file is damaged; nothing passes");
    // The path always holds a file: without one, this would be a fresh installation.
    atomic::remove(&aside)?;
    fs::hard_link(&path, &aside).map_err(|e| StoreError::io("keeping a copy of", &path, e))?;
    let record = FirewallRecord::closed();
    save(root, &record)?;
    Ok(record)
}

pub(super) fn save(root: &Path, record: &FirewallRecord) -> Result<(), StoreError> {
    let path = root.join(FILE);
    let text = write(record);
    if text.len() > BYTES_MAX {
        return Err(StoreError::io("writing", &path, io::ErrorKind::FileTooLarge.into()));
    }
    atomic::write(&path, text.as_bytes())
}

fn write(record: &FirewallRecord) -> String {
    let Posture { on, inbound, outbound, reject } = record.posture;
    let switch = |on| if on { "on" } else { "off" };
    let mut lines = vec![
        TITLE.to_owned(),
        switch(on).to_owned(),
        format!("reject {}", switch(reject)),
        format!("default in {inbound}"),
        format!("default out {outbound}"),
    ];
    if record.unset {
        lines.push("unset".to_owned());
    }
    lines.extend(record.rules.iter().map(|rule| format!("rule {rule}")));
    lines.extend(record.decided.iter().map(|decided| {
        let word = if decided.accepted { "accepted" } else { "declined" };
        format!("{word} {} {}", decided.room, decided.suggestion)
    }));
    lines.extend(record.auto_accept.iter().map(|room| format!("auto-accept {room}")));
    let mut text = lines.join("\n");
    text.push('\n');
    let sum = sum_of(&text);
    text.push_str(&format!("{SUM}{sum}\n"));
    text
}

fn read(text: &str) -> Option<FirewallRecord> {
    let at = text.rfind(SUM)?;
    let (body, sum) = (text.get(..at)?, text.get(at..)?);
    if sum.strip_prefix(SUM)?.strip_suffix('\n')? != sum_of(body) {
        return None;
    }
    let mut lines = body.strip_suffix('\n')?.split('\n');
    if lines.next()? != TITLE {
        return None;
    }
    let posture = Posture {
        on: switch(lines.next()?)?,
        reject: switch(lines.next()?.strip_prefix("reject ")?)?,
        inbound: action(lines.next()?.strip_prefix("default in ")?)?,
        outbound: action(lines.next()?.strip_prefix("default out ")?)?,
    };
    let mut record = FirewallRecord { posture, rules: Vec::new(), ..FirewallRecord::default() };
    for line in lines {
        match line.split_once(' ') {
            None if line == "unset" => record.unset = true,
            Some(("rule", rule)) => record.rules.push(rule::parse_bytes(rule.as_bytes()).ok()?),
            Some(("accepted", ids)) => record.decided.push(decided(ids, true)?),
            Some(("declined", ids)) => record.decided.push(decided(ids, false)?),
            Some(("auto-accept", room)) => {
                record.auto_accept.insert(room.parse().ok()?);
            }
            Some(_) | None => return None,
        }
    }
    Some(record)
}

fn switch(word: &str) -> Option<bool> {
    match word {
        "on" => Some(true),
        "off" => Some(false),
        _ => None,
    }
}

fn action(word: &str) -> Option<Action> {
    match word {
        "allow" => Some(Action::Allow),
        "deny" => Some(Action::Deny),
        _ => None,
    }
}

fn decided(ids: &str, accepted: bool) -> Option<Decided> {
    let (room, suggestion) = ids.split_once(' ')?;
    // Every id is read as this one is.
    let suggestion = EntryId(suggestion.parse::<PeerId>().ok()?.0);
    Some(Decided { room: room.parse().ok()?, suggestion, accepted })
}

fn sum_of(text: &str) -> String {
    HEXLOWER.encode(blake3::hash(text.as_bytes()).as_bytes())
}

#[cfg(test)]
mod tests {
    use super::{super::tests::TempDir, *};

    #[test]
    fn what_is_saved_comes_back() {
        let home = scratch();
        assert_eq!(load(&home.path).unwrap(), FirewallRecord::default());
        for record in [FirewallRecord::default(), FirewallRecord::closed(), full()] {
            save(&home.path, &record).unwrap();
            assert_eq!(load(&home.path).unwrap(), record);
        }
    }

    #[test]
    fn a_fresh_installation_denies_what_comes_in_and_lets_pings_pass() {
        let text = write(&FirewallRecord::default());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines[1..6], ["on", "reject off", "default in deny", "default out allow", "rule in allow icmp"]);
    }

    #[test]
    fn a_damaged_file_lets_nothing_pass_and_is_kept_aside() {
        let whole = write(&full());
        let damaged = [
            String::new(),
            "\n".to_owned(),
            whole.replace("deny", "allow"),
            whole.replace("rule in deny any\n", ""),
            whole[..whole.len() / 2].to_owned(),
            whole.trim_end().to_owned(),
            format!("{whole}\n"),
            whole.replace("firewall 1", "firewall 2"),
        ];
        for bytes in damaged.iter().map(String::as_bytes).chain([&b"\xff\xfe"[..], &vec![b'x'; BYTES_MAX + 1]]) {
            let home = scratch();
            fs::write(home.path.join(FILE), bytes).unwrap();
            let record = load(&home.path).unwrap();
            assert_eq!(record, FirewallRecord::closed());
            assert_eq!((record.posture.inbound, record.posture.outbound), (Action::Deny, Action::Deny));
            assert!(record.rules.is_empty() && record.unset);
            assert_eq!(fs::read(home.path.join(ASIDE)).unwrap(), bytes);
            assert_eq!(load(&home.path).unwrap(), record, "the next start does not take it for a fresh installation");
        }
    }

    #[test]
    fn lines_that_are_not_understood_are_damage_even_with_the_right_sum() {
        for line in ["rule in allow tcp 22 from bob", "accepted", "declined 12 34", "auto-accept home", "allow all", ""]
        {
            let body = write(&FirewallRecord::default());
            let body = format!("{}{line}\n", body.get(..body.rfind(SUM).unwrap()).unwrap());
            let text = format!("{body}{SUM}{}\n", sum_of(&body));
            assert_eq!(read(&text), None, "{line:?}");
        }
    }

    #[test]
    fn the_longest_list_of_rules_fits() {
        let longest = Rule { ports: rule::parse_bytes(wide().as_bytes()).unwrap().ports, ..full().rules.remove(0) };
        let record = FirewallRecord { rules: vec![longest; RULES_MAX], ..full() };
        assert!(write(&record).len() < BYTES_MAX / 2);
    }

    fn scratch() -> TempDir {
        let home = TempDir::new();
        fs::create_dir(&home.path).unwrap();
        home
    }

    fn wide() -> String {
        let ports: Vec<String> = (0..20u32).map(|n| format!("{}-{}", 20_000 + 20 * n, 20_010 + 20 * n)).collect();
        format!("in allow tcp {}", ports.join(","))
    }

    fn full() -> FirewallRecord {
        let key = "ab".repeat(32);
        let rules = [
            format!("in allow tcp 22,80-90 from {key} on {key} until 2026-12-31T23:59:59Z"),
            "in deny any".to_owned(),
            format!("out allow udp 53 to user:{key}"),
            format!("in deny any from group:guests on {key}"),
        ];
        FirewallRecord {
            posture: Posture { on: false, inbound: Action::Allow, outbound: Action::Deny, reject: true },
            rules: rules.iter().map(|text| rule::parse_bytes(text.as_bytes()).unwrap()).collect(),
            decided: vec![
                Decided { room: RoomId([7; 32]), suggestion: EntryId([9; 32]), accepted: true },
                Decided { room: RoomId([6; 32]), suggestion: EntryId([1; 32]), accepted: false },
            ],
            auto_accept: [RoomId([7; 32]), RoomId([8; 32])].into(),
            unset: false,
        }
    }
}
