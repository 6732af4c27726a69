//! Makes the device, or takes a kept one into use again.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix::errno::Errno;
use ray_ipc::helper::{Refusal, TunOpened};

use super::{Failure, Setback, link, rule};
use crate::{
    account::Account,
    config::Config,
    policy::TunSpec,
    sys::{netlink::Netlink, tun},
    undo,
};

/// The device, with a duplicate of each of its queues: it lives as long as this.
#[derive(Debug)]
pub struct Device {
    queues: Vec<OwnedFd>,
    ifname: String,
    ifindex: u32,
    mtu: u16,
    /// What was last asked for; the kernel forgets some of it when the link goes down.
    addresses: BTreeSet<IpAddr>,
}

impl Device {
    pub fn ifindex(&self) -> u32 {
        self.ifindex
    }

    pub fn queues(&self) -> impl Iterator<Item = BorrowedFd<'_>> {
        self.queues.iter().map(AsFd::as_fd)
    }

    /// What the engine is told of it.
    pub fn describe(&self, resumed: bool) -> TunOpened {
        TunOpened {
            ifname: self.ifname.clone(),
            ifindex: self.ifindex,
            mtu: self.mtu,
            queues: self.queue_count(),
            resumed,
        }
    }

    pub(super) fn addresses(&self) -> &BTreeSet<IpAddr> {
        &self.addresses
    }

    pub(super) fn remember_addresses(&mut self, addresses: &BTreeSet<IpAddr>) {
        self.addresses.clone_from(addresses);
    }

    fn queue_count(&self) -> u8 {
        // The policy's bound is far below.
        u8::try_from(self.queues.len()).unwrap_or(u8::MAX)
    }
}

/// Creates the device with all its queues, its settings and the rules that belong to it; the link stays down.
pub(super) fn create(
    netlink: &mut Netlink,
    config: &Config,
    engine: Account,
    spec: TunSpec,
) -> Result<Device, Setback> {
    let first = match tun::create(&config.interface) {
        Err(Errno::EBUSY) => return Err(Setback::Refused(Refusal::InterfaceTaken)),
        other => other.map_err(Failure::at("creating the device"))?,
    };
    // From its birth to here the device has no owner; who attached a queue in that moment is counted below.
    tun::set_owner_root(first.as_fd()).map_err(Failure::at("setting the device's owner"))?;
    tun::set_header_len(first.as_fd()).map_err(Failure::at("setting the packet header's length"))?;
    let ifindex = link::find(netlink, &config.interface)?.ifindex;
    let mut device = Device {
        queues: vec![first],
        ifname: config.interface.clone(),
        ifindex,
        mtu: spec.mtu(),
        addresses: BTreeSet::new(),
    };
    match furnish(netlink, config, engine, spec, &mut device) {
        Ok(()) => Ok(device),
        Err(failure) => {
            undo::undo(netlink, device);
            Err(failure.into())
        }
    }
}

/// Checks that a kept device is still as it was made, and gives it the MTU that is asked for.
pub(super) fn resume(netlink: &mut Netlink, device: &mut Device, spec: TunSpec) -> Result<(), Setback> {
    if spec.queues() != device.queue_count() {
        return Err(Setback::Refused(Refusal::QueuesDiffer { kept: device.queue_count() }));
    }
    if !link::exists(netlink, device.ifindex)? {
        return Err(Failure { step: "resuming the device", errno: Errno::ENODEV }.into());
    }
    // The last engine held the queues too and could set all of this.
    for queue in device.queues() {
        tun::set_owner_root(queue).map_err(Failure::at("setting the device's owner"))?;
        tun::clear_persistence(queue).map_err(Failure::at("making the device vanish with its queues"))?;
        tun::set_header_len(queue).map_err(Failure::at("setting the packet header's length"))?;
    }
    if spec.mtu() != device.mtu {
        link::set_mtu(netlink, device.ifindex, spec.mtu())?;
        device.mtu = spec.mtu();
    }
    Ok(())
}

fn furnish(
    netlink: &mut Netlink,
    config: &Config,
    engine: Account,
    spec: TunSpec,
    device: &mut Device,
) -> Result<(), Failure> {
    for _ in 1..spec.queues() {
        let queue = tun::add_queue(&config.interface).map_err(Failure::at("opening a queue"))?;
        tun::set_header_len(queue.as_fd()).map_err(Failure::at("setting the packet header's length"))?;
        device.queues.push(queue);
    }
    let state = link::find(netlink, &config.interface)?;
    let alone = state.ifindex == device.ifindex
        && state.owner == Some(0)
        && !state.persistent
        && state.queues == u32::from(spec.queues());
    if !alone {
        return Err(Failure { step: "checking that nobody else holds a queue of the device", errno: Errno::EPERM });
    }
    link::forbid_link_local(netlink, device.ifindex)?;
    link::set_mtu(netlink, device.ifindex, spec.mtu())?;
    let prefixes: Vec<_> = config.prefix_v4.into_iter().chain([config.prefix_v6]).collect();
    rule::install(netlink, engine.uid, &prefixes)
}
