//! systemd-resolved.

use std::{
    thread,
    time::{Duration, Instant},
};

use ray_ipc::names::{Mode, State, Wanted};
use ray_names::backend::{Keeper, resolved::Resolved};
use ray_tests::debian::Installed;

use crate::host::{Host, MESH, PUBLIC, RESOLVED_IS_THERE, names, on_a_host};

/// All that can be seen of the settings, without which of several resolvers was asked last.
const SETTINGS: &str = "readlink /etc/resolv.conf; cat /run/systemd/resolve/resolv.conf /run/systemd/resolve/stub-resolv.conf
                        resolvectl --no-pager status | sed '/Current DNS Server/d; s/^ *//'; ls /run/systemd/resolve/netif";

fn on_resolved(act: impl FnOnce(&mut Host)) {
    on_a_host(Installed::Resolved, |host| {
        host.start_resolved();
        host.plug();
        host.until("public names resolve", &format!("getent ahostsv4 www.example.org | grep -q '^{PUBLIC} '"));
        act(host);
    });
}

#[test]
fn splits_names_and_leaves_every_setting_as_it_was() {
    on_resolved(|host| {
        let before = host.sh(SETTINGS);
        assert_eq!(host.finds("alice.home.ray"), PUBLIC, "nobody splits yet");
        let mut keeper = Resolved::new("ray0");
        let outcome = set(&mut keeper, &names());
        assert_eq!((outcome.state, outcome.conflicts.as_slice()), (State::Set, &[][..]));

        host.public.take();
        host.mesh.take();
        assert_eq!(host.finds("alice.home.ray"), MESH);
        assert_eq!(host.finds("www.example.com"), PUBLIC);
        assert!(host.sh("dig +short alice2.home.ray").contains(MESH), "{}", host.sh("dig alice2.home.ray"));
        host.sh("dig +short -x 100.64.0.9; dig +short -x 100.128.0.9; dig +short -x 203::9; dig +short -x 400::9");
        let (public, mesh) = (host.public.take(), host.mesh.take());
        let all = |asked: &[String], endings: &[&str]| {
            asked.iter().all(|name| endings.iter().any(|ending| name.ends_with(ending)))
        };
        assert!(all(&mesh, &[".ray", ".64.100.in-addr.arpa", ".3.0.2.0.ip6.arpa"]), "{mesh:?}");
        assert!(all(&public, &[".com", ".128.100.in-addr.arpa", ".0.0.4.0.ip6.arpa"]), "{public:?}");
        assert!(mesh.iter().any(|name| name.ends_with("arpa")) && public.iter().any(|name| name.ends_with("arpa")));

        keeper.unset().unwrap();
        assert_eq!(host.sh(SETTINGS), before);
        assert_eq!(host.finds("alice.home.ray"), PUBLIC);
        keeper.unset().unwrap();
        assert_eq!(host.sh(SETTINGS), before);
    });
}

#[test]
fn finds_short_names_by_search_domains() {
    on_resolved(|host| {
        let before = host.sh(SETTINGS);
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &Wanted { search: vec!["home".to_owned()], ..names() });
        host.mesh.take();
        assert_eq!(host.finds("alice"), MESH);
        assert!(host.mesh.take().contains(&"alice.home.ray".to_owned()));
        keeper.unset().unwrap();
        assert_eq!(host.sh(SETTINGS), before);
    });
}

#[test]
fn asks_the_mesh_for_all_names_and_still_knows_the_hosts_own_resolvers() {
    on_resolved(|host| {
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &Wanted { mode: Mode::Full, v4: false, search: vec![] });
        host.sh("resolvectl domain eth0 home.example");
        assert_eq!(host.finds("www.example.net"), MESH);
        let upstreams = keeper.upstreams().unwrap();
        assert_eq!(upstreams.servers, ["10.0.0.1:53".parse().unwrap()]);
        assert_eq!(upstreams.search, ["home.example"]);
    });
}

#[test]
fn changes_nothing_when_it_is_told_the_same_again() {
    on_resolved(|host| {
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &names());
        let told = || host.sh("grep -c Flushed /run/systemd-resolved.log");
        let once = told();
        set(&mut keeper, &names());
        set(&mut Resolved::new("ray0"), &names());
        assert_eq!(told(), once);
    });
}

