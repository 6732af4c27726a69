//! The model: it remembers every packet of every flow and reads off what it needs, each time anew.

use crate::{
    packets::{ACK, Body, FIN, Packet, Piece, RST, SYN, Side, Tcp},
    rules::Rules,
};

#[derive(Debug)]
pub(crate) struct Model {
    pub(crate) rules: Rules,
    changes: usize,
    flows: Vec<Flow>,
    datagrams: Vec<Datagram>,
}

/// What names a flow.
#[derive(Debug, Clone, PartialEq)]
struct Name {
    peer: u8,
    network: u8,
    v6: bool,
    protocol: &'static str,
    host_port: u16,
    peer_port: u16,
    /// Of an echo.
    asked_by: Option<Side>,
}

#[derive(Debug)]
struct Flow {
    name: Name,
    opener: Side,
    packets: Vec<(Side, Option<Tcp>)>,
    last: u64,
}

#[derive(Debug)]
struct Datagram {
    name: (u8, u8, bool, Side, &'static str, u16),
    changes: usize,
    began: u64,
    pieces: Vec<Piece>,
}

impl Model {
    pub(crate) fn new(rules: Rules) -> Self {
        Self { rules, changes: 0, flows: Vec::new(), datagrams: Vec::new() }
    }

    pub(crate) fn change(&mut self, rules: Rules) {
        self.rules = rules;
        self.changes += 1;
    }

    /// Those that are alive.
    pub(crate) fn flows(&self, now: u64) -> usize {
        self.flows.iter().filter(|flow| flow.is_alive(now)).count()
    }

    /// Whether the packet passes.
    pub(crate) fn judge(&mut self, packet: &Packet, now: u64) -> bool {
        if !is_well_formed(packet) {
            return false;
        }
        let judged = match packet.piece {
            Some(piece) if piece.start > 0 => self.follow(packet, piece, now),
            Some(piece) => self.judge_head(packet, now) && self.admit(packet, piece, now),
            None => self.judge_head(packet, now),
        };
        judged || !self.rules.on
    }

    fn judge_head(&mut self, packet: &Packet, now: u64) -> bool {
        match &packet.body {
            Body::OtherIcmp => false,
            Body::Error { cited, foreign, .. } => !foreign && self.judge_error(packet, cited, now),
            Body::Tcp(_) | Body::Udp { .. } | Body::Echo { .. } | Body::Gre => self.judge_flow(packet, now),
        }
    }

    fn judge_error(&mut self, packet: &Packet, cited: &Packet, now: u64) -> bool {
        let later = cited.piece.is_some_and(|piece| piece.start > 0);
        if cited.sent == packet.sent || later || matches!(cited.body, Body::Error { .. } | Body::OtherIcmp) {
            return false;
        }
        let name = Name { network: packet.network, peer: packet.peer, ..name_of(cited) };
        let Some(at) = self.alive(&name, now) else { return false };
        let flow = &self.flows[at];
        let allowed = allows(&self.rules, &flow.name, flow.opener);
        if !allowed {
            self.flows.remove(at);
        }
        allowed
    }

    fn judge_flow(&mut self, packet: &Packet, now: u64) -> bool {
        let name = name_of(packet);
        let tcp = match packet.body {
            Body::Tcp(tcp) => Some(tcp),
            _ => None,
        };
        let (syn, ack, rst) = match tcp {
            Some(tcp) => (tcp.flags & SYN != 0, tcp.flags & ACK != 0, tcp.flags & RST != 0),
            None => (false, false, false),
        };
        if let Some(at) = self.alive(&name, now) {
            let flow = &mut self.flows[at];
            let another = syn && !ack && !flow.is_opening();
            if rst && packet.sent == Side::Peer && !flow.reset_fits(&tcp.unwrap()) {
                return false;
            }
            if !another {
                flow.packets.push((packet.sent, tcp));
                flow.last = now;
                let allowed = allows(&self.rules, &flow.name, flow.opener);
                if !allowed {
                    self.flows.remove(at);
                }
                return allowed;
            }
        }
        let answer = matches!(packet.body, Body::Echo { asks: false, .. }) || syn && ack;
        if answer || rst && packet.sent == Side::Peer || !allows(&self.rules, &name, packet.sent) {
            return false;
        }
        if !rst {
            self.flows.retain(|flow| flow.name != name);
            self.flows.push(Flow { name, opener: packet.sent, packets: vec![(packet.sent, tcp)], last: now });
        }
        true
    }

