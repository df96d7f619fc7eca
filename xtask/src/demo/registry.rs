//! The real registry that the demo pulls from and pushes to.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use anyhow::{Context as _, Result};

use super::stage::Stage;

/// A running `docker-registry`, killed when the demo ends: it has nothing to lose.
#[derive(Debug)]
pub(crate) struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    /// Starts it on a free port of loopback, with its content in the stage's folder.
    #[expect(
        clippy::disallowed_methods,
        reason = "a file of the demo need not be written atomically"
    )]
    pub(crate) fn start(stage: &Stage) -> Result<Self> {
        let file = stage.folder().join("registry.yml");
        let configuration = format!(
            "version: 0.1\nlog: {{accesslog: {{disabled: true}}}}\n\
             storage: {{filesystem: {{rootdirectory: {}/registry}}}}\nhttp: {{addr: \"127.0.0.1:0\"}}\n",
            stage.folder().display()
        );
        fs::write(&file, configuration).with_context(|| format!("writing {}", file.display()))?;
        let mut child = stage
            .command("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .context("starting docker-registry")?;
        let log = child.stderr.take().context("the registry's log")?;
        let mut registry = Self {
            child,
            address: String::new(),
        };
        // It chooses the port, and says so.
        let mut lines = BufReader::new(log).lines().map_while(Result::ok);
        let port = lines
            .find_map(|line| port_in(&line))
            .context("docker-registry ended before it listened")?;
        registry.address = format!("127.0.0.1:{port}");
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

fn port_in(line: &str) -> Option<u16> {
    let (_, rest) = line.split_once("listening on 127.0.0.1:")?;
    rest.split(|character: char| !character.is_ascii_digit())
        .next()?
        .parse()
        .ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_read_from_the_log() {
        let line = r#"time="2026-11-21T15:55:12Z" level=info msg="listening on 127.0.0.1:45961" go.version=go1.19.8"#;
        assert_eq!(port_in(line), Some(45961));
        assert_eq!(port_in("redis not configured"), None);
    }
}
