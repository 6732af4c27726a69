//! A host with Debian's programs, for one test: namespaces of its own, a cable, an interface of the mesh, two resolvers.

use std::{
    collections::BTreeMap,
    env, fs,
    net::Ipv4Addr,
    os::unix::process::CommandExt,
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use caps::CapSet;
use nix::{
    mount::{MsFlags, mount},
    unistd::{chdir, chroot, getpid},
};
use ray_ipc::names::{Mode, Wanted};
use ray_tests::{
    debian::{self, Installed},
    node::mounts,
};

use crate::servers::{Asked, serve};

/// Set in the process that a test runs in.
const INSIDE: &str = "RAY_TEST_INSIDE";
/// The new root covers a directory that every host has.
const ROOT: &str = "/tmp";
/// Far longer than anything waited for, so that a busy machine does not fail a test.
const PATIENCE: Duration = Duration::from_secs(20);
/// What the host's own resolver answers, and the mesh's.
pub(crate) const PUBLIC: &str = "192.0.2.1";
pub(crate) const MESH: &str = "192.0.2.2";

/// Succeeds, with words, when systemd-resolved is on the bus.
pub(crate) const RESOLVED_IS_THERE: &str = "busctl --acquired list | grep -o org.freedesktop.resolve1";

/// The host of a test.
#[derive(Debug)]
pub(crate) struct Host {
    daemons: BTreeMap<String, Child>,
    /// What the host's own resolver was asked, at 10.0.0.1.
    pub(crate) public: Asked,
    /// What the mesh's was.
    pub(crate) mesh: Asked,
}

/// Runs a test on a host. The calling thread has no capability in it.
pub(crate) fn on_a_host(installed: Installed, act: impl FnOnce(&mut Host)) {
    let root = debian::root(installed);
    if env::var_os(INSIDE).is_none() {
        return in_namespaces();
    }
    assert_eq!(getpid().as_raw(), 1, "a test that changes its host's root has namespaces of its own");
    enter(&root.display().to_string());
    let mut host = Host::furnished();
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::clear(None, set).unwrap();
    }
    act(&mut host);
}

/// Runs the calling test once more, in a process whose end is the end of all that it started.
fn in_namespaces() {
    let current = thread::current();
    let name = current.name().unwrap();
    let status = Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "unshare", "--mount", "--net", "--uts", "--ipc", "--pid", "--fork"])
        .args(["--kill-child", "--mount-proc"])
        .arg(env::current_exe().unwrap())
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(INSIDE, "1")
        .status()
        .unwrap_or_else(|error| panic!("running setpriv and unshare: {error}"));
    assert!(status.success(), "{name} in its namespaces: {status}");
}

fn enter(lower: &str) {
    let none = None::<&str>;
    mounts::make_private().unwrap();
    mounts::fresh_run(&[]).unwrap();
    for part in ["/run/upper", "/run/work"] {
        fs::create_dir(part).unwrap();
    }
    let options = format!("lowerdir={lower},upperdir=/run/upper,workdir=/run/work");
    mount(Some("overlay"), ROOT, Some("overlay"), MsFlags::empty(), Some(options.as_str())).unwrap();
    let at = |part: &str| format!("{ROOT}/{part}");
    mount(Some("proc"), at("proc").as_str(), Some("proc"), MsFlags::empty(), none).unwrap();
    // NetworkManager takes a host whose /sys cannot be written for one without udev.
    mount(Some("sysfs"), at("sys").as_str(), Some("sysfs"), MsFlags::MS_RDONLY, none).unwrap();
    mount(Some("/dev"), at("dev").as_str(), none, MsFlags::MS_BIND | MsFlags::MS_REC, none).unwrap();
    mount(Some("tmpfs"), at("run").as_str(), Some("tmpfs"), MsFlags::empty(), Some("mode=0755")).unwrap();
    mount(Some("tmpfs"), at("tmp").as_str(), Some("tmpfs"), MsFlags::empty(), none).unwrap();
    chdir(ROOT).unwrap();
    chroot(".").unwrap();
}

