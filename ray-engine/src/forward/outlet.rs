//! One link's way out. What the carrier has room for is packed and sent at once; the rest waits in the link's own queue, where
//! flows are dealt with fairly and told of congestion, and leaves as room comes. The reader of the device never waits for a
//! link, so no peer's traffic stands in another's way.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{
    sync::Notify,
    time::{Instant, sleep, sleep_until},
};

use super::{
    Forwarder, micros, millis, not_packed,
    path_mtu::PathMtu,
    room::Room,
    unsent,
    watch::{self, Seen, Watch},
};
use crate::{
    mesh::{Batch, Link},
    packet::{self, ecn, flow_hash, mss},
    plane::{self, Deliverable, DropReason, Live, Routed},
    queue::{FairQueue, Limits, Micros, Pool, Signal, Weigh},
    tun::{Chunk, OwnedChunk},
};

/// How soon a link is looked at again while packets wait for it: the least that the runtime's timer does; the pause doubles
/// while the link takes nothing.
const LOOK_AGAIN: Duration = Duration::from_millis(1);
const LOOK_AGAIN_MAX: Duration = Duration::from_millis(64);
/// A link that has taken nothing for so long gets nothing that waits.
const STUCK: Micros = 1_000_000;
/// A link of which nothing leaves for so long is looked at more closely: many times what a carrier waits between two looks of
/// its own.
const UNMOVED: Micros = 250_000;
const LOOK: Duration = Duration::from_micros(watch::LOOK);
/// How soon after traffic the peer is told how much was sent, so that it can tell what was lost.
const TOTALS_AFTER: Duration = Duration::from_secs(1);

/// A packet or super-packet with its verdict, on its way to a peer.
#[derive(Debug)]
pub(super) struct Parcel {
    routed: Routed,
    chunk: OwnedChunk,
}

impl Parcel {
    pub(super) fn new(routed: Routed, chunk: OwnedChunk) -> Self {
        Self { routed, chunk }
    }

    /// How many packets it stands for.
    pub(super) fn packets(&self) -> u64 {
        self.chunk.count()
    }
}

impl Weigh for Parcel {
    fn bytes(&self) -> usize {
        self.chunk.packet().len()
    }
}

/// One link's way out.
#[derive(Debug)]
pub(super) struct Outlet {
    link: Arc<Link>,
    state: Mutex<State>,
    /// There is something for [`Outlet::run`] to do.
    work: Notify,
}

#[derive(Debug)]
struct State {
    /// `None` until the peer has said how to address it.
    batch: Option<Batch>,
    queue: FairQueue<Parcel>,
    room: Room,
    /// What the carrier may be given in this burst; `None` between bursts.
    allowance: Option<usize>,
    path: PathMtu,
    /// Words to the host about packets that do not fit.
    answers: Vec<Deliverable<Vec<u8>>>,
    /// When the peer is to be told how much was sent.
    totals_at: Option<Instant>,
    /// While packets are sent.
    watch: Option<(Watch, Instant)>,
    /// What the largest of the datagrams that are held were packed for, and the latest.
    largest: Sizes,
    latest: Sizes,
    /// Bytes of datagrams that the link was given; how many of them had left at the last look, and since when.
    given: u64,
    left: (u64, Micros),
    /// When the link last took something while packets waited for it.
    taken_at: Micros,
    /// The link has ended.
    closed: bool,
}

/// What datagrams were packed for, and how much had been given with the last of them.
#[derive(Debug, Clone, Copy, Default)]
struct Sizes {
    size: usize,
    sent_until: u64,
}

impl Outlet {
    pub(super) fn new(link: Arc<Link>, pool: Arc<Pool>) -> Self {
        let state = State {
            batch: None,
            queue: FairQueue::new(Limits::default(), pool),
            room: Room::default(),
            allowance: None,
            path: PathMtu::default(),
            answers: Vec::new(),
            totals_at: None,
            watch: None,
            largest: Sizes::default(),
            latest: Sizes::default(),
            given: 0,
            left: (0, 0),
            taken_at: 0,
            closed: false,
        };
        Self { link, state: Mutex::new(state), work: Notify::new() }
    }

    pub(super) fn link(&self) -> &Arc<Link> {
        &self.link
    }

    /// The longest inner packet that reaches the peer in one datagram; no bound before one is known.
    pub(super) fn inner_mtu(&self) -> u16 {
        self.lock().path.inner()
    }

    /// Packs a packet if there is room, or puts it behind those that wait. [`Outlet::flush`] ends the burst.
    pub(super) fn offer(&self, live: &Live, routed: Routed, chunk: Chunk<'_>) {
        let mut state = self.lock();
        if state.closed {
            live.drops.count_n(DropReason::NoLink, chunk.count());
        } else if state.queue.is_empty() && state.has_room_for(chunk.packet().len(), &self.link) {
            state.pack(live, routed, chunk, Signal::None);
        } else {
            let parted = chunk.parts(state.room.part(), |part| state.wait(live, Parcel::new(routed, part)));
            if let Err(malformed) = parted {
                live.drops.count(malformed.into());
            }
        }
    }

