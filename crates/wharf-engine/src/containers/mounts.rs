//! What is mounted in a container: `-v`, `--mount`, `--tmpfs`, the image's volumes; and where a new volume comes from.

use std::path::{Component, Path, PathBuf};

use wharf_transfer::ErrorKind;

use super::config::{MountConfig, MountPoint};
use super::record::ContainerRecord;
use crate::engine::Engine;
use crate::error::{EngineError, classify, failure};

impl Engine {
    /// Resolves everything that was asked for, and makes the volumes and folders that are missing. Deeper places come later.
    pub(super) fn prepare_mounts(
        &self,
        record: &ContainerRecord,
    ) -> Result<Vec<MountPoint>, EngineError> {
        let host = &record.host_config;
        let mut mounts: Vec<MountPoint> = Vec::new();
        for text in host.volumes_from.iter().flatten() {
            let (from, mode) = text.split_once(':').unwrap_or((text, "rw"));
            for mut mount in self.container(from)?.record.mounts {
                mount.writable &= mode != "ro";
                put(&mut mounts, mount);
            }
        }
        for text in host.binds.iter().flatten() {
            put(&mut mounts, self.bind(text, &record.id)?);
        }
        for config in &host.mounts {
            put(&mut mounts, self.mount(config, &record.id)?);
        }
        for (target, options) in &host.tmpfs {
            put(&mut mounts, temporary(target, options)?);
        }
        for target in record
            .config
            .volumes
            .iter()
            .flat_map(|volumes| volumes.keys())
        {
            if !mounts
                .iter()
                .any(|mount| same_place(&mount.destination, target))
            {
                let target = absolute(target)?;
                mounts.push(self.volume_mount("", &target, true, &record.id)?);
            }
        }
        mounts.sort_by_key(|mount| Path::new(&mount.destination).components().count());
        Ok(mounts)
    }

    /// `-v [SOURCE:]TARGET[:OPTIONS]`.
    fn bind(&self, text: &str, container: &str) -> Result<MountPoint, EngineError> {
        let invalid = || {
            let text = format!("invalid volume specification: '{text}'");
            failure(ErrorKind::Invalid, text)
        };
        let parts: Vec<&str> = text.split(':').collect();
        let (source, target, options) = match parts[..] {
            [target] => ("", target, ""),
            [source, target] => (source, target, ""),
            [source, target, options] => (source, target, options),
            _ => return Err(invalid()),
        };
        let kind = if source.starts_with('/') {
            "bind"
        } else {
            "volume"
        };
        let refused = |why: &str| {
            let text = format!(
                "invalid volume specification: '{text}': invalid mount config for type \"{kind}\": {why}"
            );
            failure(ErrorKind::Invalid, text)
        };
        let target = absolute(target).map_err(|error| refused(&error.to_string()))?;
        if target == "/" {
            return Err(refused("invalid specification: destination can't be '/'"));
        }
        check_bind_options(options)?;
        let mut mount = if source.starts_with('/') {
            make_missing_folder(Path::new(source))?;
            bind_point(source, &target, true)
        } else {
            self.volume_mount(source, &target, true, container)?
        };
        for option in options.split(',').filter(|option| !option.is_empty()) {
            match option {
                "ro" => mount.writable = false,
                "nocopy" => mount.options.push("nocopy".to_owned()),
                "private" | "rprivate" | "slave" | "rslave" | "shared" | "rshared" => {
                    option.clone_into(&mut mount.propagation);
                }
                _ => (),
            }
        }
        options.clone_into(&mut mount.mode);
        Ok(mount)
    }

