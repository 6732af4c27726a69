//! The device: whether there can be one, and whether the one that there is, is as the engine wants it.

use std::path::Path;

use nix::sys::stat::makedev;

use super::unseen;
use crate::cmd::doctor::{
    engine::Engine,
    finding::Verdict,
    look::{
        file::{File, Kind},
        interface::{self, Interface},
    },
};

const NODE: &str = "/dev/net/tun";
/// Major and minor number of the node.
const NUMBER: (u64, u64) = (10, 200);
/// Root, so that no other user may attach to the device.
const OWNER: &str = "0";
const ANEW: &str = "ray down && ray up";

pub(super) fn node(_engine: &Engine) -> Result<Verdict, Verdict> {
    File::at(Path::new(NODE)).map(|file| judge_node(file.as_ref())).map_err(unseen("looking at /dev/net/tun"))
}

fn judge_node(file: Option<&File>) -> Verdict {
    match file.map(|file| file.kind) {
        Some(Kind::CharacterDevice { number }) if number == makedev(NUMBER.0, NUMBER.1) => {
            Verdict::ok(format!("{NODE} is there"))
        }
        Some(_) => Verdict::failed(
            format!("{NODE} is not the TUN device"),
            format!("rm {NODE} && mknod {NODE} c {} {}", NUMBER.0, NUMBER.1),
        ),
        None => Verdict::failed(
            format!("there is no {NODE}"),
            format!("modprobe tun; in a container: hand in {NODE} from the host"),
        ),
    }
}

pub(super) fn device(engine: &Engine) -> Result<Verdict, Verdict> {
    let name = &engine.tun()?.ifname;
    let found = interface::named(name).map_err(|errno| unseen("listing interfaces")(errno.into()))?;
    Ok(judge_device(name, found.as_ref()))
}

fn judge_device(name: &str, found: Option<&Interface>) -> Verdict {
    match found {
        None => Verdict::failed(format!("the engine's device {name} is not there"), ANEW),
        // Its routes and its IPv6 address have gone with the link, so bringing that up alone would not do.
        Some(Interface { up: false, .. }) => Verdict::failed(format!("{name} is there and down"), ANEW),
        Some(_) => Verdict::ok(format!("{name} is there and up")),
    }
}

pub(super) fn mtu(engine: &Engine) -> Result<Verdict, Verdict> {
    let tun = engine.tun()?;
    let found = interface::attribute(&tun.ifname, "mtu").and_then(|mtu| mtu.parse().ok());
    Ok(judge_mtu(&tun.ifname, tun.mtu, found))
}

fn judge_mtu(name: &str, wanted: u16, found: Option<u32>) -> Verdict {
    match found {
        None => Verdict::skipped(format!("/sys/class/net does not show {name}")),
        Some(found) if found == u32::from(wanted) => Verdict::ok(format!("{name} takes packets of {wanted} bytes")),
        Some(found) => Verdict::failed(
            format!("{name} takes packets of {found} bytes, the engine of {wanted}"),
            format!("ip link set {name} mtu {wanted}; to change it for good: ray config set mtu BYTES"),
        ),
    }
}

pub(super) fn owner(engine: &Engine) -> Result<Verdict, Verdict> {
    let name = &engine.tun()?.ifname;
    Ok(judge_owner(name, interface::attribute(name, "owner").as_deref()))
}

fn judge_owner(name: &str, found: Option<&str>) -> Verdict {
    match found {
        None => Verdict::skipped(format!("/sys/class/net does not show {name}")),
        Some(OWNER) => Verdict::ok(format!("{name} belongs to root, so nobody else can attach to it")),
        Some("-1") => Verdict::failed(format!("{name} belongs to nobody: every local user can attach to it"), ANEW),
        Some(uid) => Verdict::failed(format!("{name} belongs to uid {uid}, who can attach to it"), ANEW),
    }
}

pub(super) fn ipv6(engine: &Engine) -> Result<Verdict, Verdict> {
    let name = &engine.tun()?.ifname;
    let found = interface::named(name).map_err(|errno| unseen("listing interfaces")(errno.into()))?;
    if found.is_none() {
        return Ok(Verdict::skipped(format!("there is no {name}")));
    }
    Ok(judge_ipv6(name, interface::setting("ipv6", name, "disable_ipv6")))
}

fn judge_ipv6(name: &str, disabled: Option<i64>) -> Verdict {
    match disabled {
        Some(0) => Verdict::ok(format!("IPv6 is on for {name}")),
        Some(_) => Verdict::failed(
            format!("IPv6 is off for {name}: members are out of reach by their IPv6 addresses"),
            format!("sysctl -w net.ipv6.conf.{name}.disable_ipv6=0, then: {ANEW}"),
        ),
        None => Verdict::failed(
            format!("there is no IPv6 for {name}"),
            "boot without ipv6.disable=1, or set it to 0 in the kernel's parameters",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn the_node_must_be_the_tun_device() {
        let node = |kind| File { path: NODE.into(), kind, uid: 0, gid: 0, mode: 0o666 };
        assert_eq!(judge_node(Some(&node(Kind::CharacterDevice { number: makedev(10, 200) }))).mark, Mark::Ok);
        assert_eq!(judge_node(Some(&node(Kind::CharacterDevice { number: makedev(1, 3) }))).mark, Mark::Failed);
        assert_eq!(judge_node(Some(&node(Kind::Regular))).mark, Mark::Failed);
        assert!(judge_node(None).remedy.unwrap().contains("modprobe tun"));
    }

    #[test]
    fn a_device_that_is_gone_or_down_has_failed() {
        let up = Interface { name: "ray0".into(), up: true, addresses: vec![] };
        assert_eq!(judge_device("ray0", Some(&up)).mark, Mark::Ok);
        assert_eq!(judge_device("ray0", Some(&Interface { up: false, ..up })).mark, Mark::Failed);
        assert_eq!(judge_device("ray0", None).mark, Mark::Failed);
    }

    #[test]
    fn another_packet_size_than_the_engine_has_failed() {
        assert_eq!(judge_mtu("ray0", 1280, Some(1280)).mark, Mark::Ok);
        assert_eq!(judge_mtu("ray0", 1280, Some(1500)).mark, Mark::Failed);
        assert_eq!(judge_mtu("ray0", 1280, None).mark, Mark::Skipped);
    }

    #[test]
    fn a_device_of_anybody_but_root_has_failed() {
        assert_eq!(judge_owner("ray0", Some("0")).mark, Mark::Ok);
        assert_eq!(judge_owner("ray0", Some("-1")).mark, Mark::Failed);
        assert_eq!(judge_owner("ray0", Some("1000")).mark, Mark::Failed);
    }

    #[test]
    fn a_device_without_ipv6_has_failed() {
        assert_eq!(judge_ipv6("ray0", Some(0)).mark, Mark::Ok);
        assert_eq!(judge_ipv6("ray0", Some(1)).mark, Mark::Failed);
        assert_eq!(judge_ipv6("ray0", None).mark, Mark::Failed);
    }
}
