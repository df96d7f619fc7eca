//! bpf(2): programs that decide about devices.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::Path;

use rustix::fs::{Mode, OFlags};

/// One instruction of eBPF, laid out as the kernel's `struct bpf_insn`.
#[repr(C)]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct DeviceInstruction {
    pub(crate) code: u8,
    /// The target in the lower half, the source in the upper.
    pub(crate) registers: u8,
    pub(crate) offset: i16,
    pub(crate) constant: i32,
}

// linux/bpf.h
const PROGRAM_LOAD: libc::c_int = 5;
const PROGRAM_ATTACH: libc::c_int = 8;
const TYPE_CGROUP_DEVICE: u32 = 15;
const ATTACH_CGROUP_DEVICE: u32 = 6;
/// What groups above have attached holds as well.
const ALLOW_MULTI: u32 = 2;

/// The beginning of `union bpf_attr` for loading; what follows may be left out.
#[repr(C)]
struct Load {
    program_type: u32,
    instructions: u32,
    first: u64,
    license: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
}

/// The same for attaching.
#[repr(C)]
struct Attach {
    target: u32,
    program: u32,
    attach_type: u32,
    flags: u32,
}

/// Loads a program and lets it decide about devices for the group of version 2 at `folder`; the group keeps it.
pub(crate) fn attach_device_program(
    folder: &Path,
    program: &[DeviceInstruction],
) -> io::Result<()> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let group = rustix::fs::open(folder, flags, Mode::empty())?;
    let too_long = |_error| io::Error::from_raw_os_error(libc::E2BIG);
    let load = Load {
        program_type: TYPE_CGROUP_DEVICE,
        instructions: u32::try_from(program.len()).map_err(too_long)?,
        first: program.as_ptr() as u64,
        license: c"Apache-2.0".as_ptr() as u64,
        log_level: 0,
        log_size: 0,
        log: 0,
    };
    // SAFETY: the attributes are of the size that is given, and their pointers lead to instructions and a text that outlive the call.
    let descriptor = unsafe { bpf(PROGRAM_LOAD, &load)? };
    // SAFETY: the call before made this descriptor, and nobody else knows it.
    let loaded = unsafe { OwnedFd::from_raw_fd(descriptor) };
    let number = |descriptor: &OwnedFd| u32::try_from(descriptor.as_raw_fd()).map_err(too_long);
    let attach = Attach {
        target: number(&group)?,
        program: number(&loaded)?,
        attach_type: ATTACH_CGROUP_DEVICE,
        flags: ALLOW_MULTI,
    };
    // SAFETY: the attributes are of the size that is given and hold no pointers.
    unsafe { bpf(PROGRAM_ATTACH, &attach)? };
    Ok(())
}

/// The call itself.
///
/// # Safety
/// `attributes` must be what `command` wants, with pointers that are good as long as the call.
unsafe fn bpf<T>(command: libc::c_int, attributes: &T) -> io::Result<libc::c_int> {
    // SAFETY: promised by the caller; the kernel reads no more than the given size.
    let answer = unsafe {
        libc::syscall(
            libc::SYS_bpf,
            command,
            &raw const *attributes,
            size_of::<T>(),
        )
    };
    if answer < 0 {
        return Err(io::Error::last_os_error());
    }
    libc::c_int::try_from(answer)
        .map_err(|_not_a_descriptor| io::Error::from_raw_os_error(libc::EBADF))
}
