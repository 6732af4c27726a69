//! The TCP stack's device: two heaps of packets.

use std::collections::VecDeque;

use smoltcp::{
    phy::{Checksum, Device, DeviceCapabilities, Medium, RxToken, TxToken},
    time::Instant,
};

/// What every tunnel carries.
const MTU: usize = 1280;

#[derive(Debug, Default)]
pub(super) struct Segments {
    inward: VecDeque<Vec<u8>>,
    outward: Vec<Vec<u8>>,
}

impl Segments {
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.inward.push_back(packet.to_vec());
    }

    pub(super) fn take(&mut self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.outward)
    }
}

pub(super) struct Inward(Vec<u8>);

pub(super) struct Outward<'a>(&'a mut Vec<Vec<u8>>);

impl Device for Segments {
    type RxToken<'a> = Inward;
    type TxToken<'a> = Outward<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Inward, Outward<'_>)> {
        Some((Inward(self.inward.pop_front()?), Outward(&mut self.outward)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Outward<'_>> {
        Some(Outward(&mut self.outward))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ip;
        capabilities.max_transmission_unit = MTU;
        // What comes from this host's own kernel has not been over any wire.
        capabilities.checksum.ipv4 = Checksum::Tx;
        capabilities.checksum.tcp = Checksum::Tx;
        capabilities
    }
}

impl RxToken for Inward {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Outward<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut packet = vec![0; len];
        let result = f(&mut packet);
        self.0.push(packet);
        result
    }
}
