//! Hosts whose DNS settings are kept by each of the programs that keep them, and what can befall those settings.
//!
//! The small choice needs no program that a host may lack. All of them: `RAY_NAMES=all`, which takes the programs
//! from a Debian that `tests/debian/make` puts together once.

use std::{
    io::{BufRead, BufReader},
    time::Duration,
};

use ray_tests::{
    debian::{self, Installed},
    lab::{Exec, LabConfig, Process, wait_until},
    tool::names::watch,
};
use serde_json::Value;

use crate::support::{Lab, PATIENCE, address, all_online, invite, ray, start, until};

/// `all`, or nothing for the small choice.
const VARIABLE: &str = "RAY_NAMES";
/// The lab's server of public names, where every host of the lab expects one.
const SERVER: &str = "10.77.0.1";
/// The same server as another program's settings name it.
const OTHER_SERVER: &str = "fd77::1";
/// A link of another VPN. Not every kernel has dummies.
const OTHER_LINK: &str =
    "ip link add other0 type veth peer name other1 && ip link set other1 up && ip link set other0 up\n";
const ASKED: &str = "/run/asked";
pub(crate) const PUBLIC: &str = "www.example.test";
pub(crate) const MISSING: &str = "gone.example.test";
pub(crate) const MISSING_MEMBER: &str = "nobody.home.ray";
pub(crate) const MEMBER: &str = "n2.home.ray";
pub(crate) const ZONE: [&str; 7] = [
    "www.example.test A 10.77.0.1",
    "www.example.test AAAA fd77::1",
    "alias.example.test CNAME www.example.test",
    "v4.example.test A 10.77.0.1",
    "intra.corp.test A 10.77.0.1",
    "1.0.77.10.in-addr.arpa PTR www.example.test",
    "db.other.test A 10.77.0.1",
];

/// Who keeps a host's DNS settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keeper {
    /// Nobody: a file that whoever likes writes.
    File,
    Openresolv,
    Resolved,
    /// NetworkManager, which writes the file and cannot tell names apart.
    NetworkManager,
    /// NetworkManager with a dnsmasq, which can.
    Dnsmasq,
    /// The same, and root wants that it does.
    DnsmasqSplit,
}

/// Whether everything is to be tried that takes programs of others, or long.
pub(crate) fn all() -> bool {
    std::env::var(VARIABLE).is_ok_and(|value| value == "all")
}

