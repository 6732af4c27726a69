//! The fair queue of a link that has no room.

use std::{hint::black_box, sync::Arc};

use ray_benches::Bench;
use ray_engine::queue::{FairQueue, Limits, Weigh};

/// Items that stand before each push.
const STANDING: u64 = 32;
/// Microseconds between two calls: 64 KiB at half a gigabit.
const PACE: u64 = 1000;

/// A super-packet, or what of it matters here.
struct Item(usize);

impl Weigh for Item {
    fn bytes(&self) -> usize {
        self.0
    }
}

pub(crate) fn run(bench: &mut Bench) -> Option<()> {
    for (flows, name) in [(1, "push and pop, one flow"), (STANDING, "push and pop, 32 flows")] {
        let mut queue = FairQueue::new(Limits { bytes: 8 * 1024 * 1024, ..Limits::default() }, Arc::default());
        let (mut now, mut flow, mut lost) = (0, 0, 0u64);
        let mut push = |queue: &mut FairQueue<Item>, now| {
            flow = (flow + 1) % flows;
            queue.push(black_box(flow), Item(62_060), now, |_| lost += 1);
        };
        (0..STANDING).for_each(|_| push(&mut queue, now));
        bench.steady(name, 1, 0, || {
            now += PACE;
            push(&mut queue, now);
            queue.pop(now, |_| {}).map(|popped| (popped.item.0, popped.signal))
        });
        let standing = std::iter::from_fn(|| queue.pop(now, |_| {})).count();
        (lost == 0 && standing == usize::try_from(STANDING).ok()?).then_some(())?;
    }
    Some(())
}
