//! Whose a file is and who may write it.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

/// Kind, owner and mode of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::cmd::doctor) struct File {
    pub(in crate::cmd::doctor) path: PathBuf,
    pub(in crate::cmd::doctor) kind: Kind,
    pub(in crate::cmd::doctor) uid: u32,
    pub(in crate::cmd::doctor) gid: u32,
    /// Permission bits.
    pub(in crate::cmd::doctor) mode: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cmd::doctor) enum Kind {
    Regular,
    Directory,
    Socket,
    CharacterDevice { number: u64 },
    Other,
}

/// The flags of a socket that accepts connections.
const LISTENS: &str = "00010000";
/// The group as well as everybody.
const OTHERS_WRITE: u32 = 0o022;

impl File {
    /// `None` where there is nothing.
    pub(in crate::cmd::doctor) fn at(path: &Path) -> io::Result<Option<Self>> {
        let metadata = match fs::metadata(path) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let kind = match metadata.file_type() {
            kind if kind.is_file() => Kind::Regular,
            kind if kind.is_dir() => Kind::Directory,
            kind if kind.is_socket() => Kind::Socket,
            kind if kind.is_char_device() => Kind::CharacterDevice { number: metadata.rdev() },
            _ => Kind::Other,
        };
        let mode = metadata.mode() & 0o7777;
        Ok(Some(Self { path: path.to_owned(), kind, uid: metadata.uid(), gid: metadata.gid(), mode }))
    }

    /// Whether nobody but its owner may change it.
    pub(in crate::cmd::doctor) fn is_kept(&self) -> bool {
        self.mode & OTHERS_WRITE == 0
    }
}

/// Whether a process of this network namespace listens at a path.
pub(in crate::cmd::doctor) fn is_listened_at(path: &Path) -> io::Result<bool> {
    let table = fs::read_to_string("/proc/net/unix")?;
    // `address: count protocol flags type state inode path`
    let is_it = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        fields.get(3) == Some(&LISTENS) && fields.get(7).is_some_and(|bound| Path::new(bound) == path)
    };
    Ok(table.lines().any(is_it))
}

/// The files of a list that are there.
pub(in crate::cmd::doctor) fn existing(paths: &[&Path]) -> io::Result<Vec<File>> {
    let found: io::Result<Vec<Option<File>>> = paths.iter().map(|path| File::at(path)).collect();
    Ok(found?.into_iter().flatten().collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn sees_who_listens() {
        let path = std::env::temp_dir().join(format!("ray-doctor-{}.sock", std::process::id()));
        let listener = UnixListener::bind(&path).unwrap();
        assert!(is_listened_at(&path).unwrap());
        drop(listener);
        assert!(!is_listened_at(&path).unwrap());
        fs::remove_file(&path).unwrap();
    }
}
