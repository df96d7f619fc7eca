//! Git repositories as contexts and for ADD, by the program `git`, which knows the person's keys and credentials.

use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use wharf_build::builder::Cancellation;
use wharf_build::ignore::PatternMatcher;
use wharf_build::tree::{FileTree, FolderTree, Lookup, Modes, Node, Opened, TreeError};
use wharf_images::{ImageStore, ScratchFolder};
use wharf_runtime::start_as_outside;
use wharf_transfer::ErrorKind;

use crate::error::{EngineError, classify, failure};

/// How much of what `git` complains about is told.
const COMPLAINT_LIMIT: usize = 2000;

/// What an address says: `repository#ref:folder`, or `repository?ref=...&subdir=...`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct GitAddress {
    remote: String,
    reference: String,
    folder: String,
    checksum: Option<String>,
    keep_git_dir: Option<bool>,
    skips_submodules: bool,
}

/// The files of a repository, in a folder that goes with the last who reads them.
///
/// # Errors
/// If it cannot be had, or is not the commit that is wanted.
pub(super) fn git_tree(
    address: &str,
    keep_git_dir: bool,
    checksum: Option<&str>,
    store: &ImageStore,
    cancellation: &Cancellation,
) -> Result<Arc<dyn FileTree>, EngineError> {
    let address = GitAddress::parse(address)?;
    let scratch = store.scratch_folder().map_err(classify)?;
    let folder = scratch.path();
    let git = Git {
        folder,
        cancellation,
    };
    git.check_out(&address)?;
    let found = git.run(&["rev-parse", "HEAD"])?;
    for wanted in checksum.into_iter().chain(address.checksum.as_deref()) {
        if wanted.len() < 7 || !found.trim().starts_with(wanted) {
            let text = format!(
                "expected checksum to match {wanted}, got {} for {}",
                found.trim(),
                address.remote
            );
            return Err(failure(ErrorKind::Corrupt, text));
        }
    }
    if !address.keep_git_dir.unwrap_or(keep_git_dir) {
        std::fs::remove_dir_all(folder.join(".git")).map_err(classify)?;
    }
    let top = folder.canonicalize().map_err(classify)?;
    let wanted = top.join(address.folder.trim_start_matches('/'));
    let inside = wanted.canonicalize().ok();
    let Some(inside) = inside.filter(|inside| inside.starts_with(&top) && inside.is_dir()) else {
        let text = format!("{} has no folder {:?}", address.remote, address.folder);
        return Err(failure(ErrorKind::NotFound, text));
    };
    let nothing = PatternMatcher::default();
    let tree = FolderTree::open(&inside, Modes::WithoutMask, nothing, Vec::new());
    Ok(Arc::new(Checkout {
        tree: tree.map_err(classify)?,
        _folder: scratch,
    }))
}

impl GitAddress {
    fn parse(text: &str) -> Result<Self, EngineError> {
        let invalid = |what: &str| {
            let text = format!("invalid git address {text:?}: {what}");
            failure(ErrorKind::Invalid, text)
        };
        let mut address = Self::default();
        let (before, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (remote, query) = before.split_once('?').unwrap_or((before, ""));
        remote.clone_into(&mut address.remote);
        let (reference, folder) = fragment.split_once(':').unwrap_or((fragment, ""));
        reference.clone_into(&mut address.reference);
        folder.clone_into(&mut address.folder);
        for field in query.split('&').filter(|field| !field.is_empty()) {
            let (key, value) = field.split_once('=').unwrap_or((field, "true"));
            let value = value.to_owned();
            match key {
                "ref" | "commit" if address.reference.is_empty() => address.reference = value,
                "branch" => address.reference = format!("refs/heads/{value}"),
                "tag" => address.reference = format!("refs/tags/{value}"),
                "subdir" => address.folder = value,
                "checksum" => address.checksum = Some(value),
                "keep-git-dir" => address.keep_git_dir = Some(value == "true" || value == "1"),
                "submodules" => address.skips_submodules = value == "false" || value == "0",
                _ => return Err(invalid(&format!("{key:?} is not known here"))),
            }
        }
        if address.remote.starts_with('-') || address.reference.starts_with('-') {
            return Err(invalid("it begins like an option"));
        }
        Ok(address)
    }
}

/// The program `git`, at work in a folder until the build is given up.
#[derive(Debug, Clone, Copy)]
struct Git<'a> {
    folder: &'a Path,
    cancellation: &'a Cancellation,
}

