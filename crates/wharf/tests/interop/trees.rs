//! The files of mounted images beside those that umoci unpacks and dockerd shows, entry by entry.

use std::path::{Path, PathBuf};

use testkit::{
    BuiltImage, Dialect, DockerDaemon, Entry, ImageBuilder, LayerCompression, Sandbox, TarBuilder,
    TestRegistry, TreeEntry, compare_trees, list_tree, oci_archive, running_as_root, write,
    write_oci_layout,
};

use crate::fixture::{Mounted, rich_image, sparse_layer};

const NAME: &str = "harbour/rich:1.0";

fn loaded(sandbox: &Sandbox, image: &BuiltImage) {
    let archive = sandbox.work().join("image.tar");
    write(&archive, oci_archive(&[(NAME, &image.artifact())]));
    let load = sandbox.wharf(["load", "--quiet", "--input"]).arg(&archive);
    load.run().success();
}

fn unpacked_by_umoci(sandbox: &Sandbox, image: &BuiltImage) -> Option<Vec<TreeEntry>> {
    let umoci = sandbox.umoci()?;
    let layout = sandbox.work().join("layout");
    std::fs::create_dir(&layout).unwrap();
    write_oci_layout(&layout, &[("1.0", &image.artifact())]);
    let top = sandbox.work().join("unpacked");
    let source = format!("{}:1.0", layout.display());
    let unpack = umoci.args(["raw", "unpack", "--image", &source]).arg(&top);
    unpack.run().success();
    Some(list_tree(&top))
}

#[track_caller]
fn assert_same(expected: &[TreeEntry], actual: &[TreeEntry]) {
    let differences = compare_trees(expected, actual);
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

#[test]
fn privileged_a_mounted_image_is_what_umoci_unpacks() {
    let sandbox = Sandbox::new();
    if !running_as_root() {
        return;
    }
    let sparse = sparse_layer(&sandbox);
    let image = rich_image(Dialect::Oci, LayerCompression::Gzip, sparse).build();
    let Some(expected) = unpacked_by_umoci(&sandbox, &image) else {
        return;
    };
    assert!(expected.len() > 35, "{} entries", expected.len());
    loaded(&sandbox, &image);
    let mounted = Mounted::new(&sandbox, NAME);
    assert_same(&expected, &list_tree(mounted.path()));
}

#[test]
fn privileged_a_pulled_image_is_what_dockerd_shows() {
    let sandbox = Sandbox::new();
    let (Some(registry), Some(daemon)) = (TestRegistry::start(), DockerDaemon::start()) else {
        return;
    };
    let sparse = sparse_layer(&sandbox);
    let image = rich_image(Dialect::Docker, LayerCompression::Gzip, sparse).build();
    registry.push(&image.artifact(), "rich", "1.0");
    let name = format!("{}/rich:1.0", registry.address());
    sandbox.wharf(["pull", "--quiet", &name]).run().success();
    daemon
        .docker(&sandbox, ["pull", "--quiet", &name])
        .run()
        .success();
    let mounted = Mounted::new(&sandbox, &name);
    let theirs = DockerTree::new(&sandbox, &daemon, &name);
    // Dockerd does not read what a layer says about the root itself.
    let [theirs, ours] = [theirs.folder.as_path(), mounted.path()].map(|top| {
        let mut tree = list_tree(top);
        tree.retain(|entry| entry.path != Path::new(""));
        tree
    });
    assert_same(&theirs, &ours);
}

/// An image in dockerd's own layers, until this is dropped.
struct DockerTree<'a> {
    sandbox: &'a Sandbox,
    folder: PathBuf,
}

