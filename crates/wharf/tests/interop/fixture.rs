//! What the tests here share: mounts that end with their test, manifests as a registry has them, and an image with every
//! kind of file.

use std::fs;
use std::path::{Path, PathBuf};

use testkit::{
    Dialect, Entry, ImageBuilder, LayerCompression, LongNames, Sandbox, TarBuilder, TestRegistry,
};
use wharf_oci::{Digest, MediaType};

/// An image at a folder, until this is dropped.
pub(crate) struct Mounted<'a> {
    sandbox: &'a Sandbox,
    folder: PathBuf,
}

impl<'a> Mounted<'a> {
    /// Mounts the image `name` of the sandbox's store.
    pub(crate) fn new(sandbox: &'a Sandbox, name: &str) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("mounted-")
            .tempdir_in(sandbox.work())
            .unwrap()
            .keep();
        let mount = sandbox.wharf(["image", "mount", name]).arg(&folder);
        mount.run().success();
        Self { sandbox, folder }
    }

    /// Where its files are.
    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let unmount = self.sandbox.wharf(["image", "unmount"]);
        let output = unmount.arg(&self.folder).run();
        // A second panic would end the process without a word about the first.
        if !std::thread::panicking() {
            output.success();
        }
    }
}

/// The manifest or index that the registry serves as `repository:reference`, byte by byte, and its digest.
pub(crate) fn served(
    registry: &TestRegistry,
    repository: &str,
    reference: &str,
) -> (Vec<u8>, Digest) {
    let accepted = MediaType::ACCEPTED_MANIFESTS.join(", ");
    let path = format!("/v2/{repository}/manifests/{reference}");
    let response = registry.request("GET", &path, &[("Accept", &accepted)], b"");
    assert_eq!(response.status, 200, "{path}");
    let digest = Digest::of(&response.body);
    (response.body, digest)
}

/// The files of the image `name`, one of which is `etc/motd` with `motd`.
pub(crate) fn check_motd(sandbox: &Sandbox, name: &str, motd: &str) {
    let mounted = Mounted::new(sandbox, name);
    let found = fs::read_to_string(mounted.path().join("etc/motd"));
    assert_eq!(found.unwrap(), motd, "{name}");
}

/// The archive of a root file system with `etc/motd` and a program.
pub(crate) fn root_file_system(motd: &str) -> Vec<u8> {
    TarBuilder::new()
        .directory("bin")
        .program("bin/tool", "tool")
        .directory("etc")
        .file("etc/motd", motd)
        .symlink("etc/link", "motd")
        .finish()
}

/// Four layers with everything that layers can say. Directories stand in every layer that changes something in them, as
/// builders write them: what is merged of a directory that is not written down differs from tool to tool.
pub(crate) fn rich_image(
    dialect: Dialect,
    compression: LayerCompression,
    sparse: Vec<u8>,
) -> ImageBuilder {
    ImageBuilder::new()
        .dialect(dialect)
        .compressed_layer(base_layer(), compression, "ADD base / # buildkit")
        .compressed_layer(sparse, compression, "ADD sparse / # buildkit")
        .compressed_layer(changing_layer(), compression, "RUN change # buildkit")
        .compressed_layer(last_layer(), compression, "RUN last # buildkit")
        .container("Cmd", serde_json::json!(["/bin/tool"]))
}

