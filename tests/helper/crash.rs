//! `kill -9` of the helper at every named point and at random moments, and of its engine with it: nothing is left.

use std::{
    collections::BTreeSet,
    thread,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use ray_helper::crash::CRASH_POINTS;
use ray_ipc::helper::{HelperRequest, LinkState, VERSION};
use ray_tests::live_helper::{
    Answer, Client, Launch, LiveHelper, Namespace, ServiceManager, addresses, eventually, route,
};

/// Kills at random moments, unless the environment wants another number.
const KILLS: u32 = 200;
const KILLS_VARIABLE: &str = "RAY_SURVIVAL_KILLS";

#[test]
fn nothing_is_left_of_a_helper_and_an_engine_that_died_at_a_named_point() {
    let mut passed = BTreeSet::new();
    for point in CRASH_POINTS {
        let mut manager = ServiceManager::new();
        let helper = match point {
            "recover-before" | "recover-after-sweep" => {
                let mut helper = LiveHelper::start("grace_s = 1");
                drop(helper.connect().bring_up(2));
                helper.kill();
                eventually("the device goes with its queues", || !helper.state().has_link("ray0"));
                helper.start_in_vain(&Launch::crashing_at(point));
                helper
            }
            "recover-after-adoption" => {
                let mut helper = LiveHelper::start_with(Namespace::new(), "grace_s = 1", &manager.launch());
                drop(helper.connect().bring_up(2));
                helper.kill();
                let mut launch = manager.launch();
                launch.env.extend(Launch::crashing_at(point).env);
                helper.start_in_vain(&launch);
                drop(launch);
                manager.clear();
                helper
            }
            "return-before-reply" => {
                let mut helper = LiveHelper::start("grace_s = 1");
                let (_, queues) = helper.connect().bring_up(2);
                helper.kill();
                helper.start_again_with(&Launch::crashing_at(point));
                let client = helper.connect();
                client.greet();
                assert!(matches!(client.return_tun(&queues), Answer::Closed), "{point}");
                helper
            }
            _ => {
                let helper = LiveHelper::start_with(Namespace::new(), "grace_s = 1", &Launch::crashing_at(point));
                assert!(!live(&helper.connect()), "{point} was not passed");
                helper
            }
        };
        leaves_nothing(helper, point);
        passed.insert(point);
    }
    assert_eq!(passed, CRASH_POINTS.into_iter().collect());
}

#[test]
fn nothing_is_left_of_a_helper_and_an_engine_that_died_at_a_random_moment() {
    let kills = std::env::var(KILLS_VARIABLE).ok().and_then(|text| text.parse().ok()).unwrap_or(KILLS);
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos();
    println!("{kills} kills, seed {seed}");
    let mut random = seed | 1;
    for kill in 0..kills {
        random ^= random << 13;
        random ^= random >> 17;
        random ^= random << 5;
        // A life as below takes about ten milliseconds.
        let after = Duration::from_micros(u64::from(random % 15_000));
        let mut helper = LiveHelper::start("grace_s = 1");
        let client = helper.connect();
        let engine = thread::spawn(move || live(&client));
        thread::sleep(after);
        helper.kill();
        engine.join().unwrap();
        leaves_nothing(helper, &format!("kill {kill} of seed {seed}, after {after:?}"));
    }
}

/// A device's whole life. Whether the helper was there to its end.
fn live(client: &Client) -> bool {
    let mut held = Vec::new();
    let routes = vec![route("100.64.0.0", 10), route("200::", 7)];
    let steps = [
        HelperRequest::Hello { version: VERSION },
        HelperRequest::OpenTun { queues: 2, mtu: 1280 },
        addresses("100.64.1.2", "200::1234"),
        HelperRequest::SetLink { state: LinkState::Up },
        HelperRequest::ReplaceRoutes { routes },
        HelperRequest::Release,
        HelperRequest::OpenTun { queues: 1, mtu: 1280 },
        HelperRequest::Release,
    ];
    for step in steps {
        match client.ask(&step) {
            Answer::Reply(_, queues) => held.push(queues),
            Answer::Closed => return false,
        }
    }
    true
}

/// The engine is dead too: nobody holds a queue.
fn leaves_nothing(mut helper: LiveHelper, what: &str) {
    // What an unconfigured namespace with a loopback has.
    let empty = Namespace::new().enter(ray_tests::live_helper::NetState::read_settled);
    helper.start_again();
    eventually(&format!("nothing is left: {what}"), || helper.state() == empty);
    helper.connect().bring_up(1);
}
