//! A folder with a Dockerfile, and what a build of it comes to.

use std::io::Read as _;
use std::path::PathBuf;

use serde_json::Value;
use testkit::{Output, Sandbox, write};

/// A context with its own store.
#[derive(Debug)]
pub(crate) struct Project {
    pub(crate) sandbox: Sandbox,
}

impl Project {
    /// A context that holds a Dockerfile.
    pub(crate) fn new(dockerfile: &str) -> Self {
        let project = Self {
            sandbox: Sandbox::new(),
        };
        std::fs::create_dir(project.context()).unwrap();
        project.file("Dockerfile", dockerfile);
        project
    }

    pub(crate) fn context(&self) -> PathBuf {
        self.sandbox.work().join("context")
    }

    /// Writes a file of the context.
    pub(crate) fn file(&self, path: &str, content: impl AsRef<[u8]>) -> &Self {
        let path = self.context().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        write(&path, content);
        self
    }

    pub(crate) fn mode(&self, path: &str, mode: u32) -> &Self {
        use std::os::unix::fs::PermissionsExt as _;
        let permissions = std::fs::Permissions::from_mode(mode);
        std::fs::set_permissions(self.context().join(path), permissions).unwrap();
        self
    }

    pub(crate) fn link(&self, path: &str, target: &str) -> &Self {
        std::os::unix::fs::symlink(target, self.context().join(path)).unwrap();
        self
    }

    /// Runs the build.
    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        let all = [&["build", "--progress=plain"][..], arguments, &["context"]].concat();
        self.sandbox.wharf(all).run()
    }

    /// What the program prints on a terminal that `script` makes; `None`, said aloud, without that.
    pub(crate) fn on_a_terminal(&self, arguments: &[&str]) -> Option<String> {
        let output = self.typed_on_a_terminal(arguments, "")?;
        Some(output.success().text())
    }

    /// The same with what somebody types there.
    pub(crate) fn typed_on_a_terminal(&self, arguments: &[&str], typed: &str) -> Option<Output> {
        if !std::path::Path::new("/usr/bin/script").exists() {
            testkit::skip("script (bsdutils) is not installed");
            return None;
        }
        let wharf = self.sandbox.wharf_binary().display().to_string();
        let command = format!("{wharf} {}", arguments.join(" "));
        let script = self.sandbox.program("/usr/bin/script");
        let flags = ["--quiet", "--return", "--command", &command, "/dev/null"];
        Some(script.args(flags).input(typed).run())
    }

    /// The image's ID.
    pub(crate) fn build(&self, arguments: &[&str]) -> String {
        let all = [&["build", "--quiet"][..], arguments, &["context"]].concat();
        let output = self.sandbox.wharf(all).run().success();
        output.text().trim().to_owned()
    }

    /// The digest of the image's manifest: of its archives, too.
    pub(crate) fn manifest(&self, arguments: &[&str]) -> Value {
        let place = self.sandbox.work().join("metadata");
        let place_option = format!("--metadata-file={}", place.display());
        self.build(&[&[place_option.as_str()], arguments].concat());
        let mut metadata: Value = serde_json::from_slice(&std::fs::read(place).unwrap()).unwrap();
        metadata["containerimage.digest"].take()
    }

    /// What the build comes to, as lines of mode, owner, path, and target or content.
    pub(crate) fn files(&self, arguments: &[&str]) -> Vec<String> {
        let output = [&["build", "--output=-"][..], arguments, &["context"]].concat();
        listed(&self.sandbox.wharf(output).run().success().stdout)
    }

    /// Without the directories.
    pub(crate) fn plain_files(&self, arguments: &[&str]) -> Vec<String> {
        let mut files = self.files(arguments);
        files.retain(|line| !line.starts_with('d'));
        files
    }

    /// The config of an image.
    pub(crate) fn inspect(&self, image: &str) -> Value {
        let output = self
            .sandbox
            .wharf(["image", "inspect", image])
            .run()
            .success();
        let mut images: Value = serde_json::from_str(&output.text()).unwrap();
        images[0].take()
    }

    /// What history says, the last step first.
    pub(crate) fn history(&self, image: &str) -> Vec<String> {
        let format = "--format={{.CreatedBy}}|{{.Comment}}";
        let output = self
            .sandbox
            .wharf(["history", "--no-trunc", format, image])
            .run()
            .success();
        output.text().lines().map(str::to_owned).collect()
    }

    /// An image of the store that layers can be put upon.
    pub(crate) fn base(&self, name: &str, tar: &[u8]) -> &Self {
        let archive = self.sandbox.work().join("base.tar");
        write(&archive, tar);
        let archive = archive.display().to_string();
        self.sandbox
            .wharf(["import", archive.as_str(), name])
            .run()
            .success();
        self
    }
}

/// An archive's entries.
pub(crate) fn listed(archive: &[u8]) -> Vec<String> {
    let mut archive = tar::Archive::new(archive);
    let mut lines = Vec::new();
    for entry in archive.entries().unwrap() {
        let mut entry = entry.unwrap();
        let path = entry.path().unwrap().display().to_string();
        let header = entry.header();
        let kind = match header.entry_type() {
            tar::EntryType::Directory => 'd',
            tar::EntryType::Symlink => 'l',
            tar::EntryType::Link => 'h',
            tar::EntryType::Regular => '-',
            other => panic!("an entry of type {other:?}"),
        };
        let (mode, user, group) = (
            header.mode().unwrap() & 0o7777,
            header.uid().unwrap(),
            header.gid().unwrap(),
        );
        let link = entry.link_name().unwrap();
        let link = link.map_or_else(String::new, |link| format!(" -> {}", link.display()));
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let content = match str::from_utf8(&content).map(str::trim_end) {
            Ok("") => String::new(),
            Ok(content) if content.len() <= 100 && !content.contains('\0') => {
                format!(": {content}")
            }
            _ => format!(": {} bytes", content.len()),
        };
        lines.push(format!(
            "{kind}{mode:04o} {user}:{group} {path}{link}{content}"
        ));
    }
    lines
}
