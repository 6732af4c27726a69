//! DNS over TCP at the resolver's addresses (RFC 7766): segments in, questions out, replies in, segments out. No IO and no clock
//! of its own: who drives it carries the segments between it and the device.
//!
//! Nothing is kept but connections, and of those so many: a further one takes the place of the one that has been idle for
//! the longest, so that a program that opens many keeps no other out.

mod connection;
mod device;

use std::time::Duration;

use smoltcp::{
    iface::{Config, Interface, SocketSet},
    socket::tcp,
    time::Instant,
    wire::{HardwareAddress, IpAddress, IpCidr},
};

use self::{connection::Connection, device::Segments};
use crate::{
    ident::{MAGIC_V4, MAGIC_V6},
    packet::{self, tcp::segment_of},
};

/// A host has a few programs that ask over TCP, each for a moment.
pub const CONNECTIONS_MAX: usize = 32;
const PORT: u16 = 53;

/// Microseconds of any one clock that never goes back.
pub type Micros = u64;

/// Both addresses' connections.
pub struct Streams {
    interface: Interface,
    segments: Segments,
    sockets: SocketSet<'static>,
    connections: Vec<Connection>,
    /// How many there have been: names each.
    opened: u64,
}

/// Which connection a question came by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ConnectionId(u64);

impl Streams {
    /// `seed` is for sequence numbers.
    pub fn new(seed: u64) -> Self {
        let mut config = Config::new(HardwareAddress::Ip);
        config.random_seed = seed;
        let mut segments = Segments::default();
        let mut interface = Interface::new(config, &mut segments, Instant::ZERO);
        interface.update_ip_addrs(|own| {
            // As many as there is room for.
            let _ = own.push(IpCidr::new(IpAddress::Ipv4(MAGIC_V4), 32));
            let _ = own.push(IpCidr::new(IpAddress::Ipv6(MAGIC_V6), 128));
        });
        Self { interface, segments, sockets: SocketSet::new(Vec::new()), connections: Vec::new(), opened: 0 }
    }

    /// Takes one segment from the host, whole and with checksums.
    pub fn receive(&mut self, packet: &[u8], now: Micros) {
        let segment = packet::parse(packet).ok().and_then(|parsed| segment_of(&parsed));
        let Some(segment) = segment else { return };
        if segment.flags.syn && !segment.flags.ack {
            self.make_room(now);
        }
        self.segments.push(packet);
        self.advance(now);
    }

    /// Does what is due. Returns the next question, if there is one; a connection asks one at a time.
    pub fn next_question(&mut self, now: Micros) -> Option<(ConnectionId, Vec<u8>)> {
        self.advance(now);
        self.connections.iter_mut().find_map(|connection| Some((connection.id(), connection.take_question(now)?)))
    }

    /// Sends a reply, if its connection is still there.
    pub fn reply(&mut self, to: ConnectionId, reply: &[u8], now: Micros) {
        if let Some(connection) = self.connections.iter_mut().find(|connection| connection.id() == to) {
            connection.reply(reply, now);
            self.advance(now);
        }
    }

    /// What is to be written to the host.
    pub fn take_segments(&mut self) -> Vec<Vec<u8>> {
        self.segments.take()
    }

    /// How soon something is due without a segment coming. `None` where nothing is.
    pub fn due_in(&mut self, now: Micros) -> Option<Duration> {
        let timer = self.interface.poll_delay(instant(now), &self.sockets).map(Duration::from);
        let idle = self.connections.iter().filter_map(|connection| {
            let socket = self.sockets.get::<tcp::Socket<'_>>(connection.handle());
            connection.due_in(socket, now)
        });
        timer.into_iter().chain(idle).min()
    }

    /// Connections that are more than a wish.
    pub fn open(&self) -> usize {
        let is_open =
            |connection: &&Connection| !self.sockets.get::<tcp::Socket<'_>>(connection.handle()).is_listening();
        self.connections.iter().filter(is_open).count()
    }

    fn advance(&mut self, now: Micros) {
        // What a connection reads makes room for more, and what it writes has to go out.
        self.interface.poll(instant(now), &mut self.segments, &mut self.sockets);
        for connection in &mut self.connections {
            connection.advance(self.sockets.get_mut(connection.handle()), now);
        }
        self.interface.poll(instant(now), &mut self.segments, &mut self.sockets);
        let sockets = &mut self.sockets;
        self.connections.retain(|connection| {
            let is_over = connection.is_over(sockets.get(connection.handle()));
            if is_over {
                sockets.remove(connection.handle());
            }
            !is_over
        });
    }

    /// Has one more socket listen, at the cost of the idlest if there are as many as there may be.
    fn make_room(&mut self, now: Micros) {
        let listens = |connection: &Connection| self.sockets.get::<tcp::Socket<'_>>(connection.handle()).is_listening();
        if self.connections.iter().any(listens) {
            return;
        }
        if self.connections.len() >= CONNECTIONS_MAX {
            let idlest = self.connections.iter().enumerate().min_by_key(|(_, connection)| connection.rank());
            if let Some((at, _)) = idlest {
                self.sockets.remove(self.connections.swap_remove(at).handle());
            }
        }
        let mut socket = connection::socket();
        if socket.listen(PORT).is_ok() {
            self.opened += 1;
            self.connections.push(Connection::new(ConnectionId(self.opened), self.sockets.add(socket), now));
        }
    }
}

impl std::fmt::Debug for Streams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Streams").field("open", &self.open()).finish_non_exhaustive()
    }
}

fn instant(now: Micros) -> Instant {
    Instant::from_micros(i64::try_from(now).unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
