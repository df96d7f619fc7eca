//! Switching the loopback device on: netdevice(7).

use std::io;
use std::os::fd::AsRawFd as _;

use rustix::net::{AddressFamily, SocketType};

/// `IFF_UP | IFF_RUNNING`, as the structure holds them.
const IFF_UP_AND_RUNNING: i16 = 0x41;

/// Brings `lo` up in the network namespace of this thread.
pub(crate) fn loopback_up() -> io::Result<()> {
    let socket = rustix::net::socket(AddressFamily::INET, SocketType::DGRAM, None)?;
    // SAFETY: all zeros are a valid `ifreq`, which is a C structure of numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(b"lo") {
        *to = from.cast_signed();
    }
    request.ifr_ifru.ifru_flags = IFF_UP_AND_RUNNING;
    // SAFETY: the descriptor is open, and the kernel reads `request`, which lives and is the structure that this request takes.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS, &raw mut request) };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
