//! Who a process in a node is: the five sets of rights that the lab hands out.

use std::{ffi::CString, fmt};

use caps::{CapSet, Capability};
use nix::{
    sys::prctl::set_no_new_privs,
    unistd::{Gid, Uid, User, initgroups, setgroups, setresgid, setresuid},
};
use serde::{Deserialize, Serialize};

use crate::lab::plan::{ENGINE_UID, ENGINE_USER};

/// What a process may do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Privileges {
    /// Everything that the lab itself may do.
    Root,
    /// root with CAP_NET_ADMIN and nothing else, now and after any exec; in the engine's group, so that it may give
    /// its socket to it.
    Helper,
    /// root without any capability, now and after any exec; in the engine's group, as the helper is.
    Names,
    /// The engine's user without any capability, now and after any exec.
    Engine,
    /// A user of the node as after a login.
    User(String),
}

/// Why a process did not become what it should.
#[derive(Debug)]
pub enum PrivilegeError {
    UnknownUser(String),
    Caps(caps::errors::CapsError),
    Ids(nix::Error),
}

impl fmt::Display for PrivilegeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownUser(name) => write!(f, "this node has no user {name}"),
            Self::Caps(_) => f.write_str("dropping capabilities"),
            Self::Ids(_) => f.write_str("changing user and groups"),
        }
    }
}

impl std::error::Error for PrivilegeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::UnknownUser(_) => None,
            Self::Caps(cause) => Some(cause),
            Self::Ids(cause) => Some(cause),
        }
    }
}

impl From<caps::errors::CapsError> for PrivilegeError {
    fn from(cause: caps::errors::CapsError) -> Self {
        Self::Caps(cause)
    }
}

impl From<nix::Error> for PrivilegeError {
    fn from(cause: nix::Error) -> Self {
        Self::Ids(cause)
    }
}

impl Privileges {
    /// Name and home of the user.
    pub(super) fn user(&self) -> (String, String) {
        match self {
            Self::Root | Self::Helper | Self::Names => ("root".to_owned(), "/root".to_owned()),
            Self::Engine => (ENGINE_USER.to_owned(), "/var/lib/rayfish".to_owned()),
            Self::User(name) => (name.clone(), "/".to_owned()),
        }
    }

    /// Turns the calling, single-threaded process into one with these rights.
    pub(super) fn assume(&self) -> Result<(), PrivilegeError> {
        match self {
            Self::Root => Ok(()),
            Self::Helper => become_bounded_root(&[Capability::CAP_NET_ADMIN]),
            Self::Names => become_bounded_root(&[]),
            Self::Engine => {
                drop_bounding(&[])?;
                setgroups(&[])?;
                become_user(ENGINE_UID, ENGINE_UID)?;
                caps::clear(None, CapSet::Inheritable)?;
                set_no_new_privs()?;
                Ok(())
            }
            Self::User(name) => {
                let user = User::from_name(name)?.ok_or_else(|| PrivilegeError::UnknownUser(name.clone()))?;
                let account = CString::new(name.as_str()).map_err(|_| PrivilegeError::UnknownUser(name.clone()))?;
                initgroups(&account, user.gid)?;
                become_user(user.uid.as_raw(), user.gid.as_raw())
            }
        }
    }
}

/// What is effective and permitted follows from the bounding set at the exec, as for any root process.
fn become_bounded_root(kept: &[Capability]) -> Result<(), PrivilegeError> {
    setgroups(&[Gid::from_raw(ENGINE_UID)])?;
    drop_bounding(kept)?;
    caps::clear(None, CapSet::Inheritable)?;
    Ok(())
}

/// Removes every capability but `kept` from what the process and its descendants can ever have.
pub(super) fn drop_bounding(kept: &[Capability]) -> Result<(), PrivilegeError> {
    for capability in caps::runtime::thread_all_supported() {
        if !kept.contains(&capability) {
            caps::drop(None, CapSet::Bounding, capability)?;
        }
    }
    Ok(())
}

fn become_user(uid: u32, gid: u32) -> Result<(), PrivilegeError> {
    let (uid, gid) = (Uid::from_raw(uid), Gid::from_raw(gid));
    setresgid(gid, gid, gid)?;
    setresuid(uid, uid, uid)?;
    Ok(())
}
