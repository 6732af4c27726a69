//! Connections from a host's own TCP, which is the same crate's here; and what programs do that mean no good.

use std::net::IpAddr;

use smoltcp::iface::SocketHandle;

use super::{
    connection::{QUESTION_MAX, WRITE_BUFFER},
    *,
};

const SECOND: Micros = 1_000_000;

#[test]
fn answers_over_either_address() {
    for server in [IpAddr::from(MAGIC_V4), IpAddr::from(MAGIC_V6)] {
        let mut host = Host::new();
        let connection = host.connect(server);
        host.send(connection, b"\x00\x03abc");
        assert_eq!(host.answer_all(|question| question.repeat(2)), 1, "{server}");
        assert_eq!(host.received(connection), b"\x00\x06abcabc");
    }
}

#[test]
fn takes_questions_in_pieces_and_several_at_once_and_answers_in_order() {
    let mut host = Host::new();
    let connection = host.connect(MAGIC_V4.into());
    for byte in b"\x00\x03abc\x00" {
        host.send(connection, &[*byte]);
    }
    host.send(connection, b"\x01x\x00\x02yz");
    assert_eq!(host.answer_all(<[u8]>::to_vec), 3);
    assert_eq!(host.received(connection), b"\x00\x03abc\x00\x01x\x00\x02yz");
}

#[test]
fn a_connection_asks_one_question_at_a_time() {
    let mut host = Host::new();
    let connection = host.connect(MAGIC_V4.into());
    host.send(connection, b"\x00\x01a\x00\x01b");
    let (id, question) = host.streams.next_question(host.now).unwrap();
    assert_eq!(question, b"a");
    assert_eq!(host.streams.next_question(host.now), None);
    host.streams.reply(id, b"A", host.now);
    host.carry();
    assert_eq!(host.streams.next_question(host.now).unwrap().1, b"b");
}

#[test]
fn writes_the_longest_reply_whole() {
    let mut host = Host::new();
    let connection = host.connect(MAGIC_V4.into());
    host.send(connection, b"\x00\x01a");
    let reply: Vec<u8> = (0..65_535u32).map(|n| (n % 251) as u8).collect();
    assert!(reply.len() > WRITE_BUFFER);
    assert_eq!(host.answer_all(|_| reply.clone()), 1);
    assert_eq!(host.received(connection), [&[0xff, 0xff][..], &reply].concat());
}

#[test]
fn a_question_longer_than_any_ends_its_connection() {
    let mut host = Host::new();
    let connection = host.connect(MAGIC_V4.into());
    let len = u16::try_from(QUESTION_MAX + 1).unwrap().to_be_bytes();
    host.send(connection, &[&len[..], &vec![0; QUESTION_MAX + 1]].concat());
    assert_eq!(host.answer_all(<[u8]>::to_vec), 0);
    host.carry();
    assert!(!host.socket(connection).is_active());
    assert_eq!(host.streams.open(), 0);
}

#[test]
fn an_idle_connection_is_closed_and_forgotten() {
    let mut host = Host::new();
    let connection = host.connect(MAGIC_V4.into());
    host.pass(4 * SECOND);
    assert_eq!(host.streams.open(), 1);
    host.pass(2 * SECOND);
    assert!(!host.socket(connection).may_recv(), "the end has been told");
    host.pass(2 * SECOND);
    assert_eq!(host.streams.open(), 0, "whether the client ends its side or not");
}

#[test]
fn half_a_question_keeps_no_connection() {
    let mut host = Host::new();
    let connection = host.connect(MAGIC_V4.into());
    host.send(connection, b"\x00\x09abc");
    host.pass(8 * SECOND);
    assert_eq!(host.streams.open(), 0);
}

#[test]
fn a_question_without_an_answer_keeps_its_connection_for_a_while_only() {
    let mut host = Host::new();
    let connection = host.connect(MAGIC_V4.into());
    host.send(connection, b"\x00\x03abc");
    assert!(host.streams.next_question(host.now).is_some());
    host.pass(8 * SECOND);
    assert_eq!(host.streams.open(), 1);
    host.pass(4 * SECOND);
    assert_eq!(host.streams.open(), 0);
}

