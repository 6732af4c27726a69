//! The checks, a themed file each: what looks is a short function, what judges is a pure one with the facts as arguments.
//!
//! Each runs on a thread of its own, so that a kernel or a resolver that does not answer costs one check and no more.

mod address;
mod buffers;
mod clock;
mod device;
mod engine;
mod files;
mod firewall;
mod helper;
mod kernel;
mod mesh;
mod names;
mod resolver;
mod route;
mod vpn;

use std::{
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use super::{
    engine::Engine,
    finding::{Finding, Verdict},
};

/// How long all checks together may take. Single questions inside them have two seconds.
const PATIENCE: Duration = Duration::from_millis(2500);

/// A check: its stable name, and what it does.
type Check = (&'static str, fn(&Engine) -> Result<Verdict, Verdict>);

/// All of them, in the order in which they are shown. `docs/doctor.md` describes each.
const CHECKS: [Check; 38] = [
    ("engine.socket", engine::socket),
    ("engine.version", engine::version),
    ("engine.privilege", engine::privilege),
    ("engine.confined", engine::confined),
    ("engine.landlock", engine::landlock),
    ("engine.tunnel", engine::tunnel),
    ("engine.notices", engine::notices),
    ("helper.socket", helper::socket),
    ("helper.reached", helper::reached),
    ("helper.confined", helper::confined),
    ("tun.node", device::node),
    ("tun.device", device::device),
    ("tun.mtu", device::mtu),
    ("tun.owner", device::owner),
    ("tun.ipv6", device::ipv6),
    ("address.set", address::set),
    ("address.bind", address::bind),
    ("route.mesh", route::mesh),
    ("route.stolen", route::stolen),
    ("route.rule", route::rule),
    ("route.filter", route::filter),
    ("vpn.other", vpn::other),
    ("names.reached", names::reached),
    ("names.confined", names::confined),
    ("names.set", names::set),
    ("names.conflicts", names::conflicts),
    ("resolver.mesh", resolver::mesh),
    ("resolver.host", resolver::host),
    ("clock.synced", clock::synced),
    ("clock.sane", clock::sane),
    ("udp.limits", buffers::limits),
    ("udp.buffers", buffers::buffers),
    ("files.settings", files::settings),
    ("files.runtime", files::runtime),
    ("files.state", files::state),
    ("files.programs", files::programs),
    ("firewall.default", firewall::default),
    ("kernel.features", kernel::features),
];

/// Runs all checks at once.
pub(super) fn run(engine: Engine) -> Vec<Finding> {
    let engine = Arc::new(engine);
    let deadline = Instant::now() + PATIENCE;
    let waiting: Vec<_> = CHECKS.iter().map(|(id, check)| (*id, start(*check, &engine))).collect();
    let verdict = |answer: mpsc::Receiver<Verdict>| {
        let left = deadline.saturating_duration_since(Instant::now());
        answer.recv_timeout(left).unwrap_or_else(|_| Verdict::skipped("the check did not end in time"))
    };
    waiting.into_iter().map(|(id, answer)| Finding::new(id, verdict(answer))).collect()
}

fn start(check: fn(&Engine) -> Result<Verdict, Verdict>, engine: &Arc<Engine>) -> mpsc::Receiver<Verdict> {
    let (sender, answer) = mpsc::channel();
    let engine = Arc::clone(engine);
    let run = move || {
        let verdict = check(&engine).unwrap_or_else(|verdict| verdict);
        // Nobody waits any more after the deadline; the process ends then.
        let _ = sender.send(verdict);
    };
    // Without a thread the sender is gone, and the check counts as skipped.
    let _ = thread::Builder::new().name("check".to_owned()).spawn(run);
    answer
}

/// A fact that could not be looked up, as a verdict: `Err`, so that `?` ends the check with it.
fn unseen(what: &str) -> impl Fn(std::io::Error) -> Verdict + '_ {
    move |error| match error.kind() {
        std::io::ErrorKind::PermissionDenied => Verdict::skipped(format!("{what}: needs root")),
        _ => Verdict::skipped(format!("{what}: {error}")),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn every_check_has_a_name_of_its_own() {
        let names: BTreeSet<&str> = CHECKS.iter().map(|(id, _)| *id).collect();
        assert_eq!(names.len(), CHECKS.len());
    }
}
