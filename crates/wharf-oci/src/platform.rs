//! What an image runs on, and which of several images fits a machine best.
//!
//! The words and the order are those of `containerd/platforms` (`database.go`, `compare.go`):
//! aliases are normalised, and an ARM machine takes every older variant, newest first.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Operating system, architecture and variant: `linux/arm64/v8`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Platform {
    /// `linux`, `windows`, ...
    #[serde(default)]
    pub os: String,
    /// `amd64`, `arm64`, ...
    #[serde(default)]
    pub architecture: String,
    /// `v7`, `v8`, ...; empty where there is none.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub variant: String,
    /// Windows build.
    #[serde(
        default,
        rename = "os.version",
        skip_serializing_if = "String::is_empty"
    )]
    pub os_version: String,
    /// Features of the operating system that are needed.
    #[serde(default, rename = "os.features", skip_serializing_if = "Vec::is_empty")]
    pub os_features: Vec<String>,
}

/// Why a text is not a platform.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlatformError {
    /// A character outside `[A-Za-z0-9_.-]` in a part.
    #[error("{text:?}: component {part:?} must match \"^[A-Za-z0-9_.-]+$\": invalid argument")]
    Component {
        /// The whole text.
        text: String,
        /// The part at fault.
        part: String,
    },
    /// One word that is neither a system nor an architecture.
    #[error("{0:?}: unknown operating system or architecture: invalid argument")]
    Unknown(String),
    /// More than three parts.
    #[error("{0:?}: cannot parse platform specifier: invalid argument")]
    Form(String),
}

impl Platform {
    /// A platform, normalised.
    pub fn new(os: &str, architecture: &str, variant: &str) -> Self {
        let (architecture, variant) = normal_architecture(architecture, variant);
        Self {
            os: normal_os(os),
            architecture,
            variant,
            os_version: String::new(),
            os_features: Vec::new(),
        }
    }

    /// The platform this program was built for. An ARM program takes the variant of its target.
    pub fn host() -> Self {
        let architecture = match std::env::consts::ARCH {
            "x86" => "386",
            "powerpc64" if cfg!(target_endian = "little") => "ppc64le",
            other => other,
        };
        Self::new(std::env::consts::OS, architecture, "")
    }

    /// This platform with aliases resolved: what was received may say `x86_64` or `arm64/v8`.
    #[must_use]
    pub fn normalized(&self) -> Self {
        let normal = Self::new(&self.os, &self.architecture, &self.variant);
        Self {
            os_version: self.os_version.clone(),
            os_features: self.os_features.clone(),
            ..normal
        }
    }
}

impl fmt::Display for Platform {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        if !self.variant.is_empty() {
            write!(f, "/{}", self.variant)?;
        }
        Ok(())
    }
}

impl FromStr for Platform {
    type Err = PlatformError;

    /// Reads `os`, `architecture`, `os/architecture` or `os/architecture/variant` as `--platform` takes it.
    fn from_str(text: &str) -> Result<Self, PlatformError> {
        let parts: Vec<&str> = text.split('/').collect();
        for part in &parts {
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
            if part.is_empty() || !part.bytes().all(allowed) {
                return Err(PlatformError::Component {
                    text: text.to_owned(),
                    part: (*part).to_owned(),
                });
            }
        }
        match parts.as_slice() {
            [one] => single_word(one).ok_or_else(|| PlatformError::Unknown(text.to_owned())),
            [os, architecture] => Ok(Self::new(os, architecture, "")),
            [os, architecture, variant] => Ok(Self::new(os, architecture, variant)),
            _ => Err(PlatformError::Form(text.to_owned())),
        }
    }
}

const KNOWN_OS: [&str; 15] = [
    "aix",
    "android",
    "darwin",
    "dragonfly",
    "freebsd",
    "hurd",
    "illumos",
    "ios",
    "js",
    "linux",
    "nacl",
    "netbsd",
    "openbsd",
    "solaris",
    "windows",
];
const KNOWN_ARCHITECTURES: [&str; 17] = [
    "386", "amd64", "arm", "armbe", "arm64", "loong64", "mips", "mipsle", "mips64", "mips64le",
    "ppc", "ppc64", "ppc64le", "riscv64", "s390x", "sparc64", "wasm",
];

fn single_word(word: &str) -> Option<Platform> {
    let host = Platform::host();
    let os = normal_os(word);
    if KNOWN_OS.contains(&os.as_str()) {
        return Some(Platform { os, ..host });
    }
    let (architecture, variant) = normal_architecture(word, "");
    KNOWN_ARCHITECTURES
        .contains(&architecture.as_str())
        .then_some(Platform {
            architecture,
            variant,
            ..host
        })
}

fn normal_os(os: &str) -> String {
    match os.to_ascii_lowercase().as_str() {
        "" => std::env::consts::OS.to_owned(),
        "macos" => "darwin".to_owned(),
        other => other.to_owned(),
    }
}

fn normal_architecture(architecture: &str, variant: &str) -> (String, String) {
    let architecture = architecture.to_ascii_lowercase();
    let variant = variant.to_ascii_lowercase();
    let (architecture, variant) = match (architecture.as_str(), variant.as_str()) {
        ("i386" | "i486" | "i586" | "i686" | "x86", _) => ("386", ""),
        ("x86_64" | "x86-64" | "amd64", "" | "v1") => ("amd64", ""),
        ("x86_64" | "x86-64", variant) => ("amd64", variant),
        ("aarch64" | "arm64", "" | "8" | "v8" | "v8.0") => ("arm64", ""),
        ("aarch64" | "arm64", "9" | "9.0" | "v9.0") => ("arm64", "v9"),
        ("aarch64", variant) => ("arm64", variant),
        ("armhf", _) | ("arm", "" | "7") => ("arm", "v7"),
        ("armel", _) | ("arm", "6") => ("arm", "v6"),
        ("arm", "5") => ("arm", "v5"),
        ("arm", "8") => ("arm", "v8"),
        (architecture, variant) => (architecture, variant),
    };
    (architecture.to_owned(), variant.to_owned())
}

