//! The socket: our own, or one that systemd holds, so that nobody is turned away while the registry restarts.

use std::net::SocketAddr;
use std::net::TcpListener as BlockingListener;

use anyhow::Context as _;
use rustix::process::{Pid, PidfdFlags, PidfdGetfdFlags, getpid, pidfd_getfd, pidfd_open};
use tokio::net::TcpListener;

use crate::environment::Environment;

/// The first socket that systemd hands over (`sd_listen_fds(3)`).
const FIRST_HANDED_OVER: i32 = 3;

/// The socket that systemd holds for this process, or a new one on `address`.
pub(super) async fn listener(
    address: SocketAddr,
    environment: &Environment,
) -> anyhow::Result<TcpListener> {
    let own_id = Pid::as_raw(Some(getpid())).unsigned_abs();
    if environment.listen_pid == Some(own_id) && environment.listen_fds.is_some_and(|fds| fds > 0) {
        return handed_over().context("the socket that systemd holds cannot be used");
    }
    bind(address, "--listen").await
}

/// A new socket on `address`, which `place` names.
pub(super) async fn bind(address: SocketAddr, place: &str) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| {
        format!(
            "cannot serve on {address}; if something else does, stop it or choose another address with {place}"
        )
    })
}

/// Taken by its number without `unsafe`: the kernel gives this process a second descriptor of what it already has.
fn handed_over() -> anyhow::Result<TcpListener> {
    let myself = pidfd_open(getpid(), PidfdFlags::empty())?;
    let socket = pidfd_getfd(myself, FIRST_HANDED_OVER, PidfdGetfdFlags::empty())?;
    let listener = BlockingListener::from(socket);
    listener.set_nonblocking(true)?;
    Ok(TcpListener::from_std(listener)?)
}
