//! The node's own mesh addresses: on the device, and usable by programs.

use std::net::{IpAddr, SocketAddr, UdpSocket};

use super::{mesh, unseen};
use crate::cmd::doctor::{engine::Engine, finding::Verdict, look::interface};

const ANEW: &str = "ray down && ray up";

pub(super) fn set(engine: &Engine) -> Result<Verdict, Verdict> {
    let tun = engine.tun()?;
    let found = interface::named(&tun.ifname).map_err(|errno| unseen("listing interfaces")(errno.into()))?;
    Ok(judge_set(&tun.ifname, &mesh::own(tun), &found.unwrap_or_default().addresses))
}

fn judge_set(name: &str, wanted: &[IpAddr], found: &[IpAddr]) -> Verdict {
    let missing = listed(wanted.iter().filter(|address| !found.contains(address)));
    if !missing.is_empty() {
        return Verdict::failed(format!("{name} lacks {missing}"), ANEW);
    }
    // What the kernel has put there itself is no mesh address.
    let surplus = listed(found.iter().filter(|address| mesh::contains(**address) && !wanted.contains(address)));
    if surplus.is_empty() {
        Verdict::ok(format!("{name} has {}", listed(wanted.iter())))
    } else {
        Verdict::warning(format!("{name} also has {surplus}, which the engine did not ask for"), ANEW)
    }
}

pub(super) fn bind(engine: &Engine) -> Result<Verdict, Verdict> {
    let tried = mesh::own(engine.tun()?).into_iter().map(|address| {
        let bound = UdpSocket::bind(SocketAddr::new(address, 0)).map(drop);
        (address, bound.map_err(|error| error.to_string()))
    });
    Ok(judge_bind(&tried.collect::<Vec<_>>()))
}

fn judge_bind(tried: &[(IpAddr, Result<(), String>)]) -> Verdict {
    match tried.iter().find_map(|(address, bound)| Some((address, bound.as_ref().err()?))) {
        Some((address, error)) => {
            Verdict::failed(format!("no program can listen on {address}: {error}"), format!("see address.set; {ANEW}"))
        }
        None => Verdict::ok(format!("programs can listen on {}", listed(tried.iter().map(|(address, _)| address)))),
    }
}

fn listed<'a>(addresses: impl Iterator<Item = &'a IpAddr>) -> String {
    addresses.map(ToString::to_string).collect::<Vec<_>>().join(" and ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmd::doctor::Mark;

    #[test]
    fn an_address_that_is_missing_has_failed() {
        let wanted = addresses(&["100.64.0.1", "200::1"]);
        assert_eq!(judge_set("ray0", &wanted, &addresses(&["100.64.0.1", "200::1", "fe80::1"])).mark, Mark::Ok);
        let missing = judge_set("ray0", &wanted, &addresses(&["200::1"]));
        assert!(missing.mark == Mark::Failed && missing.found.contains("100.64.0.1"));
        let surplus = judge_set("ray0", &wanted, &addresses(&["100.64.0.1", "200::1", "100.64.0.2"]));
        assert!(surplus.mark == Mark::Warning && surplus.found.contains("100.64.0.2"));
    }

    #[test]
    fn an_address_that_nothing_can_listen_on_has_failed() {
        let [v4, v6] = addresses(&["100.64.0.1", "200::1"])[..] else { unreachable!() };
        assert_eq!(judge_bind(&[(v4, Ok(())), (v6, Ok(()))]).mark, Mark::Ok);
        let refused = judge_bind(&[(v4, Ok(())), (v6, Err("Cannot assign requested address".into()))]);
        assert!(refused.mark == Mark::Failed && refused.found.contains("200::1"));
    }

    fn addresses(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }
}