impl Keeper {
    /// Those to be tried.
    pub(crate) fn tried() -> Vec<Self> {
        let every =
            [Self::File, Self::Openresolv, Self::Resolved, Self::NetworkManager, Self::Dnsmasq, Self::DnsmasqSplit];
        let named = |name: &str| every.into_iter().filter(|keeper| keeper.name() == name).collect::<Vec<_>>();
        match std::env::var(VARIABLE) {
            Ok(value) if value == "all" => every.into(),
            Ok(value) if !named(&value).is_empty() => named(&value),
            _ => vec![Self::File],
        }
    }

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Openresolv => "openresolv",
            Self::Resolved => "resolved",
            Self::NetworkManager => "networkmanager",
            Self::Dnsmasq => "dnsmasq",
            Self::DnsmasqSplit => "dnsmasq-split",
        }
    }

    /// The backend that has to be chosen, as `ray dns status` calls it.
    pub(crate) fn backend(self) -> &'static str {
        match self {
            Self::File | Self::NetworkManager | Self::Dnsmasq => "file",
            Self::Openresolv => "resolvconf",
            Self::Resolved => "resolved",
            Self::DnsmasqSplit => "networkmanager",
        }
    }

    /// What root has to say for that.
    fn names_toml(self) -> &'static str {
        if self == Self::DnsmasqSplit { "backend = \"networkmanager\"\n" } else { "" }
    }

    /// Whether each change starts the host's own resolver again, which loses what it is asked meanwhile.
    pub(crate) fn is_started_again(self) -> bool {
        self == Self::DnsmasqSplit
    }

    fn installed(self) -> Option<Installed> {
        match self {
            Self::File if std::env::var(VARIABLE).is_err() => None,
            Self::File | Self::NetworkManager | Self::Dnsmasq | Self::DnsmasqSplit => Some(Installed::Plain),
            Self::Openresolv => Some(Installed::Openresolv),
            Self::Resolved => Some(Installed::Resolved),
        }
    }

    /// Starts the keeper, with the lab's server as the host's own.
    fn begin(self) -> String {
        let bus = "mkdir -p /run/dbus /run/systemd/resolve /run/NetworkManager /var/lib/NetworkManager\n\
                   dbus-daemon --system --fork --nopidfile\n";
        let file = format!("printf '# by hand\\nsearch corp.test\\nnameserver {SERVER}\\n' > /etc/resolv.conf\n");
        match self {
            Self::File => file,
            Self::Openresolv => self.renew(),
            Self::Resolved => format!(
                "{bus}chown systemd-resolve: /run/systemd/resolve; mkdir -p /etc/systemd/resolved.conf.d\n\
                 printf '[Resolve]\\nFallbackDNS=\\nLLMNR=no\\n' > /etc/systemd/resolved.conf.d/lab.conf\n\
                 ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf\n\
                 /lib/systemd/systemd-resolved > /run/resolved.log 2>&1 &\n\
                 until resolvectl dns eth0 {SERVER} 2>/dev/null; do sleep 0.1; done\n\
                 resolvectl domain eth0 corp.test\n"
            ),
            Self::NetworkManager | Self::Dnsmasq | Self::DnsmasqSplit => format!(
                "{bus}mount -o remount,ro,bind /sys\n\
                 printf '[main]\\nplugins=keyfile\\nauth-polkit=false\\nno-auto-default=*\\ndns={}\\n' \
                 > /etc/NetworkManager/NetworkManager.conf\n\
                 rm -rf /etc/NetworkManager/dispatcher.d\n\
                 NetworkManager --debug > /run/nm.log 2>&1 &\n\
                 until nmcli -t dev 2>/dev/null | grep -q ^eth0; do sleep 0.1; done\n\
                 nmcli con add type ethernet ifname eth0 con-name cable ipv4.method manual \
                 ipv4.addresses 10.77.0.11/24 ipv4.gateway 10.77.0.1 ipv4.dns {SERVER} ipv4.dns-search corp.test \
                 ipv6.method manual ipv6.addresses fd77::11/64\n\
                 nmcli con up cable\n\
                 until getent ahosts {PUBLIC} > /dev/null; do sleep 0.1; done\n",
                if self == Self::NetworkManager { "default" } else { "dnsmasq" }
            ),
        }
    }

    /// Another VPN adds its server.
    pub(crate) fn other_comes(self) -> String {
        match self {
            // In place, at the top: the rudest that is common.
            Self::File | Self::NetworkManager => format!(
                "{{ echo 'nameserver {OTHER_SERVER} # other'; cat /etc/resolv.conf; }} > /tmp/other\n\
                 cat /tmp/other > /etc/resolv.conf\n"
            ),
            Self::Openresolv => format!("printf 'nameserver {OTHER_SERVER}\\n' | resolvconf -a other0\n"),
            Self::Resolved => format!(
                "{OTHER_LINK}ip addr add 192.0.2.9/32 dev other0\n\
                 resolvectl dns other0 {OTHER_SERVER}; resolvectl domain other0 '~other.test'\n"
            ),
            Self::Dnsmasq | Self::DnsmasqSplit => format!(
                "{OTHER_LINK}nmcli con add type ethernet ifname other0 con-name other ipv4.method manual \
                 ipv4.addresses 192.0.2.9/32 ipv6.method manual ipv6.addresses fd99::9/128 ipv6.dns {OTHER_SERVER} \
                 ipv6.dns-search '~other.test'\n\
                 nmcli con up other\n"
            ),
        }
    }

    /// It takes its server away, and nothing else.
    pub(crate) fn other_goes(self) -> String {
        match self {
            Self::File | Self::NetworkManager => "sed -i '/# other$/d' /etc/resolv.conf\n".to_owned(),
            Self::Openresolv => "resolvconf -d other0\n".to_owned(),
            Self::Resolved => "ip link del other0\n".to_owned(),
            Self::Dnsmasq | Self::DnsmasqSplit => {
                "nmcli con down other; nmcli con delete other; ip link del other0\n".to_owned()
            }
        }
    }

    /// A lease is renewed: what came with it is written as if nobody else were there.
    pub(crate) fn renew(self) -> String {
        match self {
            // As dhclient's script does it.
            Self::File => format!(
                "printf 'domain corp.test\\nsearch corp.test\\nnameserver {SERVER}\\n' > /etc/resolv.conf.dhclient-new\n\
                 mv -f /etc/resolv.conf.dhclient-new /etc/resolv.conf\n"
            ),
            Self::Openresolv => format!("printf 'domain corp.test\\nnameserver {SERVER}\\n' | resolvconf -a eth0\n"),
            Self::Resolved => format!("resolvectl dns eth0 {SERVER}; resolvectl domain eth0 corp.test\n"),
            Self::NetworkManager | Self::Dnsmasq | Self::DnsmasqSplit => {
                format!("nmcli con mod cable ipv4.dns {SERVER} ipv4.dns-search corp.test; nmcli dev reapply eth0\n")
            }
        }
    }

    /// Everything of the host's settings that can be seen, as text. A link without settings is left out, and so are the numbers of links.
    fn settings(self) -> &'static str {
        match self {
            Self::File | Self::NetworkManager => {
                "stat -c '%F %a %u %g %n' /etc/resolv.conf*; readlink /etc/resolv.conf; cat /etc/resolv.conf"
            }
            Self::Openresolv => {
                "stat -c '%F %a %u %g %n' /etc/resolv.conf*; cat /etc/resolv.conf\n\
                 find /run/resolvconf -type f | sort | while read f; do echo \"== $f\"; cat $f; done"
            }
            Self::Resolved => {
                "stat -c '%F %a %u %g %n' /etc/resolv.conf*; readlink /etc/resolv.conf; cat /etc/resolv.conf\n\
                 grep -v '^#' /run/systemd/resolve/resolv.conf\n\
                 for what in dns domain default-route llmnr mdns dnssec dnsovertls nta; do\n\
                 echo \"== $what\"; resolvectl $what | sed 's/^Link [0-9]*/Link/' | grep -v '(ray0):\\( no\\| yes\\)\\?$'; done"
            }
            Self::Dnsmasq | Self::DnsmasqSplit => {
                "stat -c '%F %a %u %g %n' /etc/resolv.conf*; readlink /etc/resolv.conf; cat /etc/resolv.conf\n\
                 ls /etc/NetworkManager/* /run/NetworkManager/conf.d /etc/NetworkManager/dnsmasq.d 2>/dev/null\n\
                 busctl get-property org.freedesktop.NetworkManager /org/freedesktop/NetworkManager \
                 org.freedesktop.NetworkManager GlobalDnsConfiguration\n\
                 busctl get-property org.freedesktop.NetworkManager /org/freedesktop/NetworkManager/DnsManager \
                 org.freedesktop.NetworkManager.DnsManager Configuration"
            }
        }
    }
}

