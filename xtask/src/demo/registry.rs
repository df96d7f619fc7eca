//! Wharf's own registry, which the demo pulls from and pushes to.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result};

use super::stage::Stage;

/// The first administrator's password. The registry listens on loopback only and ends with the demo.
pub(crate) const PASSWORD: &str = "Harbour-12345";

/// Windows that are over before the demo is.
const CONFIGURATION: &str = r#"[garbage]
grace = "1s"
undelete = "1s"
interval = "1s"
"#;

/// A running `wharf registry serve`, killed when the demo ends: it has to bear that.
#[derive(Debug)]
pub(crate) struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    /// Starts it on a free port of loopback, with its data in the stage's folder.
    #[expect(
        clippy::disallowed_methods,
        reason = "a file of the demo need not be written atomically"
    )]
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        let file = stage.folder().join("wharf-registry.toml");
        fs::write(&file, CONFIGURATION).with_context(|| format!("writing {}", file.display()))?;
        let mut child = stage
            .command("wharf")
            .args(["registry", "serve", "--listen", "127.0.0.1:0", "--data"])
            .arg(stage.folder().join("registry"))
            .arg("--config")
            .arg(&file)
            .env("WHARF_REGISTRY_ADMIN_PASSWORD", PASSWORD)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .context("starting wharf registry serve")?;
        let said = child.stdout.take().context("what the registry says")?;
        let mut registry = Self {
            child,
            address: String::new(),
        };
        // It chooses the port, and says so.
        let mut lines = BufReader::new(said).lines().map_while(Result::ok);
        registry.address = lines
            .find_map(|line| address_in(&line))
            .context("the registry ended before it listened")?;
        // Somebody has to read on, or the registry waits for room in the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Ok(registry)
    }

    /// `127.0.0.1:PORT`.
    pub(crate) fn address(&self) -> &str {
        &self.address
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        // Neither can fail for a child that is not waited for yet.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

fn address_in(line: &str) -> Option<String> {
    let (_, rest) = line.split_once("http://")?;
    let address: String = rest
        .chars()
        .take_while(|character| character.is_ascii_digit() || ".:".contains(*character))
        .collect();
    address.starts_with("127.").then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_is_read_from_what_is_said() {
        let line = "Serving on http://127.0.0.1:45961";
        assert_eq!(address_in(line).as_deref(), Some("127.0.0.1:45961"));
        assert_eq!(address_in("It is shown this once."), None);
    }
}