impl<'a> DockerTree<'a> {
    fn new(sandbox: &'a Sandbox, daemon: &DockerDaemon, name: &str) -> Self {
        let format = "{{.GraphDriver.Data.UpperDir}}:{{.GraphDriver.Data.LowerDir}}";
        let inspect = daemon.docker(sandbox, ["image", "inspect", "--format", format, name]);
        let layers = inspect.run().success().text();
        let folder = sandbox.work().join("dockerd");
        std::fs::create_dir(&folder).unwrap();
        let options = format!("ro,lowerdir={}", layers.trim());
        let mount = sandbox
            .program("mount")
            .args(["-t", "overlay", "overlay", "-o", &options]);
        mount.arg(&folder).run().success();
        Self { sandbox, folder }
    }
}

impl Drop for DockerTree<'_> {
    fn drop(&mut self) {
        // Without it the daemon could not remove its layers, and a panic in a drop would hide the first one.
        let output = self.sandbox.program("umount").arg(&self.folder).run();
        assert!(
            output.code == 0 || std::thread::panicking(),
            "{}",
            output.error_text()
        );
    }
}

#[test]
fn privileged_an_opaque_root_hides_all_below() {
    let sandbox = Sandbox::new();
    if !running_as_root() {
        return;
    }
    let image = ImageBuilder::new()
        .dialect(Dialect::Oci)
        .layer(
            TarBuilder::new()
                .directory("old")
                .file("old/file", "x")
                .file("top", "x")
                .finish(),
            "ADD old /",
        )
        .layer(
            TarBuilder::new()
                .entry(
                    &Entry::directory("./")
                        .mode(0o755)
                        .modified(1_620_000_000, 0),
                )
                .file(".wh..wh..opq", "")
                .directory("new")
                .finish(),
            "COPY new /",
        )
        .layer(
            TarBuilder::new()
                .entry(
                    &Entry::directory("./")
                        .mode(0o755)
                        .modified(1_630_000_000, 0),
                )
                .file("last", "x")
                .finish(),
            "COPY last /",
        )
        .build();
    let Some(expected) = unpacked_by_umoci(&sandbox, &image) else {
        return;
    };
    loaded(&sandbox, &image);
    let mounted = Mounted::new(&sandbox, NAME);
    let tree = list_tree(mounted.path());
    assert!(
        !tree
            .iter()
            .any(|entry| entry.path.starts_with("old") || entry.path == Path::new("top"))
    );
    assert_same(&expected, &tree);
}

/// A layer may leave out directories that its files lie in. Dockerd then shows plain ones, and so do we, since layers are
/// unpacked alone; umoci, which unpacks all of them into one tree, shows those of the layers below.
#[test]
fn privileged_directories_that_are_not_written_down_are_those_of_dockerd() {
    let sandbox = Sandbox::new();
    let (Some(registry), Some(daemon)) = (TestRegistry::start(), DockerDaemon::start()) else {
        return;
    };
    let below = TarBuilder::new()
        .entry(&Entry::directory("tmp").mode(0o1777).owner(5, 6))
        .directory("bin")
        .symlink("lib", "bin")
        .finish();
    let above = TarBuilder::new()
        .file("tmp/x", "x")
        .file("srv/deep/y", "y")
        .file("lib/z", "z")
        .finish();
    let image = ImageBuilder::new()
        .layer(below, "ADD below /")
        .layer(above, "ADD above /")
        .build();
    registry.push(&image.artifact(), "sparse", "1.0");
    let name = format!("{}/sparse:1.0", registry.address());
    sandbox.wharf(["pull", "--quiet", &name]).run().success();
    let pull = daemon.docker(&sandbox, ["pull", "--quiet", &name]);
    pull.run().success();
    let mounted = Mounted::new(&sandbox, &name);
    let theirs = DockerTree::new(&sandbox, &daemon, &name);
    let [theirs, ours] = [theirs.folder.as_path(), mounted.path()].map(|top| {
        let mut tree = list_tree(top);
        // Theirs are of this moment, ours of the layer's.
        for directory in tree.iter_mut().filter(|entry| entry.kind == "directory") {
            directory.modified_ns = 0;
        }
        tree
    });
    assert_same(&theirs, &ours);
}
