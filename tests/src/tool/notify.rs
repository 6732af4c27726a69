//! The service manager's end of `sd_notify`, for a host that has no service manager.

use std::{
    fs,
    os::unix::{fs::PermissionsExt, net::UnixDatagram},
    path::Path,
};

use super::{ToolError, failed};

/// Hears what services say at `path`, for ever.
pub fn listen(path: &Path, listening: impl FnOnce(), mut told: impl FnMut(&str)) -> Result<(), ToolError> {
    let socket = UnixDatagram::bind(path).map_err(failed(format!("binding {}", path.display())))?;
    fs::set_permissions(path, fs::Permissions::from_mode(0o666)).map_err(failed("opening the socket to all"))?;
    listening();
    let mut message = vec![0; 4096];
    loop {
        let len = socket.recv(&mut message).map_err(failed("hearing a service"))?;
        for line in String::from_utf8_lossy(message.get(..len).unwrap_or_default()).lines() {
            told(line);
        }
    }
}