#[test]
fn a_client_that_has_said_all_still_gets_its_answer() {
    let mut host = Host::new();
    let connection = host.connect(MAGIC_V4.into());
    host.send(connection, b"\x00\x03abc");
    host.socket(connection).close();
    host.carry();
    assert_eq!(host.answer_all(<[u8]>::to_vec), 1);
    assert_eq!(host.received(connection), b"\x00\x03abc");
    host.pass(SECOND);
    assert_eq!(host.streams.open(), 0);
}

#[test]
fn many_connections_are_bounded_and_the_idlest_makes_room() {
    let mut host = Host::new();
    let mut connections = Vec::new();
    for _ in 0..CONNECTIONS_MAX {
        connections.push(host.connect(MAGIC_V4.into()));
        host.now += 1000;
    }
    // The first has just spoken; the second waits for an answer.
    host.send(connections[0], b"\x00");
    host.send(connections[1], b"\x00\x01a");
    assert!(host.streams.next_question(host.now).is_some());
    assert_eq!(host.streams.open(), CONNECTIONS_MAX);
    let further = host.connect(MAGIC_V6.into());
    assert!(host.socket(further).may_send());
    assert_eq!(host.streams.open(), CONNECTIONS_MAX);
    for (at, stays) in [(0, true), (1, true), (2, false), (3, true)] {
        host.send(connections[at], b"\x00");
        assert_eq!(host.socket(connections[at]).is_active(), stays, "connection {at}");
    }
}

#[test]
fn a_flood_of_connection_requests_keeps_nothing_beyond_the_bound_and_no_client_out() {
    let mut host = Host::new();
    let syn = host.syn();
    for port in 0..10_000u16 {
        let mut syn = syn.clone();
        syn[20..22].copy_from_slice(&(20_000 + port).to_be_bytes());
        host.streams.receive(&syn, host.now);
        host.now += 10;
        assert!(host.streams.connections.len() <= CONNECTIONS_MAX);
    }
    host.streams.take_segments();
    let connection = host.connect(MAGIC_V4.into());
    host.send(connection, b"\x00\x03abc");
    assert_eq!(host.answer_all(<[u8]>::to_vec), 1);
    host.pass(10 * SECOND);
    assert_eq!(host.streams.connections.len(), 0);
    assert_eq!(host.streams.due_in(host.now), None, "nothing wakes us for nothing");
}

#[test]
fn an_answer_that_comes_too_late_goes_to_nobody_else() {
    let mut host = Host::new();
    let first = host.connect(MAGIC_V4.into());
    host.send(first, b"\x00\x03abc");
    let (id, _) = host.streams.next_question(host.now).unwrap();
    host.socket(first).abort();
    host.carry();
    let second = host.connect(MAGIC_V4.into());
    host.send(second, b"\x00\x03xyz");
    assert!(host.streams.next_question(host.now).is_some());
    host.streams.reply(id, b"late", host.now);
    host.carry();
    assert_eq!(host.received(second), b"");
}

#[test]
fn segments_of_no_connection_are_reset() {
    let mut host = Host::new();
    let mut stray = host.syn();
    // ACK instead of SYN.
    stray[33] = 0x10;
    host.streams.receive(&stray, host.now);
    let answers = host.streams.take_segments();
    assert_eq!(answers.len(), 1);
    assert_eq!(answers[0][33] & 0x04, 0x04);
    assert_eq!(host.streams.connections.len(), 0);
}

/// A host's side: its TCP, and the device between.
struct Host {
    streams: Streams,
    interface: Interface,
    segments: Segments,
    sockets: SocketSet<'static>,
    now: Micros,
    port: u16,
}

