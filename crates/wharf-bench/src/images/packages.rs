//! The files of this machine's Debian packages: the real root file system of the `medium` image.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// What `dpkg` knows about one installed package.
struct Package {
    essential: bool,
    depends: Vec<Vec<String>>,
}

/// The installed packages.
pub(super) struct Packages {
    packages: BTreeMap<String, Package>,
    providers: BTreeMap<String, String>,
}

impl Packages {
    pub(super) fn installed() -> Result<Self> {
        let format =
            "${Package}\t${Essential}\t${Priority}\t${Provides}\t${Pre-Depends}, ${Depends}\n";
        let listing = output(Command::new("dpkg-query").args(["-W", "-f", format]))?;
        let mut packages = BTreeMap::new();
        let mut providers = BTreeMap::new();
        for line in listing.lines() {
            let fields: Vec<&str> = line.split('\t').collect();
            let [name, essential, priority, provides, depends] = fields[..] else {
                bail!("dpkg-query answered a line that is not as asked: {line}");
            };
            for provided in provides.split(',') {
                providers.insert(bare_name(provided), name.to_owned());
            }
            packages.insert(
                name.to_owned(),
                Package {
                    essential: essential == "yes" || matches!(priority, "required" | "important"),
                    depends: depends
                        .split(',')
                        .map(|any| any.split('|').map(bare_name).collect())
                        .collect(),
                },
            );
        }
        Ok(Self {
            packages,
            providers,
        })
    }

    /// The base system, and all that it needs.
    pub(super) fn base(&self) -> BTreeSet<String> {
        let essential = self
            .packages
            .iter()
            .filter(|(_, package)| package.essential);
        self.closure(essential.map(|(name, _)| name.clone()))
    }

    /// `roots`, as far as they are installed, and all that they need.
    pub(super) fn with_needs(&self, roots: &[&str]) -> BTreeSet<String> {
        self.closure(roots.iter().map(|root| (*root).to_owned()))
    }

    fn closure(&self, roots: impl Iterator<Item = String>) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let mut waiting: Vec<String> = roots.collect();
        while let Some(name) = waiting.pop() {
            let name = if self.packages.contains_key(&name) {
                &name
            } else if let Some(provider) = self.providers.get(&name) {
                provider
            } else {
                continue;
            };
            if !found.insert(name.clone()) {
                continue;
            }
            for alternatives in &self.packages[name].depends {
                waiting.extend(
                    alternatives
                        .iter()
                        .find(|one| {
                            self.packages.contains_key(*one) || self.providers.contains_key(*one)
                        })
                        .cloned(),
                );
            }
        }
        found
    }
}

/// The name in `name:architecture (>= version)`.
fn bare_name(text: &str) -> String {
    let name = text.trim().split([' ', ':']).next();
    name.unwrap_or_default().to_owned()
}

/// Every path that belongs to `packages`, with the directories above it, as it truly lies on this machine
/// (`/bin/sh` is `/usr/bin/sh` here, and the link `/bin` is in the list).
pub(super) fn files_of(packages: &BTreeSet<String>) -> Result<BTreeSet<PathBuf>> {
    let mut command = Command::new("dpkg-query");
    command.arg("-L").args(packages);
    let listing = output(&mut command)?;
    let mut real_parents: BTreeMap<PathBuf, Option<PathBuf>> = BTreeMap::new();
    let mut files = BTreeSet::new();
    for line in listing.lines().filter(|line| line.starts_with('/')) {
        let path = Path::new(line);
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            continue;
        };
        let real = real_parents
            .entry(parent.to_path_buf())
            .or_insert_with(|| fs::canonicalize(parent).ok());
        let Some(real) = real else { continue };
        let path = real.join(name);
        if fs::symlink_metadata(&path).is_ok() {
            files.insert(path);
            files.extend(real.ancestors().map(Path::to_path_buf));
        }
        for link in ["/bin", "/sbin", "/lib", "/lib64"] {
            if line.starts_with(link) && Path::new(link).is_symlink() {
                files.insert(PathBuf::from(link));
            }
        }
    }
    files.remove(Path::new("/"));
    Ok(files)
}

fn output(command: &mut Command) -> Result<String> {
    let output = command.output().context(
        "cannot start dpkg-query: the `medium` image is made of this machine's Debian packages",
    )?;
    if !output.status.success() {
        bail!(
            "dpkg-query failed: {}",
            String::from_utf8_lossy(&output.stderr).trim_end()
        );
    }
    String::from_utf8(output.stdout).context("dpkg-query answered what is not UTF-8")
}