    /// Puts what waited for a link behind what waits for this one.
    pub(super) fn take_over(&self, live: &Live, parcels: impl IntoIterator<Item = Parcel>) {
        let mut state = self.lock();
        for parcel in parcels {
            state.wait(live, parcel);
        }
        self.work.notify_one();
    }

    /// Everything that waits, for the link that takes this one's place.
    pub(super) fn give_up(&self, live: &Live) -> Vec<Parcel> {
        let mut state = self.lock();
        let (mut parcels, now) = (Vec::new(), micros());
        while let Some(popped) = state.queue.pop(now, |late| live.drops.count_n(DropReason::Stale, late.packets())) {
            parcels.push(popped.item);
        }
        parcels
    }

    /// The link has ended: what waits is lost, and so is what comes.
    pub(super) fn close(&self, live: &Live) {
        self.lock().closed = true;
        let left: u64 = self.give_up(live).iter().map(Parcel::packets).sum();
        live.drops.count_n(DropReason::NoLink, left);
    }

    /// Gives the memory of a link that is idle back.
    pub(super) fn rest(&self) {
        let mut state = self.lock();
        state.queue.release();
        state.batch.take_if(|batch| batch.packets() == 0);
    }

    /// Sends what is packed.
    pub(super) fn flush(&self, forwarder: &Forwarder) {
        let mut state = self.lock();
        let wakes = state.send(&forwarder.live, &self.link);
        self.finish(forwarder, state);
        if wakes {
            self.work.notify_one();
        }
    }

    /// Sends what waits as room comes, until the link ends.
    pub(super) async fn run(&self, forwarder: &Forwarder) {
        tokio::select! {
            () = self.link.closed() => return,
            () = self.link.addressed() => {}
        }
        let mut pause = LOOK_AGAIN;
        loop {
            let taken_before = self.lock().taken_at;
            let waits = self.drain(forwarder);
            let (totals_at, look_at, taken_at) = {
                let state = self.lock();
                (state.totals_at, state.watch.as_ref().map(|(_, at)| *at), state.taken_at)
            };
            pause = if taken_at == taken_before { (2 * pause).min(LOOK_AGAIN_MAX) } else { LOOK_AGAIN };
            tokio::select! {
                () = self.link.closed() => return,
                () = sleep(pause), if waits => {}
                () = self.work.notified(), if !waits => {}
                () = at(totals_at) => {
                    self.lock().totals_at = None;
                    self.link.tell_totals();
                }
                () = at(look_at) => self.listen(),
            }
        }
    }

    /// Looks whether anything comes over the path that packets are sent on.
    fn listen(&self) {
        let mut state = self.lock();
        let Some(((mut watch, _), heard)) = state.watch.take().zip(self.link.heard()) else { return };
        let round_trip = Micros::try_from(self.link.path().1.as_micros()).unwrap_or(Micros::MAX);
        match watch.look(heard, state.given, micros(), round_trip) {
            Seen::Rest => {}
            Seen::Unclear => state.watch = Some((watch, Instant::now() + LOOK)),
            Seen::Silence => self.link.end_silent(),
        }
    }

    /// Sends what there is room for. Whether more waits.
    fn drain(&self, forwarder: &Forwarder) -> bool {
        let mut state = self.lock();
        let (live, now) = (&forwarder.live, micros());
        while state.room(&self.link) > 0 {
            let next = state.queue.pop(now, |late| live.drops.count_n(DropReason::Stale, late.packets()));
            let Some(mut popped) = next else { break };
            state.pack(live, popped.item.routed, popped.item.chunk.chunk(), popped.signal);
        }
        let packed = state.batch.as_ref().is_some_and(|batch| batch.packets() > 0);
        state.send(live, &self.link);
        let waits = !state.queue.is_empty();
        if packed || !waits {
            state.taken_at = now;
        }
        let is_stuck = now.saturating_sub(state.taken_at) >= STUCK;
        self.finish(forwarder, state);
        if is_stuck {
            let late: u64 = self.give_up(live).iter().map(Parcel::packets).sum();
            live.drops.count_n(DropReason::Stale, late);
        }
        waits && !is_stuck
    }

