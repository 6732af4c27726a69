//! What a predecessor left, and how it is removed: at each start, and by `--undo` after an end that could not undo.

use ray_helper::log;
use ray_ipc::names::Backend;

use crate::{
    backend::{self, Failure, file},
    config::{Config, Wish},
    crash::crash_point,
    resolv_conf::Place,
};

/// Removes what a predecessor set, whatever its backend was. Where root wants nothing touched, nothing is, and it is said.
pub fn sweep(config: &Config) -> Result<(), Failure> {
    crash_point("start-before-sweep");
    let place = Place::find();
    if config.backend == Wish::Fixed(Backend::Off) {
        if file::is_set(&place) {
            log::line(format_args!(
                "{} has lines of an earlier run, and names.toml says `off`: run `ray-names --undo`",
                place.path.display()
            ));
        }
        return Ok(());
    }
    undo(config)
}

/// The same, whatever root wants.
pub fn undo(config: &Config) -> Result<(), Failure> {
    let mut outcome = file::unset(&Place::find());
    // Over the bus only where it may be spoken to.
    for other in [Backend::Resolved, Backend::NetworkManager] {
        let may = match config.backend {
            Wish::Auto => true,
            Wish::Fixed(fixed) => fixed == other,
        };
        if may {
            outcome = outcome.and(backend::make(other, config).unset());
        }
    }
    crash_point("start-after-sweep");
    outcome
}
