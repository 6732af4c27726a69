//! The files that make a node a host of its own: users, name, resolver, and the settings of Rayfish.

use std::{fs, os::unix::fs::chown};

use super::mounts::{MountError, failed, fresh_dir, fresh_file, private_copy};
use crate::lab::{
    INFRA, NodeConfig,
    plan::{ENGINE_UID, ENGINE_USER, LAB_DIR, PKARR_PORT, PLAIN_UID, PLAIN_USER, RELAY_PORT, infra_socket},
};

/// Rebuilds `/etc` and `/var/lib` and fills them, in the node's own mount namespace.
pub(super) fn furnish(node: &str, config: &NodeConfig) -> Result<(), MountError> {
    private_copy("/etc", &format!("{LAB_DIR}/etc"))?;
    private_copy("/var/lib", &format!("{LAB_DIR}/var-lib"))?;

    let users = [(ENGINE_USER, ENGINE_UID), (PLAIN_USER, PLAIN_UID)];
    fresh_file(
        "/etc/passwd",
        &with_users(&read("/etc/passwd"), &users, |name, id| format!("{name}:x:{id}:{id}:{name}:/:/bin/sh")),
    )?;
    fresh_file("/etc/group", &with_users(&read("/etc/group"), &users, |name, id| format!("{name}:x:{id}:")))?;
    fresh_file("/etc/hostname", &format!("{node}\n"))?;
    fresh_file("/etc/hosts", &format!("127.0.0.1 localhost {node}\n::1 localhost {node}\n"))?;
    // Unless a test has a server there, a query is refused at once, where without a line it would time out.
    fresh_file("/etc/resolv.conf", &format!("nameserver {}\n", infra_socket(53).ip()))?;
    if node != INFRA {
        furnish_rayfish(config)?;
    }
    Ok(())
}

fn furnish_rayfish(config: &NodeConfig) -> Result<(), MountError> {
    fresh_dir("/etc/rayfish", 0o755)?;
    let policy = format!("engine_user = \"{ENGINE_USER}\"\n");
    fresh_file("/etc/rayfish/helper.toml", &with_settings(&policy, &config.helper_toml))?;
    fresh_file("/etc/rayfish/names.toml", &with_settings(&policy, &config.names_toml))?;
    let settings = format!(
        "relays = [\"http://{}\"]\ndiscovery = [\"http://{}/pkarr\"]\n",
        infra_socket(RELAY_PORT),
        infra_socket(PKARR_PORT)
    );
    fresh_file("/etc/rayfish/engine.toml", &with_settings(&settings, &config.engine_toml))?;
    for (path, mode, owner) in [
        ("/run/rayfish", 0o755, 0),
        ("/run/rayfish/engine", 0o755, ENGINE_UID),
        ("/var/lib/rayfish", 0o700, ENGINE_UID),
    ] {
        fresh_dir(path, mode)?;
        chown(path, Some(owner), Some(owner)).map_err(failed(format!("giving {path} to uid {owner}")))?;
    }
    Ok(())
}

/// A node without the host's users is still a node.
fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_else(|_| "root:x:0:0:root:/root:/bin/sh\n".to_owned())
}

/// The host's lines without those that share a name or an id with ours, and ours.
fn with_users(host: &str, ours: &[(&str, u32)], line: impl Fn(&str, u32) -> String) -> String {
    let clashes = |text: &str| {
        let fields: Vec<&str> = text.split(':').collect();
        ours.iter().any(|(name, id)| {
            fields.first() == Some(name) || fields.get(2).and_then(|field| field.parse().ok()) == Some(*id)
        })
    };
    let mut text: String = host.lines().filter(|text| !clashes(text)).flat_map(|text| [text, "\n"]).collect();
    for (name, id) in ours {
        text.push_str(&line(name, *id));
        text.push('\n');
    }
    text
}

/// `key = value` lines where each key of `extra` replaces that of `base`.
fn with_settings(base: &str, extra: &str) -> String {
    let key = |line: &str| line.split_once('=').map(|(key, _)| key.trim().to_owned());
    let replaced: Vec<String> = extra.lines().filter_map(key).collect();
    let kept = base.lines().filter(|line| key(line).is_none_or(|key| !replaced.contains(&key)));
    kept.chain(extra.lines()).flat_map(|line| [line, "\n"]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replaces_a_user_of_the_host_with_the_same_name_or_id() {
        let host = "root:x:0:0::/root:/bin/sh\nalice:x:1000:1000::/:/bin/sh\nbob:x:60077:1::/:/bin/sh\n";
        let text = with_users(host, &[("rayfish", 60077), ("alice", 60078)], |name, id| format!("{name}:x:{id}"));
        assert_eq!(text, "root:x:0:0::/root:/bin/sh\nrayfish:x:60077\nalice:x:60078\n");
    }

    #[test]
    fn lets_a_test_replace_a_setting_and_add_one() {
        let text = with_settings("relays = [\"x\"]\ndiscovery = []\n", "relays=[]\nmtu = 1300");
        assert_eq!(text, "discovery = []\nrelays=[]\nmtu = 1300\n");
    }
}
