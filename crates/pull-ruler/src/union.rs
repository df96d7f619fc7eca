//! The union of the layers, and a program in it.

use std::ffi::CString;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;

use rustix::mount::{MountFlags, UnmountFlags, mount, unmount};

use crate::Failure;

/// Mounts the `layers` under `root` one over the other, runs `program` inside, and unmounts.
pub(crate) fn run_in_union(root: &Path, layers: usize, program: &[String]) -> Result<(), Failure> {
    let target = root.join("union");
    fs::create_dir(&target)?;
    let empty = root.join("empty");
    fs::create_dir(&empty)?;
    // overlayfs wants two lower layers at least; the first one named is the uppermost.
    let mut options = format!("lowerdir={}", empty.display());
    for position in (0..layers).rev() {
        write!(options, ":{}/{position}", root.display())?;
    }
    if !rustix::process::geteuid().is_root() || in_user_namespace() {
        options.push_str(",userxattr");
    }
    let options = CString::new(options)?;
    mount(
        "overlay",
        &target,
        "overlay",
        MountFlags::RDONLY,
        options.as_c_str(),
    )?;
    let outcome = Command::new("chroot").arg(&target).args(program).status();
    unmount(&target, UnmountFlags::empty())?;
    let status = outcome?;
    if status.success() {
        Ok(())
    } else {
        Err(format!("the program in the image failed: {status}").into())
    }
}

/// Whether root is root only in a user namespace: then overlayfs keeps its marks in `user.` attributes.
fn in_user_namespace() -> bool {
    fs::read_to_string("/proc/self/uid_map").is_ok_and(|map| {
        let words: Vec<&str> = map.split_whitespace().collect();
        words != ["0", "0", "4294967295"]
    })
}