    fn alive(&self, name: &Name, now: u64) -> Option<usize> {
        self.flows.iter().position(|flow| flow.name == *name && flow.is_alive(now))
    }

    fn admit(&mut self, packet: &Packet, piece: Piece, now: u64) -> bool {
        let name = datagram_of(packet, piece);
        if let Some(at) = self.datagrams.iter().position(|datagram| datagram.name == name) {
            let old = self.datagrams.remove(at);
            if old.changes == self.changes && now - old.began < 30 {
                return false;
            }
        }
        self.datagrams.push(Datagram { name, changes: self.changes, began: now, pieces: vec![piece] });
        true
    }

    fn follow(&mut self, packet: &Packet, piece: Piece, now: u64) -> bool {
        let name = datagram_of(packet, piece);
        let Some(at) = self.datagrams.iter().position(|datagram| datagram.name == name) else { return false };
        let datagram = &mut self.datagrams[at];
        if datagram.changes != self.changes || now - datagram.began >= 30 {
            return false;
        }
        let end = |piece: &Piece| piece.start + piece.len;
        let clashes = datagram.pieces.iter().any(|old| {
            let overlap = piece.start < end(old) && old.start < end(&piece);
            let behind_end = !old.more && (end(&piece) > end(old) || !piece.more);
            overlap || behind_end || !piece.more && end(old) > end(&piece)
        });
        if clashes {
            self.datagrams.remove(at);
            return false;
        }
        datagram.pieces.push(piece);
        let len: u16 = datagram.pieces.iter().map(|piece| piece.len).sum();
        if datagram.pieces.iter().any(|last| !last.more && end(last) == len) {
            self.datagrams.remove(at);
        }
        true
    }
}

impl Flow {
    fn sent(&self, side: Side) -> impl Iterator<Item = Tcp> {
        self.packets.iter().filter(move |(sent, _)| *sent == side).filter_map(|(_, tcp)| *tcp)
    }

    fn has(&self, side: Side, with: u8, without: u8) -> bool {
        self.sent(side).any(|tcp| tcp.flags & RST == 0 && tcp.flags & with == with && tcp.flags & without == 0)
    }

    fn is_established(&self) -> bool {
        self.has(self.opener, ACK, SYN) && self.has(other(self.opener), ACK, 0)
    }

    /// A reset after which the host has not gone on.
    fn is_reset(&self) -> bool {
        let reset = self.packets.iter().rposition(|(_, tcp)| tcp.is_some_and(|tcp| tcp.flags & RST != 0));
        reset.is_some_and(|at| {
            let on = |(sent, tcp): &(Side, Option<Tcp>)| *sent == Side::Host && tcp.unwrap().flags & RST == 0;
            !self.packets[at..].iter().any(on)
        })
    }

    fn is_opening(&self) -> bool {
        let fins = self.has(Side::Host, FIN, 0) || self.has(Side::Peer, FIN, 0);
        self.has(self.opener, SYN, 0) && !self.is_established() && !self.is_reset() && !fins
    }

    fn is_alive(&self, now: u64) -> bool {
        let both = [Side::Host, Side::Peer].iter().all(|side| {
            self.packets.iter().any(|(sent, tcp)| sent == side && tcp.is_none_or(|tcp| tcp.flags & RST == 0))
        });
        let timeout = match self.name.protocol {
            "tcp" if self.is_reset() => 10,
            "tcp" if self.has(Side::Host, FIN, 0) && self.has(Side::Peer, FIN, 0) => 120,
            "tcp" if self.is_established() => 5 * 24 * 3600,
            "tcp" if !self.has(Side::Host, SYN, 0) && !self.has(Side::Peer, SYN, 0) => 300,
            "tcp" if both => 60,
            "tcp" => 130,
            "udp" if both => 300,
            "udp" => 120,
            "icmp" => 30,
            _ => 600,
        };
        now - self.last < timeout
    }

