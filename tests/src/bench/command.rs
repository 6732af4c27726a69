//! Commands in a host, and verbs of `ray` with what they answer.

use serde_json::Value;

use super::BenchError;
use crate::lab::Lab;

/// Runs a command to its end; its standard output.
pub(super) fn run(lab: &Lab, node: &str, argv: &[&str]) -> Result<String, BenchError> {
    let output = lab.exec(node, argv)?;
    if output.code() == 0 {
        return Ok(output.stdout);
    }
    let said = output.stderr.lines().chain(output.stdout.lines()).map(str::to_owned).collect();
    let words = argv.iter().take(3).copied().collect::<Vec<_>>().join(" ");
    Err(BenchError::with_details(format!("{words} on {node} ended with {}", output.code()), said))
}

/// A verb of `ray` with its JSON answer.
pub(super) fn ray(lab: &Lab, node: &str, args: &[&str]) -> Result<Value, BenchError> {
    let output = run(lab, node, &[&["ray"], args, &["--json"]].concat())?;
    let last = output.lines().last().unwrap_or_default();
    serde_json::from_str(last).map_err(|error| BenchError::new(format!("ray {} on {node}: {error}", args.join(" "))))
}

/// Text of an answer.
pub(super) fn text(value: &Value, key: &str) -> Result<String, BenchError> {
    let text = value.get(key).and_then(Value::as_str);
    text.map(str::to_owned).ok_or_else(|| BenchError::new(format!("the answer of ray has no {key}: {value}")))
}

/// The members of a network, as `node` sees them.
pub(super) fn members(lab: &Lab, node: &str, network: &str) -> Result<Vec<Value>, BenchError> {
    let status = ray(lab, node, &["status"])?;
    let networks = status["networks"].as_array();
    let known = networks.and_then(|networks| networks.iter().find(|known| known["name"] == network));
    Ok(known.and_then(|known| known["members"].as_array()).cloned().unwrap_or_default())
}
