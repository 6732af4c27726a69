//! The findings of `ray doctor`.

use serde_json::{Value, json};

use crate::cmd::doctor::{Finding, Mark};

pub(crate) fn doctor(findings: &[Finding]) -> Value {
    let checks: Vec<Value> = findings.iter().map(check).collect();
    let failed = findings.iter().any(|finding| finding.mark == Mark::Failed);
    // As with the exit code.
    json!({"schema": "ray.doctor/1", "ok": !failed, "checks": checks})
}

fn check(finding: &Finding) -> Value {
    json!({
        "id": finding.id, "status": finding.mark.name(), "found": finding.found, "remedy": finding.remedy,
    })
}
