//! Writes batches in as few writes as the kernel takes, and finds out by trying how few that is.
//!
//! What the kernel promised to take it may still refuse. Then the packets of that write go one by one, and what keeps
//! being refused is not asked for again.
#![forbid(unsafe_code)]

use std::io::{self, IoSlice};

use nix::errno::Errno;

use super::merge::{Allowed, Ask, Packet, Unit};

/// One refusal may be about the packet; as many in a row are about the kind.
const REFUSALS_MAX: u8 = 4;

/// Turns packets into writes. The write itself is the caller's.
#[derive(Debug)]
pub struct Merger {
    allowed: Allowed,
    tcp: Trial,
    udp: Trial,
    checksum: Trial,
    counts: Counts,
}

/// What came of the packets, since the start.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that the kernel did not take.
    pub refused: u64,
    /// Writes; fewer than packets where merging works.
    pub writes: u64,
    /// Writes that the kernel refused, and whose packets it took when it was asked for less.
    pub undone: u64,
}

/// How one kind of asking fares.
#[derive(Debug, Default)]
struct Trial {
    refusals: u8,
    given_up: bool,
    untold: bool,
}

impl Merger {
    pub fn new(allowed: Allowed) -> Self {
        let [tcp, udp, checksum] = [(); 3].map(|()| Trial::default());
        Self { allowed, tcp, udp, checksum, counts: Counts::default() }
    }

    /// Writes a batch with `put` and returns how many packets of it were taken. Those that were not are counted and
    /// dropped. An error means that the device is gone.
    pub fn write<'a>(
        &mut self,
        mut packets: impl Iterator<Item = Packet<'a>> + Clone,
        put: &mut impl FnMut(&[IoSlice<'_>]) -> Result<(), Errno>,
    ) -> io::Result<usize> {
        let mut taken = 0;
        while let Some(unit) = Unit::next(packets.clone(), &self.allowed) {
            let count = match unit {
                Ok(unit) => {
                    taken += self.send(&unit, packets.clone(), put)?;
                    unit.packets()
                }
                Err(_) => {
                    self.counts.refused += 1;
                    1
                }
            };
            packets.nth(count.saturating_sub(1));
        }
        Ok(taken)
    }

    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// What may still be asked of the kernel.
    pub fn allowed(&self) -> Allowed {
        self.allowed
    }

    /// What was given up since it was last asked, one kind a call: worth a line in the log.
    pub fn given_up(&mut self) -> Option<Ask> {
        let kinds =
            [(Ask::SplitTcp, &mut self.tcp), (Ask::SplitUdp, &mut self.udp), (Ask::Checksum, &mut self.checksum)];
        kinds.into_iter().find_map(|(ask, trial)| std::mem::take(&mut trial.untold).then_some(ask))
    }

    fn send<'a>(
        &mut self,
        unit: &Unit,
        packets: impl Iterator<Item = Packet<'a>> + Clone,
        put: &mut impl FnMut(&[IoSlice<'_>]) -> Result<(), Errno>,
    ) -> io::Result<usize> {
        self.counts.writes += 1;
        match put(unit.parts(packets.clone()).slices()) {
            Ok(()) => {
                self.settle(unit.ask(), Trial::succeed);
                Ok(unit.packets())
            }
            Err(Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE) if unit.ask() != Ask::Nothing => {
                let taken = self.send_for_less(unit, packets, put)?;
                // Where the packets fare no better alone, they or the device are at fault.
                if taken > 0 {
                    self.counts.undone += 1;
                    self.settle(unit.ask(), Trial::fail);
                    self.allowed.split_tcp &= !self.tcp.given_up;
                    self.allowed.split_udp &= !self.udp.given_up;
                    self.allowed.checksum &= !self.checksum.given_up;
                }
                Ok(taken)
            }
            // The queue is full, the interface is down, the kernel dislikes the packet or is short of memory.
            Err(Errno::EAGAIN | Errno::EIO | Errno::EINVAL | Errno::EMSGSIZE | Errno::ENOBUFS | Errno::ENOMEM) => {
                self.counts.refused += unit.packets() as u64;
                Ok(0)
            }
            Err(errno) => Err(errno.into()),
        }
    }

    /// Each packet of `unit` alone; one that was alone already without asking for its sum.
    fn send_for_less<'a>(
        &mut self,
        unit: &Unit,
        packets: impl Iterator<Item = Packet<'a>> + Clone,
        put: &mut impl FnMut(&[IoSlice<'_>]) -> Result<(), Errno>,
    ) -> io::Result<usize> {
        let ask = unit.ask() != Ask::Checksum && self.allowed.checksum;
        let mut taken = 0;
        for packet in packets.take(unit.packets()) {
            match Unit::alone(&packet, ask) {
                Ok(alone) => taken += self.send(&alone, std::iter::once(packet), put)?,
                Err(_) => self.counts.refused += 1,
            }
        }
        Ok(taken)
    }

    fn settle(&mut self, ask: Ask, outcome: impl Fn(&mut Trial)) {
        match ask {
            Ask::Nothing => {}
            Ask::Checksum => outcome(&mut self.checksum),
            Ask::SplitTcp => outcome(&mut self.tcp),
            Ask::SplitUdp => outcome(&mut self.udp),
        }
    }
}

impl Trial {
    fn succeed(&mut self) {
        self.refusals = 0;
    }

    fn fail(&mut self) {
        self.refusals = self.refusals.saturating_add(1);
        if self.refusals >= REFUSALS_MAX && !self.given_up {
            (self.given_up, self.untold) = (true, true);
        }
    }
}

#[cfg(test)]
mod tests;