    /// Sequence numbers are counted on from the flow's own, without an end, so that nothing wraps around here.
    fn reset_fits(&self, reset: &Tcp) -> bool {
        let unwound = |number: u32, near: i64| near + i64::from(number.wrapping_sub(near as u32) as i32);
        let mut taken: Option<(i64, i64)> = None;
        let mut acked = false;
        let mut seen = Vec::new();
        let mut scale = None;
        for (sent, tcp) in &self.packets {
            let tcp = tcp.unwrap();
            if tcp.flags & RST != 0 {
                continue;
            }
            seen.push((*sent, tcp));
            let near = taken.map_or(1 << 40, |(first, _)| first);
            match sent {
                Side::Host => {
                    if tcp.flags & SYN != 0 {
                        scale = Some(tcp.scale.unwrap_or(0));
                    }
                    if tcp.flags & ACK != 0 {
                        let said = |side| seen.iter().any(|(sent, tcp)| *sent == side && tcp.scale.is_some());
                        let shift = match scale {
                            _ if tcp.flags & SYN != 0 => 0,
                            Some(scale) if said(Side::Host) && said(Side::Peer) => scale,
                            Some(_) => 0,
                            None => 14,
                        };
                        let first = unwound(tcp.ack, near);
                        let last = first + (i64::from(tcp.window) << shift);
                        taken = match taken {
                            Some((old_first, old_last)) if acked => {
                                if first >= old_first {
                                    Some((first, last.max(old_last)))
                                } else {
                                    taken
                                }
                            }
                            _ => Some((first, last)),
                        };
                        acked = true;
                    }
                }
                Side::Peer if !acked => {
                    let syn = tcp.flags & SYN != 0;
                    let first = unwound(tcp.seq.wrapping_add(u32::from(syn)), near);
                    let end = unwound(end_of(&tcp), first);
                    taken = match taken {
                        Some((old_first, old_last)) if !syn => {
                            Some((old_first, old_last.max(unwound(end_of(&tcp), old_first))))
                        }
                        _ => Some((first, end)),
                    };
                }
                Side::Peer => {}
            }
        }
        if let Some((first, last)) = taken {
            let seq = unwound(reset.seq, first);
            return first <= seq && seq <= last;
        }
        let opening = seen.iter().rfind(|(sent, tcp)| *sent == Side::Host && tcp.flags & (SYN | ACK) == SYN);
        opening.is_some_and(|(_, syn)| {
            let acknowledged = i64::from(reset.ack.wrapping_sub(syn.seq));
            let len = i64::from(end_of(syn).wrapping_sub(syn.seq));
            reset.flags & ACK != 0 && 0 < acknowledged && acknowledged <= len
        })
    }
}

fn end_of(tcp: &Tcp) -> u32 {
    let flags = u32::from(tcp.flags & SYN != 0) + u32::from(tcp.flags & FIN != 0);
    tcp.seq.wrapping_add(u32::from(tcp.payload) + flags)
}

fn is_well_formed(packet: &Packet) -> bool {
    if packet.damage.is_some() {
        return false;
    }
    let Body::Tcp(tcp) = packet.body else { return true };
    match packet.piece {
        // It would overwrite the header's second half, which nobody would judge again.
        Some(piece) if piece.start > 0 => return piece.start * 8 >= 20,
        // The header must be in it.
        Some(piece) if usize::from(piece.len) * 8 < if tcp.scale.is_some() { 28 } else { 20 } => return false,
        Some(_) | None => {}
    }
    matches!(tcp.flags & !8, f if f == SYN || f == SYN | ACK || f == ACK || f == FIN | ACK || f == RST || f == RST | ACK)
}

fn name_of(packet: &Packet) -> Name {
    let (protocol, host_port, peer_port, asked_by) = match &packet.body {
        Body::Tcp(tcp) => ("tcp", tcp.host_port, tcp.peer_port, None),
        Body::Udp { host_port, peer_port, .. } => ("udp", *host_port, *peer_port, None),
        Body::Echo { id, asks } => ("icmp", *id, 0, Some(if *asks { packet.sent } else { other(packet.sent) })),
        Body::Error { .. } | Body::OtherIcmp => ("icmp", 0, 0, None),
        Body::Gre => ("other", 0, 0, None),
    };
    Name { peer: packet.peer, network: packet.network, v6: packet.v6, protocol, host_port, peer_port, asked_by }
}

fn datagram_of(packet: &Packet, piece: Piece) -> (u8, u8, bool, Side, &'static str, u16) {
    let protocol = if packet.v6 { "" } else { name_of(packet).protocol };
    (packet.peer, packet.network, packet.v6, packet.sent, protocol, piece.id)
}

fn allows(rules: &Rules, name: &Name, opener: Side) -> bool {
    let reached = if opener == Side::Peer { name.host_port } else { name.peer_port };
    let port = matches!(name.protocol, "tcp" | "udp").then_some(reached);
    rules.allow(name.peer, name.network, opener, name.protocol, port)
}

fn other(side: Side) -> Side {
    if side == Side::Host { Side::Peer } else { Side::Host }
}
