//! The engine's settings as root wrote them: `/etc/rayfish/engine.toml`, read once at start.

mod access;
mod accounts;
mod choices;

use std::{
    fmt, fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ray_ipc::control::{DnsMode, SettingKey};
use serde::Deserialize;

use self::access::Written;
pub use self::{
    access::{AccessLists, ENTRIES_MAX, Entry, Who},
    accounts::Accounts,
    choices::{Choices, Effective},
};
use crate::ident::is_mesh_address;

pub const CONFIG_PATH: &str = "/etc/rayfish/engine.toml";

/// A settings file is a page of text; a longer one is not ours.
const FILE_MAX: u64 = 64 * 1024;
/// More servers than this cost more than they help: each is asked.
const SERVERS_MAX: usize = 16;

/// Validated settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    pub relays: Servers,
    pub discovery: Servers,
    /// Pkarr servers for the records of networks.
    pub publication: Servers,
    /// Nodes to enter the Mainline DHT by, as `host:port`.
    pub dht: Dht,
    /// Underlay addresses to advertise besides those that are found.
    pub external_addrs: Vec<SocketAddr>,
    /// UDP port of the underlay; 0 = any.
    pub bind_port: u16,
    /// Who may do what besides root.
    pub access: AccessLists,
    /// What root says of the settings that can be changed while the engine runs.
    pub choices: Choices,
    pub ipv6_only: bool,
}

/// Which servers of a kind to use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Servers {
    /// The iroh project's public ones.
    Public,
    /// Exactly these; none when empty.
    Own(Vec<String>),
}

/// Whether the records of networks are in the Mainline DHT as well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Dht {
    Off,
    /// The public one, by its well-known nodes.
    Public,
    /// The one that these nodes, as `host:port`, belong to.
    Own(Vec<String>),
}

/// Why a settings file cannot be used.
#[derive(Debug)]
pub struct Unusable {
    path: PathBuf,
    cause: ConfigError,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the settings in {} cannot be used; correct them and start again", self.path.display())
    }
}

impl std::error::Error for Unusable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

/// What is wrong with settings.
#[derive(Debug)]
pub enum ConfigError {
    Read(io::Error),
    TooLong,
    Syntax(toml::de::Error),
    /// A key holds what cannot be meant.
    Value {
        key: &'static str,
        why: String,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Read(_) => f.write_str("reading the settings"),
            Self::TooLong => write!(f, "reading the settings: longer than {FILE_MAX} bytes"),
            Self::Syntax(_) => f.write_str("parsing the settings"),
            Self::Value { key, why } => write!(f, "setting `{key}`: {why}"),
        }
    }
}

impl std::error::Error for ConfigError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Read(cause) => Some(cause),
            Self::Syntax(cause) => Some(cause),
            Self::TooLong | Self::Value { .. } => None,
        }
    }
}

impl Config {
    /// What root should know about these settings, in plain words.
    pub fn warnings(&self) -> Vec<String> {
        let unknown = self.access.unknown().map(|(key, entry)| {
            let (kind, number) = match entry.text.strip_prefix('@') {
                Some(_) => ("group", "\"@gid\""),
                None => ("user", "uid"),
            };
            let text = &entry.text;
            format!("`{key}` names {text:?}, which is no local {kind} and so grants nothing; correct it or give its {number}")
        });
        unknown.collect()
    }
}

/// Reads the settings at `path`; a file that does not exist means all defaults.
pub fn read(path: &Path, accounts: &Accounts) -> Result<Config, Unusable> {
    read_file(path, accounts).map_err(|cause| Unusable { path: path.to_owned(), cause })
}

fn read_file(path: &Path, accounts: &Accounts) -> Result<Config, ConfigError> {
    match fs::metadata(path) {
        Ok(meta) if meta.len() > FILE_MAX => return Err(ConfigError::TooLong),
        Ok(_) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return parse("", accounts),
        Err(error) => return Err(ConfigError::Read(error)),
    }
    parse(&fs::read_to_string(path).map_err(ConfigError::Read)?, accounts)
}

