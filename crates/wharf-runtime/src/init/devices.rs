//! Device nodes, the links beside them, and the terminal.

use std::os::fd::{AsFd as _, OwnedFd};
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags};
use rustix::io::Errno;
use rustix::termios::Winsize;

use super::tree::{attach, detached, make_file, make_folder, open_inside, path_of};
use super::{InitError, during};
use crate::spec::{ContainerSpec, DeviceSpec};

/// Links that programs expect (runtime-spec, "Default Devices" and "/dev symbolic links").
const LINKS: [(&str, &str); 6] = [
    ("/proc/self/fd", "fd"),
    ("/proc/self/fd/0", "stdin"),
    ("/proc/self/fd/1", "stdout"),
    ("/proc/self/fd/2", "stderr"),
    ("/proc/kcore", "core"),
    ("pts/ptmx", "ptmx"),
];

/// Makes all nodes and links.
pub(super) fn make(root: &OwnedFd, spec: &ContainerSpec) -> Result<(), InitError> {
    for device in &spec.devices {
        node(root, device, spec.namespaces.user.is_some())?;
    }
    let folder = make_folder(root, Path::new("/dev"))?;
    for (target, name) in LINKS {
        match rustix::fs::symlinkat(target, &folder, name) {
            Ok(()) | Err(Errno::EXIST) => (),
            Err(error) => return Err(during(format!("make the link /dev/{name}"))(error)),
        }
    }
    Ok(())
}

fn node(root: &OwnedFd, device: &DeviceSpec, in_user_namespace: bool) -> Result<(), InitError> {
    let what = format!("make the device {}", device.path.display());
    if !in_user_namespace {
        let parent = make_folder(root, device.path.parent().unwrap_or(Path::new("/")))?;
        let name = device.path.file_name().unwrap_or_default();
        let kind = if device.block {
            FileType::BlockDevice
        } else {
            FileType::CharacterDevice
        };
        let number = rustix::fs::makedev(device.major, device.minor);
        match rustix::fs::mknodat(
            &parent,
            name,
            kind,
            Mode::from_raw_mode(device.mode),
            number,
        ) {
            Ok(()) | Err(Errno::EXIST) => {
                // The umask is not asked.
                return rustix::fs::chmodat(
                    &parent,
                    name,
                    Mode::from_raw_mode(device.mode),
                    rustix::fs::AtFlags::empty(),
                )
                .map_err(during(what));
            }
            Err(Errno::PERM) => (),
            Err(error) => return Err(during(what)(error)),
        }
    }
    let copy = detached(&device.source, false).map_err(during(what.clone()))?;
    let place = make_file(root, &device.path)?;
    attach(&copy, &place).map_err(during(what))
}

/// A new terminal of the container's own `/dev/pts`: the launcher's side.
pub(super) fn open_terminal(root: &OwnedFd, size: (u16, u16)) -> Result<OwnedFd, InitError> {
    let what = "open a terminal in the container";
    let flags = OFlags::RDWR | OFlags::NOCTTY;
    let terminal = open_inside(root, Path::new("/dev/pts/ptmx"), flags).map_err(during(what))?;
    rustix::pty::unlockpt(&terminal).map_err(during(what))?;
    if size != (0, 0) {
        let size = Winsize {
            ws_row: size.0,
            ws_col: size.1,
            ws_xpixel: 0,
            ws_ypixel: 0,
        };
        rustix::termios::tcsetwinsize(&terminal, size).map_err(during(what))?;
    }
    Ok(terminal)
}

/// The other side of `terminal`, once the container's root is entered.
pub(super) fn container_side(terminal: &OwnedFd) -> Result<OwnedFd, InitError> {
    let what = "open the container's side of its terminal";
    let name = rustix::pty::ptsname(terminal, Vec::new()).map_err(during(what))?;
    let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
    rustix::fs::open(name, flags, Mode::empty()).map_err(during(what))
}

/// Shows the terminal as `/dev/console`, as Docker does.
pub(super) fn mount_console(side: &OwnedFd) -> Result<(), InitError> {
    let what = "make /dev/console";
    let flags = OFlags::CREATE | OFlags::CLOEXEC | OFlags::RDWR | OFlags::NOCTTY;
    rustix::fs::open("/dev/console", flags, Mode::from_raw_mode(0o600)).map_err(during(what))?;
    let copy = detached(&path_of(side), false);
    // The terminal is there whether or not it has this name too.
    let Ok(copy) = copy else { return Ok(()) };
    let place = rustix::fs::open(
        "/dev/console",
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
    )
    .map_err(during(what))?;
    attach(&copy, &place).map_err(during(what))?;
    let _still_open = side.as_fd();
    Ok(())
}
