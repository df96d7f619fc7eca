//! Configuration: `wharf.toml`, and the parts of Docker's own files that mean something without a daemon.
//!
//! What is said nearer to the call wins, key by key: options, environment, the user's `wharf.toml`
//! (`$XDG_CONFIG_HOME/wharf/wharf.toml`), the system's (`/etc/wharf/wharf.toml`), the user's `daemon.json` of rootless
//! Docker, `/etc/docker/daemon.json`, defaults. `WHARF_CONFIG` names one `wharf.toml` that is read instead of both.
//!
//! A registry has a file of its own, which its commands name with `--config`.

mod daemon_json;
mod docker_config;
mod files;
mod registry_toml;
mod wharf_toml;

pub(crate) use docker_config::DockerConfig;
pub(crate) use files::Configuration;
pub(crate) use registry_toml::{RegistryFile, Remark};