    fn finish(&self, forwarder: &Forwarder, mut state: MutexGuard<'_, State>) {
        let answers = std::mem::take(&mut state.answers);
        drop(state);
        if !answers.is_empty() {
            forwarder.deliver(self.link.peer(), &answers);
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // What a panic could leave half done is a batch, which is packets.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Bytes that the carrier may still be given in this burst. None while the peer cannot be addressed.
    fn room(&mut self, link: &Arc<Link>) -> usize {
        if self.batch.is_none() {
            self.batch = Batch::new(link.clone());
        }
        let Some(batch) = &self.batch else { return 0 };
        let packed = batch.bytes();
        let allowance = match self.allowance {
            Some(allowance) => allowance,
            None => self.look(link, micros()),
        };
        self.allowance = Some(allowance);
        allowance.saturating_sub(packed)
    }

    /// Whether so many bytes go whole: they may exceed the room by less than the part that would go alone.
    fn has_room_for(&mut self, bytes: usize, link: &Arc<Link>) -> bool {
        let room = self.room(link);
        room > 0 && bytes <= room + self.room.part()
    }

    /// How much the link may be given, now that a burst begins. One from which nothing leaves any more is looked at more closely.
    fn look(&mut self, link: &Link, now: Micros) -> usize {
        let held = link.held();
        let left = self.given.saturating_sub(held as u64);
        if held == 0 || left >= self.largest.sent_until {
            self.largest = self.latest;
        }
        if held == 0 || left != self.left.0 {
            self.left = (left, now);
        } else if now.saturating_sub(self.left.1) >= UNMOVED {
            self.left.1 = now;
            link.clear_if_stuck(self.largest.size);
        }
        self.room.look(held, now)
    }

    fn wait(&mut self, live: &Live, parcel: Parcel) {
        let flow = packet::parse(parcel.chunk.packet()).map_or(0, |parsed| flow_hash(&parsed.layout()));
        self.queue.push(flow, parcel, micros(), |lost| live.drops.count_n(DropReason::QueueFull, lost.packets()));
    }

    fn pack(&mut self, live: &Live, routed: Routed, mut chunk: Chunk<'_>, signal: Signal) {
        let Some(batch) = &mut self.batch else { return live.drops.count_n(DropReason::NoLink, chunk.count()) };
        let checksum = chunk.checksum();
        mss::clamp(chunk.packet_mut(), self.path.inner(), checksum);
        let mut loses_one = signal == Signal::Mark && !ecn::mark(chunk.packet_mut());
        let (path, answers) = (&mut self.path, &mut self.answers);
        let packed = chunk.packets(true, |packet, checksum| {
            // The others of a super-packet tell the receiver that one is missing.
            if std::mem::take(&mut loses_one) {
                return live.drops.count(DropReason::Congestion);
            }
            if packet.len() > usize::from(path.inner())
                && let Some(answer) = too_big(path, packet)
            {
                answers.push(answer);
            }
            if let Err(reason) = batch.push(routed, packet, checksum) {
                live.drops.count(not_packed(reason));
            }
        });
        if let Err(malformed) = packed {
            live.drops.count(malformed.into());
        }
    }

    /// Hands the batch to the link. Whether [`Outlet::run`] has something to do that it does not know of.
    fn send(&mut self, live: &Live, link: &Link) -> bool {
        self.allowance = None;
        let waits = !self.queue.is_empty();
        self.room.leave(waits);
        let Some(batch) = self.batch.as_mut().filter(|batch| batch.packets() > 0) else { return waits };
        let size = batch.datagram_max();
        if let Some(size) = size {
            self.path.observe(size, millis());
        }
        // Before anything leaves, or the answer might have been heard already.
        let heard = self.watch.is_none().then(|| link.heard()).flatten();
        let (packets, bytes) = (batch.packets(), batch.bytes() as u64);
        match batch.send() {
            Ok(too_big) => {
                self.given += bytes;
                self.taken_at = micros();
                self.latest = Sizes { size: size.unwrap_or_default(), sent_until: self.given };
                if self.latest.size >= self.largest.size {
                    self.largest = self.latest;
                }
                live.drops.count_n(DropReason::TooBig, too_big);
            }
            Err(error) => {
                live.drops.count_n(unsent(error), packets);
                batch.clear();
                return waits;
            }
        }
        let untold = self.totals_at.is_none() && link.hears_totals();
        if untold {
            self.totals_at = Some(Instant::now() + TOTALS_AFTER);
        }
        let begins = heard.map(|heard| (Watch::new(heard, self.given, micros()), Instant::now() + LOOK));
        let unwatched = begins.is_some();
        self.watch = begins.or_else(|| self.watch.take());
        waits || untold || unwatched
    }
}

fn too_big(path: &mut PathMtu, packet: &[u8]) -> Option<Deliverable<Vec<u8>>> {
    let parsed = packet::parse(packet).ok()?;
    let mtu = path.too_big(&parsed, packet.len(), millis())?;
    plane::too_big(&parsed, mtu)
}

async fn at(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
