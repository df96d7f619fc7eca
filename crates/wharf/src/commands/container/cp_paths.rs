//! What the two arguments of `cp` mean, and what becomes of what is copied: Docker's rules (moby/go-archive, `copy.go`).

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Component, Path, PathBuf};

use crate::output_file::plain_reason;

/// Links that lead to links, at most (Docker's number).
const LINKS_LIMIT: usize = 10;

/// A file or folder of this machine that is copied.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct LocalSource {
    /// The folder that it is in; itself, if what is in it is meant.
    pub(super) folder: PathBuf,
    /// Its name there.
    pub(super) name: OsString,
    /// What its copy is called where nothing else says it.
    pub(super) called: OsString,
    pub(super) is_folder: bool,
}

/// Where something is copied to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    /// Absolute; a slash or `/.` at its end says that it is a folder.
    pub(super) path: PathBuf,
    /// Whether it is there, and then whether it is a folder.
    pub(super) found: Option<bool>,
}

/// `CONTAINER:PATH`, or a path of this machine: one that begins with a slash or a dot, or has no colon.
pub(super) fn split(argument: &str) -> (Option<&str>, &str) {
    if argument.starts_with('/') {
        return (None, argument);
    }
    match argument.split_once(':') {
        Some((container, path)) if !container.starts_with('.') => (Some(container), path),
        _ => (None, argument),
    }
}

/// The path from the root, clean; a slash or `/.` at its end stays.
pub(super) fn absolute(path: &str) -> io::Result<PathBuf> {
    let mut clean = PathBuf::from("/");
    for part in std::env::current_dir()?.join(path).components() {
        match part {
            Component::Normal(name) => clean.push(name),
            Component::ParentDir => {
                clean.pop();
            }
            _ => (),
        }
    }
    let ends_in_dot = path == "." || path.ends_with("/.");
    Ok(with_end(clean, ends_in_dot, path.ends_with('/')))
}

fn with_end(path: PathBuf, dot: bool, slash: bool) -> PathBuf {
    let mut text = path.into_os_string();
    if (dot || slash) && text != "/" {
        text.push("/");
    }
    if dot {
        text.push(".");
    }
    PathBuf::from(text)
}

fn ends_in_dot(path: &Path) -> bool {
    let bytes = path.as_os_str().as_bytes();
    bytes == b"." || bytes.ends_with(b"/.")
}

fn says_folder(path: &Path) -> bool {
    ends_in_dot(path) || path.as_os_str().as_bytes().ends_with(b"/")
}

/// The folder that a path is in, and its name: `.` in itself where the path ends so.
pub(super) fn folder_and_name(path: &Path) -> (PathBuf, OsString) {
    if ends_in_dot(path) {
        let folder = PathBuf::from("/").join(path.components().as_path());
        return (folder, OsString::from("."));
    }
    match (path.parent(), path.file_name()) {
        (Some(folder), Some(name)) => (folder.to_path_buf(), name.to_os_string()),
        _ => (PathBuf::from("/"), OsString::from(".")),
    }
}

/// What of this machine `path` means. Without `follow` a link at its end is copied as a link.
pub(super) fn local_source(path: &Path, follow: bool) -> anyhow::Result<LocalSource> {
    let asked = folder_and_name(path).1;
    let resolved = if follow || says_folder(path) {
        let real = std::fs::canonicalize(path).map_err(|error| look_failed(path, &error))?;
        with_end(real, ends_in_dot(path), says_folder(path))
    } else {
        let (folder, name) = folder_and_name(path);
        let real = std::fs::canonicalize(&folder).map_err(|error| look_failed(path, &error))?;
        real.join(name)
    };
    let metadata =
        std::fs::symlink_metadata(&resolved).map_err(|error| look_failed(path, &error))?;
    anyhow::ensure!(
        metadata.is_dir() || !says_folder(path),
        "lstat {}: not a directory",
        path.display()
    );
    let (folder, name) = folder_and_name(&resolved);
    Ok(LocalSource {
        folder,
        called: asked,
        name,
        is_folder: metadata.is_dir(),
    })
}

fn look_failed(path: &Path, error: &io::Error) -> anyhow::Error {
    anyhow::anyhow!("lstat {}: {}", path.display(), plain_reason(error))
}

