//! What a build is given that must stay nowhere: secrets, and the sockets of SSH agents.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use wharf_build::builder::RunError;
use wharf_build::dockerfile::Mount;
use wharf_runtime::{MountSource, MountSpec, SecretBytes};

/// A secret may have this many bytes (`BuildKit`'s limit).
pub const SECRET_LIMIT_BYTES: u64 = 500 * 1024;
/// Permissions of a secret's file that says nothing of them.
const MODE: u32 = 0o400;

/// `--secret` and `--ssh`.
#[derive(Debug, Clone, Default)]
pub struct BuildSecrets {
    /// Secrets by their names.
    pub secrets: BTreeMap<String, SecretSource>,
    /// Sockets of SSH agents by their names; `default` is what a RUN gets that names none.
    pub agents: BTreeMap<String, PathBuf>,
}

/// Where a secret comes from.
#[derive(Clone)]
pub enum SecretSource {
    /// A file, read when a step wants it.
    File(PathBuf),
    /// A variable of the environment: its value.
    Value(String),
}

impl fmt::Debug for SecretSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => f.debug_tuple("File").field(path).finish(),
            Self::Value(_) => f.write_str("Value"),
        }
    }
}

impl SecretSource {
    fn read(&self) -> io::Result<Vec<u8>> {
        match self {
            Self::Value(value) => Ok(value.clone().into_bytes()),
            Self::File(path) => read_file(path),
        }
    }
}

/// Reads a secret's file.
///
/// # Errors
/// If it cannot be read, or is larger than [`SECRET_LIMIT_BYTES`].
fn read_file(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?
        .take(SECRET_LIMIT_BYTES + 1)
        .read_to_end(&mut bytes)?;
    if bytes.len() as u64 > SECRET_LIMIT_BYTES {
        return Err(io::Error::other(format!(
            "too big, a secret may have {SECRET_LIMIT_BYTES} bytes"
        )));
    }
    Ok(bytes)
}

/// What a secret is in a step.
#[derive(Debug, Default)]
pub(super) struct SecretInStep {
    /// The file.
    pub(super) mount: Option<MountSpec>,
    /// The variable, as `NAME=value`.
    pub(super) variable: Option<String>,
}

impl BuildSecrets {
    /// What a mount of a secret comes to. One that was not given and need not be is an empty variable, and no file.
    pub(super) fn in_step(&self, mount: &Mount, folder: &str) -> Result<SecretInStep, RunError> {
        let target = mount.target.as_deref();
        let id = secret_id(mount);
        let content = match self.secrets.get(id) {
            Some(source) => Some(source.read().map_err(|error| {
                RunError::NotThere(format!("failed to read secret {id}: {error}"))
            })?),
            None if mount.required => {
                return Err(RunError::NotThere(format!("secret {id}: not found")));
            }
            None => None,
        };
        let mut step = SecretInStep::default();
        if let Some(name) = &mount.variable {
            let value = String::from_utf8(content.clone().unwrap_or_default());
            let value = value.ok().filter(|value| !value.contains('\0'));
            let value = value.ok_or_else(|| {
                RunError::NotThere(format!(
                    "secret {id} is not text and cannot be the variable {name}: mount it as a file"
                ))
            })?;
            step.variable = Some(format!("{name}={value}"));
        }
        let default = format!("/run/secrets/{}", base_name(id));
        let target = target.or(mount.variable.is_none().then_some(default.as_str()));
        let shown = content.zip(target);
        step.mount = shown.map(|(content, target)| secret_file(mount, content, folder, target));
        Ok(step)
    }
}

/// Which secret a mount means.
fn secret_id(mount: &Mount) -> &str {
    let named = mount.source.as_deref().or(mount.id.as_deref());
    named.unwrap_or_else(|| base_name(mount.target.as_deref().unwrap_or_default()))
}

fn base_name(path: &str) -> &str {
    let path = path.trim_end_matches('/');
    path.rsplit('/').next().unwrap_or(path)
}

fn secret_file(mount: &Mount, content: Vec<u8>, folder: &str, target: &str) -> MountSpec {
    let mode = mount.mode.unwrap_or(MODE);
    MountSpec {
        target: Path::new(folder).join(target),
        what: MountSource::Secret {
            content: SecretBytes::new(content),
            mode,
            user: mount.user.unwrap_or(0),
            group: mount.group.unwrap_or(0),
        },
        read_only: true,
        set_uid: false,
        devices: false,
        execute: mode & 0o111 != 0,
    }
}
