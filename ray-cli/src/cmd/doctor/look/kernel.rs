//! The kernel: its version and its settings.

use std::fs;

use nix::sys::utsname::uname;

/// Major and minor version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::cmd::doctor) struct Version(pub(in crate::cmd::doctor) u32, pub(in crate::cmd::doctor) u32);

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// The version of the running kernel, where its name has the usual form.
pub(in crate::cmd::doctor) fn version() -> Option<Version> {
    parse(uname().ok()?.release().to_str()?)
}

/// A number below `/proc/sys`. A network namespace of an older kernel does not show all of them.
pub(in crate::cmd::doctor) fn setting(path: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{path}")).ok()?.trim().parse().ok()
}

fn parse(release: &str) -> Option<Version> {
    let mut numbers = release.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some(Version(numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_versions_that_kernels_have() {
        assert_eq!(parse("6.18.44-fc-v669"), Some(Version(6, 18)));
        assert_eq!(parse("5.10.0-28-amd64"), Some(Version(5, 10)));
        assert_eq!(parse("6.3"), Some(Version(6, 3)));
        assert_eq!(parse("odd"), None);
    }
}
