//! What a holder of a TUN queue, or somebody who wants to be one, can try.

use std::{
    fs::File,
    os::fd::{AsRawFd, BorrowedFd, OwnedFd},
};

use nix::{errno::Errno, libc};

/// The name, then the flags, as long as `struct ifreq`.
#[repr(C)]
struct InterfaceRequest {
    name: [u8; libc::IFNAMSIZ],
    flags: u16,
    rest: [u8; 22],
}

const _: () = assert!(size_of::<InterfaceRequest>() == size_of::<libc::ifreq>());

/// Opens the driver with root's rights, for a thread that drops them before it goes on.
pub fn open_driver() -> File {
    File::options().read(true).write(true).open("/dev/net/tun").expect("opening /dev/net/tun")
}

/// Creates the multi-queue device `name`, or attaches a queue to it, in the calling thread's namespace at its opening.
pub fn attach_queue(driver: File, name: &str) -> Result<OwnedFd, Errno> {
    attach(driver, name, libc::IFF_TUN)
}

/// The same for a device that carries Ethernet frames.
pub fn attach_tap(driver: File, name: &str) -> Result<OwnedFd, Errno> {
    attach(driver, name, libc::IFF_TAP)
}

/// Has the queue leave its device, which remembers it.
pub fn detach_queue(queue: BorrowedFd<'_>) {
    let flags = u16::try_from(libc::IFF_DETACH_QUEUE).expect("16 bits of flags");
    let request = InterfaceRequest { name: [0; libc::IFNAMSIZ], flags, rest: [0; 22] };
    // SAFETY: the descriptor is open and the pointer valid for the call, which reads one `struct ifreq`.
    Errno::result(unsafe { libc::ioctl(queue.as_raw_fd(), libc::TUNSETQUEUE, &request) }).expect("detaching a queue");
}

fn attach(driver: File, name: &str, kind: libc::c_int) -> Result<OwnedFd, Errno> {
    let flags = kind | libc::IFF_NO_PI | libc::IFF_VNET_HDR | libc::IFF_MULTI_QUEUE;
    let flags = u16::try_from(flags).expect("16 bits of flags");
    let mut request = InterfaceRequest { name: [0; libc::IFNAMSIZ], flags, rest: [0; 22] };
    request.name[..name.len()].copy_from_slice(name.as_bytes());
    // SAFETY: the descriptor is open and the pointer valid for the call, which copies one `struct ifreq`.
    Errno::result(unsafe { libc::ioctl(driver.as_raw_fd(), libc::TUNSETIFF, &request) })?;
    Ok(driver.into())
}

/// Whether the queue still belongs to a device.
pub fn is_attached(queue: BorrowedFd<'_>) -> bool {
    let mut request = InterfaceRequest { name: [0; libc::IFNAMSIZ], flags: 0, rest: [0; 22] };
    // SAFETY: the descriptor is open and the pointer valid for the call, which writes one `struct ifreq`.
    unsafe { libc::ioctl(queue.as_raw_fd(), libc::TUNGETIFF, &mut request) == 0 }
}

/// Asks that the device outlives its queues.
pub fn make_persistent(queue: BorrowedFd<'_>) {
    // SAFETY: the descriptor is open, and the kernel takes the number as it is.
    Errno::result(unsafe { libc::ioctl(queue.as_raw_fd(), libc::TUNSETPERSIST, 1) }).expect("setting persistence");
}

/// Makes `uid` the device's owner.
pub fn give_away(queue: BorrowedFd<'_>, uid: u32) {
    // SAFETY: as above.
    Errno::result(unsafe { libc::ioctl(queue.as_raw_fd(), libc::TUNSETOWNER, uid) }).expect("setting the owner");
}