/// Ranks platforms by how well they fit one machine: a list of acceptable platforms, best first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlatformMatcher {
    accepted: Vec<Platform>,
}

impl PlatformMatcher {
    /// What a machine with `platform` can run, best first (`platforms.Only`).
    pub fn only(platform: &Platform) -> Self {
        let platform = platform.normalized();
        let mut accepted = vec![platform.clone()];
        accepted.extend(older_variants(&platform));
        Self { accepted }
    }

    /// Exactly `platform` and nothing else (`platforms.OnlyStrict`).
    pub fn only_strict(platform: &Platform) -> Self {
        Self {
            accepted: vec![platform.normalized()],
        }
    }

    /// The rank of `platform`, 0 the best; `None` if the machine cannot run it.
    pub fn rank(&self, platform: &Platform) -> Option<usize> {
        let candidate = platform.normalized();
        self.accepted.iter().position(|accepted| {
            accepted.os == candidate.os
                && accepted.architecture == candidate.architecture
                && accepted.variant == candidate.variant
                && (accepted.os_version.is_empty()
                    || candidate.os_version.starts_with(&accepted.os_version))
        })
    }
}

// The table of `platformVector` in compare.go.
fn older_variants(platform: &Platform) -> Vec<Platform> {
    let other = |architecture: &str, variant: &str| {
        let mut older = Platform::new(&platform.os, architecture, variant);
        older.os_version.clone_from(&platform.os_version);
        older
    };
    let number = |text: &str| {
        text.strip_prefix('v')
            .and_then(|digits| digits.parse::<u32>().ok())
    };
    match platform.architecture.as_str() {
        "amd64" => {
            let below = number(&platform.variant).unwrap_or(1);
            let variants = (1..below).rev().map(|v| other("amd64", &format!("v{v}")));
            variants.chain([other("386", "")]).collect()
        }
        "arm" => {
            let below = number(&platform.variant).unwrap_or(7);
            (5..below)
                .rev()
                .map(|v| other("arm", &format!("v{v}")))
                .collect()
        }
        "arm64" => {
            let arm64 = older_arm64(&platform.variant)
                .into_iter()
                .map(|v| other("arm64", &v));
            let arm = [8, 7, 6, 5].map(|v| other("arm", &format!("v{v}")));
            arm64.chain(arm).collect()
        }
        _ => Vec::new(),
    }
}

// v9.x runs v9.(x-1).. down to v9, then v8.(x+5) down to v8; v8.x runs v8.(x-1) down to v8.
fn older_arm64(variant: &str) -> Vec<String> {
    let (major, minor) = match variant.split_once('.') {
        Some((major, minor)) => (major, minor.parse::<u32>().unwrap_or(0)),
        None => (variant, 0),
    };
    let named = |major: &str, minor: u32| {
        if minor == 0 {
            major.to_owned()
        } else {
            format!("{major}.{minor}")
        }
    };
    let below = |major: &'static str, minor: u32| (0..minor).rev().map(move |m| named(major, m));
    match major {
        "v9" => below("v9", minor)
            .chain(below("v8", (minor + 6).min(10)))
            .collect(),
        "v8" => below("v8", minor).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_and_normalises() {
        for (text, expected) in [
            ("linux/amd64", "linux/amd64"),
            ("linux/x86_64", "linux/amd64"),
            ("linux/amd64/v1", "linux/amd64"),
            ("linux/amd64/v3", "linux/amd64/v3"),
            ("linux/aarch64", "linux/arm64"),
            ("linux/arm64/v8", "linux/arm64"),
            ("linux/arm", "linux/arm/v7"),
            ("linux/armhf", "linux/arm/v7"),
            ("linux/armel", "linux/arm/v6"),
            ("linux/arm/6", "linux/arm/v6"),
            ("Linux/i386", "linux/386"),
            ("macos/arm64", "darwin/arm64"),
        ] {
            assert_eq!(
                text.parse::<Platform>().unwrap().to_string(),
                expected,
                "{text}"
            );
        }
        for text in ["", "a//b", "linux/am d", "nonsense", "a/b/c/d"] {
            assert!(text.parse::<Platform>().is_err(), "{text}");
        }
    }

    #[test]
    fn ranks_like_containerd() {
        for (machine, expected) in [
            ("linux/amd64", "linux/amd64 linux/386"),
            (
                "linux/amd64/v3",
                "linux/amd64/v3 linux/amd64/v2 linux/amd64 linux/386",
            ),
            ("linux/arm/v7", "linux/arm/v7 linux/arm/v6 linux/arm/v5"),
            (
                "linux/arm64",
                "linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5",
            ),
            (
                "linux/arm64/v9",
                "linux/arm64/v9 linux/arm64/v8.5 linux/arm64/v8.4 linux/arm64/v8.3 linux/arm64/v8.2 linux/arm64/v8.1 linux/arm64 linux/arm/v8 linux/arm/v7 linux/arm/v6 linux/arm/v5",
            ),
        ] {
            let matcher = PlatformMatcher::only(&machine.parse().unwrap());
            let printed: Vec<String> = matcher.accepted.iter().map(ToString::to_string).collect();
            assert_eq!(printed.join(" "), expected);
        }
    }
}
