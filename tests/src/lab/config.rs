//! What a lab should look like.

use std::{
    collections::BTreeMap,
    env,
    path::PathBuf,
    process,
    sync::atomic::{AtomicU32, Ordering},
};

use serde::{Deserialize, Serialize};

use super::LabError;

/// Nodes in one lab; the underlay's address plan has room for these.
pub const NODES_MAX: u32 = 200;
/// The node that carries the relay and the pkarr server.
pub const INFRA: &str = "infra";
/// Longest lab name; it becomes part of an abstract socket's name (108 bytes).
const NAME_LEN_MAX: usize = 48;
/// Variables of the caller that the processes of each node get too.
const ENV_PASSED: [&str; 2] = ["RAY_LOG", "RUST_BACKTRACE"];

/// A lab to be started.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct LabConfig {
    /// Tells labs of one user apart.
    pub name: String,
    /// How many nodes, named n1, n2, …
    pub nodes: u32,
    /// What differs from the default, by node name.
    pub overrides: BTreeMap<String, NodeConfig>,
    /// Whether the relay and the pkarr server run. Without them the `infra` node is only a host on the switch.
    pub infra: bool,
    /// Environment of every helper and engine.
    pub env: BTreeMap<String, String>,
    /// The directory of ray, ray-helper, ray-names, ray-engine and ray-lab; absent: where the running program is.
    pub programs: Option<PathBuf>,
}

impl Default for LabConfig {
    /// Two whole nodes, under a name that no other lab has.
    fn default() -> Self {
        static SERIAL: AtomicU32 = AtomicU32::new(0);
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        Self {
            name: format!("test-{}-{serial}", process::id()),
            nodes: 2,
            overrides: BTreeMap::new(),
            infra: true,
            env: ENV_PASSED.iter().filter_map(|key| Some(((*key).to_owned(), env::var(key).ok()?))).collect(),
            programs: None,
        }
    }
}

impl LabConfig {
    /// Nodes without any of our programs, and no infra: hosts on a switch.
    pub fn bare(nodes: u32) -> Self {
        let bare = NodeConfig { helper: false, names: false, engine: false, ..NodeConfig::default() };
        let overrides = (1..=nodes).map(|number| (format!("n{number}"), bare.clone())).collect();
        Self { nodes, overrides, infra: false, ..Self::default() }
    }

    /// The settings of the node called `name`, to be changed.
    pub fn node(&mut self, name: &str) -> &mut NodeConfig {
        self.overrides.entry(name.to_owned()).or_default()
    }

    /// The settings of the node called `name`.
    pub fn of(&self, name: &str) -> NodeConfig {
        self.overrides.get(name).cloned().unwrap_or_default()
    }

    /// Names of the nodes that run Rayfish.
    pub fn node_names(&self) -> Vec<String> {
        (1..=self.nodes).map(|number| format!("n{number}")).collect()
    }

    /// Refuses what cannot be built.
    pub fn check(&self) -> Result<(), LabError> {
        check_name(&self.name)?;
        if self.nodes == 0 || self.nodes > NODES_MAX {
            return Err(LabError::Usage(format!("a lab has 1 to {NODES_MAX} nodes, not {}", self.nodes)));
        }
        let known = self.node_names();
        match self.overrides.keys().find(|name| !known.contains(name)) {
            Some(node) => Err(LabError::UnknownNode { node: node.clone(), known }),
            None => Ok(()),
        }
    }
}

/// Refuses a lab name that cannot be part of a socket's name or would confuse a reader.
pub fn check_name(name: &str) -> Result<(), LabError> {
    let fits = (1..=NAME_LEN_MAX).contains(&name.len());
    if fits && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.')) {
        return Ok(());
    }
    Err(LabError::Usage(format!(
        "lab name {name:?}: 1 to {NAME_LEN_MAX} letters, digits, dots, dashes and underscores"
    )))
}

/// How one node differs from the default.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct NodeConfig {
    /// Whether the helper is started with the lab.
    pub helper: bool,
    /// Whether the program for names is started with the lab.
    pub names: bool,
    /// Whether the engine is started with the lab.
    pub engine: bool,
    /// Lines for `/etc/rayfish/helper.toml`; a line replaces the lab's own of the same key.
    pub helper_toml: String,
    /// Lines for `/etc/rayfish/names.toml`; a line replaces the lab's own of the same key.
    pub names_toml: String,
    /// Lines for `/etc/rayfish/engine.toml`; a line replaces the lab's own of the same key.
    pub engine_toml: String,
    /// A directory with another system's files, which the node sees instead of the host's. Nothing is written there.
    pub root: Option<PathBuf>,
}

impl Default for NodeConfig {
    fn default() -> Self {
        Self {
            helper: true,
            names: true,
            engine: true,
            helper_toml: String::new(),
            names_toml: String::new(),
            engine_toml: String::new(),
            root: None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refuses_a_name_that_cannot_be_a_socket_name() {
        for name in ["", "two words", "a/b", "ö", &"x".repeat(NAME_LEN_MAX + 1)] {
            assert!(matches!(check_name(name), Err(LabError::Usage(_))), "{name:?}");
        }
        check_name("home-1.2_x").unwrap();
    }

    #[test]
    fn refuses_an_override_of_a_node_that_is_not_there() {
        let mut config = LabConfig::default();
        config.node("n3").engine = false;
        assert!(matches!(config.check(), Err(LabError::UnknownNode { node, .. }) if node == "n3"));
    }

    #[test]
    fn refuses_a_lab_without_nodes_or_with_too_many() {
        for nodes in [0, NODES_MAX + 1] {
            assert!(LabConfig { nodes, ..LabConfig::default() }.check().is_err());
        }
    }

    #[test]
    fn gives_each_default_lab_its_own_name() {
        assert_ne!(LabConfig::default().name, LabConfig::default().name);
    }
}
