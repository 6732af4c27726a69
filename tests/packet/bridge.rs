//! Two hosts and the packet path between them, as two engines would run it but without a network in between.

use std::{
    os::fd::OwnedFd,
    slice,
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
};

use ray_engine::{
    dns::{Host, Zone},
    firewall::{Action, Firewall, Members, Party, Posture, Ruleset, Standing},
    ident::{PeerId, RoomId, UnixTime},
    packet::Checksum,
    plane::{self, DropReason, Outbound, Snapshot},
    route::RouteTable,
    tun::{Offload, Queue, Reader, Writer},
};
use tokio::{runtime::Runtime, sync::watch, task};

use crate::device;

pub(crate) const MTU: u16 = 1280;

const ALICE: PeerId = PeerId([1; 32]);
const BOB: PeerId = PeerId([2; 32]);
const HOME: RoomId = RoomId([8; 32]);

type Job = Box<dyn FnOnce() + Send>;

/// A host: a namespace with one device, and a thread inside that runs programs.
pub(crate) struct Side {
    jobs: Sender<Job>,
}

impl Side {
    pub(crate) fn new(v4: &'static str, v6: &'static str) -> (Self, OwnedFd) {
        let (jobs, work) = channel::<Job>();
        let (give, take) = channel();
        thread::spawn(move || {
            device::unshare();
            let fd = device::open_tun(device::VNET);
            device::configure(v4, v6, MTU);
            give.send(fd).unwrap();
            for job in work {
                job();
            }
        });
        (Self { jobs }, take.recv().unwrap())
    }

    /// Runs `program` inside, in a thread of its own: threads inherit the namespace.
    pub(crate) fn run<T: Send + 'static>(&self, program: impl FnOnce() -> T + Send + 'static) -> JoinHandle<T> {
        let (give, take) = channel();
        self.jobs.send(Box::new(move || give.send(thread::spawn(program)).unwrap())).unwrap();
        take.recv().unwrap()
    }
}

/// What went through, both directions together.
#[derive(Debug, Default)]
pub(crate) struct Moved {
    /// Longest packet that a host gave us.
    pub(crate) longest: usize,
    pub(crate) packets: u64,
    pub(crate) writes: u64,
    /// Packets whose sums were left to the receiver.
    pub(crate) left: u64,
}

/// How two hosts are bridged.
#[derive(Debug, Clone, Copy)]
pub(crate) struct How {
    pub(crate) alice_offload: bool,
    pub(crate) bob_offload: bool,
    /// Leaves checksums to the receiver, where the sender's kernel left them to us.
    pub(crate) leave: bool,
}

pub(crate) struct Bridge {
    offload: Offload,
    directions: Vec<task::JoinHandle<Moved>>,
    stop: watch::Sender<()>,
    runtime: Runtime,
}

impl Bridge {
    pub(crate) fn new(alice: OwnedFd, bob: OwnedFd, how: How) -> Self {
        let alice = Queue::adopt(alice, how.alice_offload, MTU).unwrap();
        let bob = Queue::adopt(bob, how.bob_offload, MTU).unwrap();
        let offload = alice.offload();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_io().build().unwrap();
        let context = runtime.enter();
        let ((from_alice, to_alice), (from_bob, to_bob)) = (alice.into_split().unwrap(), bob.into_split().unwrap());
        drop(context);
        let (stop, stopped) = watch::channel(());
        let [alices, bobs] = [(); 2].map(|()| Arc::new(Firewall::default()));
        let (to_bob_firewalls, to_alice_firewalls) = ([alices.clone(), bobs.clone()], [bobs, alices]);
        let directions = vec![
            runtime.spawn(carry(from_alice, to_bob, ALICE, how.leave, to_bob_firewalls, stopped.clone())),
            runtime.spawn(carry(from_bob, to_alice, BOB, how.leave, to_alice_firewalls, stopped)),
        ];
        Self { offload, directions, stop, runtime }
    }

