//! A store with one small image, and containers that do not outlive their test.

use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use testkit::{Peer, ProgramCommand, Sandbox, skip, write};

/// A sandbox whose containers end with it.
pub(crate) struct Containers {
    pub(crate) sandbox: Sandbox,
}

impl Containers {
    /// A store with the image `busybox`; `None`, said aloud, where that cannot be had.
    pub(crate) fn new() -> Option<Self> {
        if !rustix::process::geteuid().is_root() {
            skip("containers with all namespaces of their own need root");
            return None;
        }
        let containers = Self::with(Sandbox::new())?;
        Some(containers)
    }

    /// The same in a sandbox that is there.
    pub(crate) fn with(sandbox: Sandbox) -> Option<Self> {
        let busybox = Peer::Busybox.installed()?;
        let tree = sandbox.work().join("busybox");
        make_tree(&tree, &busybox);
        let archive = sandbox.work().join("busybox.tar");
        let tar = std::process::Command::new("tar")
            .args(["--owner=0", "--group=0", "--numeric-owner", "-C"])
            .arg(&tree)
            .arg("-cf")
            .arg(&archive)
            .arg(".")
            .status();
        assert!(tar.expect("a file of the fixture").success());
        Some(Self { sandbox })
    }

    /// Makes the image `busybox`.
    pub(crate) fn imported(self) -> Self {
        let archive = self.sandbox.work().join("busybox.tar");
        let import = ["import", "--change", "CMD [\"sh\"]"];
        let command = self.wharf(import).arg(archive).arg("busybox");
        command.run().success();
        self
    }

    pub(crate) fn wharf<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> ProgramCommand {
        self.sandbox.wharf(words)
    }

    /// Runs the words, which must succeed: what they print, without the last line break.
    pub(crate) fn prints<'a>(&self, words: impl IntoIterator<Item = &'a str>) -> String {
        let text = self.wharf(words).run().success().text();
        text.trim_end_matches('\n').to_owned()
    }

    /// What a shell prints in a container of its own.
    pub(crate) fn shell(&self, options: &[&str], script: &str) -> String {
        let network: &[&str] = if options.contains(&"--network") {
            &[]
        } else {
            &["--network", "none"]
        };
        let shell = ["busybox", "sh", "-c", script];
        self.prints([&["run", "--rm"], network, options, &shell].concat())
    }
}

impl Drop for Containers {
    fn drop(&mut self) {
        let all = self.wharf(["ps", "--all", "--quiet"]).run().text();
        let ids: Vec<&str> = all.lines().collect();
        if !ids.is_empty() {
            let words = ["rm", "--force"].into_iter().chain(ids);
            self.wharf(words).run();
        }
        self.wharf(["network", "prune", "--force"]).run();
    }
}

fn make_tree(tree: &Path, busybox: &Path) {
    for folder in ["bin", "etc", "tmp", "root", "home/ann", "data"] {
        std::fs::create_dir_all(tree.join(folder)).expect("a file of the fixture");
    }
    std::fs::copy(busybox, tree.join("bin/busybox")).expect("a file of the fixture");
    for applet in [
        "cat", "chown", "echo", "env", "false", "grep", "head", "hostname", "id", "kill", "ls",
        "mkdir", "mknod", "mount", "nc", "ping", "ps", "pwd", "rm", "sh", "sleep", "stat", "touch",
        "true", "tty", "wc", "wget", "ip", "httpd", "dd", "ln", "mv", "tr", "cut", "seq", "yes",
        "ulimit", "umask", "nslookup",
    ] {
        symlink("busybox", tree.join("bin").join(applet)).expect("a file of the fixture");
    }
    std::fs::set_permissions(tree.join("tmp"), std::fs::Permissions::from_mode(0o1777))
        .expect("a file of the fixture");
    write(
        &tree.join("etc/passwd"),
        "root:x:0:0:root:/root:/bin/sh\nann:x:1000:1000::/home/ann:/bin/sh\n",
    );
    write(
        &tree.join("etc/group"),
        "root:x:0:\nann:x:1000:\naudio:x:29:ann\n",
    );
    write(&tree.join("data/seed"), "from the image\n");
    write(&tree.join("etc/not-a-program"), "text\n");
}
