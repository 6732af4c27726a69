//! Two hosts and the packet path between them, as two engines would run it but without a network in between.

use std::{
    io::{PipeReader, PipeWriter, pipe},
    os::fd::{AsFd, OwnedFd},
    sync::{
        Arc,
        mpsc::{Sender, channel},
    },
    thread::{self, JoinHandle},
};

use nix::unistd::dup;
use ray_engine::{
    dns::{Host, Zone},
    firewall::{Action, Firewall, Members, Party, Posture, Ruleset, Standing},
    ident::{PeerId, RoomId, UnixTime},
    plane::{self, DropReason, Outbound, Snapshot},
    route::RouteTable,
    tun::{Offload, Queue, Reader, Wake, Writer},
};

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
pub(crate) struct Moved {
    pub(crate) offload: Offload,
    /// Longest packet that a host gave us.
    pub(crate) longest: usize,
    pub(crate) packets: u64,
    pub(crate) writes: u64,
}

pub(crate) struct Bridge {
    offload: Offload,
    directions: Vec<JoinHandle<(usize, u64, u64)>>,
    stop: PipeWriter,
}

impl Bridge {
    pub(crate) fn new(alice: OwnedFd, bob: OwnedFd, offload: bool) -> Self {
        let alice = Queue::adopt(alice, offload).unwrap();
        let bob = Queue::adopt(bob, offload).unwrap();
        let offload = alice.offload();
        let ((from_alice, to_alice), (from_bob, to_bob)) = (alice.into_split(), bob.into_split());
        let (stopped, stop) = pipe().unwrap();
        let stopped_too = PipeReader::from(dup(&stopped).unwrap());
        let [alices, bobs] = [(); 2].map(|()| Arc::new(Firewall::default()));
        let (to_bob_firewalls, to_alice_firewalls) = ([alices.clone(), bobs.clone()], [bobs, alices]);
        let directions = vec![
            thread::spawn(move || carry(from_alice, to_bob, ALICE, &to_bob_firewalls, stopped)),
            thread::spawn(move || carry(from_bob, to_alice, BOB, &to_alice_firewalls, stopped_too)),
        ];
        Self { offload, directions, stop }
    }

    /// Ends both loops.
    pub(crate) fn stop(self) -> Moved {
        drop(self.stop);
        let mut moved = Moved { offload: self.offload, longest: 0, packets: 0, writes: 0 };
        for direction in self.directions {
            let (longest, packets, writes) = direction.join().unwrap();
            moved.longest = moved.longest.max(longest);
            moved.packets += packets;
            moved.writes += writes;
        }
        moved
    }
}

/// Carries packets one way. The sender's firewall comes first; both see both ways.
fn carry(
    mut reader: Reader,
    mut writer: Writer,
    from: PeerId,
    [own_firewall, others_firewall]: &[Arc<Firewall>; 2],
    stop: PipeReader,
) -> (usize, u64, u64) {
    let (own, other) = (snapshot(from), snapshot(if from == ALICE { BOB } else { ALICE }));
    let mut replies = reader.writer();
    let sender = Party { peer: from, network: HOME };
    let (mut longest, mut packets) = (0, 0);
    while reader.wait(stop.as_fd()).unwrap() == Wake::Readable {
        while let Some(chunk) = reader.read().unwrap() {
            match plane::outbound(&own, own_firewall, chunk.packet(), 0) {
                Ok(Outbound::Peer(routed)) => {
                    assert_eq!(routed.peer(), if from == ALICE { BOB } else { ALICE });
                    longest = longest.max(chunk.packet().len());
                    let mut batch = Vec::new();
                    let split = chunk.segments(|segment| {
                        assert!(segment.len() <= usize::from(MTU), "a segment has {} bytes", segment.len());
                        batch.push(segment.to_vec());
                    });
                    split.unwrap();
                    let len = batch.len();
                    let mut judged = batch
                        .into_iter()
                        .map(|packet| plane::inbound(&other, others_firewall, sender, packet, 0).unwrap());
                    assert_eq!(writer.write(&mut judged).unwrap(), len);
                    packets += len as u64;
                }
                Ok(Outbound::Dns(question)) => {
                    let reply = question.reply(&own.zone).unwrap();
                    assert_eq!(replies.write(&mut std::iter::once(reply)).unwrap(), 1);
                }
                // The kernel announces itself to multicast groups.
                Err(refused) => {
                    let expected = matches!(refused.reason, DropReason::ForeignSource | DropReason::NoRoute);
                    assert!(expected, "{:?}", refused.reason);
                }
            }
        }
    }
    assert_eq!(writer.refused(), 0);
    (longest, packets, writer.writes())
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