/// Parses and validates the text of a settings file.
pub fn parse(text: &str, accounts: &Accounts) -> Result<Config, ConfigError> {
    let file: File = toml::from_str(text).map_err(ConfigError::Syntax)?;
    let choices = Choices {
        offload: file.offload,
        mtu: file.mtu,
        queues: file.queues,
        dns: file.dns.map(|word| dns(&word)).transpose()?,
        search: file.search,
    };
    choices.check().map_err(|(key, why)| value(key.name(), why))?;
    if let Some(overlay) = file.external_addrs.iter().find(|addr| is_mesh_address(addr.ip())) {
        tracing::warn!("external_addrs names {overlay}, which lies inside the mesh: no peer will be able to use it");
    }
    let discovery = servers("discovery", file.discovery)?;
    let publication = match file.publication {
        None => discovery.clone(),
        list => servers("publication", list)?,
    };
    Ok(Config {
        relays: servers("relays", file.relays)?,
        // Whoever has servers of his own does not expect traffic to the public.
        dht: dht(file.dht.unwrap_or(discovery == Servers::Public), file.dht_bootstrap)?,
        discovery,
        publication,
        external_addrs: file.external_addrs,
        bind_port: file.bind_port,
        access: AccessLists {
            admins: entries("admins", file.admins, accounts)?,
            users: entries("users", file.users, accounts)?,
            readers: entries("readers", file.readers, accounts)?,
        },
        choices,
        ipv6_only: file.ipv6_only,
    })
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, default)]
struct File {
    relays: Option<Vec<String>>,
    discovery: Option<Vec<String>>,
    publication: Option<Vec<String>>,
    dht: Option<bool>,
    dht_bootstrap: Option<Vec<String>>,
    external_addrs: Vec<SocketAddr>,
    bind_port: u16,
    readers: Vec<Written>,
    users: Vec<Written>,
    admins: Vec<Written>,
    mtu: Option<u16>,
    queues: Option<u8>,
    offload: Option<bool>,
    dns: Option<String>,
    search: Option<bool>,
    ipv6_only: bool,
}

impl Default for File {
    fn default() -> Self {
        Self {
            relays: None,
            discovery: None,
            publication: None,
            dht: None,
            dht_bootstrap: None,
            external_addrs: Vec::new(),
            bind_port: 0,
            readers: Written::everybody(),
            users: Vec::new(),
            admins: Vec::new(),
            mtu: None,
            queues: None,
            offload: None,
            dns: None,
            search: None,
            ipv6_only: false,
        }
    }
}

fn dns(word: &str) -> Result<DnsMode, ConfigError> {
    DnsMode::of_name(word)
        .ok_or_else(|| value(SettingKey::Dns.name(), format!("{word:?} is not {}", choices::allowed(SettingKey::Dns))))
}

fn servers(key: &'static str, list: Option<Vec<String>>) -> Result<Servers, ConfigError> {
    let Some(list) = list else { return Ok(Servers::Public) };
    if list.len() > SERVERS_MAX {
        return Err(value(key, format!("more than {SERVERS_MAX} servers")));
    }
    match list.iter().find(|url| !url.starts_with("http://") && !url.starts_with("https://")) {
        Some(url) => Err(value(key, format!("{url:?} is no http or https URL"))),
        None => Ok(Servers::Own(list)),
    }
}

fn dht(used: bool, bootstrap: Option<Vec<String>>) -> Result<Dht, ConfigError> {
    let key = "dht_bootstrap";
    match (used, bootstrap) {
        (false, _) => Ok(Dht::Off),
        (true, None) => Ok(Dht::Public),
        (true, Some(nodes)) if nodes.len() > SERVERS_MAX => Err(value(key, format!("more than {SERVERS_MAX} nodes"))),
        (true, Some(nodes)) => {
            let is_node = |node: &&String| {
                node.rsplit_once(':').is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok())
            };
            match nodes.iter().find(|node| !is_node(node)) {
                Some(node) => Err(value(key, format!("{node:?} is no host:port"))),
                None => Ok(Dht::Own(nodes)),
            }
        }
    }
}

fn entries(key: &'static str, list: Vec<Written>, accounts: &Accounts) -> Result<Vec<Entry>, ConfigError> {
    access::entries(list, accounts).map_err(|why| value(key, why))
}