/// Two members of `home`, n1 under the eyes of a test and n2 to be found, and a server of public names.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) lab: Lab,
    pub(crate) keeper: Keeper,
    /// The settings before Rayfish was ever started.
    pub(crate) before: String,
    _running: Vec<Exec>,
}

impl Host {
    pub(crate) fn new(keeper: Keeper) -> Self {
        Self::with(keeper, keeper.names_toml(), "")
    }

    /// With lines of its own in `names.toml` and `engine.toml`.
    pub(crate) fn with(keeper: Keeper, names_toml: &str, engine_toml: &str) -> Self {
        let host = Self::begin(keeper, names_toml, engine_toml);
        host.lab.start_process("n1", Some(Process::Names)).unwrap();
        host.lab.start_process("n1", Some(Process::Engine)).unwrap();
        ray(&host.lab, "n1", &["create", "home"]);
        let code = invite(&host.lab, "n1", &[]);
        ray(&host.lab, "n2", &["join", &code]);
        all_online(&host.lab, 2);
        host
    }

    /// Without Rayfish.
    fn bare(keeper: Keeper) -> Self {
        Self::begin(keeper, "", "")
    }

    fn begin(keeper: Keeper, names_toml: &str, engine_toml: &str) -> Self {
        let mut config = LabConfig::default();
        let node = config.node("n1");
        node.root = keeper.installed().map(debian::root);
        node.names = false;
        node.engine = false;
        node.names_toml = names_toml.to_owned();
        node.engine_toml = engine_toml.to_owned();
        let lab = start(config);
        let serve = |address| {
            // Its account of what it was asked goes where it can be read at any time.
            let script = format!("exec ray-lab tool dns-server {address} \"$@\" >> {ASKED}");
            let argv = [&["sh", "-c", &script, "sh"], &ZONE[..]].concat();
            said(lab.spawn("infra", None, &argv).unwrap())
        };
        let mut running = vec![serve(SERVER), serve(OTHER_SERVER)];
        running
            .push(lab.spawn("n1", None, &["sh", "-c", &format!("{}touch /run/begun; wait", keeper.begin())]).unwrap());
        let mut host = Self { lab, keeper, before: String::new(), _running: running };
        until(PATIENCE, "the host has begun", || {
            host.lab.exec("n1", &["test", "-e", "/run/begun"]).unwrap().code() == 0
        });
        until(PATIENCE, "the host resolves public names", || host.finds(PUBLIC));
        host.before = host.settled();
        host
    }

    /// Runs a shell script as root on n1.
    pub(crate) fn sh(&self, script: &str) -> String {
        let output = self.lab.exec("n1", &["sh", "-c", script]).unwrap();
        format!("{}{}", output.stdout, output.stderr)
    }