    pub(crate) fn offload(&self) -> Offload {
        self.offload
    }

    /// Ends both loops.
    pub(crate) fn stop(self) -> Moved {
        drop(self.stop);
        let mut moved = Moved::default();
        for direction in self.directions {
            let one = self.runtime.block_on(direction).unwrap();
            moved.longest = moved.longest.max(one.longest);
            moved.packets += one.packets;
            moved.writes += one.writes;
            moved.left += one.left;
        }
        moved
    }
}

/// Carries packets one way. The sender's firewall comes first; both see both ways.
async fn carry(
    mut reader: Reader,
    mut writer: Writer,
    from: PeerId,
    leave: bool,
    [own_firewall, others_firewall]: [Arc<Firewall>; 2],
    mut stop: watch::Receiver<()>,
) -> Moved {
    let (own, other) = (snapshot(from), snapshot(if from == ALICE { BOB } else { ALICE }));
    let mut replies = reader.writer();
    let sender = Party { peer: from, network: HOME };
    let mut moved = Moved::default();
    loop {
        tokio::select! {
            biased;
            _ = stop.changed() => break,
            readable = reader.readable() => readable.unwrap(),
        }
        while let Some(chunk) = reader.read().unwrap() {
            match plane::outbound(&own, &own_firewall, chunk.packet(), 0) {
                Ok(Outbound::Peer(routed)) => {
                    assert_eq!(routed.peer(), if from == ALICE { BOB } else { ALICE });
                    moved.longest = moved.longest.max(chunk.packet().len());
                    let mut batch = Vec::new();
                    let split = chunk.packets(leave, |packet, checksum| {
                        assert!(packet.len() <= usize::from(MTU), "a segment has {} bytes", packet.len());
                        moved.left += u64::from(checksum == Checksum::Left);
                        let packet = packet.to_vec();
                        batch.push(plane::inbound(&other, &others_firewall, sender, packet, checksum, 0).unwrap());
                    });
                    split.unwrap();
                    assert_eq!(writer.write(&batch).unwrap(), batch.len());
                    moved.packets += batch.len() as u64;
                }
                Ok(Outbound::Dns(question)) => {
                    let reply = question.reply(&own.zone).unwrap();
                    assert_eq!(replies.write(slice::from_ref(&reply)).unwrap(), 1);
                }
                Ok(Outbound::DnsStream) => panic!("nobody asks over TCP here"),
                // The kernel announces itself to multicast groups.
                Err(refused) => {
                    let expected = matches!(refused.reason, DropReason::ForeignSource | DropReason::NoRoute);
                    assert!(expected, "{:?}", refused.reason);
                }
            }
        }
    }
    let counts = writer.counts();
    assert_eq!((counts.refused, counts.undone), (0, 0));
    moved.writes = counts.writes;
    moved
}

fn snapshot(of: PeerId) -> Snapshot {
    let (own, other) = if of == ALICE { (1, 2) } else { (2, 1) };
    let v4 = |n: u8| std::net::Ipv4Addr::new(100, 64, 0, n);
    let v6 = |n: u16| std::net::Ipv6Addr::new(0x200, 0, 0, 0, 0, 0, 0, n);
    let peer = if of == ALICE { BOB } else { ALICE };
    let members: Members = [(Party { peer, network: HOME }, Standing::default())].into_iter().collect();
    let open = Posture { inbound: Action::Allow, ..Posture::default() };
    Snapshot {
        own_v4: Some(v4(own)),
        own_v6: v6(own.into()),
        routes: RouteTable::new([(v4(other).into(), peer), (v6(other.into()).into(), peer)]),
        zone: Zone::new([Host {
            host: "bob".parse().unwrap(),
            network: "home".parse().unwrap(),
            v4: Some(v4(2)),
            v6: v6(2),
        }]),
        rules: Arc::new(Ruleset::compile(Vec::new(), open, members, UnixTime(0))),
        handles: [(1, HOME)].into(),
        shared: [(peer, vec![HOME])].into(),
    }
}
