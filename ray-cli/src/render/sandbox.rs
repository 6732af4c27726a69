//! `ray doctor --sandbox`: each process with its promises and its acts, grouped by what they are about; the sum last.

use super::counted;
use crate::{
    escape::escape,
    output::{Palette, Role},
    probe::{Act, ProcessReport, Promise, Reason, Report, Tally, Verdict},
};

/// Longer words push what refused them to the right, in their own line only.
const WORDS_WIDTH: usize = 44;

pub(crate) fn all(report: &Report, palette: Palette) -> String {
    let mut text = String::new();
    for process in &report.processes {
        text.push_str(&process_text(process, report.is_root, palette));
        text.push('\n');
    }
    text.push_str(&sum(report, palette));
    text.push_str(&remedies(report, palette));
    text
}

/// The verdict in one line.
pub(crate) fn sum(report: &Report, palette: Palette) -> String {
    let tally = report.tally();
    let state = if report.is_safe() { palette.paint(Role::Ok, "safe") } else { palette.paint(Role::Bad, "unsafe") };
    let mut parts = vec![state];
    parts.extend(report.processes.iter().map(|process| {
        let tally = process.tally();
        format!("{} {} of {} refused", process.process.name(), tally.refused, tally.all())
    }));
    let mut push = |count: usize, role, words: &str| {
        if count > 0 {
            parts.push(palette.paint(role, &format!("{count} {words}")));
        }
    };
    push(tally.got_through, Role::Bad, "got through");
    push(report.broken_promises(), Role::Bad, "not as promised");
    push(tally.open, Role::Warn, "open on this kernel");
    push(tally.not_judged, Role::Dim, "not judged");
    format!("{}\n", parts.join(" · "))
}

fn process_text(process: &ProcessReport, is_root: bool, palette: Palette) -> String {
    let mut text = palette.paint(Role::Name, process.process.name());
    text.push_str(&format!(" · tried as {}", escape(&process.user)));
    match process.pid {
        Some(pid) => text.push_str(&format!(" · running as process {pid}")),
        None if is_root && process.promises.is_empty() && process.notes.is_empty() => {
            text.push_str(&format!(" · {} is not running", process.process.program()))
        }
        None if is_root => text.push_str(&format!(" · no running {} was joined", process.process.program())),
        None => {}
    }
    text.push('\n');
    for note in &process.notes {
        text.push_str(&format!("  {} {}\n", palette.paint(Role::Warn, "!"), escape(note)));
    }
    for promise in &process.promises {
        text.push_str(&promise_text(promise, palette));
    }
    for acts in process.acts.chunk_by(|(one, _), (next, _)| one.kind == next.kind) {
        let title = acts.first().map_or("", |(act, _)| act.kind.title());
        text.push_str(&format!("\n  {}\n", palette.paint(Role::Dim, title)));
        text.push_str(&kind_text(acts, palette));
    }
    text
}

fn promise_text(promise: &Promise, palette: Palette) -> String {
    if promise.holds {
        return format!("  {} {}\n", palette.paint(Role::Ok, "●"), promise.words);
    }
    let found = if promise.found.is_empty() { "nothing" } else { &promise.found };
    let said = palette.paint(Role::Bad, &format!("NO: {}", escape(found)));
    format!("  {} {}\n", palette.paint(Role::Bad, "✗"), padded(promise.words, &said))
}

/// What was judged, one line each; what was not, in one line for each reason.
fn kind_text(acts: &[(Act, Verdict)], palette: Palette) -> String {
    let mut text = String::new();
    let mut left_out: Vec<(&Reason, Vec<&Act>)> = Vec::new();
    for (act, verdict) in acts {
        let Verdict::NotJudged { reason } = verdict else {
            text.push_str(&act_text(act, verdict, palette));
            continue;
        };
        match left_out.iter_mut().find(|(known, _)| *known == reason) {
            Some((_, acts)) => acts.push(act),
            None => left_out.push((reason, vec![act])),
        }
    }
    for (reason, acts) in left_out {
        let words = match acts.as_slice() {
            [act] => escape(&act.words).into_owned(),
            acts => format!("{} more", acts.len()),
        };
        let said = palette.paint(Role::Dim, &escape(reason.words()));
        text.push_str(&format!("  {} {}\n", palette.paint(Role::Dim, "○"), padded(&words, &said)));
    }
    text
}