    fn mount(&self, config: &MountConfig, container: &str) -> Result<MountPoint, EngineError> {
        let invalid = |why: &str| {
            let text = format!("invalid mount config for type {:?}: {why}", config.kind);
            failure(ErrorKind::Invalid, text)
        };
        if !matches!(config.kind.as_str(), "bind" | "volume" | "tmpfs") {
            return Err(invalid("mount type unknown"));
        }
        let target = absolute(&config.target).map_err(|error| invalid(&error.to_string()))?;
        if target == "/" {
            return Err(invalid("invalid specification: destination can't be '/'"));
        }
        let mut mount = match config.kind.as_str() {
            "bind" if config.source.is_empty() => {
                return Err(invalid("field Source must not be empty"));
            }
            "tmpfs" if !config.source.is_empty() => {
                return Err(invalid("field Source must not be specified"));
            }
            "bind" => {
                if !Path::new(&config.source).exists() {
                    let why = format!("bind source path does not exist: {}", config.source);
                    return Err(invalid(&why));
                }
                let source =
                    absolute(&config.source).map_err(|error| invalid(&error.to_string()))?;
                let options = config.bind_options.clone().unwrap_or_default();
                let mut mount = bind_point(&source, &target, !options.non_recursive);
                if !options.propagation.is_empty() {
                    mount.propagation = options.propagation;
                }
                mount
            }
            "volume" => {
                let mut mount =
                    self.volume_mount(&config.source, &target, !config.read_only, container)?;
                if config
                    .volume_options
                    .as_ref()
                    .is_some_and(|options| options.no_copy)
                {
                    mount.options.push("nocopy".to_owned());
                }
                mount
            }
            _ => {
                let mut options = Vec::new();
                let asked = config.tmpfs_options.clone().unwrap_or_default();
                if asked.size_bytes > 0 {
                    options.push(format!("size={}", asked.size_bytes));
                }
                if asked.mode > 0 {
                    options.push(format!("mode={:o}", asked.mode));
                }
                temporary(&target, &options.join(","))?
            }
        };
        mount.writable = !config.read_only;
        Ok(mount)
    }

    fn volume_mount(
        &self,
        name: &str,
        target: &str,
        writable: bool,
        container: &str,
    ) -> Result<MountPoint, EngineError> {
        let anonymous = name.is_empty();
        let volume = self.volume_for_container(name, container)?;
        Ok(MountPoint {
            kind: "volume".to_owned(),
            name: volume.name,
            source: volume.data.to_string_lossy().into_owned(),
            destination: target.to_owned(),
            driver: "local".to_owned(),
            mode: "z".to_owned(),
            writable,
            anonymous,
            recursive: true,
            ..MountPoint::default()
        })
    }
}

/// Looked at before anything is made for the mount.
fn check_bind_options(options: &str) -> Result<(), EngineError> {
    let known = [
        "",
        "rw",
        "ro",
        "z",
        "Z",
        "cached",
        "delegated",
        "consistent",
        "nocopy",
        "private",
        "rprivate",
        "slave",
        "rslave",
        "shared",
        "rshared",
    ];
    if options.split(',').all(|option| known.contains(&option)) {
        return Ok(());
    }
    let text = format!("invalid mode: {options}");
    Err(failure(ErrorKind::Invalid, text))
}

/// The later one wins at a place.
fn put(mounts: &mut Vec<MountPoint>, mount: MountPoint) {
    mounts.retain(|other| !same_place(&other.destination, &mount.destination));
    mounts.push(mount);
}

fn same_place(one: &str, other: &str) -> bool {
    Path::new(one)
        .components()
        .eq(Path::new(other).components())
}

fn bind_point(source: &str, target: &str, recursive: bool) -> MountPoint {
    MountPoint {
        kind: "bind".to_owned(),
        source: source.to_owned(),
        destination: target.to_owned(),
        writable: true,
        propagation: "rprivate".to_owned(),
        recursive,
        ..MountPoint::default()
    }
}

fn temporary(target: &str, options: &str) -> Result<MountPoint, EngineError> {
    let options: Vec<String> = options
        .split(',')
        .filter(|option| !option.is_empty())
        .map(str::to_owned)
        .collect();
    Ok(MountPoint {
        kind: "tmpfs".to_owned(),
        destination: absolute(target)?,
        writable: !options.iter().any(|option| option == "ro"),
        options,
        ..MountPoint::default()
    })
}

/// A clean absolute path, as text.
fn absolute(path: &str) -> Result<String, EngineError> {
    if !path.starts_with('/') {
        let text = format!("invalid mount path: '{path}' mount path must be absolute");
        return Err(failure(ErrorKind::Invalid, text));
    }
    let mut clean = PathBuf::from("/");
    for part in Path::new(path).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            _ => (),
        }
    }
    Ok(clean.to_string_lossy().into_owned())
}

/// Docker makes the source of `-v` where it is missing.
fn make_missing_folder(source: &Path) -> Result<(), EngineError> {
    if source.exists() {
        return Ok(());
    }
    std::fs::create_dir_all(source).map_err(classify)
}