impl Git<'_> {
    /// The wanted commit in the folder, without the history before it where the server allows that.
    fn check_out(&self, address: &GitAddress) -> Result<(), EngineError> {
        let reference = match address.reference.as_str() {
            "" => "HEAD",
            reference => reference,
        };
        self.run(&["init", "--quiet"])?;
        let remote = address.remote.as_str();
        self.run(&["remote", "add", "--", "origin", remote])?;
        let shallow = [
            "fetch",
            "--quiet",
            "--depth=1",
            "--no-tags",
            "origin",
            reference,
        ];
        let head = match self.run(&shallow) {
            Ok(_) => "FETCH_HEAD",
            // a server that gives no single commits, or a short hash
            Err(error) if is_hash(reference) => {
                let all = [
                    "fetch",
                    "--quiet",
                    "--tags",
                    "origin",
                    "+refs/heads/*:refs/remotes/origin/*",
                ];
                self.run(&all).map_err(|_no_better| error)?;
                reference
            }
            Err(error) => return Err(error),
        };
        self.run(&["checkout", "--quiet", "--detach", head])?;
        if !address.skips_submodules && self.folder.join(".gitmodules").exists() {
            let modules = [
                "submodule",
                "update",
                "--init",
                "--recursive",
                "--depth=1",
                "--quiet",
            ];
            self.run(&modules)?;
        }
        Ok(())
    }

    fn run(&self, arguments: &[&str]) -> Result<String, EngineError> {
        let not_run = |error: io::Error| {
            let text = format!("cannot run git, which contexts from repositories need: {error}");
            failure(ErrorKind::Unavailable, text)
        };
        let mut command = Command::new("git");
        start_as_outside(&mut command);
        let child = command
            .arg("-C")
            .arg(self.folder)
            .args(arguments)
            // nobody is there to answer
            .env("GIT_TERMINAL_PROMPT", "0")
            .env("LC_ALL", "C")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(not_run)?;
        let process = Pid::from_raw(child.id().cast_signed());
        let process = process.ok_or(rustix::io::Errno::SRCH);
        let process = process
            .and_then(|process| pidfd_open(process, PidfdFlags::empty()))
            .map_err(|error| not_run(error.into()))?;
        let ends_with_build = self.cancellation.when_canceled(move || {
            // it may have ended by itself
            let _ended = pidfd_send_signal(&process, Signal::KILL);
        });
        let output = child.wait_with_output().map_err(not_run)?;
        drop(ends_with_build);
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        let complaint = String::from_utf8_lossy(&output.stderr);
        let complaint: String = complaint.trim().chars().take(COMPLAINT_LIMIT).collect();
        let what = arguments.first().unwrap_or(&"git");
        Err(failure(
            ErrorKind::NotFound,
            format!("git {what} failed: {complaint}"),
        ))
    }
}

fn is_hash(text: &str) -> bool {
    text.len() >= 7 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A checkout that is deleted with its last reader.
#[derive(Debug)]
struct Checkout {
    tree: FolderTree,
    _folder: ScratchFolder,
}

impl Lookup for Checkout {
    fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        self.tree.node(path)
    }
}

impl FileTree for Checkout {
    fn children(&self, path: &[u8]) -> Result<Vec<(Vec<u8>, Node)>, TreeError> {
        self.tree.children(path)
    }

    fn open(&self, path: &[u8]) -> Result<Opened, TreeError> {
        self.tree.open(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read() {
        let parsed = |text| GitAddress::parse(text).unwrap();
        let address = parsed("https://host/a.git#v1:sub/dir");
        assert_eq!(address.remote, "https://host/a.git");
        assert_eq!(
            (address.reference.as_str(), address.folder.as_str()),
            ("v1", "sub/dir")
        );
        let address =
            parsed("git@host:a.git?branch=b&subdir=s&keep-git-dir=1&submodules=false&checksum=abc");
        assert_eq!(address.remote, "git@host:a.git");
        assert_eq!(
            (address.reference.as_str(), address.folder.as_str()),
            ("refs/heads/b", "s")
        );
        assert_eq!(
            (address.keep_git_dir, address.skips_submodules),
            (Some(true), true)
        );
        assert_eq!(address.checksum.as_deref(), Some("abc"));
        for text in [
            "-x",
            "https://host/a.git#--upload-pack=x",
            "https://host/a.git?other=1",
        ] {
            assert!(GitAddress::parse(text).is_err(), "{text}");
        }
    }
}
