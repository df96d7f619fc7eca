//! `cp`: files from containers to this machine, and back.

use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use testkit::write;

use crate::fixture::Containers;

/// A container that runs, or does not, with the name `one`; and a folder for its files.
fn container(running: bool, options: &[&str]) -> Option<(Containers, PathBuf)> {
    let containers = Containers::new()?.imported();
    let begin = if running {
        &["run", "-d"][..]
    } else {
        &["create"]
    };
    let words = begin
        .iter()
        .chain(&["--name", "one", "--network", "none"])
        .chain(options)
        .chain(&["busybox", "sleep", "1000"]);
    containers.prints(words.copied());
    let work = containers.sandbox.work().join("copies");
    std::fs::create_dir(&work).expect("a file of the test");
    Some((containers, work))
}

fn cp(containers: &Containers, from: impl AsRef<Path>, to: impl AsRef<Path>) -> String {
    let words = containers.wharf(["cp", "--quiet=false"]);
    let end = words.arg(from.as_ref()).arg(to.as_ref()).run().success();
    assert_eq!(end.text(), "");
    end.error_text()
}

fn refused(containers: &Containers, from: impl AsRef<Path>, to: impl AsRef<Path>) -> String {
    let words = containers.wharf(["cp"]);
    words
        .arg(from.as_ref())
        .arg(to.as_ref())
        .run()
        .exits_with(1)
        .error_text()
}

fn read(path: impl AsRef<Path>) -> String {
    std::fs::read_to_string(path).expect("a file of the test")
}

/// Every path below a folder, sorted.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut left = vec![folder.to_path_buf()];
    while let Some(at) = left.pop() {
        for entry in std::fs::read_dir(at).expect("a file of the test") {
            let path = entry.expect("a file of the test").path();
            let name = path
                .strip_prefix(folder)
                .expect("a file of the test")
                .display()
                .to_string();
            found.push(name);
            if path.is_dir() && !path.is_symlink() {
                left.push(path);
            }
        }
    }
    found.sort();
    found
}

/// The rules of ends and of what is there, the same whether the container runs or not.
fn rules_hold(running: bool) {
    let Some((containers, work)) = container(running, &[]) else {
        return;
    };
    let path = |name: &str| work.join(name);
    write(&path("file"), "content");
    std::fs::set_permissions(path("file"), std::fs::Permissions::from_mode(0o640))
        .expect("a file of the test");
    std::fs::create_dir_all(path("folder/below")).expect("a file of the test");
    write(&path("folder/below/x"), "x");
    symlink("../file", path("folder/link")).expect("a file of the test");

    // Into a folder, under another name, over a file.
    assert_eq!(
        cp(&containers, path("file"), "one:/tmp"),
        "Successfully copied 2.05kB to one:/tmp\n"
    );
    cp(&containers, path("file"), "one:/tmp/named");
    write(&path("other"), "other");
    cp(&containers, path("other"), "one:/tmp/named");
    // A folder into one that is there, as one that is not, and what is in it alone.
    cp(&containers, path("folder"), "one:/tmp");
    cp(&containers, path("folder"), "one:/tmp/new");
    cp(&containers, path("folder/."), "one:/data");
    cp(&containers, "one:/tmp/.", path("back"));
    assert_eq!(
        tree(&path("back")),
        [
            "file",
            "folder",
            "folder/below",
            "folder/below/x",
            "folder/link",
            "named",
            "new",
            "new/below",
            "new/below/x",
            "new/link"
        ]
    );
    assert_eq!(read(path("back/named")), "other");
    let copied = std::fs::symlink_metadata(path("back/file")).expect("a file of the test");
    let original = std::fs::symlink_metadata(path("file")).expect("a file of the test");
    assert_eq!(
        (copied.mode(), copied.mtime()),
        (original.mode(), original.mtime())
    );
    assert_eq!(
        std::fs::read_link(path("back/folder/link")).expect("a file of the test"),
        Path::new("../file")
    );
    cp(&containers, "one:/data", path("data"));
    assert_eq!(tree(&path("data")), ["below", "below/x", "link", "seed"]);
    // Now that it is there, into it.
    cp(&containers, "one:/data/", path("data"));
    assert_eq!(read(path("data/data/seed")), "from the image\n");
    cp(&containers, "one:/data/seed", path("data/link"));
    // A link at the end of the destination is followed, even to where nothing is.
    assert_eq!(read(path("file")), "from the image\n");
}