impl Host {
    fn new() -> Self {
        let mut segments = Segments::default();
        let mut interface = Interface::new(Config::new(HardwareAddress::Ip), &mut segments, Instant::ZERO);
        interface.update_ip_addrs(|own| {
            own.push(IpCidr::new("100.64.0.1".parse().unwrap(), 32)).unwrap();
            own.push(IpCidr::new("200::1".parse().unwrap(), 128)).unwrap();
        });
        Self {
            streams: Streams::new(7),
            interface,
            segments,
            sockets: SocketSet::new(Vec::new()),
            now: 0,
            port: 40_000,
        }
    }

    fn connect(&mut self, server: IpAddr) -> SocketHandle {
        let buffer = || tcp::SocketBuffer::new(vec![0; 70_000]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        self.port += 1;
        let own: IpAddress = if server.is_ipv4() { "100.64.0.1" } else { "200::1" }.parse().unwrap();
        socket.connect(self.interface.context(), (IpAddress::from(server), 53), (own, self.port)).unwrap();
        let handle = self.sockets.add(socket);
        self.carry();
        assert!(self.socket(handle).may_send(), "connected");
        handle
    }

    /// The first segment of a connection over IPv4.
    fn syn(&mut self) -> Vec<u8> {
        let buffer = || tcp::SocketBuffer::new(vec![0; 64]);
        let mut socket = tcp::Socket::new(buffer(), buffer());
        socket
            .connect(
                self.interface.context(),
                (IpAddress::Ipv4(MAGIC_V4), 53),
                ("100.64.0.1".parse::<IpAddress>().unwrap(), 39_999),
            )
            .unwrap();
        let handle = self.sockets.add(socket);
        self.interface.poll(instant(self.now), &mut self.segments, &mut self.sockets);
        self.sockets.remove(handle);
        self.segments.take().pop().unwrap()
    }

    fn send(&mut self, handle: SocketHandle, bytes: &[u8]) {
        let _ = self.socket(handle).send_slice(bytes);
        self.carry();
    }

    fn received(&mut self, handle: SocketHandle) -> Vec<u8> {
        self.carry();
        let socket = self.socket(handle);
        let mut all = Vec::new();
        while let Ok(some @ 1..) = socket.recv(|bytes| {
            all.extend_from_slice(bytes);
            (bytes.len(), bytes.len())
        }) {
            let _ = some;
        }
        all
    }

    fn answer_all(&mut self, reply: impl Fn(&[u8]) -> Vec<u8>) -> usize {
        let mut answered = 0;
        while let Some((id, question)) = self.streams.next_question(self.now) {
            self.streams.reply(id, &reply(&question), self.now);
            self.carry();
            answered += 1;
        }
        answered
    }

    fn socket(&mut self, handle: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut(handle)
    }

    /// Carries segments both ways until there are none.
    fn carry(&mut self) {
        loop {
            self.now += 100;
            self.interface.poll(instant(self.now), &mut self.segments, &mut self.sockets);
            let out = self.segments.take();
            for segment in &out {
                self.streams.receive(segment, self.now);
            }
            let back = self.streams.take_segments();
            for segment in &back {
                self.segments.push(segment);
            }
            if out.is_empty() && back.is_empty() {
                // What waits for an acknowledgement that is put off.
                let host = self.interface.poll_delay(instant(self.now), &self.sockets).map(Duration::from);
                let soonest = host.into_iter().chain(self.streams.due_in(self.now)).min();
                match soonest.filter(|delay| *delay <= Duration::from_millis(20)) {
                    Some(delay) => self.now += u64::try_from(delay.as_micros()).unwrap(),
                    None => return,
                }
                self.streams.advance(self.now);
            }
        }
    }

    /// Lets time pass, as whoever drives the streams does: when something is due, it is done.
    fn pass(&mut self, time: Micros) {
        let end = self.now + time;
        while self.now < end {
            let due =
                self.streams.due_in(self.now).map_or(end, |due| self.now + u64::try_from(due.as_micros()).unwrap());
            self.now = due.max(self.now + 1000).min(end);
            assert_eq!(self.streams.next_question(self.now), None);
            self.carry();
        }
    }
}
