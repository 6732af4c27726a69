//! Root's policy for names: the same flat text as the helper's, with keys of its own. Pure.

use ray_helper::config::{ConfigError, EngineUser, Problem, Value, interface, parse_pairs, user};
use ray_ipc::names::Backend;

/// Who keeps the host's DNS settings, as root wants it: found out, or given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    Auto,
    Fixed(Backend),
}

/// The whole policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub engine_user: EngineUser,
    /// The mesh's link, for backends that keep settings by link.
    pub interface: String,
    pub backend: Wish,
    /// Whether the mesh's resolver may be asked for all names where the host could tell them apart.
    pub full: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            engine_user: EngineUser::Name("rayfish".into()),
            interface: "ray0".into(),
            backend: Wish::Auto,
            full: false,
        }
    }
}

const BACKENDS: &str = "auto, resolved, networkmanager, resolvconf, file, off";

/// Parses a policy.
pub fn parse(text: &str) -> Result<Config, ConfigError> {
    let mut config = Config::default();
    for pair in parse_pairs(text)? {
        assign(&mut config, pair.key, &pair.value).map_err(|problem| pair.fault(problem))?;
    }
    Ok(config)
}

fn assign(config: &mut Config, key: &str, value: &Value<'_>) -> Result<(), Problem> {
    match key {
        "engine_user" => config.engine_user = user(value)?,
        "interface" => config.interface = interface(value)?,
        "backend" => config.backend = backend(value)?,
        "full" => config.full = permission(value)?,
        _ => return Err(Problem::UnknownKey),
    }
    Ok(())
}

fn backend(value: &Value<'_>) -> Result<Wish, Problem> {
    Ok(match value {
        Value::Text("auto") => Wish::Auto,
        Value::Text("resolved") => Wish::Fixed(Backend::Resolved),
        Value::Text("networkmanager") => Wish::Fixed(Backend::NetworkManager),
        Value::Text("resolvconf") => Wish::Fixed(Backend::Resolvconf),
        Value::Text("file") => Wish::Fixed(Backend::File),
        Value::Text("off") => Wish::Fixed(Backend::Off),
        Value::Text(_) | Value::Number(_) => return Err(Problem::NotOneOf(BACKENDS)),
    })
}

fn permission(value: &Value<'_>) -> Result<bool, Problem> {
    match value {
        Value::Text("allow") => Ok(true),
        Value::Text("deny") => Ok(false),
        Value::Text(_) | Value::Number(_) => Err(Problem::NotOneOf("deny, allow")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_policy_is_the_default() {
        assert_eq!(parse("# nothing\n\n"), Ok(Config::default()));
    }

    #[test]
    fn reads_every_key() {
        let text = "engine_user = \"77\" # who\ninterface = \"ray7\"\nbackend = \"file\"\nfull = \"allow\"\n";
        let expected = Config {
            engine_user: EngineUser::Uid(77),
            interface: "ray7".into(),
            backend: Wish::Fixed(Backend::File),
            full: true,
        };
        assert_eq!(parse(text), Ok(expected));
        for word in BACKENDS.split(", ") {
            assert!(parse(&format!("backend = \"{word}\"")).is_ok(), "{word}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_know() {
        for text in [
            "backend = \"resolvectl\"",
            "backend = \"File\"",
            "backend = 1",
            "full = 1",
            "full = \"yes\"",
            "interface = \"eth0\"",
            "engine_user = \"root\"\nengine_user = \"root\"",
            "engine_user = \"0\"",
            "resolv_conf = \"/etc/passwd\"",
            "prefix_v4 = \"none\"",
            "full = \"deny\"\nfull = \"deny\"",
            "full",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
