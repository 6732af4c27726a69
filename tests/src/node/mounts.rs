//! What a lab's processes see of the host's files: all of it, but with their own `/run`, `/etc` and `/var/lib`.
//!
//! No mountpoint is ever created on the host: each mount covers a directory that is there already, and what must
//! stay visible of a covered directory is bound into the new one through a descriptor that was opened before.

use std::{
    fmt, fs, io,
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::fs::{DirBuilderExt, PermissionsExt, symlink},
    },
    path::Path,
};

use nix::{
    fcntl::{OFlag, open},
    mount::{MsFlags, mount},
    sys::stat::Mode,
};

/// Parts of `/run` that programs of some distributions live in (links into a store, no sockets of the host).
pub const RUN_KEPT: [&str; 4] = ["current-system", "booted-system", "wrappers", "opengl-driver"];
/// Bound of one private tmpfs: logs and state of a lab are far smaller, a runaway log must not eat the host.
pub(super) const TMPFS_OPTIONS: &str = "mode=0755,size=512m";

/// A mount or a file of a private tree that could not be made.
#[derive(Debug)]
pub struct MountError {
    what: String,
    cause: io::Error,
}

impl fmt::Display for MountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.what)
    }
}

impl std::error::Error for MountError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.cause)
    }
}

pub(crate) fn failed<E: Into<io::Error>>(what: impl Into<String>) -> impl FnOnce(E) -> MountError {
    let what = what.into();
    move |cause| MountError { what, cause: cause.into() }
}

/// Stops mounts from travelling to or from other mount namespaces.
pub fn make_private() -> Result<(), MountError> {
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).map_err(failed("making the mounts private"))
}

/// A `/proc` of the caller's PID namespace.
pub fn fresh_proc() -> Result<(), MountError> {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    mount(Some("proc"), "/proc", Some("proc"), flags, None::<&str>).map_err(failed("mounting /proc"))
}

/// A `/sys` of the caller's network namespace, where the kernel allows it: only `/sys/class/net` differs.
pub fn try_fresh_sys() {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    let _ = mount(Some("sysfs"), "/sys", Some("sysfs"), flags, None::<&str>);
}

/// Opens a directory so that it can be bound elsewhere after it has been covered.
pub fn remember(directory: &Path) -> Result<OwnedFd, MountError> {
    open(directory, OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC, Mode::empty())
        .map_err(failed(format!("opening {}", directory.display())))
}

/// Binds a remembered directory to `target`, which is made.
pub fn bind(remembered: &OwnedFd, target: &str) -> Result<(), MountError> {
    fs::create_dir_all(target).map_err(failed(format!("making {target}")))?;
    bind_path(&through(remembered, ""), target)
}

/// Covers `/run` with an empty tmpfs and carries the listed parts over, where they exist.
pub fn fresh_run(kept: &[&str]) -> Result<(), MountError> {
    let old = remember(Path::new("/run"))?;
    mount(Some("tmpfs"), "/run", Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(TMPFS_OPTIONS))
        .map_err(failed("mounting a tmpfs on /run"))?;
    for part in kept {
        let source = through(&old, part);
        let target = format!("/run/{part}");
        if let Some(parent) = Path::new(&target).parent() {
            fs::create_dir_all(parent).map_err(failed(format!("making {}", parent.display())))?;
        }
        if let Ok(link) = fs::read_link(&source) {
            symlink(&link, &target).map_err(failed(format!("linking {target}")))?;
        } else if fs::metadata(&source).is_ok_and(|metadata| metadata.is_dir()) {
            fs::create_dir(&target).map_err(failed(format!("making {target}")))?;
            bind_path(&source, &target)?;
        }
    }
    Ok(())
}

/// Makes `directory` writable without touching the host's: an overlay, or a tmpfs full of links where the kernel
/// has no overlay. `scratch` is a directory of a private tmpfs and is made.
pub fn private_copy(directory: &str, scratch: &str) -> Result<(), MountError> {
    let (upper, work) = (format!("{scratch}/upper"), format!("{scratch}/work"));
    for path in [&upper, &work] {
        fs::create_dir_all(path).map_err(failed(format!("making {path}")))?;
    }
    let options = format!("lowerdir={directory},upperdir={upper},workdir={work}");
    let overlay = |options: &str| {
        mount(Some("overlay"), directory, Some("overlay"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(options))
    };
    // A user namespace may only use the second kind of attributes.
    if overlay(&options).is_ok() || overlay(&format!("{options},userxattr")).is_ok() {
        return Ok(());
    }
    link_farm(directory, &format!("{scratch}/host"))
}

/// An empty directory in a private tree, whatever the host has there.
pub fn fresh_dir(path: &str, mode: u32) -> Result<(), MountError> {
    remove(path)?;
    fs::DirBuilder::new().mode(mode).create(path).map_err(failed(format!("making {path}")))?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(failed(format!("setting the mode of {path}")))
}

/// A regular file in a private tree, whatever the host has there (often a link out of it).
pub fn fresh_file(path: &str, content: &str) -> Result<(), MountError> {
    remove(path)?;
    fs::write(path, content).map_err(failed(format!("writing {path}")))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o644)).map_err(failed(format!("setting the mode of {path}")))
}

fn link_farm(directory: &str, host: &str) -> Result<(), MountError> {
    bind(&remember(Path::new(directory))?, host)?;
    mount(Some("tmpfs"), directory, Some("tmpfs"), MsFlags::MS_NOSUID | MsFlags::MS_NODEV, Some(TMPFS_OPTIONS))
        .map_err(failed(format!("mounting a tmpfs on {directory}")))?;
    for entry in fs::read_dir(host).map_err(failed(format!("reading {directory}")))? {
        let name = entry.map_err(failed(format!("reading {directory}")))?.file_name();
        let (source, target) = (Path::new(host).join(&name), Path::new(directory).join(&name));
        // A relative link keeps its meaning only when copied.
        let source = fs::read_link(&source).unwrap_or(source);
        symlink(source, &target).map_err(failed(format!("linking {}", target.display())))?;
    }
    Ok(())
}

fn remove(path: &str) -> Result<(), MountError> {
    let result = match fs::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(_) => Ok(()),
    };
    result.map_err(failed(format!("removing the host's {path} from the private tree")))
}

pub(super) fn bind_path(source: &str, target: &str) -> Result<(), MountError> {
    mount(Some(source), target, None::<&str>, MsFlags::MS_BIND | MsFlags::MS_REC, None::<&str>)
        .map_err(failed(format!("binding {target}")))
}

fn through(remembered: &OwnedFd, part: &str) -> String {
    format!("/proc/self/fd/{}/{part}", remembered.as_raw_fd())
}
