//! `ray.doctor.sandbox/1`

use serde_json::{Value, json};

use crate::{
    error::EXIT_UNSAFE,
    probe::{Act, ProcessReport, Report, Verdict},
};

pub(crate) fn report(report: &Report) -> Value {
    let tally = report.tally();
    let mut object = json!({
        "schema": "ray.doctor.sandbox/1", "ok": report.is_safe(),
        "as_root": report.is_root, "landlock_abi": report.landlock_abi,
        "refused": tally.refused, "got_through": tally.got_through, "open": tally.open,
        "not_judged": tally.not_judged,
    });
    for process in &report.processes {
        object[process.process.name()] = one(process);
    }
    if !report.is_safe() {
        object["code"] = "unsafe".into();
        object["exit"] = EXIT_UNSAFE.into();
    }
    object
}

fn one(process: &ProcessReport) -> Value {
    let tally = process.tally();
    let promises = process.promises.iter().map(|promise| {
        json!({"name": promise.name, "promise": promise.words, "holds": promise.holds, "found": promise.found})
    });
    json!({
        "user": process.user, "pid": process.pid,
        "notes": process.notes,
        "promises": promises.collect::<Vec<_>>(),
        "refused": tally.refused, "got_through": tally.got_through, "open": tally.open,
        "not_judged": tally.not_judged,
        "acts": process.acts.iter().map(|(act, verdict)| act_value(act, verdict)).collect::<Vec<_>>(),
    })
}

fn act_value(act: &Act, verdict: &Verdict) -> Value {
    let (name, by, errno, reason) = match verdict {
        Verdict::Refused { by, errno } => ("refused", Some(by.name()), *errno, None),
        Verdict::GotThrough { errno } => ("got_through", None, *errno, None),
        Verdict::Open { needs } => ("open", None, None, Some(format!("needs Linux {}", needs.linux))),
        Verdict::NotJudged { reason } => ("not_judged", None, None, Some(reason.words().to_owned())),
    };
    json!({
        "id": act.id, "kind": act.kind.name(), "act": act.words, "verdict": name, "by": by,
        "killed": matches!(verdict, Verdict::Refused { errno: None, .. }),
        "errno": errno.map(|errno| format!("{errno:?}")), "reason": reason,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::samples;

    #[test]
    fn a_breach_is_not_ok_and_carries_the_exit_code() {
        let object = report(&samples::breached());
        assert_eq!((&object["ok"], &object["exit"], &object["code"]), (&false.into(), &8.into(), &"unsafe".into()));
        let acts = object["engine"]["acts"].as_array().unwrap();
        let verdicts: Vec<&str> = acts.iter().map(|act| act["verdict"].as_str().unwrap()).collect();
        assert_eq!(verdicts, ["refused", "refused", "got_through", "open", "not_judged"]);
        assert_eq!((&acts[0]["killed"], &acts[1]["errno"]), (&true.into(), &"EACCES".into()));
    }

    #[test]
    fn a_safe_report_is_ok() {
        let object = report(&samples::safe());
        assert_eq!((&object["ok"], &object["exit"]), (&true.into(), &Value::Null));
    }
}
