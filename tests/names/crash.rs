//! `kill -9` at every named point and at random moments: own lines go, and nothing else does.

use std::{
    collections::BTreeSet,
    fs, thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ray_ipc::names::NamesRequest;
use ray_names::crash::CRASH_POINTS;
use ray_tests::live_names::{Launch, NamesHost, names, search};

const LISTED: &[u8] = b"# by dhclient\nsearch lan\nnameserver 192.0.2.1\nnameserver 192.0.2.2";
const KILLS: u32 = 200;
const KILLS_VARIABLE: &str = "RAY_SURVIVAL_KILLS";

#[test]
fn nothing_is_left_of_a_process_that_died_at_a_named_point() {
    let mut passed = BTreeSet::new();
    for point in CRASH_POINTS {
        let host = NamesHost::with_list(LISTED);
        let before = host.files();
        match point {
            "start-before-sweep" | "start-after-sweep" => {
                let mut earlier = host.start();
                let mut engine = host.connect().greet();
                engine.set(names());
                earlier.kill();
                assert_eq!(host.run(&Launch::crashing_at(point)), None, "{point}");
            }
            "edit-after-write" => {
                let mounted = host.at("/run/mounted-list");
                fs::copy(host.list_path(), &mounted).unwrap();
                let launch = Launch { list_is_a_mount: true, ..Launch::crashing_at(point) };
                let mut process = host.start_with(&launch);
                assert!(!live(&host), "{point} was not passed");
                process.wait();
                assert_eq!(host.run(&Launch { list_is_a_mount: true, undo: true, env: Vec::new() }), Some(0));
                assert_eq!(fs::read(&mounted).unwrap(), LISTED, "{point}");
                fs::remove_file(mounted).unwrap();
            }
            _ => {
                let mut process = host.start_with(&Launch::crashing_at(point));
                assert!(!live(&host), "{point} was not passed");
                process.wait();
            }
        }
        assert_whole(&host, point);
        assert_eq!(host.undo(), Some(0), "{point}");
        assert_eq!(host.files(), before, "{point}");
        passed.insert(point);
    }
    assert_eq!(passed, CRASH_POINTS.into_iter().collect());
}

#[test]
fn nothing_is_left_of_a_process_that_died_at_a_random_moment() {
    let kills = std::env::var(KILLS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    println!("{kills} kills, seed {seed}");
    let mut random = seed | 1;
    let host = NamesHost::with_list(LISTED);
    let before = host.files();
    for kill in 0..kills {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        let after = Duration::from_micros(u64::from(random % 8_000));
        let mut process = host.start();
        thread::scope(|scope| {
            let engine = scope.spawn(|| live(&host));
            thread::sleep(after);
            process.kill();
            engine.join().unwrap();
        });
        let what = format!("kill {kill} of seed {seed}, after {after:?}");
        assert_whole(&host, &what);
        // In turn by the one that a service manager runs, and by the next start.
        if kill % 2 == 0 {
            assert_eq!(host.undo(), Some(0), "{what}");
        } else {
            drop(host.start());
        }
        assert_eq!(host.files(), before, "{what}");
    }
}

/// All that an engine does. Whether the process was there to its end.
fn live(host: &NamesHost) -> bool {
    let Ok(mut engine) = host.connect_as(ray_tests::live_helper::ENGINE_UID) else { return false };
    let steps = [
        NamesRequest::Hello { version: ray_ipc::names::VERSION },
        NamesRequest::ReplaceDns(names()),
        NamesRequest::ReplaceDns(search(&["home"])),
        NamesRequest::Look,
        NamesRequest::Release,
        NamesRequest::ReplaceDns(names()),
        NamesRequest::Release,
    ];
    steps.iter().all(|step| engine.ask(step).is_some())
}

/// At no moment is the list without the host's own resolvers.
fn assert_whole(host: &NamesHost, what: &str) {
    assert!(host.list().contains("nameserver 192.0.2.1\nnameserver 192.0.2.2"), "{what}: {}", host.list());
}
