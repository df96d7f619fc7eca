//! Descriptors that programs must not inherit.

use std::io;

/// Descriptors below this are looked at one by one where the kernel cannot do them all at once.
const OLD_KERNEL_LIMIT: i32 = 4096;

/// Sees to it that no program which this process becomes or starts inherits any descriptor but the standard streams. Those of our own
/// are made so; whoever started us may have left others open, and one that leads to a folder leads out of a container.
pub(crate) fn keep_descriptors() -> io::Result<()> {
    // SAFETY: flags of descriptors are changed, and none is closed.
    let result = unsafe { libc::close_range(3, u32::MAX, libc::CLOSE_RANGE_CLOEXEC.cast_signed()) };
    if result == 0 {
        return Ok(());
    }
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        // Linux 5.11 knows the call and the flag.
        Some(libc::ENOSYS | libc::EINVAL) => keep_one_by_one(),
        _ => Err(error),
    }
}

fn keep_one_by_one() -> io::Result<()> {
    for descriptor in 3..OLD_KERNEL_LIMIT {
        // SAFETY: as above; most of the numbers are no descriptors.
        let result = unsafe { libc::fcntl(descriptor, libc::F_SETFD, libc::FD_CLOEXEC) };
        let error = io::Error::last_os_error();
        if result != 0 && error.raw_os_error() != Some(libc::EBADF) {
            return Err(error);
        }
    }
    Ok(())
}

/// Leaves the keys of whoever started this process: it and what it starts get a ring for keys of their own (keyrings(7)).
pub(crate) fn leave_session_keyring() -> io::Result<()> {
    const JOIN_SESSION_KEYRING: libc::c_long = 1;
    // SAFETY: without a name nothing is read from memory.
    let result = unsafe {
        libc::syscall(
            libc::SYS_keyctl,
            JOIN_SESSION_KEYRING,
            std::ptr::null::<libc::c_char>(),
        )
    };
    let error = io::Error::last_os_error();
    match error.raw_os_error() {
        _ if result >= 0 => Ok(()),
        // A kernel without keys.
        Some(libc::ENOSYS) => Ok(()),
        _ => Err(error),
    }
}
