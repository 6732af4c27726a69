//! What the caller may do.

use ray_ipc::control::{Level, WhoamiReply};
use serde_json::{Value, json};

pub(crate) fn whoami(who: &WhoamiReply) -> Value {
    let groups = who.groups.iter().map(|group| json!({"gid": group.gid, "name": group.name}));
    let granted = who.granted.as_ref().map(|granted| json!({"key": granted.key, "entry": granted.entry}));
    let levels =
        Level::ALL.map(|level| json!({"name": level.name(), "adds": level.adds(), "yours": level <= who.level}));
    json!({
        "schema": "ray.whoami/1", "ok": true, "uid": who.uid, "user": who.user, "foreign": who.foreign,
        "groups": groups.collect::<Vec<_>>(), "level": who.level.name(), "granted": granted, "settings": who.settings,
        "levels": levels,
    })
}