fn value(key: &'static str, why: String) -> ConfigError {
    ConfigError::Value { key, why }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Config, ConfigError> {
        super::parse(text, &Accounts::parse("alice:x:1000:1000::/:/bin/sh\n", "wheel:x:10:alice\n"))
    }

    #[test]
    fn an_empty_file_means_the_defaults() {
        let config = parse("").unwrap();
        assert_eq!(config.relays, Servers::Public);
        let effective = Effective::of(config.choices);
        assert_eq!((effective.offload, effective.mtu, effective.queues), (true, 1400, 1));
        assert_eq!((effective.dns, effective.search), (DnsMode::Names, false));
        let everybody = [Entry { text: "*".to_owned(), who: Who::Everybody }];
        assert_eq!(config.access.readers, everybody);
        assert!(config.access.users.is_empty() && config.access.admins.is_empty());
    }

    #[test]
    fn an_empty_list_means_no_server_at_all() {
        assert_eq!(parse("relays = []").unwrap().relays, Servers::Own(vec![]));
    }

    #[test]
    fn refuses_what_cannot_be_meant() {
        for text in [
            "no_such_key = 1",
            "mtu = 1279",
            "mtu = 9000",
            "queues = 0",
            "queues = 9",
            "dns = \"on\"",
            "dns = true",
            "search = \"home\"",
            "relays = [\"ftp://a\"]",
            "operators = [\"alice\"]",
            "admins = \"alice\"",
            "admins = [true]",
            "admins = [-1]",
            "admins = [\"\"]",
            "users = [\"1000\"]",
            "readers = [[\"alice\"]]",
            "external_addrs = [\"203.0.113.7\"]",
            "publication = [\"203.0.113.7\"]",
            "dht_bootstrap = [\"203.0.113.7\"]",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn own_discovery_servers_keep_publication_from_the_public() {
        let public = parse("").unwrap();
        assert_eq!((public.publication, public.dht), (Servers::Public, Dht::Public));
        let own = Servers::Own(vec!["http://203.0.113.7".to_owned()]);
        let config = parse("discovery = [\"http://203.0.113.7\"]").unwrap();
        assert_eq!((config.publication, config.dht), (own.clone(), Dht::Off));
        let config = parse("publication = [\"http://203.0.113.7\"]").unwrap();
        assert_eq!((config.publication, config.dht), (own, Dht::Public));
        let config = parse("discovery = []\ndht = true\ndht_bootstrap = [\"192.0.2.1:6881\"]").unwrap();
        assert_eq!(config.dht, Dht::Own(vec!["192.0.2.1:6881".to_owned()]));
        assert_eq!(parse("dht = false").unwrap().dht, Dht::Off);
    }

    #[test]
    fn each_list_is_its_own() {
        let config = parse("readers = []\nusers = [\"@wheel\"]\nadmins = [\"alice\", 0]").unwrap();
        let whom = |list: &[Entry]| list.iter().map(|entry| entry.who).collect::<Vec<_>>();
        assert_eq!(whom(&config.access.readers), []);
        assert_eq!(whom(&config.access.users), [Who::Group(10)]);
        assert_eq!(whom(&config.access.admins), [Who::User(1000), Who::User(0)]);
        assert!(config.warnings().is_empty());
    }

    #[test]
    fn a_mistake_in_a_list_is_told_with_its_key_and_entry() {
        let error = parse("users = [\"a b\"]").unwrap_err().to_string();
        assert!(error.starts_with("setting `users`: \"a b\" is none of"), "{error}");
    }

    #[test]
    fn an_entry_that_names_nobody_is_told_with_its_key() {
        let config = parse("users = [\"bob\", 1234]\nadmins = [\"@sudo\"]").unwrap();
        let warnings = config.warnings();
        assert_eq!(warnings.len(), 2, "{warnings:?}");
        assert!(warnings[0].starts_with("`users` names \"bob\", which is no local user"), "{warnings:?}");
        assert!(warnings[1].starts_with("`admins` names \"@sudo\", which is no local group"), "{warnings:?}");
    }
}
