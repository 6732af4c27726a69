//! The window over simulated paths: one bottleneck with a queue, no clock.

use super::*;

const PACKET: u64 = 1400;

/// A path with one bottleneck.
struct Path {
    bytes_per_s: u64,
    delay: Duration,
    /// What waits before the bottleneck; the rest is dropped.
    queue_max: u64,
    /// Of a thousand packets, so many are lost at random.
    lossy: u64,
    /// Each packet takes up to so much longer.
    jitter: Duration,
    /// From then on, the way back takes so much longer: others fill a queue, or the route is another.
    longer: Option<(Duration, Duration)>,
    /// From then on, it takes so many bytes a second: the receiver has other things to do.
    slower: Option<(Duration, u64)>,
}

/// What came of a run.
struct Seen {
    /// Share of the bottleneck's rate, in percent, in the second half of the run.
    used: u64,
    /// The longest time at the bottleneck in that half.
    queued: Duration,
    lost: u64,
    sent: u64,
}

#[test]
fn fills_fast_and_slow_paths_near_and_far() {
    for (mbit, delay_ms) in [(10, 1), (10, 100), (100, 20), (1000, 1), (1000, 20), (2000, 0)] {
        let path = path(mbit, delay_ms);
        let seen = run(&path, Duration::from_secs(8), |_| true);
        assert!(seen.used >= 95, "{mbit} Mbit/s over {delay_ms} ms: {} % used", seen.used);
    }
}

#[test]
fn leaves_the_queue_on_the_path_short() {
    for (mbit, delay_ms) in [(100, 1), (100, 20), (1000, 1), (1000, 20)] {
        let path = path(mbit, delay_ms);
        let seen = run(&path, Duration::from_secs(8), |_| true);
        let bound = path.delay / 2 + Duration::from_millis(12);
        assert!(seen.queued <= bound, "{mbit} Mbit/s over {delay_ms} ms: {:?} queued, {bound:?} at most", seen.queued);
    }
}

#[test]
fn random_loss_costs_what_is_lost_and_no_more() {
    let lossy = Path { lossy: 10, ..path(100, 20) };
    let seen = run(&lossy, Duration::from_secs(8), |_| true);
    assert!(seen.used >= 94, "{} % used", seen.used);
}

#[test]
fn a_path_without_a_queue_loses_little() {
    let policed = Path { queue_max: 10 * PACKET, ..path(100, 40) };
    let seen = run(&policed, Duration::from_secs(8), |_| true);
    assert!(seen.lost * 100 <= seen.sent * 10, "{} of {} lost", seen.lost, seen.sent);
    assert!(seen.used >= 90, "{} % used", seen.used);
}

#[test]
fn a_receiver_that_has_no_time_any_more_is_not_flooded() {
    let length = Duration::from_secs(4);
    let steady = Path { queue_max: 500 * PACKET, ..path(1000, 1) };
    let busy = Path { slower: Some((length / 2, steady.bytes_per_s / 20)), ..steady };
    let seen = run(&busy, length, |_| true);
    assert!(seen.lost * 100 <= seen.sent * 3, "{} of {} lost", seen.lost, seen.sent);
    assert!(seen.used >= 4, "{} % used of 5", seen.used);
}

#[test]
fn packets_that_take_unequally_long_do_not_starve_the_path() {
    for (delay_ms, jitter_ms) in [(10, 40), (2, 30)] {
        let path = Path { jitter: Duration::from_millis(jitter_ms), ..path(100, delay_ms) };
        let seen = run(&path, Duration::from_secs(30), |_| true);
        assert!(seen.used >= 85, "{} % used with {jitter_ms} ms more or less", seen.used);
    }
}

#[test]
fn a_round_trip_that_others_make_longer_does_not_starve_the_path() {
    let path = Path { longer: Some((Duration::from_secs(3), Duration::from_millis(100))), ..path(100, 10) };
    let seen = run(&path, Duration::from_secs(8), |_| true);
    assert!(seen.used >= 80, "{} % used", seen.used);
}

#[test]
fn its_own_queue_does_not_become_the_path_in_the_long_run() {
    for (mbit, delay_ms) in [(20, 20), (20, 5), (1000, 1)] {
        let path = path(mbit, delay_ms);
        let seen = run(&path, Duration::from_secs(90), |_| true);
        let bound = path.delay / 2 + Duration::from_millis(12);
        assert!(seen.queued <= bound, "{mbit} Mbit/s over {delay_ms} ms: {:?} queued, {bound:?} at most", seen.queued);
        assert!(seen.used >= 94, "{} % used", seen.used);
    }
}

