//! Device nodes of containers: Docker's six, `--device`, and all of the machine's for `--privileged`.

use std::fs::FileType;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use wharf_runtime::DeviceSpec;
use wharf_transfer::ErrorKind;

use super::config::HostConfig;
use crate::error::{EngineError, failure};

/// Name, major and minor number (runtime-spec, "Default Devices").
const DEFAULTS: [(&str, u32, u32); 6] = [
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("tty", 5, 0),
    ("random", 1, 8),
    ("urandom", 1, 9),
];
/// Devices of one machine at most.
const LIMIT: usize = 4096;
/// Folders of `/dev` whose content is the container's own.
const OWN_FOLDERS: [&str; 4] = ["/dev/pts", "/dev/shm", "/dev/mqueue", "/dev/console"];

/// The nodes that the container gets.
pub(super) fn devices(host: &HostConfig) -> Result<Vec<DeviceSpec>, EngineError> {
    let mut devices: Vec<DeviceSpec> = DEFAULTS
        .iter()
        .map(|(name, major, minor)| {
            let path = PathBuf::from(format!("/dev/{name}"));
            DeviceSpec {
                source: path.clone(),
                path,
                block: false,
                major: *major,
                minor: *minor,
                mode: 0o666,
            }
        })
        .collect();
    if host.privileged {
        add_all(Path::new("/dev"), &mut devices);
    }
    for mapping in &host.devices {
        let source = Path::new(&mapping.path_on_host);
        let device = device(source, Path::new(&mapping.path_in_container)).ok_or_else(|| {
            let why = if source.exists() {
                "not a device node"
            } else {
                "no such file or directory"
            };
            let text = format!(
                "error gathering device information while adding custom device {:?}: {why}",
                mapping.path_on_host
            );
            failure(ErrorKind::Invalid, text)
        })?;
        devices.retain(|other| other.path != device.path);
        devices.push(device);
    }
    Ok(devices)
}

fn add_all(folder: &Path, devices: &mut Vec<DeviceSpec>) {
    let Ok(entries) = std::fs::read_dir(folder) else {
        return;
    };
    for entry in entries.flatten() {
        let path = entry.path();
        if devices.len() >= LIMIT || OWN_FOLDERS.iter().any(|own| path == Path::new(own)) {
            continue;
        }
        let kind = entry.file_type();
        if kind.as_ref().is_ok_and(FileType::is_dir) {
            add_all(&path, devices);
        } else if kind.is_ok_and(|kind| kind.is_symlink()) {
            // `/dev/stdin` is the terminal of whoever looks.
        } else if !devices.iter().any(|other| other.path == path) {
            devices.extend(device(&path, &path));
        }
    }
}

pub(super) fn device(source: &Path, path: &Path) -> Option<DeviceSpec> {
    let metadata = std::fs::metadata(source).ok()?;
    let kind = metadata.file_type();
    if !kind.is_block_device() && !kind.is_char_device() {
        return None;
    }
    let number = metadata.rdev();
    Some(DeviceSpec {
        path: path.to_path_buf(),
        source: source.to_path_buf(),
        block: kind.is_block_device(),
        major: rustix::fs::major(number),
        minor: rustix::fs::minor(number),
        mode: metadata.mode() & 0o7777,
    })
}
