//! How the engine finds relays and discovery servers by name: at the host's own resolvers, and never at the mesh's. A host that asks
//! the engine for everything would have the engine wait for itself.

use std::{
    fs::File,
    io::{BufRead, BufReader, Read},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
    pin::Pin,
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use iroh::dns::{BoxIter, DnsError, DnsResolver, NameserverConfig, Resolver, TxtRecordData};

use crate::ident::{MAGIC_V4, MAGIC_V6};

const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";
/// Longer lists of names are not read to their end.
const FILE_MAX: u64 = 4 * 1024 * 1024;
/// Beyond every patience of those who ask, who give up by themselves.
const TIMEOUT: Duration = Duration::from_secs(30);

type Answer<T> = Pin<Box<dyn Future<Output = Result<BoxIter<T>, DnsError>> + Send>>;

/// The host's own resolvers, as whoever keeps its settings has told; `None` until it has. Cloning shares it.
#[derive(Debug, Clone, Default)]
pub(super) struct NameServers(Arc<ArcSwapOption<Vec<SocketAddr>>>);

impl NameServers {
    /// Whether these are others than before.
    pub(super) fn replace(&self, servers: &[SocketAddr]) -> bool {
        if self.0.load().as_ref().is_some_and(|before| before.as_slice() == servers) {
            return false;
        }
        self.0.store(Some(Arc::new(servers.to_vec())));
        true
    }

    /// What to look names up with from now on.
    pub(super) fn resolver(&self) -> DnsResolver {
        DnsResolver::custom(Lookups::new(self.clone()))
    }
}

#[derive(Debug)]
struct Lookups {
    servers: NameServers,
    /// Whether only these servers are asked; who reads the host's settings reads its list of names too.
    exactly: bool,
    resolver: DnsResolver,
}

impl Lookups {
    fn new(servers: NameServers) -> Self {
        let told = servers.0.load_full().map(|told| told.to_vec()).or_else(|| others_beside_us(Path::new(RESOLV_CONF)));
        let exactly = told.is_some();
        let builder = match told {
            // Written here before: the host's settings send everything to us, or are about to.
            Some(told) => DnsResolver::builder()
                .add_nameserver_configs(told.iter().map(|at| NameserverConfig::udp(at.ip()).with_port(at.port()))),
            None => DnsResolver::builder().with_system_defaults(),
        };
        Self { servers, exactly, resolver: builder.build() }
    }

    fn find<T: Send + 'static>(&self, host: String, family: Family<T>) -> Answer<T> {
        let (resolver, exactly) = (self.resolver.clone(), self.exactly);
        Box::pin(async move {
            if exactly {
                let name = host.clone();
                // The list may be long, and is on a disk.
                let read = tokio::task::spawn_blocking(move || named(Path::new(HOSTS), &name));
                let given: Vec<T> = read.await.unwrap_or_default().into_iter().filter_map(family.of).collect();
                if !given.is_empty() {
                    return Ok(Box::new(given.into_iter()) as BoxIter<T>);
                }
            }
            let found: Vec<T> = (family.ask)(resolver, host).await?.into_iter().filter_map(family.of).collect();
            Ok(Box::new(found.into_iter()) as BoxIter<T>)
        })
    }
}

type Asked = Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, DnsError>> + Send>>;

/// One of the two families of addresses: what is of it, and how it is asked for.
struct Family<T> {
    of: fn(IpAddr) -> Option<T>,
    ask: fn(DnsResolver, String) -> Asked,
}

const V4: Family<Ipv4Addr> = Family {
    of: |address| match address {
        IpAddr::V4(v4) => Some(v4),
        IpAddr::V6(_) => None,
    },
    ask: |resolver, host| Box::pin(async move { Ok(resolver.lookup_ipv4(host, TIMEOUT).await?.collect()) }),
};

const V6: Family<Ipv6Addr> = Family {
    of: |address| match address {
        IpAddr::V4(_) => None,
        IpAddr::V6(v6) => Some(v6),
    },
    ask: |resolver, host| Box::pin(async move { Ok(resolver.lookup_ipv6(host, TIMEOUT).await?.collect()) }),
};

impl Resolver for Lookups {
    fn lookup_ipv4(&self, host: String) -> Answer<Ipv4Addr> {
        self.find(host, V4)
    }

    fn lookup_ipv6(&self, host: String) -> Answer<Ipv6Addr> {
        self.find(host, V6)
    }

    fn lookup_txt(&self, host: String) -> Answer<TxtRecordData> {
        let resolver = self.resolver.clone();
        Box::pin(async move {
            let found: Vec<TxtRecordData> = resolver.lookup_txt(host, TIMEOUT).await?.collect();
            Ok(Box::new(found.into_iter()) as BoxIter<TxtRecordData>)
        })
    }

    fn clear_cache(&self) {
        self.resolver.clear_cache();
    }

    fn reset(&self) -> Box<dyn Resolver> {
        Box::new(Self::new(self.servers.clone()))
    }
}

