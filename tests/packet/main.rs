//! The packet path over real TUN devices: two hosts, each a network namespace of its own, bridged by our reader, plane
//! and writer. Needs root.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "every line of this target is a test")]
#![allow(clippy::cast_possible_truncation, reason = "test data is small")]

mod bridge;
mod device;

use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::OwnedFd,
    sync::mpsc,
    thread,
    time::Duration,
};

use nix::{
    libc,
    sys::socket::{setsockopt, sockopt::UdpGsoSegment},
};
use ray_engine::tun::{Offload, Queue};

use crate::{
    bridge::{Bridge, MTU, Side},
    device::{VNET, open_tun},
};

const TRANSFER: usize = 64 << 20;
/// Far above what the slowest machine needs; a hang must not last for ever.
const DEADLINE: Duration = Duration::from_secs(120);

#[test]
fn moves_64_mib_of_tcp_intact_with_offload() {
    let moved = move_bytes(true, "100.64.0.2:4000");
    assert_ne!(moved.offload, Offload::Off, "this kernel knows offload");
    assert!(moved.longest > usize::from(MTU), "the host must have sent super-packets");
    assert!(moved.writes * 4 < moved.packets, "{} writes for {} packets", moved.writes, moved.packets);
}

#[test]
fn moves_64_mib_of_tcp_intact_with_offload_over_ipv6() {
    let moved = move_bytes(true, "[200::2]:4000");
    assert!(moved.longest > usize::from(MTU), "the host must have sent super-packets");
    assert!(moved.writes * 4 < moved.packets, "{} writes for {} packets", moved.writes, moved.packets);
}

#[test]
fn moves_64_mib_of_tcp_intact_without_offload() {
    let moved = move_bytes(false, "100.64.0.2:4000");
    assert_eq!(moved.offload, Offload::Off);
    assert!(moved.longest <= usize::from(MTU), "every packet comes whole");
    assert_eq!(moved.writes, moved.packets, "every packet is written alone");
}

#[test]
fn splits_udp_that_the_host_sends_as_one() {
    for address in ["100.64.0.2:5000", "[200::2]:5000"] {
        let (alice, bob, bridge) = hosts(true);
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
    for offload in [true, false] {
        let (alice, _bob, bridge) = hosts(offload);
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
        let error = in_a_namespace(move || Queue::adopt(open_tun(flags), true).map(|_| ()).unwrap_err());
        assert!(error.to_string().contains(reason), "{error}");
    }
    let null: OwnedFd = fs::File::open("/dev/null").unwrap().into();
    assert!(Queue::adopt(null, true).is_err());
}

#[test]
fn an_adopted_queue_never_blocks() {
    in_a_namespace(|| {
        let fd = open_tun(VNET);
        device::configure("100.64.0.1", "200::1", MTU);
        let (mut reader, mut writer) = Queue::adopt(fd, true).unwrap().into_split();
        // What the kernel sends by itself when the interface comes up ends at some point.
        while reader.read().unwrap().is_some() {}
        let mut nothing = std::iter::empty::<ray_engine::plane::Deliverable<Vec<u8>>>();
        assert_eq!(writer.write(&mut nothing).unwrap(), 0);
    });
}

fn move_bytes(offload: bool, address: &'static str) -> bridge::Moved {
    let (alice, bob, bridge) = hosts(offload);
    let (ready, wait) = mpsc::channel();
    let server = bob.run(move || {
        let listener = TcpListener::bind(address).unwrap();
        ready.send(()).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let mut expected = Noise(7);
        let (mut chunk, mut wanted, mut total) = (vec![0; 1 << 16], vec![0; 1 << 16], 0);
        while total < TRANSFER {
            let len = stream.read(&mut chunk).unwrap();
            assert_ne!(len, 0, "the stream ended after {total} bytes");
            expected.fill(&mut wanted[..len]);
            assert!(chunk[..len] == wanted[..len], "the stream differs after {total} bytes");
            total += len;
        }
        stream.write_all(b"done").unwrap();
        checksum_errors()
    });
    wait.recv_timeout(DEADLINE).unwrap();
    alice
        .run(move || {
            let mut stream = TcpStream::connect_timeout(&address.parse().unwrap(), DEADLINE).unwrap();
            stream.set_write_timeout(Some(DEADLINE)).unwrap();
            stream.set_read_timeout(Some(DEADLINE)).unwrap();
            let mut noise = Noise(7);
            let mut chunk = vec![0; 1 << 16];
            for _ in 0..TRANSFER / chunk.len() {
                noise.fill(&mut chunk);
                stream.write_all(&chunk).unwrap();
            }
            let mut done = [0; 4];
            stream.read_exact(&mut done).unwrap();
            assert_eq!(&done, b"done");
        })
        .join()
        .unwrap();
    assert_eq!(server.join().unwrap(), 0, "the kernel must not have seen a wrong checksum");
    bridge.stop()
}

fn hosts(offload: bool) -> (Side, Side, Bridge) {
    let (alice, alices_fd) = Side::new("100.64.0.1", "200::1");
    let (bob, bobs_fd) = Side::new("100.64.0.2", "200::2");
    (alice, bob, Bridge::new(alices_fd, bobs_fd, offload))
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

/// TCP segments of this namespace that the kernel dropped for their checksum.
fn checksum_errors() -> u64 {
    let text = fs::read_to_string("/proc/thread-self/net/snmp").unwrap();
    let mut lines = text.lines().filter(|line| line.starts_with("Tcp:"));
    let (names, values) = (lines.next().unwrap(), lines.next().unwrap());
    let at = names.split(' ').position(|name| name == "InCsumErrors").unwrap();
    values.split(' ').nth(at).unwrap().parse().unwrap()
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
