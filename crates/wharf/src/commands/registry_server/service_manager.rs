//! What systemd is told (`sd_notify(3)`): a datagram to the socket that it names.

use std::ffi::OsStr;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

/// Tells systemd `state`. Where there is none, or it does not listen, nobody misses anything.
pub(super) fn tell(socket: Option<&OsStr>, state: &str) {
    let Some(socket) = socket else {
        return;
    };
    if let Err(error) = send(socket, state) {
        tracing::warn!(%error, "systemd could not be told {state}");
    }
}

fn send(socket: &OsStr, state: &str) -> std::io::Result<()> {
    let address = match socket.as_bytes() {
        [b'@', name @ ..] => SocketAddr::from_abstract_name(name)?,
        _ => SocketAddr::from_pathname(socket)?,
    };
    UnixDatagram::unbound()?
        .send_to_addr(state.as_bytes(), &address)
        .map(drop)
}
