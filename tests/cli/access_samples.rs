//! Answers about what a caller may do.

use ray_ipc::control::{CallerGroup, Granted, Level, Reply, WhoamiReply};

/// A user whom a group makes an admin.
pub(crate) fn by_group() -> Reply {
    Reply::Whoami(Box::new(alice()))
}

/// One caller of each kind, with a name for it.
pub(crate) fn all() -> Vec<(&'static str, Reply)> {
    let granted = |key: &str, entry: &str| Some(Granted { key: key.into(), entry: entry.into() });
    let root = WhoamiReply {
        uid: 0,
        user: Some("root".into()),
        groups: vec![CallerGroup { gid: 0, name: Some("root".into()) }],
        granted: None,
        ..alice()
    };
    let user = WhoamiReply { level: Level::Use, granted: granted("users", "1000"), ..alice() };
    let reader = WhoamiReply { uid: 1001, user: None, level: Level::Read, granted: granted("readers", "*"), ..alice() };
    let stranger = WhoamiReply { level: Level::None, granted: None, ..alice() };
    let foreign = WhoamiReply {
        uid: 65534,
        user: Some("nobody".into()),
        groups: vec![],
        level: Level::None,
        granted: None,
        foreign: true,
        ..alice()
    };
    let kinds = [("root", root), ("user", user), ("reader", reader), ("stranger", stranger), ("foreign", foreign)];
    kinds.map(|(name, who)| (name, Reply::Whoami(Box::new(who)))).to_vec()
}

fn alice() -> WhoamiReply {
    WhoamiReply {
        uid: 1000,
        user: Some("alice".into()),
        groups: vec![CallerGroup { gid: 1000, name: Some("alice".into()) }, CallerGroup { gid: 27, name: None }],
        level: Level::Admin,
        granted: Some(Granted { key: "admins".into(), entry: "@27".into() }),
        foreign: false,
        settings: "/etc/rayfish/engine.toml".into(),
    }
}