impl Host {
    fn furnished() -> Self {
        let mut host = Self { daemons: BTreeMap::new(), public: Asked::default(), mesh: Asked::default() };
        host.sh("hostname host; echo 127.0.0.1 localhost host > /etc/hosts
                 echo 0123456789abcdef0123456789abcdef > /etc/machine-id; chmod 1777 /tmp
                 ip link set lo up; ip netns add net; ip -n net link set lo up
                 echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad
                 ip netns exec net sh -c 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'
                 ip link add eth0 type veth peer name cable netns net
                 ip link add ray0 type veth peer name mesh netns net
                 ip -n net addr add 10.0.0.1/24 dev cable; ip -n net link set cable up
                 ip -n net addr add 100.100.100.53/32 dev mesh; ip -n net addr add 200::53/128 dev mesh
                 ip -n net link set mesh up
                 ip -n net route add 100.64.0.0/10 dev mesh; ip -n net route add 200::/7 dev mesh
                 mkdir -p /run/dbus");
        host.add_mesh_interface();
        let public: Ipv4Addr = PUBLIC.parse().unwrap();
        let mesh: Ipv4Addr = MESH.parse().unwrap();
        host.public = serve("/run/netns/net", &["10.0.0.1".parse().unwrap()], public);
        let addresses = ["100.100.100.53".parse().unwrap(), "200::53".parse().unwrap()];
        host.mesh = serve("/run/netns/net", &addresses, mesh);
        host.start("dbus-daemon --system --nofork --nopidfile");
        host.until("the bus listens", "test -S /run/dbus/system_bus_socket");
        host
    }

    /// As the helper leaves it.
    fn add_mesh_interface(&self) {
        self.sh("ip link set ray0 alias rayfish; ip link set ray0 up
                 ip addr add 100.64.0.1/32 dev ray0; ip addr add 200:1::1/128 dev ray0
                 ip route add 100.64.0.0/10 dev ray0; ip route add 100.100.100.53/32 dev ray0
                 ip route add 200::/7 dev ray0");
    }

    /// Runs a shell script as root with all rights; what it says.
    pub(crate) fn sh(&self, script: &str) -> String {
        let mut shell = Command::new("sh");
        let output =
            shell.args(["-c", script]).env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin").output().unwrap();
        format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
    }

    /// Starts a program that stays, known by its first word. Its words go to `/run/<word>.log`.
    pub(crate) fn start(&mut self, command: &str) {
        let mut words = command.split_whitespace();
        let program = words.next().unwrap();
        let name = program.rsplit('/').next().unwrap();
        let log = || fs::File::options().create(true).append(true).open(format!("/run/{name}.log")).unwrap();
        let child = Command::new(program)
            .args(words)
            .env_clear()
            .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
            .stdin(Stdio::null())
            .stdout(log())
            .stderr(log())
            .process_group(0)
            .spawn()
            .unwrap();
        self.daemons.insert(name.to_owned(), child);
    }

    /// Kills a program that was started, in the middle of whatever it does.
    pub(crate) fn kill(&mut self, name: &str) {
        let mut child = self.daemons.remove(name).unwrap();
        // The test itself may not: the program is another user's.
        self.sh(&format!("kill -KILL {}", child.id()));
        child.wait().unwrap();
    }

    /// systemd-resolved, with 10.0.0.1 for all names.
    pub(crate) fn start_resolved(&mut self) {
        self.sh("install -d -o systemd-resolve -g systemd-resolve /run/systemd/resolve
                 printf '[Resolve]\\nFallbackDNS=\\nLLMNR=no\\nMulticastDNS=no\\n' > /etc/systemd/resolved.conf
                 ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf");
        self.start("/lib/systemd/systemd-resolved");
        self.until("systemd-resolved answers", RESOLVED_IS_THERE);
    }

    /// The cable, without a program that keeps it.
    pub(crate) fn plug(&self) {
        self.sh("ip addr add 10.0.0.2/24 dev eth0; ip link set eth0 up; ip route add default via 10.0.0.1
                 resolvectl dns eth0 10.0.0.1; resolvectl domain eth0 '~.' home.example");
    }

    /// NetworkManager, with a connection at the cable.
    pub(crate) fn start_networkmanager(&mut self, dns: &str) {
        self.sh(&format!(
            "printf '[main]\\nplugins=keyfile\\nauth-polkit=false\\nno-auto-default=*\\ndns={dns}\\n' \
             > /etc/NetworkManager/NetworkManager.conf
             printf '[connection]\\nid=cable\\ntype=ethernet\\ninterface-name=eth0\\n\
             [ipv4]\\nmethod=manual\\naddress1=10.0.0.2/24,10.0.0.1\\ndns=10.0.0.1;\\ndns-search=home.example;\\n\
             [ipv6]\\nmethod=link-local\\n' > /etc/NetworkManager/system-connections/cable.nmconnection
             chmod 600 /etc/NetworkManager/system-connections/cable.nmconnection
             rm -rf /etc/NetworkManager/dispatcher.d"
        ));
        self.start("NetworkManager --no-daemon");
        self.until("the cable is connected", "nmcli -t -f DEVICE,STATE device | grep -qx eth0:connected");
        self.until("public names resolve", &format!("getent ahostsv4 www.example.org | grep -q '^{PUBLIC} '"));
    }

    /// Waits until a command succeeds.
    pub(crate) fn until(&self, what: &str, command: &str) {
        let deadline = Instant::now() + PATIENCE;
        while self.sh(&format!("if {command} >/dev/null 2>&1; then echo yes; fi")) != "yes\n" {
            assert!(
                Instant::now() < deadline,
                "waiting until {what}: {}",
                self.sh(&format!("{command}; tail /run/*.log"))
            );
            thread::sleep(Duration::from_millis(20));
        }
    }

    /// The address that the C library finds.
    pub(crate) fn finds(&self, name: &str) -> String {
        let lines = self.sh(&format!("getent ahostsv4 {name}"));
        lines.split_whitespace().next().unwrap_or_default().to_owned()
    }
}

/// What the engine usually wants.
pub(crate) fn names() -> Wanted {
    Wanted { mode: Mode::Names, v4: true, search: vec![] }
}
