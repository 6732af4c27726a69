//! What no request may change besides links, addresses, routes and rules: packet filters, kernel settings, the host's
//! resolver file; and what the helper itself may not grow by.

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use ray_tests::live_helper::LiveHelper;

/// Settings that change by themselves.
const RESTLESS: [&str; 1] = ["nf_conntrack_count"];

/// Packet filters, network settings and resolver file of a helper's surroundings.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Surroundings {
    filters: String,
    settings: BTreeMap<String, Vec<u8>>,
    resolvers: Option<Vec<u8>>,
}

impl Surroundings {
    pub(super) fn of(helper: &LiveHelper) -> Self {
        helper.namespace.enter(|| {
            let output = Command::new("nft").args(["list", "ruleset"]).output().expect("running nft");
            assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            let mut settings = BTreeMap::new();
            collect(Path::new("/proc/sys/net"), &mut settings);
            assert!(settings.len() > 100, "{} settings", settings.len());
            Self {
                filters: String::from_utf8_lossy(&output.stdout).into_owned(),
                settings,
                resolvers: fs::read("/etc/resolv.conf").ok(),
            }
        })
    }

    /// Wants nothing changed.
    pub(super) fn check(&self, before: &Self) {
        assert_eq!(self.filters, before.filters);
        assert_eq!(self.resolvers, before.resolvers);
        for (path, value) in &before.settings {
            assert_eq!(self.settings.get(path), Some(value), "{path}");
        }
        assert_eq!(self.settings.len(), before.settings.len());
    }
}

/// Everything readable below `directory` but what belongs to the device itself.
fn collect(directory: &Path, settings: &mut BTreeMap<String, Vec<u8>>) {
    let Ok(entries) = fs::read_dir(directory) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        if name == "ray0" || RESTLESS.contains(&name.as_str()) {
            continue;
        }
        if path.is_dir() {
            collect(&path, settings);
        } else if let Ok(value) = fs::read(&path) {
            settings.insert(path.display().to_string(), value);
        }
    }
}

/// Memory in use, in KiB.
pub(super) fn resident_kib(helper: &LiveHelper) -> i64 {
    let status = fs::read_to_string(format!("/proc/{}/status", helper.pid())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

pub(super) fn open_files(helper: &LiveHelper) -> usize {
    fs::read_dir(format!("/proc/{}/fd", helper.pid())).unwrap().count()
}
