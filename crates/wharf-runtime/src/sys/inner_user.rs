//! Starting a program as a user of its own user namespace.

use std::io;
use std::os::unix::process::CommandExt as _;
use std::process::Command;

use rustix::fs::{Mode, OFlags};
use rustix::thread::UnshareFlags;

/// Has the program started in a user namespace in which this process's user is `user`, and its group `group`.
pub(crate) fn start_within_namespace(command: &mut Command, user: u32, group: u32) {
    // Made now: between fork and exec nothing may be allocated.
    let (user_map, group_map) = (one_line(user), one_line(group));
    let enter = move || -> io::Result<()> {
        // SAFETY: only UnshareFlags::FILES would share files with others in ways that Rust does not know.
        unsafe { rustix::thread::unshare_unsafe(UnshareFlags::NEWUSER)? };
        write(c"/proc/self/setgroups", b"deny")?;
        write(c"/proc/self/uid_map", &user_map)?;
        write(c"/proc/self/gid_map", &group_map)
    };
    // SAFETY: the closure makes system calls alone; it neither allocates nor takes locks.
    unsafe {
        command.pre_exec(enter);
    }
}

/// The line of a map for one id, which is root's outside.
fn one_line(id: u32) -> Vec<u8> {
    format!("{id} 0 1\n").into_bytes()
}

fn write(path: &std::ffi::CStr, bytes: &[u8]) -> io::Result<()> {
    let flags = OFlags::WRONLY | OFlags::CLOEXEC;
    let file = rustix::fs::open(path, flags, Mode::empty())?;
    rustix::io::write(&file, bytes)?;
    Ok(())
}
