//! Counts the allocations of each thread and the bytes that it holds, so that "none per packet" is a figure and not a hope.
#![allow(unsafe_code, reason = "an allocator that counts")]

use std::{
    alloc::{GlobalAlloc, Layout, System},
    cell::Cell,
};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
    static HELD: Cell<usize> = const { Cell::new(0) };
}

/// The system's allocator with a counter per thread. A bench declares it `#[global_allocator]`.
#[derive(Debug)]
pub struct Counting;

// SAFETY: every call goes to the system's allocator with its arguments unchanged; counting allocates nothing, since
// the thread-local is a constant-initialised plain cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(0, layout.size());
        // SAFETY: the caller keeps the contract, which is that of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(layout.size(), size);
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.with(|held| held.set(held.get().wrapping_sub(layout.size())));
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How often `f` asks for memory.
pub fn allocations_of<T>(f: impl FnOnce() -> T) -> u64 {
    let before = COUNT.with(Cell::get);
    let kept = f();
    let after = COUNT.with(Cell::get);
    drop(kept);
    after - before
}

/// What `f` makes, and the bytes of memory that this holds.
pub fn bytes_held_by<T>(f: impl FnOnce() -> T) -> (usize, T) {
    let before = HELD.with(Cell::get);
    let kept = f();
    // Memory may be freed by another thread than asked for it, so the counter wraps; the difference is right for one thread.
    (HELD.with(Cell::get).wrapping_sub(before), kept)
}

fn count(freed: usize, asked: usize) {
    COUNT.with(|counter| counter.set(counter.get() + 1));
    HELD.with(|held| held.set(held.get().wrapping_sub(freed).wrapping_add(asked)));
}