/// The servers in the host's settings beside the mesh's, where that is among them: an engine before this one may have left it.
fn others_beside_us(path: &Path) -> Option<Vec<SocketAddr>> {
    let servers: Vec<IpAddr> = lines(path)
        .filter_map(|line| {
            let mut words = line.split_whitespace();
            words.next().filter(|word| *word == "nameserver").and(words.next()?.parse().ok())
        })
        .collect();
    let ours = |server: &IpAddr| [IpAddr::V4(MAGIC_V4), IpAddr::V6(MAGIC_V6)].contains(server);
    let others = servers.iter().filter(|server| !ours(server)).map(|server| SocketAddr::new(*server, 53));
    servers.iter().any(ours).then(|| others.collect())
}

/// The addresses that the administrator gave to a name.
fn named(path: &Path, host: &str) -> Vec<IpAddr> {
    let host = host.strip_suffix('.').unwrap_or(host);
    lines(path)
        .filter_map(|line| {
            let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
            let address = words.next()?.parse().ok()?;
            words.any(|word| word.eq_ignore_ascii_case(host)).then_some(address)
        })
        .collect()
}

/// The lines of a file; none where it cannot be read.
fn lines(path: &Path) -> impl Iterator<Item = String> {
    let file = File::open(path).ok().map(|file| BufReader::new(file.take(FILE_MAX)));
    file.into_iter().flat_map(|file| file.lines().map_while(Result::ok))
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, path::PathBuf, thread};

    use super::*;

    #[test]
    fn reads_the_servers_of_the_host_only_where_ours_is_among_them_and_leaves_it_out() {
        for (text, expected) in [
            ("nameserver 192.0.2.1\n", None),
            ("", None),
            ("# nameserver 100.100.100.53\nnameserver 192.0.2.1\n", None),
            ("nameserver 100.100.100.53\n", Some(vec![])),
            (
                "search a\nnameserver 100.100.100.53\nnameserver 200::53\n nameserver\t192.0.2.1 x\nnameserver no\n",
                Some(vec!["192.0.2.1:53"]),
            ),
        ] {
            let file = Scratch::new(text);
            let expected = expected.map(|list| list.iter().map(|at| at.parse().unwrap()).collect::<Vec<SocketAddr>>());
            assert_eq!(others_beside_us(&file.0), expected, "{text:?}");
        }
        assert_eq!(others_beside_us(Path::new("/nonexistent")), None);
    }

    #[test]
    fn a_name_of_the_hosts_own_list_is_found_whatever_its_case() {
        let file = Scratch::new(
            "127.0.0.1 localhost\n192.0.2.7\tRelay.example  relay # not-this\n2001:db8::7 relay.example\nx y\n",
        );
        let both: Vec<IpAddr> = vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()];
        assert_eq!(named(&file.0, "relay.EXAMPLE."), both);
        assert_eq!(named(&file.0, "not-this"), [""; 0].map(|_: &str| IpAddr::V4(Ipv4Addr::UNSPECIFIED)));
    }

    #[tokio::test]
    async fn asks_exactly_the_servers_that_it_was_told_of() {
        let server = UdpSocket::bind("127.0.0.1:0").unwrap();
        let at = server.local_addr().unwrap();
        thread::spawn(move || {
            let mut buffer = [0; 512];
            while let Ok((len, from)) = server.recv_from(&mut buffer) {
                let mut reply = buffer[..len].to_vec();
                (reply[2], reply[3], reply[7], reply[11]) = (0x84, 0, 1, 0);
                reply.truncate(12 + buffer[12..len].iter().position(|byte| *byte == 0).unwrap() + 5);
                reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 192, 0, 2, 9]);
                server.send_to(&reply, from).unwrap();
            }
        });
        let servers = NameServers::default();
        assert!(servers.replace(&[at]) && !servers.replace(&[at]));
        let found: Vec<IpAddr> =
            servers.resolver().lookup_ipv4("relay.example.", Duration::from_secs(5)).await.unwrap().collect();
        assert_eq!(found, [IpAddr::from([192, 0, 2, 9])]);
    }

    #[tokio::test]
    async fn a_change_of_the_servers_counts_for_the_next_lookup() {
        let servers = NameServers::default();
        let lookups = Lookups::new(servers.clone());
        servers.replace(&["192.0.2.1:53".parse().unwrap()]);
        assert!(!lookups.exactly);
        assert!(format!("{:?}", lookups.reset()).contains("exactly: true"));
    }

    struct Scratch(PathBuf);

    impl Scratch {
        fn new(text: &str) -> Self {
            let name = format!("ray-lookup-{}-{:?}-{}", std::process::id(), thread::current().id(), text.len());
            let path = std::env::temp_dir().join(name);
            std::fs::write(&path, text).unwrap();
            Self(path)
        }
    }

    impl Drop for Scratch {
        fn drop(&mut self) {
            let _ = std::fs::remove_file(&self.0);
        }
    }
}
