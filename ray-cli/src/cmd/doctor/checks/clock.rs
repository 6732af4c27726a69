//! The clock. Invites, expiring rules and the certificates of relays are judged by it.

use std::{fs, io, time::UNIX_EPOCH};

use ray_ipc::control::{LogRequest, Reply, Request};

use super::unseen;
use crate::{
    cmd::{
        doctor::{engine::Engine, finding::Verdict, look::adjtimex},
        now,
    },
    render::measure::iso,
};

const KEEP: &str = "timedatectl set-ntp true, or run another time service";
/// A program that was just installed may have been built on a host in another time zone that writes local times.
const BUILT_LATE_S: u64 = 86_400;
/// A few seconds between hosts are usual and do no harm.
const AHEAD_S: u64 = 60;

pub(super) fn synced(_engine: &Engine) -> Result<Verdict, Verdict> {
    adjtimex::is_synchronised().map(judge_synced).map_err(unseen("asking the kernel about its clock"))
}

fn judge_synced(synchronised: bool) -> Verdict {
    if synchronised {
        return Verdict::ok("the clock is synchronised");
    }
    Verdict::warning("nobody tells the kernel that its clock is synchronised", KEEP)
}

pub(super) fn sane(engine: &Engine) -> Result<Verdict, Verdict> {
    let built = built().map_err(unseen("looking at this program's file"))?;
    Ok(judge_sane(now(), built, newest_entry(engine).as_ref()))
}

fn judge_sane(now: u64, built: u64, newest: Option<&Entry>) -> Verdict {
    if now.saturating_add(BUILT_LATE_S) < built {
        let found = format!("the clock says {}, and this program was built on {}", iso(now), iso(built));
        return Verdict::failed(found, KEEP);
    }
    match newest.filter(|entry| entry.time > now.saturating_add(AHEAD_S)) {
        Some(entry) => Verdict::warning(
            format!(
                "{} signed an entry of network {} at {}, and here it is {}: one of the two clocks is wrong",
                entry.author,
                entry.network,
                iso(entry.time),
                iso(now)
            ),
            KEEP,
        ),
        None => Verdict::ok(format!("the clock says {}, which is not before anything known", iso(now))),
    }
}

/// The latest that somebody signed, by the clock of whoever did.
#[derive(Debug)]
struct Entry {
    network: String,
    author: String,
    time: u64,
}

/// No file is older than what is in it.
fn built() -> io::Result<u64> {
    let modified = fs::metadata("/proc/self/exe")?.modified()?;
    Ok(modified.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()))
}

/// Nothing where the engine does not tell: the rest of the check is worth having.
fn newest_entry(engine: &Engine) -> Option<Entry> {
    let networks = &engine.status().ok()?.networks;
    let newest = networks.iter().filter_map(|network| {
        let request = LogRequest { network: Some(network.room_id.clone()), limit: 1 };
        match engine.ask(&Request::Log(request)).ok()? {
            Reply::LogEntry(entry) => {
                Some(Entry { network: network.name.clone(), author: entry.author, time: entry.time })
            }
            _ => None,
        }
    });
    newest.max_by_key(|entry| entry.time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    const NOW: u64 = 1_790_000_000;

    #[test]
    fn a_clock_that_nobody_keeps_is_a_warning() {
        assert_eq!(judge_synced(true).mark, Mark::Ok);
        assert_eq!(judge_synced(false).mark, Mark::Warning);
    }

    #[test]
    fn a_clock_from_before_this_program_has_failed() {
        assert_eq!(judge_sane(NOW, NOW - 5, None).mark, Mark::Ok);
        assert_eq!(judge_sane(NOW, NOW + 3600, None).mark, Mark::Ok);
        assert_eq!(judge_sane(0, NOW, None).mark, Mark::Failed);
    }

    #[test]
    fn an_entry_from_the_future_is_a_warning() {
        let entry = |time| Entry { network: "home".into(), author: "bob".into(), time };
        assert_eq!(judge_sane(NOW, NOW, Some(&entry(NOW + 59))).mark, Mark::Ok);
        let verdict = judge_sane(NOW, NOW, Some(&entry(NOW + 61)));
        assert!(verdict.mark == Mark::Warning && verdict.found.contains("bob") && verdict.found.contains("home"));
    }
}