    /// Everything of the host's settings that can be seen.
    pub(crate) fn settings(&self) -> String {
        self.sh(self.keeper.settings())
    }

    /// The settings once they have come to rest.
    pub(crate) fn settled(&self) -> String {
        let mut last = self.settings();
        until(PATIENCE, "the settings come to rest", || {
            std::thread::sleep(REST);
            let found = self.settings();
            found == std::mem::replace(&mut last, found.clone())
        });
        last
    }

    /// Whether the C library finds any address of a name on n1.
    pub(crate) fn finds(&self, name: &str) -> bool {
        self.lab.exec("n1", &["getent", "ahosts", name]).unwrap().code() == 0
    }

    /// Waits until the C library finds n2 by name, and says how long that took.
    pub(crate) fn await_set(&self) -> Duration {
        let since = std::time::Instant::now();
        let waited = wait_until(PATIENCE, "n1 finds n2 by name", || self.finds(MEMBER));
        waited.unwrap_or_else(|error| panic!("{:?}: {error}: {}\n{}", self.keeper, self.told(), self.settings()));
        since.elapsed()
    }

    /// Waits until the settings are these, and says how long that took; what they are where they never come to it.
    pub(crate) fn await_settings(&self, expected: &str) -> Result<Duration, String> {
        let since = std::time::Instant::now();
        let mut found = String::new();
        let waited = wait_until(RESTORED, "the settings are restored", || {
            found = self.settings();
            found == expected
        });
        waited.map(|()| since.elapsed()).map_err(|_| found)
    }

    /// What `ray dns status` says of the host.
    pub(crate) fn told(&self) -> Value {
        ray(&self.lab, "n1", &["dns", "status"])["host"].clone()
    }

    /// What the servers of public names were asked, a line each.
    pub(crate) fn asked(&self) -> Vec<String> {
        let text = self.lab.exec("infra", &["cat", ASKED]).unwrap().stdout;
        text.lines().map(str::to_owned).collect()
    }

    /// The mesh addresses of n2, as an argument of the watch.
    pub(crate) fn member(&self) -> String {
        let of = |family| address(&self.lab, "n1", "n2", family);
        format!("{MEMBER}={},{}", of("v4"), of("v6"))
    }

    /// Watches names while `act` runs, and for a while before and after.
    pub(crate) fn watched<T>(&self, member: &str, act: impl FnOnce() -> T) -> (T, watch::Report) {
        let public = format!("{PUBLIC}={SERVER},{OTHER_SERVER}");
        let argv = ["ray-lab", "tool", "dns-watch", member, &public, MISSING];
        let watch = said(self.lab.spawn("n1", None, &argv).unwrap());
        std::thread::sleep(AROUND);
        let result = act();
        std::thread::sleep(AROUND);
        let output = watch.output(PATIENCE).unwrap();
        let report = serde_json::from_str(&output.stdout);
        (result, report.unwrap_or_else(|error| panic!("{error}: {output:?}")))
    }
}

/// Between two looks at settings that are to be the same.
const REST: Duration = Duration::from_millis(700);
/// How long a watch goes on before and after what it is there for: each name is looked up a few times.
const AROUND: Duration = Duration::from_millis(1000);
/// Longest time that a restoration may take before it counts as none.
const RESTORED: Duration = Duration::from_secs(5);

/// A tool that has said that it is ready.
fn said(mut exec: Exec) -> Exec {
    let mut line = String::new();
    let mut stderr = BufReader::new(exec.stderr.take().unwrap());
    stderr.read_line(&mut line).unwrap();
    assert!(line.contains("listening") || line.contains("watching"), "{line}");
    exec.stderr = Some(stderr.into_inner());
    exec
}

#[test]
fn the_programs_of_a_host_keep_its_settings_as_the_tests_expect() {
    for keeper in Keeper::tried() {
        let host = Host::bare(keeper);
        assert!(host.finds(PUBLIC) && host.finds("intra") && !host.finds(MISSING), "{keeper:?}: {}", host.before);
        let after = |script: &str| {
            let said = host.sh(script);
            println!("{keeper:?}: {said}");
            host.settled()
        };
        let with_other = after(&keeper.other_comes());
        assert_ne!(with_other, host.before, "{keeper:?}");
        assert!(host.finds(PUBLIC), "{keeper:?}: {with_other}");
        assert_eq!(after(&keeper.other_goes()), host.before, "{keeper:?}");
        let renewed = after(&keeper.renew());
        assert!(host.finds(PUBLIC), "{keeper:?}: {renewed}");
        assert_eq!(after(&keeper.renew()), renewed, "{keeper:?}");
    }
}
