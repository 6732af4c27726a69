//! The process that a node's namespaces belong to: makes them, furnishes them, and then only waits.

use std::{
    fs,
    io::{self, BufRead, Write},
};

use caps::CapSet;
use nix::{
    sched::{CloneFlags, unshare},
    unistd::sethostname,
};
use serde::{Deserialize, Serialize};

use super::{files, mounts, netlink, privileges, root};
use crate::lab::{INFRA, NodeConfig, plan};

/// What a holder is told on its command line, as JSON.
#[derive(Debug, Serialize, Deserialize)]
pub struct HolderArgs {
    pub node: String,
    pub config: NodeConfig,
}

/// Words between a holder and its supervisor, a line each.
pub const NAMESPACES_READY: &str = "namespaces ready";
pub const CABLE_PLUGGED: &str = "cable plugged";
pub const NODE_READY: &str = "node ready";

/// Runs until stdin closes.
pub fn run(args: &HolderArgs) -> Result<(), Box<dyn std::error::Error>> {
    unshare(CloneFlags::CLONE_NEWNS | CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWUTS)?;
    sethostname(&args.node)?;
    mounts::make_private()?;
    mounts::try_fresh_sys();
    let own_programs = plan::PROGRAMS_DIR.trim_start_matches("/run/");
    mounts::fresh_run(&[&mounts::RUN_KEPT[..], &[own_programs]].concat())?;
    if let Some(root) = &args.config.root {
        root::enter(root)?;
    }
    files::furnish(&args.node, &args.config)?;
    quiet_ipv6();
    say(NAMESPACES_READY)?;

    let mut lines = io::stdin().lock().lines();
    if lines.next().transpose()?.as_deref() != Some(CABLE_PLUGGED) {
        return Err("the supervisor left before it had plugged the cable".into());
    }
    let own = plan::addresses(&args.node).ok_or("the node has no place in the address plan")?;
    let gateway = plan::addresses(INFRA).filter(|_| args.node != INFRA);
    netlink::configure("eth0", own, (plan::UNDERLAY_PREFIX_V4, plan::UNDERLAY_PREFIX_V6), gateway)?;
    // From here on it only exists, and shows as powerless in a process list.
    privileges::drop_bounding(&[])?;
    for set in [CapSet::Effective, CapSet::Permitted, CapSet::Inheritable] {
        caps::clear(None, set)?;
    }
    say(NODE_READY)?;

    while lines.next().transpose()?.is_some() {}
    Ok(())
}

/// Link-local addresses are usable at once and nobody asks for routers: there are none.
fn quiet_ipv6() {
    for (file, value) in [
        ("all/disable_ipv6", "0"),
        ("default/accept_dad", "0"),
        ("default/dad_transmits", "0"),
        ("default/accept_ra", "0"),
    ] {
        // A kernel without one of these does not need it; one without IPv6 fails at the address, with a name.
        let _ = fs::write(format!("/proc/sys/net/ipv6/conf/{file}"), value);
    }
}

fn say(word: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{word}")?;
    out.flush()
}
