//! Makes the device, takes a kept one into use again, or takes over the one that a predecessor made.

use std::{
    collections::BTreeSet,
    net::IpAddr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
};

use nix::errno::Errno;
use ray_ipc::helper::{Refusal, TunOpened};

use super::{Failure, Setback, address, link, rule};
use crate::{
    account::Account,
    config::Config,
    crash::crash_point,
    policy::TunSpec,
    prefix::Prefix,
    sys::{namespace, netlink::Netlink, tun},
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

    /// Whoever held the queues meanwhile could set all of this.
    fn assert_settings(&self) -> Result<(), Failure> {
        for queue in self.queues() {
            tun::set_owner_root(queue).map_err(Failure::at("setting the device's owner"))?;
            tun::clear_persistence(queue).map_err(Failure::at("making the device vanish with its queues"))?;
            tun::set_header_len(queue).map_err(Failure::at("setting the packet header's length"))?;
        }
        Ok(())
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
    crash_point("create-after-device");
    let gone = Failure { step: "looking the device up", errno: Errno::ENODEV };
    let ifindex = link::find(netlink, &config.interface)?.ok_or(gone)?.ifindex;
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
            undo::undo(netlink, device.ifindex);
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
    device.assert_settings()?;
    if spec.mtu() != device.mtu {
        link::set_mtu(netlink, device.ifindex, spec.mtu())?;
        device.mtu = spec.mtu();
    }
    Ok(())
}

/// Takes over the device that a predecessor made, given its queues.
pub(super) fn adopt(
    netlink: &mut Netlink,
    config: &Config,
    engine: Account,
    queues: Vec<OwnedFd>,
) -> Result<Device, Setback> {
    let state = verify(netlink, config, engine, &queues)?;
    let device = Device {
        queues,
        ifname: config.interface.clone(),
        ifindex: state.ifindex,
        mtu: state.mtu,
        addresses: address::held_by(netlink, state.ifindex)?,
    };
    device.assert_settings()?;
    // What is kept may have changed since the predecessor began.
    rule::keep_reachable(netlink, engine.uid, &config.keep)?;
    Ok(device)
}

/// Checks that `queues` are those of `device`, which is as it was made.
pub(super) fn recognise(
    netlink: &mut Netlink,
    config: &Config,
    engine: Account,
    device: &Device,
    queues: &[OwnedFd],
) -> Result<(), Setback> {
    if verify(netlink, config, engine, queues)?.ifindex != device.ifindex {
        return Err(Setback::Refused(Refusal::NotTheDevice));
    }
    device.assert_settings().map_err(Setback::from)
}

/// The index of a device that a predecessor made, that is as it was made, and that somebody holds.
pub(super) fn held(netlink: &mut Netlink, config: &Config, engine: Account) -> Result<Option<u32>, Failure> {
    let Some(state) = link::find(netlink, &config.interface)? else { return Ok(None) };
    let whole = state.tun && state.marked && state.unclaimed && state.queues > 0;
    Ok((whole && rule::are_installed(netlink, engine.uid, &prefixes(config))?).then_some(state.ifindex))
}

/// The index of a device that a predecessor made, whatever has become of it.
pub(super) fn remains(netlink: &mut Netlink, config: &Config) -> Result<Option<u32>, Failure> {
    let state = link::find(netlink, &config.interface)?;
    Ok(state.filter(|state| state.tun && state.marked).map(|state| state.ifindex))
}

/// Nothing is taken on trust: `queues` are attached queues of the kind that the helper opens, of the one device of the
/// policy's name in this network namespace; and that device has as many queues as came, and is as the helper makes one.
///
/// One queue that came twice in another's place is not seen. It costs whoever sent it a part of its own traffic.
fn verify(
    netlink: &mut Netlink,
    config: &Config,
    engine: Account,
    queues: &[OwnedFd],
) -> Result<link::TunState, Setback> {
    const REFUSED: Setback = Setback::Refused(Refusal::NotTheDevice);
    for queue in queues {
        let ours = tun::is_queue_of(queue.as_fd(), &config.interface).map_err(Failure::at("looking at a queue"))?
            && namespace::are_together(queue.as_fd(), netlink.as_fd())
                .map_err(Failure::at("asking where a queue's device is"))?;
        if !ours {
            return Err(REFUSED);
        }
    }
    let state = link::find(netlink, &config.interface)?.ok_or(REFUSED)?;
    let count = u32::try_from(queues.len()).unwrap_or(u32::MAX);
    if state.is_as_made(count) && state.marked && rule::are_installed(netlink, engine.uid, &prefixes(config))? {
        Ok(state)
    } else {
        Err(REFUSED)
    }
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
    crash_point("create-after-queues");
    let alone = link::find(netlink, &config.interface)?
        .is_some_and(|state| state.ifindex == device.ifindex && state.is_as_made(spec.queues().into()));
    if !alone {
        return Err(Failure { step: "checking that nobody else holds a queue of the device", errno: Errno::EPERM });
    }
    link::mark(netlink, device.ifindex)?;
    crash_point("create-after-mark");
    link::forbid_link_local(netlink, device.ifindex)?;
    link::set_mtu(netlink, device.ifindex, spec.mtu())?;
    rule::install(netlink, engine.uid, &prefixes(config))?;
    rule::keep_reachable(netlink, engine.uid, &config.keep)?;
    crash_point("create-after-rules");
    Ok(())
}

fn prefixes(config: &Config) -> Vec<Prefix> {
    config.prefix_v4.into_iter().chain([config.prefix_v6]).collect()
}
