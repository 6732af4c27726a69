//! A lab without root: what it takes, and the user namespace that gives it.

use std::{
    env, fs, io,
    io::{BufRead, BufReader, Write},
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
};

use nix::{
    sched::{CloneFlags, unshare},
    unistd::{User, getgid, getpid, getuid},
};

use crate::lab::plan::PLAIN_UID;

const TOOLS: [&str; 2] = ["newuidmap", "newgidmap"];

/// What keeps this user from building a lab, a line each with the way to get it. Empty = nothing.
pub fn missing() -> Vec<String> {
    let mut missing = Vec::new();
    if !namespaces_allowed() {
        missing.push(
            "unprivileged user namespaces (see sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone, \
             kernel.apparmor_restrict_unprivileged_userns)"
                .to_owned(),
        );
    }
    let absent: Vec<&str> = TOOLS.into_iter().filter(|tool| !on_path(tool)).collect();
    if !absent.is_empty() {
        missing.push(format!("{} (package uidmap, shadow-utils or shadow)", absent.join(", ")));
    }
    let user = user_name();
    for file in ["/etc/subuid", "/etc/subgid"] {
        if range(file).is_none() {
            missing.push(format!(
                "a range of {} ids for {user} in {file} (as root: usermod --add-subuids 100000-165535 \
                 --add-subgids 100000-165535 {user})",
                PLAIN_UID
            ));
        }
    }
    if let Err(error) = fs::OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        missing.push(format!("access to /dev/net/tun ({error}; as root: modprobe tun; chmod 0666 /dev/net/tun)"));
    }
    missing
}

/// Enters a user namespace where this user is root and the ranges are the other users. The caller has one thread.
pub(super) fn enter_user_namespace() -> io::Result<()> {
    // The maps are written from outside by the set-uid tools, so a child is left there.
    let mut mapper = Command::new("/proc/self/exe")
        .args(["map-ids", &getpid().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()?;
    unshare(CloneFlags::CLONE_NEWUSER)?;
    let (Some(mut stdin), Some(stdout)) = (mapper.stdin.take(), mapper.stdout.take()) else {
        return Err(io::Error::other("the mapper has no pipes"));
    };
    stdin.write_all(b"\n")?;
    let answer = BufReader::new(stdout).lines().next().transpose()?.unwrap_or_default();
    mapper.wait()?;
    if answer == "mapped" { Ok(()) } else { Err(io::Error::other(format!("mapping user ids: {answer}"))) }
}

/// The child outside: waits for a line, then maps the ids of the process `pid`. What went wrong is its answer.
pub fn id_maps(pid: &str) -> String {
    let mut line = String::new();
    if io::stdin().read_line(&mut line).is_err() {
        return "the supervisor left".to_owned();
    }
    let own = [getuid().to_string(), getgid().to_string()];
    for ((tool, own), file) in TOOLS.into_iter().zip(own).zip(["/etc/subuid", "/etc/subgid"]) {
        let Some((first, count)) = range(file) else { return format!("no range in {file}") };
        let output = Command::new(tool)
            .args([pid, "0", &own, "1", "1", &first.to_string(), &count.to_string()])
            .stdin(Stdio::null())
            .output();
        match output {
            Ok(output) if output.status.success() => {}
            Ok(output) => return format!("{tool}: {}", String::from_utf8_lossy(&output.stderr).trim()),
            Err(error) => return format!("{tool}: {error}"),
        }
    }
    "mapped".to_owned()
}

/// Tries it in a process of its own: a namespace once entered cannot be left.
fn namespaces_allowed() -> bool {
    Command::new("/proc/self/exe")
        .arg("probe-user-namespace")
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success())
}

/// The first range of this user that is large enough for the lab's users.
fn range(file: &str) -> Option<(u32, u32)> {
    find_range(&fs::read_to_string(file).ok()?, &user_name(), &getuid().to_string())
}

fn find_range(text: &str, name: &str, uid: &str) -> Option<(u32, u32)> {
    text.lines().find_map(|line| {
        let mut fields = line.split(':');
        let owner = fields.next()?;
        let (first, count): (u32, u32) = (fields.next()?.parse().ok()?, fields.next()?.trim().parse().ok()?);
        ((owner == name || owner == uid) && count >= PLAIN_UID).then_some((first, count))
    })
}

fn user_name() -> String {
    User::from_uid(getuid()).ok().flatten().map_or_else(|| getuid().to_string(), |user| user.name)
}

/// Whether a program of that name can be run.
pub fn on_path(tool: &str) -> bool {
    let path = env::var_os("PATH").unwrap_or_default();
    env::split_paths(&path)
        .any(|directory| fs::metadata(directory.join(tool)).is_ok_and(|file| file.permissions().mode() & 0o111 != 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_range_by_name_or_by_uid() {
        let text = "bob:1:70000\nalice:100000:65536\n1001:300000:65536\n";
        assert_eq!(find_range(text, "alice", "1000"), Some((100_000, 65536)));
        assert_eq!(find_range(text, "carol", "1001"), Some((300_000, 65536)));
    }

    #[test]
    fn refuses_a_range_that_cannot_hold_the_labs_users() {
        for text in ["alice:100000:1000\n", "alice:100000\n", "alice:x:65536\n", ""] {
            assert_eq!(find_range(text, "alice", "1000"), None, "{text:?}");
        }
    }
}
