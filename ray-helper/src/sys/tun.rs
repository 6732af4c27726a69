//! The TUN driver's ioctls.

use std::{
    fs::OpenOptions,
    mem,
    os::{
        fd::{AsRawFd, BorrowedFd, OwnedFd},
        unix::fs::OpenOptionsExt,
    },
};

use nix::{
    errno::Errno,
    libc::{self, IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TUN, IFF_TUN_EXCL, IFF_VNET_HDR, IFNAMSIZ, c_int, c_short},
};

const DEVICE_PATH: &str = "/dev/net/tun";
/// Its device number, major and minor, on every host.
const DRIVER: (u32, u32) = (10, 200);
/// What each of our queues is.
const FLAGS: c_int = IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE;
/// `struct virtio_net_hdr` without `num_buffers`, which belongs to each packet that crosses a queue.
const VNET_HDR_LEN: c_int = 10;

/// `struct ifreq` as TUNSETIFF reads and writes it: the name, then the flags.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; IFNAMSIZ],
    flags: c_short,
    rest: [u8; size_of::<libc::ifreq>() - IFNAMSIZ - size_of::<c_short>()],
}

const _: () = assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());

mod raw {
    use nix::libc::{TUNGETIFF, TUNSETIFF, TUNSETOWNER, TUNSETPERSIST, TUNSETVNETHDRSZ, c_int};

    nix::ioctl_read_bad!(get_interface, TUNGETIFF, super::InterfaceRequest);
    nix::ioctl_write_ptr_bad!(set_interface, TUNSETIFF, super::InterfaceRequest);
    nix::ioctl_write_ptr_bad!(set_header_len, TUNSETVNETHDRSZ, c_int);
    // These two read their argument by value, not through a pointer.
    nix::ioctl_write_int_bad!(set_owner, TUNSETOWNER);
    nix::ioctl_write_int_bad!(set_persistence, TUNSETPERSIST);
}

/// Creates the multi-queue device `name` and returns its first queue; fails with `EBUSY` where any interface has that
/// name, whoever made it and of whatever kind.
pub fn create(name: &str) -> Result<OwnedFd, Errno> {
    open_queue(name, IFF_TUN_EXCL)
}

/// Opens one more queue of the device `name`.
pub fn add_queue(name: &str) -> Result<OwnedFd, Errno> {
    open_queue(name, 0)
}

/// Makes root the owner: without one, any local user may attach a queue of their own and read the traffic.
pub fn set_owner_root(queue: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: the descriptor is open for the length of the call, and the kernel takes the number as it is.
    unsafe { raw::set_owner(queue.as_raw_fd(), 0) }.map(drop)
}

/// Makes the device vanish with its last queue, whatever a holder of a queue has asked for meanwhile.
pub fn clear_persistence(queue: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: as above.
    unsafe { raw::set_persistence(queue.as_raw_fd(), 0) }.map(drop)
}

/// Sets the length of the header before each packet.
pub fn set_header_len(queue: BorrowedFd<'_>) -> Result<(), Errno> {
    // SAFETY: the descriptor is open and the pointer valid for the length of the call; the kernel reads one int.
    unsafe { raw::set_header_len(queue.as_raw_fd(), &VNET_HDR_LEN) }.map(drop)
}

/// Whether `fd` is the TUN driver's, so that asking it something or closing it waits for nobody.
///
/// The file system is not asked either: a FUSE daemon answers when it likes. What the kernel remembers will do, because
/// an inode keeps its type and its device number for life, and the file of a device is the driver's, wherever it lies.
pub fn is_of_driver(fd: BorrowedFd<'_>) -> bool {
    // SAFETY: all-zero is a valid `statx`: plain numbers.
    let mut stat: libc::statx = unsafe { mem::zeroed() };
    let flags = libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC;
    // SAFETY: the descriptor is open and both pointers are valid for the length of the call; the kernel writes one
    // `statx`.
    let result = unsafe { libc::statx(fd.as_raw_fd(), c"".as_ptr(), flags, libc::STATX_TYPE, &raw mut stat) };
    result == 0
        && u32::from(stat.stx_mode) & libc::S_IFMT == libc::S_IFCHR
        && (stat.stx_rdev_major, stat.stx_rdev_minor) == DRIVER
}

/// Whether `fd` is an attached queue of the kind that [`create`] and [`add_queue`] open, of a device called `name`.
pub fn is_queue_of(fd: BorrowedFd<'_>, name: &str) -> Result<bool, Errno> {
    // Before anything is asked of it: another driver may know the number of the call below as something else.
    if !is_of_driver(fd) {
        return Ok(false);
    }
    let mut request = InterfaceRequest { name: [0; IFNAMSIZ], flags: 0, rest: [0; _] };
    // SAFETY: the descriptor is open and the pointer valid for the length of the call; the kernel writes one `ifreq`.
    match unsafe { raw::get_interface(fd.as_raw_fd(), &mut request) } {
        Ok(_) => {}
        // A queue whose device is gone.
        Err(Errno::EBADFD) => return Ok(false),
        Err(errno) => return Err(errno),
    }
    let end = request.name.iter().position(|byte| *byte == 0).unwrap_or(IFNAMSIZ);
    // A queue that was detached bears a flag more, like one of a device that was made in another way.
    Ok(request.name.get(..end) == Some(name.as_bytes()) && request.flags == flags_of(FLAGS)?)
}

fn open_queue(name: &str, exclusive: c_int) -> Result<OwnedFd, Errno> {
    let mut request = InterfaceRequest { name: [0; IFNAMSIZ], flags: flags_of(FLAGS | exclusive)?, rest: [0; _] };
    // The last byte stays zero: the kernel wants a terminated name.
    let room = request.name.split_last_mut().and_then(|(_, room)| room.get_mut(..name.len()));
    room.ok_or(Errno::ENAMETOOLONG)?.copy_from_slice(name.as_bytes());

    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_NONBLOCK)
        .open(DEVICE_PATH)
        .map_err(|error| Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO)))?;
    // SAFETY: the descriptor is open and the pointer valid for the length of the call; `InterfaceRequest` has the
    // layout and the size of `struct ifreq`, which is all that the kernel copies.
    unsafe { raw::set_interface(file.as_raw_fd(), &request) }?;
    Ok(file.into())
}

/// The flags fill all 16 bits, so the highest becomes a sign.
fn flags_of(flags: c_int) -> Result<c_short, Errno> {
    u16::try_from(flags).map(u16::cast_signed).map_err(|_| Errno::EINVAL)
}
