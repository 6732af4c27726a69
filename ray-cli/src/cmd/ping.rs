//! `ray ping`

use std::time::Duration;

use clap::Args;
use ray_ipc::{
    control::{ErrorCode, PathState, PingReply, PingRequest, PingSummary, Reply, Request},
    limits::PING_COUNT_MAX,
};

use super::Context;
use crate::{
    client::Client,
    error::{Failure, Stop, unexpected},
    json, render,
    render::counted,
};

const EXAMPLES: &str = "\
Each answer came from the peer's kernel, through its device and the link. This
host's own device is not crossed: use ping(8) for that.
Ends with 0 when at least one came, else with 1.

Examples:
  ray ping bob
  ray ping -6 -c 10 -i 0.2 nas.home.ray";

/// What the engine gets beyond the echo requests: finding the target and dialling it.
const GRACE: Duration = Duration::from_secs(10);
/// Longest interval and longest wait, in seconds.
const SECONDS_MAX: u64 = 60;
/// Shortest interval and shortest wait; faster is a load generator.
const MILLIS_MIN: u32 = 10;

/// Measure the way to a peer through the tunnel
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Ping {
    /// Host name, host.network, mesh address or endpoint id
    target: String,
    /// Echo requests to send
    #[arg(short, long, value_name = "N", default_value_t = 4,
        value_parser = clap::value_parser!(u32).range(1..=i64::from(PING_COUNT_MAX)))]
    count: u32,
    /// Seconds between two of them
    #[arg(short, long, value_name = "SECONDS", default_value = "1", value_parser = parse_millis)]
    interval: u32,
    /// Seconds to wait for each answer
    #[arg(short = 'W', long, value_name = "SECONDS", default_value = "2", value_parser = parse_millis)]
    timeout: u32,
    /// Ask over IPv6 instead of IPv4
    #[arg(short = '6', long = "ipv6")]
    v6: bool,
}

impl Ping {
    pub(crate) fn run(self, context: &Context) -> Result<u8, Stop> {
        let round = Duration::from_millis(u64::from(self.interval) + u64::from(self.timeout));
        let mut client = Client::connect(&context.socket, round.saturating_mul(self.count) + GRACE)?;
        client.send(&Request::Ping(self.request()))?;
        let mut replies = Vec::new();
        let summary = loop {
            match client.receive_within(round + GRACE)? {
                Reply::Ping(reply) => self.take(reply, &mut replies, context)?,
                Reply::PingDone(summary) => break summary,
                other => return Err(unexpected("ping", other).into()),
            }
        };
        report(&replies, &summary, context)
    }

    fn request(&self) -> PingRequest {
        PingRequest {
            target: self.target.clone(),
            count: self.count,
            interval_ms: self.interval,
            timeout_ms: self.timeout,
            v6: self.v6,
        }
    }

    fn take(&self, reply: PingReply, replies: &mut Vec<PingReply>, context: &Context) -> Result<(), Stop> {
        if replies.len() >= usize::try_from(self.count).unwrap_or(usize::MAX) {
            let message = format!("pinging {}: the engine reports more than {} echo requests", self.target, self.count);
            return Err(Failure::new(ErrorCode::Other, message).into());
        }
        if !context.output.json {
            context.output.confirm(&render::ping::reply(&reply, self.timeout, context.output.palette))?;
        }
        replies.push(reply);
        Ok(())
    }
}

fn report(replies: &[PingReply], summary: &PingSummary, context: &Context) -> Result<u8, Stop> {
    let answered = summary.received > 0;
    if context.output.json {
        context.output.object(&json::ping::ping(replies, summary))?;
        return Ok(if answered { 0 } else { ErrorCode::Other.exit_code() });
    }
    context.output.data(&render::ping::summary(summary))?;
    if answered {
        return Ok(0);
    }
    let sent = counted(summary.sent, "echo request");
    let message = format!("pinging {}: no answer to {sent}", summary.peer);
    let hint = match summary.path {
        PathState::Absent => "there is no link to it: ray status shows since when",
        PathState::Direct { .. } | PathState::Relay { .. } | PathState::Unsettled => {
            "the link is up, so its tunnel may be down: run ray status there"
        }
    };
    Err(Failure::new(ErrorCode::Other, message).hint(hint).into())
}

/// Seconds, with a fraction where needed, as milliseconds.
fn parse_millis(text: &str) -> Result<u32, String> {
    let seconds: f64 = text.parse().map_err(|_| "a number of seconds, such as 0.5".to_owned())?;
    let millis = Duration::try_from_secs_f64(seconds)
        .ok()
        .filter(|duration| *duration <= Duration::from_secs(SECONDS_MAX))
        .and_then(|duration| u32::try_from(duration.as_millis()).ok())
        .filter(|millis| *millis >= MILLIS_MIN);
    millis.ok_or_else(|| format!("from 0.01 to {SECONDS_MAX} seconds are possible"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn understands_fractions() {
        assert_eq!(parse_millis("0.2"), Ok(200));
        assert_eq!(parse_millis("2"), Ok(2000));
    }

    #[test]
    fn refuses_times_that_make_no_sense() {
        for text in ["0", "0.001", "-1", "nan", "inf", "61", "1s", ""] {
            assert!(parse_millis(text).is_err(), "{text}");
        }
    }
}