#[test]
fn sets_again_when_resolved_comes_back() {
    on_resolved(|host| {
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &names());
        host.kill("systemd-resolved");
        await_change(&mut keeper);
        let outcome = set(&mut keeper, &names());
        assert_eq!(outcome.state, State::Waiting);
        assert!(outcome.conflicts[0].what.contains("does not run"), "{outcome:?}");
        assert_eq!(host.sh(RESOLVED_IS_THERE), "", "it was started by a question");
        // As after a boot: what it remembers of interfaces is gone.
        host.sh("rm -r /run/systemd/resolve");
        host.start_resolved();
        await_change(&mut keeper);
        assert_eq!(set(&mut keeper, &names()).state, State::Set);
        assert_eq!(host.finds("alice.home.ray"), MESH);
    });
}

#[test]
fn undoes_later_what_it_could_not_undo_while_resolved_was_down() {
    on_resolved(|host| {
        let before = host.sh("resolvectl --no-pager status ray0");
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &names());
        host.kill("systemd-resolved");
        await_change(&mut keeper);
        keeper.unset().unwrap();
        host.start_resolved();
        assert_ne!(host.sh("resolvectl --no-pager status ray0"), before, "it remembers over its own restart");
        await_change(&mut keeper);
        assert_eq!(host.sh("resolvectl --no-pager status ray0"), before);
    });
}

#[test]
fn undoes_what_a_dead_predecessor_set() {
    on_resolved(|host| {
        let before = host.sh(SETTINGS);
        let mut dead = Resolved::new("ray0");
        set(&mut dead, &names());
        drop(dead);
        assert_ne!(host.sh(SETTINGS), before);
        Resolved::new("ray0").unset().unwrap();
        assert_eq!(host.sh(SETTINGS), before);
    });
}

#[test]
fn leaves_an_interface_alone_that_is_not_the_helpers() {
    on_resolved(|host| {
        host.sh("ip link set ray0 alias ''; resolvectl dns ray0 192.0.2.77");
        let before = host.sh(SETTINGS);
        let mut keeper = Resolved::new("ray0");
        let outcome = set(&mut keeper, &names());
        assert_eq!(outcome.state, State::Waiting);
        keeper.unset().unwrap();
        let mut other = Resolved::new("eth0");
        set(&mut other, &names());
        other.unset().unwrap();
        assert_eq!(host.sh(SETTINGS), before);
    });
}

#[test]
fn gives_in_for_a_while_to_a_program_that_keeps_changing_the_interface() {
    on_resolved(|host| {
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &names());
        for round in 0.. {
            host.sh("resolvectl dns ray0 192.0.2.77");
            let outcome = set(&mut keeper, &names());
            if outcome.state == State::Waiting {
                assert!(round >= 3, "at once");
                assert!(outcome.conflicts[0].what.contains("keeps changing"), "{outcome:?}");
                assert!(outcome.again.unwrap() > Instant::now() + Duration::from_secs(2), "{outcome:?}");
                break;
            }
            assert_eq!(host.finds(&format!("alice{round}.home.ray")), MESH);
            assert!(round < 10, "for ever");
        }
    });
}

#[test]
fn keeps_working_when_the_bus_itself_is_started_anew() {
    on_resolved(|host| {
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &names());
        host.kill("dbus-daemon");
        await_change(&mut keeper);
        let _ = keeper.set(&names(), Instant::now());
        host.sh("rm -f /run/dbus/system_bus_socket");
        host.start("dbus-daemon --system --nofork --nopidfile");
        host.until("the bus listens", "test -S /run/dbus/system_bus_socket");
        host.kill("systemd-resolved");
        host.start_resolved();
        assert_eq!(set(&mut keeper, &names()).state, State::Set);
        keeper.unset().unwrap();
    });
}

#[test]
fn says_what_is_set_of_a_link_that_goes_away_and_comes_back() {
    on_resolved(|host| {
        let mut keeper = Resolved::new("ray0");
        set(&mut keeper, &names());
        host.sh("ip link set ray0 name ray9");
        assert_eq!(set(&mut keeper, &names()).state, State::Waiting);
        host.sh("ip link set ray9 down; ip link set ray9 name ray0; ip link set ray0 up");
        assert_eq!(set(&mut keeper, &names()).state, State::Set);
    });
}

pub(crate) fn set(keeper: &mut impl Keeper, wanted: &Wanted) -> ray_names::backend::Outcome {
    keeper.set(wanted, Instant::now()).unwrap()
}

/// Waits until the keeper says that something has changed.
pub(crate) fn await_change(keeper: &mut impl Keeper) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !keeper.changed(Instant::now()) {
        assert!(Instant::now() < deadline, "no word of a change");
        thread::sleep(Duration::from_millis(10));
    }
}
