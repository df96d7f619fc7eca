//! The options that commands of the registry share, and the configuration that comes of them and the file.

use std::path::PathBuf;

use anyhow::Context as _;
use wharf_registry::config::RegistryConfig;

use crate::arguments::{Flag, Matches};
use crate::config::RegistryFile;

pub(super) const CONFIG: Flag = Flag::text("config", "File of the registry's configuration");
pub(super) const DATA: Flag = Flag::text(
    "data",
    "Folder of the registry's data (default \"/var/lib/wharf-registry\")",
);
pub(super) const LISTEN: Flag = Flag::text(
    "listen",
    "Address and port to serve on (default \"127.0.0.1:5000\")",
);
pub(super) const EXTERNAL_URL: Flag = Flag::text(
    "external-url",
    "Address under which clients reach the registry, if a proxy changes it",
);
pub(super) const INSECURE_HTTP: Flag = Flag::switch(
    "insecure-http",
    "Serve without TLS on addresses that other machines can reach",
);

/// What the file says, with the options over it.
pub(super) fn registry_file(matches: &Matches) -> anyhow::Result<RegistryFile> {
    let path = matches.some_text(&CONFIG).map(PathBuf::from);
    let mut file = RegistryFile::read(path.as_deref())?;
    overlay(&mut file.config, matches)?;
    Ok(file)
}

/// As [`registry_file`], for commands that cannot go on with a mistake. What is dangerous is logged.
pub(super) fn usable_config(matches: &Matches) -> anyhow::Result<RegistryConfig> {
    let file = registry_file(matches)?;
    let (errors, warnings): (Vec<_>, Vec<_>) = file
        .remarks()
        .into_iter()
        .partition(crate::config::Remark::is_error);
    for warning in warnings {
        tracing::warn!("{warning}");
    }
    if errors.is_empty() {
        return Ok(file.config);
    }
    let lines: Vec<String> = errors.iter().map(ToString::to_string).collect();
    anyhow::bail!("the configuration cannot be used:\n{}", lines.join("\n"))
}

fn overlay(config: &mut RegistryConfig, matches: &Matches) -> anyhow::Result<()> {
    if let Some(data) = matches.some_text(&DATA) {
        config.data = std::path::absolute(data)
            .with_context(|| format!("--data \"{data}\" is no folder's path"))?;
    }
    if let Some(address) = matches.some_text(&LISTEN) {
        config.listen = address.parse().with_context(|| {
            format!("--listen \"{address}\" is no address with a port, such as 127.0.0.1:5000")
        })?;
    }
    if let Some(url) = matches.some_text(&EXTERNAL_URL) {
        config.external_url = Some(url.to_owned());
    }
    if matches.is_set(&INSECURE_HTTP) {
        config.tls.insecure_http = true;
    }
    Ok(())
}