fn base_layer() -> Vec<u8> {
    let capability = [1, 0, 0, 2, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let long = format!("usr/{}/{}", "long".repeat(30), "name".repeat(30));
    TarBuilder::new()
        .entry(&Entry::directory("bin").modified(1_500_000_000, 1))
        .entry(&set_user(Entry::file("bin/su", "su")))
        .entry(&set_user(Entry::hard_link("bin/sudo", "bin/su")))
        .entry(
            &Entry::file("bin/ping", "ping")
                .mode(0o755)
                .owner(0, 7)
                .xattr("security.capability", capability),
        )
        .entry(&Entry::file("bin/wall", "wall").mode(0o2755).owner(0, 5))
        .directory("dev")
        .entry(&Entry::character_device("dev/null", 1, 3).mode(0o666))
        .entry(
            &Entry::block_device("dev/loop7", 7, 7)
                .owner(0, 6)
                .mode(0o660),
        )
        .entry(&Entry::fifo("dev/pipe").mode(0o600).owner(9, 9))
        .directory("etc")
        .entry(&Entry::file("etc/motd", "hello").xattr("user.origin", "harbour\0\u{e9}"))
        .file("etc/gone", "gone")
        .file("etc/replaced", "one")
        .symlink("etc/link", "motd")
        .symlink("etc/absolute", "/etc/motd")
        .symlink("etc/dangling", "../../nowhere")
        .entry(&set_user(Entry::hard_link("etc/su", "bin/su")))
        .directory("opaque")
        .file("opaque/below", "below")
        .directory("opaque/deeper")
        .file("opaque/deeper/below", "below")
        .directory("removed")
        .file("removed/file", "file")
        .entry(&Entry::directory("tmp").mode(0o1777))
        .entry(&Entry::directory("srv").mode(0o2770).owner(1_000, 4_000_000))
        .entry(&Entry::file("srv/huge-owner", "").owner(4_000_000_000, 4_000_000_001))
        .directory("turns-into-file")
        .file("turns-into-file/x", "x")
        .file("turns-into-directory", "x")
        .directory("usr")
        .directory(&format!("usr/{}", "long".repeat(30)))
        .entry(&Entry::file(long.clone() + "-pax", "pax"))
        .entry(&Entry::file(long.clone() + "-gnu", "gnu").long_names(LongNames::Gnu))
        .symlink("usr/far", &"t".repeat(300))
        .entry(&Entry::file(
            "usr/\u{65e5}\u{672c}\u{8a9e} \u{1f600} e\u{301}",
            "unicode",
        ))
        .entry(&Entry::file(
            b"usr/not\xffutf8 \\ \"quoted\" \n".to_vec(),
            "bytes",
        ))
        .finish()
}

/// Dockerd takes the metadata of a hard link for those of the file, umoci and GNU tar do not; whoever packs a tree writes the
/// same for both.
fn set_user(entry: Entry) -> Entry {
    entry.mode(0o4711).modified(1_600_000_000, 123_456_789)
}

fn changing_layer() -> Vec<u8> {
    TarBuilder::new()
        .entry(
            &Entry::directory("etc")
                .mode(0o750)
                .owner(0, 42)
                .modified(1_610_000_000, 5),
        )
        .whiteout("etc/gone")
        .entry(&Entry::file("etc/replaced", "two").mode(0o600).owner(3, 4))
        .file("etc/su", "its own now")
        .directory("opaque")
        .opaque("opaque")
        .file("opaque/above", "above")
        .whiteout("removed")
        .file("turns-into-file", "file")
        .directory("turns-into-directory")
        .file("turns-into-directory/y", "y")
        .directory("usr")
        .whiteout("usr/far")
        .finish()
}

fn last_layer() -> Vec<u8> {
    TarBuilder::new()
        .entry(
            &Entry::directory("./")
                .mode(0o751)
                .owner(0, 8)
                .modified(1_620_000_000, 9),
        )
        .directory("removed")
        .file("removed/again", "again")
        .directory("bin")
        .file("bin/first", "pair")
        .hard_link("bin/second", "bin/first")
        .finish()
}

/// A layer with a file of holes and data, as GNU tar writes it.
pub(crate) fn sparse_layer(sandbox: &Sandbox) -> Vec<u8> {
    let folder = sandbox.work().join("sparse");
    fs::create_dir_all(folder.join("var")).unwrap();
    let file = fs::File::create(folder.join("var/sparse")).unwrap();
    for piece in [1, 3, 4, 9] {
        std::os::unix::fs::FileExt::write_all_at(&file, b"data", piece * 65_536).unwrap();
    }
    file.set_len(1 << 20).unwrap();
    let tar = sandbox.program("tar").arg("-C").arg(&folder).args([
        "--format=pax",
        "--sparse",
        "--owner=0",
        "--group=0",
        "--mode=0755",
        "--mtime=@1600000001",
        "--pax-option=delete=atime,delete=ctime",
        "-cf",
        "-",
        "var",
    ]);
    tar.run().success().stdout
}