/// What of this machine `path` means as a place to copy to. Links are followed, to where nothing is as well.
pub(super) fn local_destination(path: &Path) -> anyhow::Result<Destination> {
    let mut at = path.to_path_buf();
    for _ in 0..=LINKS_LIMIT {
        match std::fs::symlink_metadata(&at) {
            Ok(metadata) if metadata.is_symlink() => {
                let target = std::fs::read_link(&at)?;
                at = folder_and_name(&at).0.join(target);
            }
            Ok(metadata) => {
                let found = Some(metadata.is_dir());
                return Ok(Destination { path: at, found });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let folder = folder_and_name(&at).0;
                let metadata =
                    std::fs::metadata(&folder).map_err(|error| look_failed(&folder, &error))?;
                anyhow::ensure!(metadata.is_dir(), "not a directory");
                return Ok(Destination {
                    path: at,
                    found: None,
                });
            }
            Err(error) => return Err(look_failed(&at, &error)),
        }
    }
    anyhow::bail!("too many symlinks in {}", path.display())
}

/// What Docker says before it copies anything to this machine.
pub(super) fn check_output(path: &Path) -> anyhow::Result<()> {
    let (folder, _) = folder_and_name(path);
    anyhow::ensure!(
        folder.exists(),
        "invalid output path: directory \"{}\" does not exist",
        folder.display()
    );
    if let Ok(metadata) = std::fs::metadata(path) {
        let kind = metadata.file_type();
        anyhow::ensure!(
            !(kind.is_char_device() || kind.is_block_device()),
            "invalid output path: \"{}\" must be a directory or a regular file: got a device",
            path.display()
        );
    }
    Ok(())
}

/// The folder in which the copy is unpacked, and what it is called there.
pub(super) fn placed(
    is_folder: bool,
    called: &OsStr,
    destination: &Destination,
) -> anyhow::Result<(PathBuf, OsString)> {
    let path = &destination.path;
    match destination.found {
        Some(true) => Ok((path.clone(), called.to_os_string())),
        Some(false) if is_folder => anyhow::bail!("cannot copy directory"),
        None if !is_folder && says_folder(path) => anyhow::bail!("no such directory"),
        _ => Ok(folder_and_name(path)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colons_stand_behind_containers() {
        for (argument, expected) in [
            ("one:/a", (Some("one"), "/a")),
            ("one:", (Some("one"), "")),
            ("/a:b", (None, "/a:b")),
            ("./a:b", (None, "./a:b")),
            ("../a:b", (None, "../a:b")),
            ("a", (None, "a")),
            ("-", (None, "-")),
        ] {
            assert_eq!(split(argument), expected, "{argument}");
        }
    }

    #[test]
    fn ends_say_folder() {
        let path = |text: &str| absolute(text).unwrap().into_os_string();
        assert_eq!(path("/a/../b/"), "/b/");
        assert_eq!(path("/a/."), "/a/.");
        assert_eq!(path("/"), "/");
        assert_eq!(path("/."), "/.");
        let pair = |text: &str| folder_and_name(Path::new(text));
        let both = |folder: &str, name: &str| (PathBuf::from(folder), OsString::from(name));
        assert_eq!(pair("/a/b/"), both("/a", "b"));
        assert_eq!(pair("/a/b/."), both("/a/b", "."));
        assert_eq!(pair("/."), both("/", "."));
        assert_eq!(pair("/"), both("/", "."));
    }

    // Source is a folder; what it is called; destination, and whether it is there and a folder; folder and name.
    #[test]
    fn copies_land_where_dockers_do() {
        for (is_folder, called, path, found, expected) in [
            (false, "f", "/d", Some(true), Ok(("/d", "f"))),
            (true, "s", "/d/", Some(true), Ok(("/d/", "s"))),
            (true, ".", "/d", Some(true), Ok(("/d", "."))),
            (true, "s", "/d/f", Some(false), Err("cannot copy directory")),
            (false, "f", "/d/g", Some(false), Ok(("/d", "g"))),
            (true, "s", "/d/new", None, Ok(("/d", "new"))),
            (true, ".", "/d/new", None, Ok(("/d", "new"))),
            (true, "s", "/d/new/", None, Ok(("/d", "new"))),
            (false, "f", "/d/new/", None, Err("no such directory")),
            (false, "f", "/d/new", None, Ok(("/d", "new"))),
        ] {
            let destination = Destination {
                path: PathBuf::from(path),
                found,
            };
            let placed = placed(is_folder, OsStr::new(called), &destination);
            let placed = placed.map_err(|error| error.to_string());
            let expected = expected
                .map(|(folder, name)| (PathBuf::from(folder), OsString::from(name)))
                .map_err(str::to_owned);
            assert_eq!(placed, expected, "{called} {path}");
        }
    }
}
