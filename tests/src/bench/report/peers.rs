//! What more peers cost an engine, as a table.

use super::figure;
use crate::bench::{Growth, PeerMemory, peers::Memory};

pub(in crate::bench) fn peers(found: &PeerMemory) -> String {
    let machine = &found.machine;
    let mut lines = vec![
        format!("{}, {} cores, Linux {}", machine.cpu, machine.cores, machine.kernel),
        "memory of one host's engine; anonymous: without its program's own text".to_owned(),
    ];
    if found.programs_given {
        lines.push("our programs: of --programs, which may be another build than is shipped".to_owned());
    }
    let titles = ["1 peer, MiB".to_owned(), format!("{} peers, MiB", found.peers), "a peer more, KiB".to_owned()];
    lines.extend([String::new(), row("", titles)]);
    for (state, growth) in [("idle", &found.idle), ("after traffic with all", &found.after_traffic)] {
        lines.push(measured(
            &format!("resident, {state}"),
            growth,
            |memory| memory.resident_mib,
            growth.resident_kib_a_peer,
        ));
        lines.push(measured(
            &format!("anonymous, {state}"),
            growth,
            |memory| memory.anonymous_mib,
            growth.anonymous_kib_a_peer,
        ));
    }
    lines.join("\n")
}

fn measured(title: &str, growth: &Growth, of: fn(&Memory) -> f64, slope: f64) -> String {
    row(title, [of(&growth.one), of(&growth.many), slope].map(figure))
}

fn row(title: &str, cells: [String; 3]) -> String {
    let cells: String = cells.iter().map(|cell| format!("{cell:>18}")).collect();
    format!("{title:34}{cells}")
}
