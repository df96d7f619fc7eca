//! The names under which Docker keeps a registry's credentials (docker/cli `registry.go`,
//! `GetAuthConfigKey`; `credentials/file_store.go`, `ConvertToHostname`).

use crate::client::DOCKER_HUB;

/// Docker Hub's key.
pub(crate) const DOCKER_HUB_KEY: &str = "https://index.docker.io/v1/";

/// The key of the registry `domain` in `config.json`, and what credential helpers are asked for.
pub fn credential_key(domain: &str) -> &str {
    if domain == DOCKER_HUB || domain == "index.docker.io" {
        DOCKER_HUB_KEY
    } else {
        domain
    }
}

/// The registry that an address means: a scheme and a path do not count, and Docker Hub has several
/// names.
pub fn registry_domain(address: &str) -> String {
    let host = hostname(address);
    match host {
        "index.docker.io" | "registry-1.docker.io" | "" => DOCKER_HUB.to_owned(),
        host => host.to_owned(),
    }
}

/// `https://host:5000/v1/` is `host:5000`.
pub(crate) fn hostname(address: &str) -> &str {
    let address = address.trim();
    let stripped = address
        .strip_prefix("http://")
        .or_else(|| address.strip_prefix("https://"))
        .unwrap_or(address);
    stripped.split('/').next().unwrap_or_default().trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_and_keys() {
        for (address, domain, key) in [
            ("", "docker.io", DOCKER_HUB_KEY),
            ("docker.io", "docker.io", DOCKER_HUB_KEY),
            ("index.docker.io", "docker.io", DOCKER_HUB_KEY),
            (DOCKER_HUB_KEY, "docker.io", DOCKER_HUB_KEY),
            ("localhost:5000", "localhost:5000", "localhost:5000"),
            ("http://localhost:5000/", "localhost:5000", "localhost:5000"),
            ("https://ghcr.io/v2/", "ghcr.io", "ghcr.io"),
            (" http://  r.example /v1/", "r.example", "r.example"),
        ] {
            assert_eq!(registry_domain(address), domain);
            assert_eq!(credential_key(&registry_domain(address)), key);
        }
    }
}
