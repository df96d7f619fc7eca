//! Which Node this machine has, and whether it can build the portal.

use std::fmt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::packages::find;

/// The version of a Node: major and minor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Version(u32, u32);

impl Version {
    /// Reads what `node --version` prints: `v20.19.2`.
    fn read(text: &str) -> Option<Self> {
        let mut numbers = text.trim().strip_prefix('v')?.split('.').map(str::parse);
        Some(Self(numbers.next()?.ok()?, numbers.next()?.ok()?))
    }

    /// Whether Vite runs on it: `engines` of its package.
    fn suffices(self) -> bool {
        match self {
            Self(20, minor) => minor >= 19,
            Self(22, minor) => minor >= 12,
            Self(major, _) => major > 22,
        }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}.{}", self.0, self.1)
    }
}

/// The `npm` of a Node that can build the portal; otherwise why there is none.
pub(super) fn find_npm() -> Result<Result<PathBuf, String>> {
    let (Some(node), Some(npm)) = (find("node"), find("npm")) else {
        return Ok(Err(
            "node and npm are not installed (apt-get install nodejs npm)".to_owned(),
        ));
    };
    let output = Command::new(&node)
        .arg("--version")
        .output()
        .with_context(|| format!("cannot start {}", node.display()))?;
    let printed = String::from_utf8_lossy(&output.stdout);
    Ok(match Version::read(&printed) {
        Some(version) if version.suffices() => Ok(npm),
        Some(version) => Err(format!(
            "node {version} is too old: it takes 20.19, 22.12 or later"
        )),
        None => Err(format!("node says {printed:?} of its version")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_nodes_are_told_from_new_ones() {
        let table = [
            ("v18.20.4\n", Some(false)),
            ("v20.18.1\n", Some(false)),
            ("v20.19.0\n", Some(true)),
            ("v21.7.3\n", Some(false)),
            ("v22.11.0\n", Some(false)),
            ("v22.12.0\n", Some(true)),
            ("v24.0.0\n", Some(true)),
            ("20.19.0", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(
                Version::read(text).map(Version::suffices),
                expected,
                "{text:?}"
            );
        }
    }
}