#[test]
fn a_pause_forgets_nothing() {
    let path = path(100, 20);
    let seen =
        run(&path, Duration::from_secs(8), |now| !(Duration::from_secs(2)..Duration::from_secs(5)).contains(&now));
    assert!(seen.used >= 70, "{} % used", seen.used);
}

#[test]
fn starts_over_when_nothing_arrives_for_long() {
    let mut window = Window { bytes: MAX, ..Window::default() };
    window.collapse();
    assert_eq!(window.bytes(), MIN);
    assert!(window.start.is_some());
}

#[test]
fn stays_within_its_bounds_whatever_is_said() {
    let mut window = Window::default();
    let mut seed = 1u64;
    for _ in 0..100_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let (a, b) = (seed >> 40, seed >> 20 & 0xffff_ffff);
        match seed >> 61 {
            0 => window.lost(b),
            1 => window.marked(),
            2 if a % 100 == 0 => window.collapse(),
            _ => {
                window.acked(Duration::from_nanos(a * b), Duration::from_nanos(b), u64::from(u32::MAX) & b, a & 1 == 0)
            }
        }
        assert!((MIN..=MAX).contains(&window.bytes()));
    }
}

fn path(mbit: u64, delay_ms: u64) -> Path {
    let bytes_per_s = mbit * 1_000_000 / 8;
    Path {
        bytes_per_s,
        delay: Duration::from_millis(delay_ms),
        queue_max: bytes_per_s / 5 + 64 * PACKET,
        lossy: 0,
        jitter: Duration::ZERO,
        longer: None,
        slower: None,
    }
}

/// Sends as much as the window allows whenever `busy` says so, spread over the round trip as the connection's pacer does
/// it. Time moves in steps of 100 µs.
fn run(path: &Path, length: Duration, busy: impl Fn(Duration) -> bool) -> Seen {
    let step = Duration::from_micros(100);
    let (mut window, mut now) = (Window::default(), Duration::ZERO);
    // Sent at, and when the sender hears of it; in the order of both.
    let (mut queue, mut heard): (VecDeque<Duration>, VecDeque<(Duration, Duration)>) = Default::default();
    let mut gone: VecDeque<Duration> = VecDeque::new();
    let (mut under_way, mut served, mut random) = (0u64, 0u64, 7u64);
    let mut seen = Seen { used: 0, queued: Duration::ZERO, lost: 0, sent: 0 };
    let (mut delivered, mut paced) = (0, 0);
    let round_trip = u64::try_from((2 * path.delay + ALLOWANCE).as_micros()).unwrap();
    while now < length {
        now += step;
        let slower = path.slower.filter(|(from, _)| now >= *from);
        served += slower.map_or(path.bytes_per_s, |(_, bytes_per_s)| bytes_per_s) / 10_000;
        while served >= PACKET {
            let Some(sent) = queue.pop_front() else {
                served = 0;
                break;
            };
            served -= PACKET;
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let jitter = path.jitter * u32::try_from(random >> 33).unwrap() / (1 << 31);
            let longer = path.longer.filter(|(from, _)| now >= *from).map_or(Duration::ZERO, |(_, by)| by);
            let at = now + 2 * path.delay + jitter + longer;
            let place = heard.partition_point(|(_, other)| *other <= at);
            heard.insert(place, (sent, at));
            if now > length / 2 {
                delivered += PACKET;
                seen.queued = seen.queued.max(now - sent);
            }
        }
        while gone.pop_front_if(|at| *at <= now).is_some() {
            under_way -= PACKET;
            window.lost(PACKET);
        }
        while let Some((sent, _)) = heard.pop_front_if(|(_, at)| *at <= now) {
            under_way -= PACKET;
            window.acked(now, sent, PACKET, !busy(now));
        }
        paced = (paced + window.bytes() * 5 / 4 * 100 / round_trip).min(window.bytes() / 10 + PACKET);
        while busy(now) && paced >= PACKET && under_way + PACKET <= window.bytes() {
            under_way += PACKET;
            paced -= PACKET;
            seen.sent += 1;
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            if (random >> 33) % 1000 < path.lossy || queue.len() as u64 * PACKET >= path.queue_max {
                seen.lost += 1;
                gone.push_back(now + 2 * path.delay + step);
            } else {
                queue.push_back(now);
            }
        }
    }
    let half = u64::try_from((length / 2).as_micros()).unwrap();
    seen.used = delivered * 100 * 1_000_000 / half / path.bytes_per_s;
    seen
}
