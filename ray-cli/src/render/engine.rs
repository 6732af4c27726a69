//! Who the engine is.

use ray_ipc::control::EngineInfo;

use crate::{client::RELEASE, escape::escape};

pub(crate) fn version(engine: &EngineInfo) -> String {
    format!("ray     {RELEASE}\nengine  {}\n", one_line(engine))
}

/// The engine as a process; its endpoint id has a line of its own in width alone.
pub(super) fn one_line(engine: &EngineInfo) -> String {
    format!(
        "{} · pid {} · uid {}\nid      {}",
        escape(&engine.release),
        engine.pid,
        engine.uid,
        escape(&engine.endpoint_id)
    )
}
