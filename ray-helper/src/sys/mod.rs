//! The kernel, one call at a time. The only unsafe code of the helper is in [`tun`], [`namespace`] and [`process`].

#[allow(unsafe_code)]
pub mod namespace;
pub mod netlink;
#[allow(unsafe_code)]
pub mod process;
#[allow(unsafe_code)]
pub mod tun;
