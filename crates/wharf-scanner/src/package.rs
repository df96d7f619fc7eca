//! A package.

use std::fmt::Write as _;

use crate::release::Release;

/// Whose package it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PackageKind {
    /// Alpine's.
    Apk,
    /// Debian's.
    Deb,
    /// Red Hat's.
    Rpm,
}

impl PackageKind {
    /// The type in a package URL.
    pub fn word(self) -> &'static str {
        match self {
            Self::Apk => "apk",
            Self::Deb => "deb",
            Self::Rpm => "rpm",
        }
    }
}

/// A package that is installed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Package {
    /// Whose it is.
    pub kind: PackageKind,
    /// Its name.
    pub name: String,
    /// Its version as its manager compares it: `1:2.3-4`.
    pub version: String,
    /// For which processor; empty if its database does not say.
    pub architecture: String,
    /// The name of what it was built from; empty if that is its own.
    pub source: String,
    /// Its licence in the words of its database; empty if that does not say.
    pub licence: String,
}

impl Package {
    /// Its package URL (purl): `pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian-12`.
    pub fn url(&self, release: &Release) -> String {
        let namespace = match release.id.as_str() {
            "" => String::new(),
            id => format!("{}/", escaped(id)),
        };
        let mut url = format!(
            "pkg:{}/{namespace}{}@{}",
            self.kind.word(),
            escaped(&self.name),
            escaped(
                self.version
                    .split_once(':')
                    .map_or(&*self.version, |(epoch, rest)| {
                        // an epoch of rpm is a qualifier, one of dpkg belongs to the version
                        if self.kind == PackageKind::Rpm && is_number(epoch) {
                            rest
                        } else {
                            &self.version
                        }
                    })
            )
        );
        let mut sign = '?';
        let mut qualifier = |name: &str, value: &str| {
            if !value.is_empty() {
                // writing to memory does not fail
                let _ = write!(url, "{sign}{name}={}", escaped(value));
                sign = '&';
            }
        };
        qualifier("arch", &self.architecture);
        if !release.id.is_empty() {
            let distro = format!("{}-{}", release.id, release.version);
            qualifier("distro", distro.trim_end_matches('-'));
        }
        if let (PackageKind::Rpm, Some((epoch, _))) = (self.kind, self.version.split_once(':')) {
            qualifier("epoch", epoch);
        }
        if self.source != self.name {
            qualifier("upstream", &self.source);
        }
        url
    }
}

fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit())
}

/// As a package URL has it: everything but letters, digits and `.-_~:` by its bytes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b".-_~:".contains(&byte) {
            escaped.push(char::from(byte));
        } else {
            // writing to memory does not fail
            let _ = write!(escaped, "%{byte:02X}");
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_name_packages() {
        let package = |kind, version: &str, source: &str| Package {
            kind,
            name: "libstdc++6".to_owned(),
            version: version.to_owned(),
            architecture: "amd64".to_owned(),
            source: source.to_owned(),
            licence: String::new(),
        };
        let debian = Release {
            id: "debian".to_owned(),
            version: "12".to_owned(),
            name: String::new(),
        };
        for (kind, version, source, release, expected) in [
            (
                PackageKind::Deb,
                "1:12.2-14",
                "gcc-12",
                &debian,
                "pkg:deb/debian/libstdc%2B%2B6@1:12.2-14?arch=amd64&distro=debian-12&upstream=gcc-12",
            ),
            (
                PackageKind::Rpm,
                "1:2-3",
                "",
                &Release::default(),
                "pkg:rpm/libstdc%2B%2B6@2-3?arch=amd64&epoch=1",
            ),
        ] {
            assert_eq!(package(kind, version, source).url(release), expected);
        }
    }
}
