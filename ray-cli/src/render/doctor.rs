//! The findings of `ray doctor`: a line each, its remedy below it, and one sentence at the end.

use super::counted;
use crate::{
    cmd::doctor::{Finding, Mark},
    escape::escape,
    output::{Palette, Role},
};

/// Quiet, only what is not in order, and the sentence.
pub(crate) fn doctor(findings: &[Finding], quiet: bool, palette: Palette) -> String {
    let width = findings.iter().map(|finding| finding.id.len()).max().unwrap_or(0);
    let is_told = |finding: &&Finding| !quiet || matches!(finding.mark, Mark::Warning | Mark::Failed);
    let mut text: String =
        findings.iter().filter(is_told).flat_map(|finding| [line(finding, width, palette), remedy(finding)]).collect();
    text.push_str(&sentence(findings));
    text
}

fn line(finding: &Finding, width: usize, palette: Palette) -> String {
    let (role, mark) = match finding.mark {
        Mark::Ok => (Role::Ok, "ok"),
        Mark::Warning => (Role::Warn, "warn"),
        Mark::Failed => (Role::Bad, "FAIL"),
        Mark::Skipped => (Role::Dim, "skip"),
    };
    let gap = " ".repeat(4 - mark.len());
    format!("{}{gap}  {:width$}  {}\n", palette.paint(role, mark), finding.id, escape(&finding.found))
}

fn remedy(finding: &Finding) -> String {
    finding.remedy.as_ref().map(|remedy| format!("      -> {}\n", escape(remedy))).unwrap_or_default()
}

fn sentence(findings: &[Finding]) -> String {
    let count = |mark| findings.iter().filter(|finding| finding.mark == mark).count();
    let (failed, warned, skipped) = (count(Mark::Failed), count(Mark::Warning), count(Mark::Skipped));
    let mut parts = vec![match failed {
        0 => format!("No check of {} has failed", findings.len()),
        1 => format!("1 check of {} has failed", findings.len()),
        several => format!("{several} checks of {} have failed", findings.len()),
    }];
    if warned > 0 {
        parts.push(counted(warned, "warning"));
    }
    if skipped > 0 {
        parts.push(format!("{skipped} skipped"));
    }
    format!("{}.\n", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shows_every_check_with_its_remedy_below() {
        let expected = "\
ok    engine.socket  answers
warn  udp.limits     small
      -> raise them
FAIL  tun.device     gone
      -> make it
skip  files.state    needs root
1 check of 4 has failed, 1 warning, 1 skipped.
";
        assert_eq!(doctor(&findings(), false, Palette::PLAIN), expected);
    }

    #[test]
    fn quiet_shows_what_is_not_in_order_and_the_sum() {
        let text = doctor(&findings(), true, Palette::PLAIN);
        assert!(!text.contains("engine.socket") && !text.contains("files.state"), "{text}");
        assert!(
            text.contains("warn  udp.limits") && text.contains("FAIL  tun.device") && text.contains("1 check of 4")
        );
        let fine: Vec<Finding> = findings().into_iter().filter(|finding| finding.mark == Mark::Ok).collect();
        assert_eq!(doctor(&fine, true, Palette::PLAIN), "No check of 1 has failed.\n");
    }

    #[test]
    fn shows_no_control_character_of_what_was_found() {
        let finding = Finding { found: "a\u{1b}[2Jb".into(), ..findings().remove(0) };
        assert!(!doctor(&[finding], false, Palette::PLAIN).contains('\u{1b}'));
    }

    fn findings() -> Vec<Finding> {
        let finding = |id, mark, found: &str, remedy: Option<&str>| Finding {
            id,
            mark,
            found: found.to_owned(),
            remedy: remedy.map(str::to_owned),
        };
        vec![
            finding("engine.socket", Mark::Ok, "answers", None),
            finding("udp.limits", Mark::Warning, "small", Some("raise them")),
            finding("tun.device", Mark::Failed, "gone", Some("make it")),
            finding("files.state", Mark::Skipped, "needs root", None),
        ]
    }
}