#[test]
fn privileged_cp_into_and_out_of_a_container_that_runs() {
    rules_hold(true);
}

#[test]
fn privileged_cp_into_and_out_of_a_container_that_does_not_run() {
    rules_hold(false);
}

#[test]
fn privileged_what_was_copied_is_there_when_the_container_starts() {
    let Some((containers, work)) = container(false, &["-v", "kept:/volume"]) else {
        return;
    };
    write(&work.join("file"), "content");
    cp(&containers, work.join("file"), "one:/file");
    cp(&containers, work.join("file"), "one:/volume/file");
    containers.prints(["start", "one"]);
    let words = ["exec", "one", "cat", "/file", "/volume/file"];
    assert_eq!(containers.prints(words), "contentcontent");
    containers.prints([
        "exec",
        "one",
        "sh",
        "-c",
        "echo more > /volume/more; echo y > /y",
    ]);
    containers.prints(["stop", "--timeout", "0", "one"]);
    cp(&containers, "one:/volume", &work);
    assert_eq!(tree(&work.join("volume")), ["file", "more"]);
    cp(&containers, "one:/y", work.join("y"));
    assert_eq!(read(work.join("y")), "y\n");
    let mounts = std::fs::read_to_string("/proc/mounts").unwrap();
    let root = containers.sandbox.work().display().to_string();
    assert!(!mounts.contains(&root), "{mounts}");
    assert_eq!(containers.prints(["diff", "one"]), "A /file\nA /y");
}

#[test]
fn privileged_links_do_not_lead_out_of_the_container() {
    for running in [true, false] {
        let Some((containers, work)) = container(running, &[]) else {
            return;
        };
        let outside = work.join("outside");
        std::fs::create_dir(&outside).unwrap();
        write(&outside.join("secret"), "secret");
        // What the machine has at the links' targets is not what the container has there.
        symlink(&outside, work.join("absolute")).unwrap();
        symlink("../../../../../../../../etc/passwd", work.join("climbs")).unwrap();
        for name in ["absolute", "climbs"] {
            cp(&containers, work.join(name), "one:/tmp");
        }
        let text = refused(&containers, "one:/tmp/absolute/secret", "-");
        assert_eq!(
            text,
            "Error response from daemon: Could not find the file /tmp/absolute/secret in container one\n"
        );
        let text = refused(
            &containers,
            work.join("outside/secret"),
            "one:/tmp/absolute/x",
        );
        assert_eq!(
            text,
            "Error response from daemon: Could not find the file /tmp/absolute in container one\n"
        );
        assert!(!outside.join("x").exists());
        // With -L the container's own file.
        let follow = containers.wharf(["cp", "-L", "one:/tmp/climbs"]);
        follow.arg(work.join("followed")).run().success();
        assert!(read(work.join("followed")).contains("ann:x:1000"));
        cp(&containers, "one:/tmp/climbs", work.join("kept"));
        assert!(work.join("kept").is_symlink());
        // And into it: through the link, within the container.
        write(&work.join("passwd"), "root:x:0:0::/:/bin/sh\n");
        cp(&containers, work.join("passwd"), "one:/tmp/climbs");
        cp(&containers, "one:/etc/passwd", work.join("again"));
        assert_eq!(read(work.join("again")), "root:x:0:0::/:/bin/sh\n");
        assert!(read("/etc/passwd") != "root:x:0:0::/:/bin/sh\n");
    }
}

#[test]
fn privileged_archives_come_and_go_by_pipes() {
    let Some((containers, work)) = container(true, &["--user", "ann"]) else {
        return;
    };
    let archive = containers
        .wharf(["cp", "one:/data", "-"])
        .run()
        .success()
        .stdout;
    write(&work.join("data.tar"), &archive);
    let listed = containers
        .sandbox
        .program("tar")
        .arg("-tf")
        .arg(work.join("data.tar"))
        .run()
        .success()
        .text();
    assert_eq!(listed, "data/\ndata/seed\n");
    for options in [&["cp"][..], &["cp", "-a"]] {
        let words = options.iter().copied().chain(["-", "one:/tmp"]);
        containers
            .wharf(words)
            .input(archive.clone())
            .run()
            .success();
        let owner = containers.prints(["exec", "one", "stat", "-c", "%u:%g", "/tmp/data/seed"]);
        // With -a they are the user's of the container.
        let expected = if options.len() > 1 {
            "1000:1000"
        } else {
            "0:0"
        };
        assert_eq!(owner, expected, "{options:?}");
    }
    let text = containers
        .wharf(["cp", "-", "one:/etc/passwd"])
        .input(archive.clone())
        .run()
        .exits_with(1)
        .error_text();
    assert_eq!(
        text,
        "destination \"one:/etc/passwd\" must be a directory\n"
    );
    let text = containers
        .wharf(["cp", "-", "one:/tmp"])
        .input(b"no archive at all, but longer than a block of one".repeat(20))
        .run()
        .exits_with(1)
        .error_text();
    assert!(text.contains("checksum"), "{text}");
}

