//! Where the list of resolvers stands, and whether it is fit to be edited: root's, small, and at a known place.

use std::{
    fs::{self, File, Metadata},
    io::{self, Read},
    os::unix::fs::{MetadataExt, OpenOptionsExt},
    path::{Component, Path, PathBuf},
};

use nix::libc::O_NOFOLLOW;

pub const RESOLV_CONF: &str = "/etc/resolv.conf";
/// A list is a few lines; the C library reads no more of it.
const TEXT_LEN_MAX: u64 = 4096;
const WRITABLE_BY_OTHERS: u32 = 0o022;
/// A chain of links that is longer leads nowhere; the kernel itself follows 40.
const LINKS_MAX: usize = 8;
/// Where programs that keep the list have it; others are linked to by somebody who had a reason.
const EDITABLE: [&str; 5] = [
    RESOLV_CONF,
    "/run/resolvconf/resolv.conf",
    "/run/NetworkManager/resolv.conf",
    "/run/connman/resolv.conf",
    "/run/netconfig/resolv.conf",
];

/// The path of the file, with every link followed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub path: PathBuf,
    pub is_linked: bool,
}

/// The file as it was read.
#[derive(Debug)]
pub struct Listed {
    pub text: Vec<u8>,
    pub metadata: Metadata,
}

/// Why a file is not to be edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unfit {
    Elsewhere { path: PathBuf },
    NotAFile,
    NotRoots { uid: u32 },
    Writable { mode: u32 },
    TooLong,
}

impl Place {
    /// Finds the file.
    pub fn find() -> Self {
        let mut path = PathBuf::from(RESOLV_CONF);
        let mut is_linked = false;
        for _ in 0..LINKS_MAX {
            let Ok(target) = fs::read_link(&path) else { break };
            is_linked = true;
            path = normal(&path.parent().unwrap_or(Path::new("/")).join(target));
        }
        Self { path, is_linked }
    }

    pub fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// Reads the file, whosever it is; `None` where there is none. At most one byte more than one that may be edited.
    pub fn read(&self) -> io::Result<Option<Listed>> {
        // Non-blocking: a pipe in its place must not hold anybody up.
        let flags = O_NOFOLLOW | nix::libc::O_NONBLOCK;
        let file = match File::options().read(true).custom_flags(flags).open(&self.path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            other => other?,
        };
        let metadata = file.metadata()?;
        let mut text = Vec::new();
        if metadata.is_file() {
            file.take(TEXT_LEN_MAX.saturating_add(1)).read_to_end(&mut text)?;
        }
        Ok(Some(Listed { text, metadata }))
    }

    /// Whether the file, as it was read, may be edited. Only root may have written it or be able to.
    pub fn check(&self, listed: Option<&Listed>) -> Result<(), Unfit> {
        if !EDITABLE.iter().any(|known| self.path == Path::new(known)) {
            return Err(Unfit::Elsewhere { path: self.path.clone() });
        }
        // What another than root can put there, another than root can have edited for him.
        if let Ok(directory) = fs::symlink_metadata(self.directory()) {
            check_owner(&directory)?;
        }
        let Some(listed) = listed else { return Ok(()) };
        if !listed.metadata.is_file() {
            return Err(Unfit::NotAFile);
        }
        check_owner(&listed.metadata)?;
        if listed.text.len() as u64 > TEXT_LEN_MAX { Err(Unfit::TooLong) } else { Ok(()) }
    }
}

impl Unfit {
    /// What is wrong with the file at `path`, and what would help.
    pub fn explain(&self, path: &Path) -> (String, String) {
        let path = path.display();
        match self {
            Self::Elsewhere { path } => (
                format!("{RESOLV_CONF} leads to {}, which no known program keeps", path.display()),
                format!("make {RESOLV_CONF} a file again, or say `backend = \"off\"` in names.toml"),
            ),
            Self::NotAFile => (format!("{path} is no regular file"), format!("look what {path} is, and remove it")),
            Self::NotRoots { uid } => (
                format!("{path} or its directory belongs to uid {uid}, not to root"),
                format!("have {RESOLV_CONF} kept by root, or start the service that keeps {path}"),
            ),
            Self::Writable { mode } => (
                format!("the mode {mode:04o} of {path} or its directory lets others than root write"),
                format!("look who changed it, then run: chmod go-w {path}"),
            ),
            Self::TooLong => (
                format!("{path} is longer than {TEXT_LEN_MAX} bytes"),
                format!("shorten {path}: the C library reads a few lines of it"),
            ),
        }
    }
}

fn check_owner(metadata: &Metadata) -> Result<(), Unfit> {
    if metadata.uid() != 0 {
        return Err(Unfit::NotRoots { uid: metadata.uid() });
    }
    let mode = metadata.mode() & 0o7777;
    if mode & WRITABLE_BY_OTHERS != 0 { Err(Unfit::Writable { mode }) } else { Ok(()) }
}

/// The path without detours. `/var/run` is another name of `/run`.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            Component::Prefix(_) | Component::RootDir | Component::Normal(_) => normal.push(component),
        }
    }
    match normal.strip_prefix("/var/run") {
        Ok(rest) => Path::new("/run").join(rest),
        Err(_) => normal,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_detours_by_name() {
        for (path, expected) in [
            ("/etc/../run/systemd/resolve/stub-resolv.conf", "/run/systemd/resolve/stub-resolv.conf"),
            ("/etc/../var/run/NetworkManager/resolv.conf", "/run/NetworkManager/resolv.conf"),
            ("/../..//etc/./resolv.conf", "/etc/resolv.conf"),
            ("/var/running/x", "/var/running/x"),
        ] {
            assert_eq!(normal(Path::new(path)), Path::new(expected), "{path}");
        }
    }

    #[test]
    fn refuses_a_file_at_a_place_that_no_known_program_keeps() {
        for path in ["/home/alice/resolv.conf", "/etc/passwd", "/run/systemd/resolve/stub-resolv.conf"] {
            let place = Place { path: path.into(), is_linked: true };
            assert_eq!(place.check(None), Err(Unfit::Elsewhere { path: path.into() }));
        }
    }
}
