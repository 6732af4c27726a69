//! `/proc/PID/status`: what the kernel says of a process to everybody.

use std::collections::BTreeMap;

/// The fields of one process by their names.
#[derive(Debug, Default)]
pub(crate) struct StatusFile(BTreeMap<String, String>);

impl StatusFile {
    pub(crate) fn parse(text: &str) -> Self {
        let fields = text.lines().filter_map(|line| line.split_once(':'));
        Self(fields.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect())
    }

    /// The text of a field; empty where it is not there, which is no value of any.
    pub(crate) fn field(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// The decimal numbers of a field.
    pub(crate) fn numbers(&self, name: &str) -> Vec<u32> {
        self.field(name).split_whitespace().filter_map(|number| number.parse().ok()).collect()
    }

    /// The set of a field, one bit for each member; `None` where it is not there.
    pub(crate) fn set(&self, name: &str) -> Option<u64> {
        u64::from_str_radix(self.field(name), 16).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_fields_of_a_process() {
        let status = StatusFile::parse("Name:\tray-engine\nUid:\t977\t977\nCapEff:\t0000000000001000\nSeccomp:\t2\n");
        assert_eq!((status.field("Seccomp"), status.field("NoNewPrivs")), ("2", ""));
        assert_eq!((status.numbers("Uid"), status.numbers("Groups")), (vec![977, 977], vec![]));
        assert_eq!((status.set("CapEff"), status.set("CapBnd")), (Some(0x1000), None));
    }
}
