//! The firewall of this host: whether it is on, and whether it lets in what nobody allowed.

use ray_ipc::control::{FirewallReply, FirewallRequest, Reply, Request};

use crate::cmd::doctor::{engine::Engine, finding::Verdict};

pub(super) fn default(engine: &Engine) -> Result<Verdict, Verdict> {
    engine.status()?;
    match engine.ask(&Request::Firewall(FirewallRequest::Show)) {
        Ok(Reply::Firewall(firewall)) => Ok(judge(&firewall)),
        Ok(_) => Err(Verdict::skipped("the engine did not tell about its firewall")),
        Err(why) => Err(Verdict::skipped(format!("the engine did not tell about its firewall: {why}"))),
    }
}

fn judge(firewall: &FirewallReply) -> Verdict {
    match (firewall.on, firewall.inbound_allow) {
        (false, _) => Verdict::warning(
            "the firewall is off: every member of every network reaches all of this host",
            "ray firewall on",
        ),
        (true, true) => Verdict::warning(
            "the firewall lets in what no rule forbids",
            "ray firewall default in deny, after rules for what shall come in: ray firewall add in allow ...",
        ),
        (true, false) => Verdict::ok("the firewall is on and lets in only what a rule allows"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn an_open_firewall_is_a_warning() {
        let firewall = |on, inbound_allow| FirewallReply {
            on,
            inbound_allow,
            reject: false,
            outbound_allow: true,
            rules: vec![],
            pending: 0,
            change: None,
        };
        assert_eq!(judge(&firewall(true, false)).mark, Mark::Ok);
        assert_eq!(judge(&firewall(true, true)).mark, Mark::Warning);
        assert_eq!(judge(&firewall(false, false)).mark, Mark::Warning);
    }
}
