//! Everything that is found in an image.

use crate::files::{FilesError, ImageFiles};
use crate::package::Package;
use crate::release::Release;
use crate::{apk, dpkg, rpm};

/// An `os-release` may be this long.
const RELEASE_LIMIT_BYTES: u64 = 64 << 10;
/// A database may be this long: those of full desktops have some ten megabytes.
const DATABASE_LIMIT_BYTES: u64 = 256 << 20;
/// Files that `status.d` may have.
const FILES_LIMIT: usize = 10_000;
/// Packages that an image may have.
pub(crate) const PACKAGES_LIMIT: usize = 100_000;

/// What an image holds.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Which distribution it is of.
    pub release: Release,
    /// Its packages, sorted, each once.
    pub packages: Vec<Package>,
    /// What could not be read, and why.
    pub problems: Vec<String>,
}

/// Reads the databases that an image has.
///
/// # Errors
/// If a file cannot be read. A database that is damaged is no error but a problem of the inventory.
pub fn inventory(files: &dyn ImageFiles) -> Result<Inventory, FilesError> {
    let mut found = Inventory::default();
    for path in ["etc/os-release", "usr/lib/os-release"] {
        if let Some(text) = found.text(files, path, RELEASE_LIMIT_BYTES)? {
            found.release = Release::read(&text);
            break;
        }
    }
    if let Some(text) = found.text(files, "var/lib/dpkg/status", DATABASE_LIMIT_BYTES)? {
        found.packages.extend(dpkg::packages(&text));
    }
    let folder = "var/lib/dpkg/status.d";
    let names = files.names(folder)?.into_iter();
    let names = names.filter(|name| !name.ends_with(".md5sums"));
    for name in names.take(FILES_LIMIT) {
        let path = format!("{folder}/{name}");
        if let Some(text) = found.text(files, &path, DATABASE_LIMIT_BYTES)? {
            found.packages.extend(dpkg::packages(&text));
        }
    }
    for path in ["lib/apk/db/installed", "usr/lib/apk/db/installed"] {
        if let Some(text) = found.text(files, path, DATABASE_LIMIT_BYTES)? {
            found.packages.extend(apk::packages(&text));
        }
    }
    for folder in ["var/lib/rpm", "usr/lib/sysimage/rpm"] {
        for name in ["rpmdb.sqlite", "Packages.db", "Packages"] {
            let path = format!("{folder}/{name}");
            let Some(bytes) = found.bytes(files, &path, DATABASE_LIMIT_BYTES)? else {
                continue;
            };
            match rpm::rpm_packages(&bytes) {
                Ok(packages) => found.packages.extend(packages),
                Err(error) => found.problems.push(format!("{path}: {error}")),
            }
        }
    }
    found.packages.sort();
    found.packages.dedup();
    if found.packages.len() > PACKAGES_LIMIT {
        found.packages.truncate(PACKAGES_LIMIT);
        let text = format!("there are more than {PACKAGES_LIMIT} packages");
        found.problems.push(text);
    }
    Ok(found)
}

impl Inventory {
    fn bytes(
        &mut self,
        files: &dyn ImageFiles,
        path: &str,
        limit: u64,
    ) -> Result<Option<Vec<u8>>, FilesError> {
        match files.read(path, limit) {
            Err(error @ FilesError::TooLarge { .. }) => {
                self.problems.push(error.to_string());
                Ok(None)
            }
            read => read,
        }
    }

    fn text(
        &mut self,
        files: &dyn ImageFiles,
        path: &str,
        limit: u64,
    ) -> Result<Option<String>, FilesError> {
        let bytes = self.bytes(files, path, limit)?;
        Ok(bytes.map(|bytes| String::from_utf8_lossy(&bytes).replace("\r\n", "\n")))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Memory(BTreeMap<&'static str, Vec<u8>>);

    impl ImageFiles for Memory {
        fn read(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, FilesError> {
            let found = self.0.get(path).cloned();
            if found
                .as_ref()
                .is_some_and(|bytes| bytes.len() as u64 > limit)
            {
                let path = path.to_owned();
                return Err(FilesError::TooLarge { path, limit });
            }
            Ok(found)
        }

        fn names(&self, folder: &str) -> Result<Vec<String>, FilesError> {
            let names = self
                .0
                .keys()
                .filter_map(|path| path.strip_prefix(folder)?.strip_prefix('/'));
            Ok(names.map(str::to_owned).collect())
        }
    }

    #[test]
    fn every_database_is_asked() {
        let files = Memory(BTreeMap::from([
            ("etc/os-release", b"ID=x\n".to_vec()),
            ("lib/apk/db/installed", b"P:a\nV:1\n\n".to_vec()),
            ("var/lib/dpkg/status", b"Package: b\nVersion: 2\n".to_vec()),
            (
                "var/lib/dpkg/status.d/c",
                b"Package: c\nVersion: 3\n".to_vec(),
            ),
            (
                "var/lib/dpkg/status.d/c.md5sums",
                b"Package: d\nVersion: 3\n".to_vec(),
            ),
            ("var/lib/rpm/Packages", b"no database".to_vec()),
            ("usr/lib/os-release", vec![b'x'; 100_000]),
        ]));
        let found = inventory(&files).unwrap();
        let names: Vec<_> = found.packages.iter().map(|one| one.name.as_str()).collect();
        assert_eq!(names, ["a", "b", "c"]);
        assert_eq!(found.release.id, "x");
        assert_eq!(
            found.problems,
            ["var/lib/rpm/Packages: it is none of rpm's databases (SQLite, ndb, Berkeley DB)"]
        );
    }
}