#[test]
fn privileged_mistakes_of_cp_are_told_in_dockers_words() {
    let Some((containers, work)) = container(true, &["--read-only", "-v", "kept:/volume:ro"])
    else {
        return;
    };
    let work = work.display();
    write(Path::new(&format!("{work}/file")), "x");
    std::fs::create_dir(format!("{work}/folder")).unwrap();
    let daemon = "Error response from daemon: ";
    let cases = [
        ("a", "b", "must specify at least one container source\n".to_owned()),
        ("one:/a", "one:/b", "copying between containers is not supported\n".to_owned()),
        ("", "one:/b", "source can not be empty\n".to_owned()),
        ("one:/a", "", "destination can not be empty\n".to_owned()),
        ("none:/a", "-", format!("{daemon}No such container: none\n")),
        ("one:/gone", "/tmp", format!("{daemon}Could not find the file /gone in container one\n")),
        ("one:/etc/passwd/", "/tmp", format!("{daemon}lstat /etc/passwd/: not a directory\n")),
        ("one:/etc/passwd", "/nowhere/x", "invalid output path: directory \"/nowhere\" does not exist\n".to_owned()),
        ("/nowhere", "one:/tmp", "lstat /nowhere: no such file or directory\n".to_owned()),
        (&format!("{work}/folder"), "one:/etc/passwd", "cannot copy directory\n".to_owned()),
        (&format!("{work}/file"), "one:/etc/gone/", "no such directory\n".to_owned()),
        (&format!("{work}/file"), "one:/gone/x", format!("{daemon}Could not find the file /gone in container one\n")),
        (&format!("{work}/file"), "one:/data", format!("{daemon}container rootfs is marked read-only\n")),
        (&format!("{work}/file"), "one:/volume", format!("{daemon}mounted volume is marked read-only\n")),
        ("one:/dev/null", "/dev/null", "invalid output path: \"/dev/null\" must be a directory or a regular file: got a device\n".to_owned()),
        (&format!("{work}/file"), "one:/dev/null", "destination \"one:/dev/null\" must be a directory or a regular file: got a device\n".to_owned()),
    ];
    for (from, to, expected) in cases {
        assert_eq!(refused(&containers, from, to), expected, "{from} {to}");
    }
    let text = refused(&containers, "one:/etc", format!("{work}/file"));
    assert_eq!(text, "cannot copy directory\n");
}

#[test]
fn privileged_a_copy_shows_how_far_it_is() {
    let Some(containers) = Containers::new().map(Containers::imported) else {
        return;
    };
    containers.prints(["create", "--name", "one", "busybox", "true"]);
    let file = containers.sandbox.work().join("big");
    testkit::write(&file, vec![7_u8; 3_000_000]);
    let (wharf, file) = (containers.sandbox.wharf_binary(), file.display());
    let wharf = wharf.display();
    let shown = |words: &str| {
        let line = format!("{wharf} cp {words}");
        crate::bad_luck::on_a_terminal(&containers, &line)
    };
    let Some((text, code)) = shown(&format!("{file} one:/big")) else {
        return;
    };
    assert_eq!(code, Some(0), "{text}");
    assert!(
        text.starts_with("\u{1b}[sCopying to container - 0B"),
        "{text:?}"
    );
    assert!(
        text.ends_with("\u{1b}[u\u{1b}[2KSuccessfully copied 3MB to one:/big\n"),
        "{text:?}"
    );
    let (text, _) = shown(&format!("one:/big {file}.copy")).expect("a terminal");
    assert!(text.contains("Copying from container - 0B"), "{text:?}");
    assert!(text.contains("Successfully copied 3MB to "), "{text:?}");
    let (text, _) = shown(&format!("--quiet one:/big {file}.quiet")).expect("a terminal");
    assert_eq!(text, "");
    // Without a terminal nothing is said.
    let from = format!("{file}.quiet");
    let output = containers.wharf(["cp", &from, "one:/again"]).run();
    assert_eq!(output.success().error_text(), "");
}
