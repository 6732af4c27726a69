//! Carries permitted operations out in the kernel.
//!
//! Every change addresses the device by the index that it got at its creation, never by a name.

mod address;
mod converge;
pub mod link;
mod route;
pub mod rule;
mod tun;

use std::{collections::BTreeSet, error::Error, fmt, net::IpAddr, os::fd::OwnedFd};

use nix::errno::Errno;
use ray_ipc::helper::{LinkState, Refusal};

pub use self::tun::Device;
use crate::{
    account::Account,
    config::Config,
    crash::crash_point,
    policy::{self, AddressSet, RouteSet, TunSpec},
    sys::netlink::Netlink,
};

/// A step that the kernel did not do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failure {
    pub step: &'static str,
    pub errno: Errno,
}

impl Failure {
    /// For `map_err`: names the step that failed.
    pub fn at(step: &'static str) -> impl FnOnce(Errno) -> Self {
        move |errno| Self { step, errno }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step, self.errno.desc())
    }
}

impl Error for Failure {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.errno)
    }
}

/// Why an operation did not come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setback {
    /// The host is in a state in which policy forbids it. Nothing changed.
    Refused(Refusal),
    /// The kernel did not do it. What was half done has been undone.
    Failed(Failure),
    /// The kernel neither did it nor let it be undone: nobody knows the device's state any more.
    Torn(Failure),
}

impl fmt::Display for Setback {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(refusal) => refusal.fmt(f),
            Self::Failed(failure) | Self::Torn(failure) => failure.fmt(f),
        }
    }
}

impl From<Failure> for Setback {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

/// Everything that operations work with.
#[derive(Debug)]
pub struct Host {
    pub netlink: Netlink,
    pub config: Config,
    pub engine: Account,
}

impl Host {
    /// Creates the device.
    pub fn create(&mut self, spec: TunSpec) -> Result<Device, Setback> {
        let prefixes: Vec<_> = self.config.prefix_v4.into_iter().chain([self.config.prefix_v6]).collect();
        if address::held_elsewhere(&mut self.netlink, None, &prefixes)? {
            return Err(Setback::Refused(Refusal::PrefixTaken));
        }
        tun::create(&mut self.netlink, &self.config, self.engine, spec)
    }

    /// Takes a kept device into use again. An error other than a refusal means that it is not fit for use any more.
    pub fn resume(&mut self, device: &mut Device, spec: TunSpec) -> Result<(), Setback> {
        tun::resume(&mut self.netlink, device, spec)
    }

    /// Takes over the device that a predecessor made, given its queues.
    pub fn adopt(&mut self, queues: Vec<OwnedFd>) -> Result<Device, Setback> {
        tun::adopt(&mut self.netlink, &self.config, self.engine, queues)
    }

    /// Checks that `queues` are those of `device`, which is as it was made.
    pub fn recognise(&mut self, device: &Device, queues: &[OwnedFd]) -> Result<(), Setback> {
        tun::recognise(&mut self.netlink, &self.config, self.engine, device, queues)
    }

    /// The index of a device that a predecessor made and that somebody holds.
    pub fn held(&mut self) -> Result<Option<u32>, Failure> {
        tun::held(&mut self.netlink, &self.config, self.engine)
    }

    /// Makes the device's addresses exactly `addresses`.
    pub fn set_addresses(&mut self, device: &mut Device, addresses: &AddressSet) -> Result<(), Setback> {
        let prefixes: Vec<_> = match addresses.as_set().iter().any(IpAddr::is_ipv4) {
            true => self.config.prefix_v4.into_iter().chain([self.config.prefix_v6]).collect(),
            false => vec![self.config.prefix_v6],
        };
        if address::held_elsewhere(&mut self.netlink, Some(device.ifindex()), &prefixes)? {
            return Err(Setback::Refused(Refusal::PrefixTaken));
        }
        address::replace(&mut self.netlink, device.ifindex(), addresses.as_set())?;
        device.remember_addresses(addresses.as_set());
        crash_point("addresses-after");
        Ok(())
    }

    /// Makes the device's routes exactly `routes`.
    pub fn replace_routes(&mut self, device: &Device, routes: &RouteSet) -> Result<(), Setback> {
        let mut reached = address::elsewhere(&mut self.netlink, Some(device.ifindex()))?;
        reached.extend(route::gateways(&mut self.netlink)?);
        policy::judge_against_host(routes, &reached).map_err(Setback::Refused)?;
        route::replace(&mut self.netlink, device.ifindex(), routes.as_set())?;
        crash_point("routes-after");
        Ok(())
    }

    /// Brings the link up or down.
    pub fn set_link(&mut self, device: &Device, state: LinkState) -> Result<(), Setback> {
        link::set_state(&mut self.netlink, device.ifindex(), state)?;
        crash_point("link-after");
        match state {
            // The kernel forgot the IPv6 address when the link went down. A link that is up without it is a state that
            // nobody asked for.
            LinkState::Up => {
                address::replace(&mut self.netlink, device.ifindex(), device.addresses()).map_err(|setback| {
                    match setback {
                        Setback::Failed(failure) | Setback::Torn(failure) => Setback::Torn(failure),
                        Setback::Refused(refusal) => Setback::Refused(refusal),
                    }
                })
            }
            LinkState::Down => Ok(()),
        }
    }

    /// Removes what a dead helper left: its device, whatever has become of it, and its rules. An interface of the
    /// policy's name that no helper made is not touched.
    pub fn sweep(&mut self) -> Result<(), Failure> {
        if let Some(ifindex) = tun::remains(&mut self.netlink, &self.config)? {
            match link::delete(&mut self.netlink, ifindex) {
                // Its last queue was closed meanwhile.
                Ok(()) | Err(Failure { errno: Errno::ENODEV, .. }) => {}
                Err(failure) => return Err(failure),
            }
        }
        rule::sweep(&mut self.netlink)
    }
}

/// The set that a device has of something.
type Held<T> = Result<BTreeSet<T>, Failure>;
