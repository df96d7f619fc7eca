//! Changing what may be done on a mount, with everything mounted below it: `mount_setattr(2)`, Linux 5.12.

use std::io;
use std::os::fd::{AsFd, AsRawFd as _};

/// What changes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MountChange {
    set: u64,
    propagation: u64,
}

impl MountChange {
    pub(crate) fn read_only(self) -> Self {
        self.and(0x1)
    }

    pub(crate) fn without_set_uid(self) -> Self {
        self.and(0x2)
    }

    pub(crate) fn without_devices(self) -> Self {
        self.and(0x4)
    }

    pub(crate) fn without_execution(self) -> Self {
        self.and(0x8)
    }

    /// One of `MS_PRIVATE`, `MS_SLAVE` and `MS_SHARED` of mount(2).
    pub(crate) fn propagation(self, flag: u64) -> Self {
        Self {
            propagation: flag,
            ..self
        }
    }

    fn and(self, bit: u64) -> Self {
        Self {
            set: self.set | bit,
            ..self
        }
    }
}

/// Changes the mount that `mount` is the root of; with `recursive` all below it too.
pub(crate) fn change_mount(
    mount: impl AsFd,
    change: MountChange,
    recursive: bool,
) -> io::Result<()> {
    let attributes = libc::mount_attr {
        attr_set: change.set,
        attr_clr: 0,
        propagation: change.propagation,
        userns_fd: 0,
    };
    let flags = libc::AT_EMPTY_PATH | if recursive { libc::AT_RECURSIVE } else { 0 };
    // SAFETY: the descriptor is open, the path is a string that ends with a zero, and the kernel only reads `attributes`, which
    // lives, with its true size.
    let result = unsafe {
        libc::syscall(
            libc::SYS_mount_setattr,
            mount.as_fd().as_raw_fd(),
            c"".as_ptr(),
            flags,
            &raw const attributes,
            size_of::<libc::mount_attr>(),
        )
    };
    if result == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