fn act_text(act: &Act, verdict: &Verdict, palette: Palette) -> String {
    let (role, mark, said) = match verdict {
        Verdict::Refused { by, errno: None } => (Role::Ok, "●", format!("{}: killed", by.words())),
        Verdict::Refused { by, errno: Some(errno) } => (Role::Ok, "●", format!("{}: {errno:?}", by.words())),
        Verdict::GotThrough { errno } => {
            let how = errno.map_or_else(String::new, |errno| format!(": {errno:?}"));
            (Role::Bad, "✗", palette.paint(Role::Bad, &format!("GOT THROUGH{how}")))
        }
        Verdict::Open { needs } => {
            (Role::Warn, "◐", palette.paint(Role::Warn, &format!("open: needs Linux {}", needs.linux)))
        }
        Verdict::NotJudged { reason } => (Role::Dim, "○", palette.paint(Role::Dim, &escape(reason.words()))),
    };
    format!("  {} {}\n", palette.paint(role, mark), padded(&escape(&act.words), &said))
}

fn padded(words: &str, said: &str) -> String {
    let gap = WORDS_WIDTH.saturating_sub(words.chars().count());
    format!("{words}{}  {said}", " ".repeat(gap))
}

/// What to do about it.
fn remedies(report: &Report, palette: Palette) -> String {
    let tally = report.tally();
    let mut lines = Vec::new();
    if tally.got_through > 0 {
        lines.push(
            "an act got through that this release refuses → install ray, ray-engine and ray-helper of one release, \
             and report it as SECURITY.md asks"
                .to_owned(),
        );
    }
    if report.broken_promises() > 0 {
        lines.push("a running process is not confined → systemctl restart rayfish-helper rayfish-engine".to_owned());
    }
    if tally.open > 0 {
        let what = if report.landlock_abi.is_none() { "has no Landlock" } else { "has only an older Landlock" };
        lines.push(format!("this kernel {what} → use a newer one, or the systemd units"));
    }
    if !report.is_root {
        lines.push(format!("{} only root can try → sudo ray doctor --sandbox", counted(wanting_root(report), "act")));
    }
    if report.processes.iter().any(|process| process.pid.is_none()) && report.is_root {
        lines.push("what is not running was tried in this shell's view of the files → start it and repeat".to_owned());
    }
    lines.iter().map(|line| format!("{} {line}\n", palette.paint(Role::Warn, "!"))).collect()
}

fn wanting_root(report: &Report) -> usize {
    let verdicts = report.processes.iter().flat_map(|process| &process.acts);
    verdicts.filter(|(_, verdict)| *verdict == Verdict::NotJudged { reason: Reason::WantsRoot }).count()
}

impl Tally {
    fn all(&self) -> usize {
        self.refused + self.got_through + self.open + self.not_judged
    }
}

#[cfg(test)]
mod tests {
    use nix::errno::Errno;

    use super::*;
    use crate::probe::samples;

    #[test]
    fn each_verdict_reads_as_what_it_is() {
        let text = all(&samples::breached(), Palette::PLAIN);
        let expected = "\
engine · tried as rayfish · running as process 4711
  ● system calls are filtered
  ✗ no program gives it new rights                NO: 0

  programs and memory
  ● run a program                                 seccomp: killed
  ● make data code                                memory protection: EACCES

  sockets
  ✗ read every packet of the host                 GOT THROUGH: EINVAL
  ◐ take a TCP port of the host                   open: needs Linux 6.7

  files
  ○ read /etc/sudoers                             not on this host

helper · tried as root · ray-helper is not running

  the kernel
  ● load a BPF program                            seccomp: killed

unsafe · engine 2 of 5 refused · helper 1 of 1 refused · 1 got through · 1 not as promised · 1 open on this kernel · 1 not judged
";
        assert!(text.starts_with(expected), "{text}");
        let remedies = text.strip_prefix(expected).unwrap_or_default();
        assert_eq!(remedies.lines().filter(|line| line.starts_with("! ")).count(), 4, "{remedies}");
    }

    #[test]
    fn what_was_refused_needs_no_advice() {
        let text = all(&samples::safe(), Palette::PLAIN);
        assert!(text.ends_with("\nsafe · engine 1 of 1 refused · helper 1 of 1 refused\n"), "{text}");
    }

    #[test]
    fn the_errno_is_named_as_in_the_manual() {
        let verdict = Verdict::GotThrough { errno: Some(Errno::EFAULT) };
        let (act, _) = samples::act(verdict.clone());
        assert!(act_text(&act, &verdict, Palette::PLAIN).contains("EFAULT"));
    }
}
