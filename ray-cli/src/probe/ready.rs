//! What the child has open before it confines itself.

use std::{
    fs::OpenOptions,
    os::{fd::AsRawFd, unix::fs::OpenOptionsExt},
};

use nix::{
    libc::{self, IFF_MULTI_QUEUE, IFF_NO_PI, IFF_TUN, IFF_VNET_HDR, IFNAMSIZ},
    sched::{CloneFlags, unshare},
};

use super::{
    act::{Act, Arg, Ready},
    call::call,
};

/// Name of the throw-away device.
pub(super) const DEVICE: &str = "raytest0";
const TUN: &str = "/dev/net/tun";
const PAGE: i64 = 4096;
const NO_FD: i64 = -1;

/// Why something is not ready, in words for the report.
pub(super) type Missing = String;

/// Descriptors and addresses by what they are for; each stays open until the process ends.
#[derive(Debug, Default)]
pub(super) struct Prepared(Vec<(Ready, i64)>);

impl Prepared {
    /// What only root of this host can make; before the identity is given up.
    pub(super) fn devices(&mut self, act: &Act) -> Result<(), Missing> {
        let (queue, fresh) = (act.uses(Ready::Queue), act.uses(Ready::FreshQueue));
        if queue || fresh {
            unshare(CloneFlags::CLONE_NEWNET).map_err(|errno| format!("no network namespace to try it in: {errno}"))?;
            self.0.push((Ready::Queue, device()?));
        }
        if fresh {
            self.0.push((Ready::FreshQueue, open_tun()?));
        }
        Ok(())
    }

    /// What the process itself could have made.
    pub(super) fn own(&mut self, act: &Act) -> Result<(), Missing> {
        let stream = i64::from(libc::SOCK_STREAM | libc::SOCK_CLOEXEC);
        for ready in [Ready::UnixSocket, Ready::TcpSocket, Ready::File, Ready::Page] {
            let wanted = act.uses(ready) || (ready == Ready::File && act.uses(Ready::FilePath));
            if !wanted {
                continue;
            }
            let made = match ready {
                Ready::UnixSocket => call(libc::SYS_socket, [libc::AF_UNIX.into(), stream, 0, 0, 0, 0]),
                Ready::TcpSocket => call(libc::SYS_socket, [libc::AF_INET6.into(), stream, 0, 0, 0, 0]),
                Ready::File => call(libc::SYS_memfd_create, [NAME.as_ptr() as i64, 0, 0, 0, 0, 0]),
                Ready::Page => {
                    let (protection, flags) =
                        (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_PRIVATE | libc::MAP_ANONYMOUS);
                    call(libc::SYS_mmap, [0, PAGE, protection.into(), flags.into(), NO_FD, 0])
                }
                Ready::Queue | Ready::FreshQueue | Ready::FilePath => continue,
            };
            self.0.push((ready, made.map_err(|errno| format!("nothing to try it on: {errno}"))?));
        }
        Ok(())
    }

    pub(super) fn file_path(&self) -> String {
        format!("/proc/self/fd/{}", self.get(Ready::File))
    }

    /// Without a device the number of one that is not open: a filter that judges the request alone refuses it as well.
    pub(super) fn get(&self, ready: Ready) -> i64 {
        self.0.iter().find_map(|(found, value)| (*found == ready).then_some(*value)).unwrap_or(NO_FD)
    }
}

const NAME: &std::ffi::CStr = c"ray-sandbox";

impl Act {
    fn uses(&self, ready: Ready) -> bool {
        self.arguments.contains(&Arg::Ready(ready))
    }
}

/// A multi-queue device of root's.
fn device() -> Result<i64, Missing> {
    let queue = open_tun()?;
    let mut request = vec![0u8; size_of::<libc::ifreq>()];
    request[..DEVICE.len()].copy_from_slice(DEVICE.as_bytes());
    let flags = u16::try_from(IFF_TUN | IFF_NO_PI | IFF_VNET_HDR | IFF_MULTI_QUEUE).unwrap_or_default();
    request[IFNAMSIZ..IFNAMSIZ + 2].copy_from_slice(&flags.to_ne_bytes());
    let ioctl = |request: u64, argument| call(libc::SYS_ioctl, [queue, request.cast_signed(), argument, 0, 0, 0]);
    ioctl(libc::TUNSETIFF, request.as_ptr() as i64)
        .and_then(|_| ioctl(libc::TUNSETOWNER, 0))
        .map_err(|errno| format!("no device to try it on: {errno}"))?;
    Ok(queue)
}

fn open_tun() -> Result<i64, Missing> {
    let file = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NONBLOCK).open(TUN);
    let file = file.map_err(|error| format!("no device to try it on: {TUN}: {error}"))?;
    let number = file.as_raw_fd().into();
    // It ends with the process.
    std::mem::forget(file);
    Ok(number)
}
