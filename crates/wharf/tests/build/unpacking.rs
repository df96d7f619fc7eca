//! Layers of a build are unpacked when somebody looks into them, and not before.

use testkit::running_as_root;

use crate::fixture::Project;

/// How many layers are unpacked.
fn unpacked(project: &Project) -> usize {
    let layers = project.sandbox.root().join("layers");
    let Ok(folders) = std::fs::read_dir(layers) else {
        return 0;
    };
    let names = folders.map(|folder| folder.unwrap().file_name().into_string().unwrap());
    names.filter(|name| name.starts_with("sha256")).count()
}

fn wharf(project: &Project, words: &[&str]) -> String {
    project.sandbox.wharf(words).run().success().text()
}

#[test]
fn what_nobody_looks_into_stays_packed() {
    let project = Project::new("FROM scratch\nCOPY a /\nCOPY --link b /\n");
    project.file("a", "A\n").file("b", "BB\n");
    project.build(&["--tag=made"]);
    // `COPY b` is linked, and does not ask what is there.
    assert_eq!(unpacked(&project), 0);
    let size = wharf(&project, &["image", "ls", "--format={{.Size}}"]);
    assert_eq!(size, "5B\n");
    wharf(&project, &["system", "check"]);
    wharf(&project, &["save", "--output=made.tar", "made"]);
    project.build(&["--tag=other"]);
    assert_eq!(unpacked(&project), 0);
    wharf(&project, &["system", "check", "--repair"]);
    assert_eq!(unpacked(&project), 0);
    if running_as_root() {
        let target = project.sandbox.work().join("mounted");
        std::fs::create_dir(&target).unwrap();
        let text = target.display().to_string();
        wharf(&project, &["image", "mount", "made", &text]);
        let read = std::fs::read_to_string(target.join("b")).unwrap();
        assert_eq!(read, "BB\n");
        wharf(&project, &["image", "unmount", &text]);
        assert_eq!(unpacked(&project), 2);
    }
    wharf(&project, &["rmi", "made", "other"]);
    wharf(&project, &["builder", "prune", "--all", "--force"]);
    assert_eq!(unpacked(&project), 0);
    wharf(&project, &["system", "check"]);
}

#[test]
fn a_packed_layer_whose_archive_is_damaged_is_found() {
    let project = Project::new("FROM scratch\nCOPY a /\n");
    project.file("a", "A\n");
    let metadata = project.sandbox.work().join("metadata");
    let option = format!("--metadata-file={}", metadata.display());
    project.build(&["--tag=made", &option]);
    let blobs = project.sandbox.root().join("blobs/sha256");
    for blob in std::fs::read_dir(blobs).unwrap() {
        let path = blob.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        // gzip
        if bytes.starts_with(&[0x1f, 0x8b]) {
            use std::os::unix::fs::PermissionsExt as _;
            let writable = std::fs::Permissions::from_mode(0o600);
            std::fs::set_permissions(&path, writable).unwrap();
            testkit::write(&path, &bytes[..bytes.len() / 2]);
        }
    }
    let check = project.sandbox.wharf(["system", "check"]).run();
    assert_ne!(check.code, 0, "{}", check.error_text());
}
