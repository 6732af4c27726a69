//! All figures. `cargo bench -p ray-benches` compares them with the stored ones; with `RAY_BENCH_SAVE=1` it stores them.
//! A name, or a part of one, behind `--` runs no others.

mod decisions;
mod egress;
mod firewall;
mod headers;
mod ingress;
mod ledger;
mod queue;

use std::process::ExitCode;

use ray_benches::{Bench, allocations::Counting};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() -> ExitCode {
    let mut bench = Bench::from_arguments();
    bench.group("egress", egress::run);
    bench.group("ingress", ingress::run);
    bench.group("queue", queue::run);
    bench.group("headers", headers::run);
    bench.group("decisions", decisions::run);
    bench.group("firewall", firewall::run);
    // Last, as it leaves its memory behind.
    bench.group("ledger", ledger::run);
    bench.finish()
}
