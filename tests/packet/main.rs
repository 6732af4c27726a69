//! The packet path over real TUN devices: two hosts, each a network namespace of its own, bridged by our reader, plane
//! and writer. Needs root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "every line of this target is a test")]
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

mod bridge;
mod device;

use std::{
    fs,
    io::{IoSlice, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::OwnedFd,
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    errno::Errno,
    libc,
    sys::socket::{
        setsockopt,
        sockopt::{RcvBuf, UdpGsoSegment},
    },
};
use ray_engine::tun::{Offload, Queue, Reader, Writer, merge::Allowed};
use tokio::runtime::Runtime;

use crate::{
    bridge::{Bridge, How, MTU, Moved, Side},
    device::{VNET, open_tun},
};

const TRANSFER: usize = 64 << 20;
const OFFLOAD: How = How { alice_offload: true, bob_offload: true, leave: false };
const LEFT: How = How { leave: true, ..OFFLOAD };
const PLAIN: How = How { alice_offload: false, bob_offload: false, leave: false };
/// Far above what the slowest machine needs; a hang must not last for ever.
const DEADLINE: Duration = Duration::from_secs(120);

#[test]
fn moves_64_mib_of_tcp_intact_with_offload() {
    for address in ["100.64.0.2:4000", "[200::2]:4000"] {
        let moved = move_bytes(OFFLOAD, address);
        assert!(moved.longest > usize::from(MTU), "the host must have sent super-packets");
        assert!(moved.writes * 4 < moved.packets, "{} writes for {} packets", moved.writes, moved.packets);
        assert_eq!(moved.left, 0);
    }
}

#[test]
fn moves_64_mib_of_tcp_intact_with_checksums_left() {
    for address in ["100.64.0.2:4000", "[200::2]:4000"] {
        let moved = move_bytes(LEFT, address);
        assert!(moved.left * 10 > moved.packets * 9, "{} of {} left", moved.left, moved.packets);
        assert!(moved.writes * 4 < moved.packets, "{} writes for {} packets", moved.writes, moved.packets);
    }
}

#[test]
fn moves_64_mib_of_tcp_intact_without_offload() {
    let moved = move_bytes(PLAIN, "100.64.0.2:4000");
    assert!(moved.longest <= usize::from(MTU), "every packet comes whole");
    assert_eq!(moved.writes, moved.packets, "every packet is written alone");
    assert_eq!(moved.left, 0);
}

#[test]
fn sums_that_were_left_are_made_for_a_host_without_offload() {
    for address in ["100.64.0.2:4000", "[200::2]:4000"] {
        let moved = move_bytes(How { bob_offload: false, ..LEFT }, address);
        assert!(moved.left > 0 && moved.longest > usize::from(MTU));
    }
}

#[test]
fn moves_64_mib_of_udp_intact_both_ways() {
    // Of 100 packets: how many sums are left, and how many writes there are at most. A host without offload gives packets
    // one by one and complete, and takes them one by one.
    let half = How { bob_offload: false, ..LEFT };
    for (how, left, writes) in [(OFFLOAD, 0, 10), (LEFT, 100, 10), (PLAIN, 0, 100), (half, 50, 100)] {
        for address in ["100.64.0.2:5000", "[200::2]:5000"] {
            let moved = move_datagrams(how, address);
            assert_eq!(moved.left * 100 / moved.packets, left, "{how:?}: {} of {} left", moved.left, moved.packets);
            let share = moved.writes * 100 / moved.packets;
            assert!((writes - 10..=writes).contains(&share), "{how:?}: {} writes of {}", moved.writes, moved.packets);
        }
    }
}

#[test]
fn splits_udp_that_the_host_sends_as_one() {
    for (how, address) in
        [OFFLOAD, LEFT].iter().flat_map(|how| ["100.64.0.2:5000", "[200::2]:5000"].map(|to| (*how, to)))
    {
        let (alice, bob, bridge) = hosts(how);
        let sent: Vec<Vec<u8>> = (0..20u8).map(|n| vec![n; if n == 19 { 300 } else { 1000 }]).collect();
        let (ready, wait) = mpsc::channel();
        let receiver = bob.run(move || {
            let socket = UdpSocket::bind(address).unwrap();
            socket.set_read_timeout(Some(DEADLINE)).unwrap();
            ready.send(()).unwrap();
            let mut buffer = [0; 2000];
            let received: Vec<Vec<u8>> = (0..20)
                .map(|_| {
                    let len = socket.recv(&mut buffer).unwrap();
                    buffer[..len].to_vec()
                })
                .collect();
            received
        });
        wait.recv_timeout(DEADLINE).unwrap();
        let message = sent.concat();
        alice
            .run(move || {
                let socket = UdpSocket::bind(unspecified(address)).unwrap();
                setsockopt(&socket, UdpGsoSegment, &1000).unwrap();
                socket.send_to(&message, address).unwrap();
            })
            .join()
            .unwrap();
        assert_eq!(receiver.join().unwrap(), sent, "{address}");
        let moved = bridge.stop();
        assert!(moved.longest > usize::from(MTU), "the host must have sent one super-packet");
    }
}

#[test]
fn answers_a_real_query_through_the_device() {
    for how in [OFFLOAD, PLAIN] {
        let (alice, _bob, bridge) = hosts(how);
        for server in ["100.100.100.53:53", "[200::53]:53"] {
            let reply = alice
                .run(move || {
                    let socket = UdpSocket::bind(unspecified(server)).unwrap();
                    socket.set_read_timeout(Some(DEADLINE)).unwrap();
                    socket.connect(server).unwrap();
                    let mut query = vec![0x12, 0x34, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
                    query.extend_from_slice(b"\x03bob\x04home\x03ray\x00\x00\x01\x00\x01");
                    socket.send(&query).unwrap();
                    let mut buffer = [0; 600];
                    let len = socket.recv(&mut buffer).unwrap();
                    buffer[..len].to_vec()
                })
                .join()
                .unwrap();
            assert!(reply.ends_with(&[0, 4, 100, 64, 0, 2]), "{reply:?}");
        }
        bridge.stop();
    }
}

#[test]
fn refuses_a_descriptor_whose_packets_it_would_misread() {
    let kinds = [
        (libc::IFF_TUN | libc::IFF_NO_PI, "lacks the virtio_net header"),
        (libc::IFF_TAP | libc::IFF_NO_PI | libc::IFF_VNET_HDR, "is not a TUN queue"),
    ];
    for (flags, reason) in kinds {
        let error = in_a_namespace(move || Queue::adopt(open_tun(flags), true, MTU).map(|_| ()).unwrap_err());
        assert!(error.to_string().contains(reason), "{error}");
    }
    let null: OwnedFd = fs::File::open("/dev/null").unwrap().into();
    assert!(Queue::adopt(null, true, MTU).is_err());
}

#[test]
fn an_adopted_queue_never_blocks() {
    in_a_namespace(|| {
        let fd = open_tun(VNET);
        device::configure("100.64.0.1", "200::1", MTU);
        let (runtime, mut reader, mut writer) = split(Queue::adopt(fd, true, MTU).unwrap());
        // What the kernel sends by itself when the interface comes up ends at some point.
        runtime.block_on(reader.readable()).unwrap();
        while reader.read().unwrap().is_some() {}
        assert_eq!(writer.write::<Vec<u8>>(&[]).unwrap(), 0);
    });
}

/// What the probe relies on: a device that is down tells a header that the kernel knows from one that it does not.
#[test]
fn a_probe_finds_what_the_kernel_takes_and_no_packet_reaches_the_host() {
    in_a_namespace(|| {
        let fd = open_tun(VNET);
        let packet = [&[0x45][..], &[0; 41]].concat();
        let write = |header: [u8; 10]| {
            let parts = [IoSlice::new(&header), IoSlice::new(&packet)];
            nix::sys::uio::writev(&fd, &parts)
        };
        Queue::adopt(fd.try_clone().unwrap(), true, MTU).unwrap();
        assert_eq!(write([1, 1, 40, 0, 1, 0, 20, 0, 16, 0]), Err(Errno::EIO), "TCP");
        assert_eq!(write([1, 0x7f, 40, 0, 1, 0, 20, 0, 16, 0]), Err(Errno::EINVAL), "a type that there is not");
        assert_eq!(write([1, 1, 40, 0, 0, 0, 20, 0, 16, 0]), Err(Errno::EINVAL), "a segment size of zero");
        let queue = Queue::adopt(fd, true, MTU).unwrap();
        let all = Allowed { split_tcp: true, split_udp: true, checksum: true, mtu: MTU };
        let offload = queue.offload();
        let (_runtime, _, writer) = split(queue);
        assert_eq!((offload, writer.allowed()), (Offload::TcpAndUdp, all), "this kernel knows all of it");
        assert_eq!(received(), 0);
    });
}

#[test]
fn a_device_that_is_up_is_not_tried() {
    in_a_namespace(|| {
        let fd = open_tun(VNET);
        device::configure("100.64.0.1", "200::1", MTU);
        let before = dropped();
        let (_runtime, _, writer) = split(Queue::adopt(fd, true, MTU).unwrap());
        assert!(writer.allowed().split_tcp && writer.allowed().split_udp);
        assert_eq!((received(), dropped()), (0, before));
    });
}

/// The halves of a queue, and what tells when it can be read.
fn split(queue: Queue) -> (Runtime, Reader, Writer) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().unwrap();
    let (reader, writer) = {
        let _context = runtime.enter();
        queue.into_split().unwrap()
    };
    (runtime, reader, writer)
}

fn move_bytes(how: How, address: &'static str) -> Moved {
    let (alice, bob, bridge) = hosts(how);
    let (ready, wait) = mpsc::channel();
    let server = bob.run(move || {
        let listener = TcpListener::bind(address).unwrap();
        ready.send(()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        expect_noise(&mut stream);
        send_noise(&mut stream);
        checksum_errors()
    });
    wait.recv_timeout(DEADLINE).unwrap();
    alice
        .run(move || {
            let mut stream = TcpStream::connect_timeout(&address.parse().unwrap(), DEADLINE).unwrap();
            stream.set_write_timeout(Some(DEADLINE)).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            send_noise(&mut stream);
            expect_noise(&mut stream);
            assert_eq!(checksum_errors(), 0);
        })
        .join()
        .unwrap();
    assert_eq!(server.join().unwrap(), 0, "the kernel must not have seen a wrong checksum");
    bridge.stop()
}

fn send_noise(stream: &mut TcpStream) {
    let (mut noise, mut chunk) = (Noise(7), vec![0; 1 << 16]);
    for _ in 0..TRANSFER / chunk.len() {
        noise.fill(&mut chunk);
        stream.write_all(&chunk).unwrap();
    }
}

fn expect_noise(stream: &mut TcpStream) {
    let mut expected = Noise(7);
    let (mut chunk, mut wanted, mut total) = (vec![0; 1 << 16], vec![0; 1 << 16], 0);
    while total < TRANSFER {
        let end = chunk.len().min(TRANSFER - total);
        let len = stream.read(&mut chunk[..end]).unwrap();
        assert_ne!(len, 0, "the stream ended after {total} bytes");
        expected.fill(&mut wanted[..len]);
        assert!(chunk[..len] == wanted[..len], "the stream differs after {total} bytes");
        total += len;
    }
}

/// Sends super-packets whose last datagram is of an odd size, each after the one before was answered by the same datagrams:
/// then none is lost.
fn move_datagrams(how: How, address: &'static str) -> Moved {
    const SIZE: usize = 1200;
    const ROUNDS: usize = TRANSFER / (50 * SIZE);
    let (alice, bob, bridge) = hosts(how);
    let (ready, wait) = mpsc::channel();
    let messages = |round: usize| {
        let mut message = vec![0; 49 * SIZE + 1 + round % (SIZE - 1)];
        Noise(round as u64).fill(&mut message);
        message
    };
    let exchange = move |socket: &UdpSocket, round: usize| {
        let wanted = messages(round);
        let mut buffer = [0; 2000];
        for expected in wanted.chunks(SIZE) {
            let len = socket.recv(&mut buffer).unwrap();
            assert!(&buffer[..len] == expected, "round {round}: {len} bytes for {}", expected.len());
        }
    };
    let server = bob.run(move || {
        let socket = UdpSocket::bind(address).unwrap();
        prepare(&socket);
        ready.send(()).unwrap();
        for round in 0..ROUNDS {
            if round == 0 {
                let (_, client) = socket.peek_from(&mut [0; 2000]).unwrap();
                socket.connect(client).unwrap();
            }
            exchange(&socket, round);
            socket.send(&messages(round)).unwrap();
        }
        checksum_errors()
    });
    wait.recv_timeout(DEADLINE).unwrap();
    let client = alice.run(move || {
        let socket = UdpSocket::bind(unspecified(address)).unwrap();
        socket.connect(address).unwrap();
        prepare(&socket);
        for round in 0..ROUNDS {
            socket.send(&messages(round)).unwrap();
            exchange(&socket, round);
        }
        checksum_errors()
    });
    assert_eq!((client.join().unwrap(), server.join().unwrap()), (0, 0));
    bridge.stop()
}

fn prepare(socket: &UdpSocket) {
    socket.set_read_timeout(Some(DEADLINE)).unwrap();
    setsockopt(socket, UdpGsoSegment, &1200).unwrap();
    // Room for a whole message, whose datagrams come at once.
    setsockopt(socket, RcvBuf, &(1 << 20)).unwrap();
}

fn hosts(how: How) -> (Side, Side, Bridge) {
    let (alice, alices_fd) = Side::new("100.64.0.1", "200::1");
    let (bob, bobs_fd) = Side::new("100.64.0.2", "200::2");
    let bridge = Bridge::new(alices_fd, bobs_fd, how);
    assert_eq!(bridge.offload() != Offload::Off, how.alice_offload, "this kernel knows offload");
    (alice, bob, bridge)
}

fn in_a_namespace<T: Send + 'static>(f: impl FnOnce() -> T + Send + 'static) -> T {
    thread::spawn(|| {
        device::unshare();
        f()
    })
    .join()
    .unwrap()
}

fn unspecified(address: &str) -> SocketAddr {
    let v6 = address.parse::<SocketAddr>().unwrap().is_ipv6();
    if v6 { "[::]:0" } else { "0.0.0.0:0" }.parse().unwrap()
}

/// Packets of this namespace that the kernel dropped for their checksum, of all protocols.
fn checksum_errors() -> u64 {
    let value = |line: &str| line.split_whitespace().last().unwrap().parse::<u64>().unwrap();
    let v6 = fs::read_to_string("/proc/thread-self/net/snmp6").unwrap();
    let v6 = v6.lines().filter(|line| line.contains("InCsumErrors")).map(value);
    let v4 = fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let lines: Vec<&str> = v4.lines().collect();
    let v4 = lines.chunks(2).filter_map(|pair| {
        let at = pair[0].split(' ').position(|name| name == "InCsumErrors")?;
        Some(pair[1].split(' ').nth(at).unwrap().parse::<u64>().unwrap())
    });
    v4.chain(v6).sum()
}

/// Packets that came out of the device into this namespace.
fn received() -> u64 {
    counter(1)
}

/// Packets that the device refused.
fn dropped() -> u64 {
    counter(3)
}

fn counter(column: usize) -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let line = text.lines().find_map(|line| line.trim().strip_prefix("ray0:")).unwrap();
    line.split_whitespace().nth(column).unwrap().parse().unwrap()
}

/// The same bytes on every run, wherever one starts to read.
struct Noise(u64);

impl Noise {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
    }
}
