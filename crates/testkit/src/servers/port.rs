//! A port of loopback for a server that is told its port, and that comes back on the same one.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::os::fd::OwnedFd;

use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// A port that is taken and free at once: a socket holds it without listening, so that the kernel gives it to nobody who
/// asks for any port, while a server that sets `SO_REUSEADDR` may have it, again and again.
#[derive(Debug)]
pub(crate) struct ReservedPort {
    number: u16,
    _holder: OwnedFd,
}

impl ReservedPort {
    /// Takes a free port of 127.0.0.1.
    pub(crate) fn take() -> Self {
        let (number, holder) = hold().expect("a free port");
        Self {
            number,
            _holder: holder,
        }
    }

    /// Its number.
    pub(crate) fn number(&self) -> u16 {
        self.number
    }
}

fn hold() -> io::Result<(u16, OwnedFd)> {
    let holder = rustix::net::socket_with(
        AddressFamily::INET,
        SocketType::STREAM,
        SocketFlags::CLOEXEC,
        None,
    )?;
    rustix::net::sockopt::set_socket_reuseaddr(&holder, true)?;
    rustix::net::bind(&holder, &SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0))?;
    let address = SocketAddr::try_from(rustix::net::getsockname(&holder)?)?;
    Ok((address.port(), holder))
}
