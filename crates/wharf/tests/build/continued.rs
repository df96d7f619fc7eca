//! Layers that go on where an earlier one differs: whatever was changed, and whatever became of what is remembered, the bytes are
//! those of a layer that is written anew.

use std::path::PathBuf;
use std::time::Duration;

use crate::fixture::Project;

/// Some seven blocks of a layer's archive: large files and small ones, a long name, links, folders.
fn project() -> Project {
    let project = Project::new("FROM scratch\nCOPY d /d\n");
    for number in 0..40 {
        let name = format!("d/folder-{}/file-{number}", number % 4);
        project.file(&name, numbers(number, 150_000));
    }
    for number in 0..300 {
        project.file(&format!("d/small/{number}"), format!("{number}\n"));
    }
    let long = format!("d/{}/{}/name", "l".repeat(120), "m".repeat(180));
    project.file(&long, "long");
    project.link("d/folder-1/link", "file-1");
    let first = project.context().join("d/folder-0/file-0");
    std::fs::hard_link(first, project.context().join("d/z-file-0")).unwrap();
    project
}

/// Text that deflates to something, of which no two parts are the same.
fn numbers(seed: u32, length: usize) -> Vec<u8> {
    let lines = (seed * 100_000..u32::MAX).flat_map(|number| {
        let line = (number.wrapping_mul(2_654_435_761) >> 8).to_string() + "\n";
        line.into_bytes()
    });
    lines.take(length).collect()
}

fn is_as_written_anew(project: &Project, what: &str) {
    let continued = project.manifest(&[]);
    assert_eq!(project.manifest(&["--no-cache"]), continued, "{what}");
}

#[test]
fn whatever_was_changed() {
    let project = project();
    let path = |name: &str| project.context().join("d").join(name);
    let edits: [(&str, &dyn Fn()); 14] = [
        ("nothing yet", &|| {}),
        ("the last file", &|| {
            project.file("d/zz", "new");
        }),
        ("the last file of many", &|| {
            project.file("d/small/99", "nine");
        }),
        ("it became longer", &|| {
            project.file("d/small/99", "nine".repeat(300));
        }),
        ("the first file", &|| {
            project.file("d/folder-0/file-0", "first");
        }),
        ("one in the middle, of the same length", &|| {
            project.file("d/folder-2/file-22", numbers(7, 150_000));
        }),
        ("it became shorter", &|| {
            project.file("d/folder-2/file-22", numbers(7, 140_000));
        }),
        ("one is gone", &|| {
            std::fs::remove_file(path("folder-3/file-3")).unwrap();
        }),
        ("one is new", &|| {
            project.file("d/folder-3/file-30", numbers(9, 500_000));
        }),
        ("permissions", &|| {
            project.mode("d/folder-3/file-31", 0o755);
        }),
        ("a folder's permissions", &|| {
            project.mode("d/folder-2", 0o711);
        }),
        ("another name", &|| {
            std::fs::rename(path("folder-3/file-35"), path("folder-3/file-36")).unwrap();
        }),
        ("a link leads elsewhere", &|| {
            std::fs::remove_file(path("folder-1/link")).unwrap();
            project.link("d/folder-1/link", "file-5");
        }),
        ("a file is a folder", &|| {
            std::fs::remove_file(path("folder-3/file-36")).unwrap();
            project.file("d/folder-3/file-36/a", "A");
        }),
    ];
    for (what, edit) in edits {
        edit();
        is_as_written_anew(&project, what);
    }
}

#[test]
fn large_files_and_ends_at_the_end_of_a_block() {
    let project = Project::new("FROM scratch\nCOPY d /d\n");
    project
        .file("d/a", "A")
        .file("d/large", numbers(1, 3 << 20));
    project.file("d/z", "Z");
    project.manifest(&[]);
    // Around where the last block ends: the header of one file, of the other, and the end of the archive.
    for length in (0..5).map(|blocks| (1 << 20) - 512 * (blocks + 4)) {
        project.file("d/z", numbers(2, length));
        is_as_written_anew(&project, &length.to_string());
        project.file("d/zz", "Z");
        is_as_written_anew(&project, "one more");
        std::fs::remove_file(project.context().join("d/zz")).unwrap();
    }
    project.file("d/a", "B");
    is_as_written_anew(&project, "before the large one");
}

/// An archive whose second file has an attribute.
fn archive(last: &str) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    let mut put = |name: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, name, content).unwrap();
        if name == "b" {
            let value = *b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
            let name = "SCHILY.xattr.security.capability";
            archive.append_pax_extensions([(name, &value[..])]).unwrap();
        }
    };
    put("a", &numbers(1, 1_500_000));
    put("b", b"the next one has the attribute");
    put("c", &numbers(2, 1_500_000));
    put("d", &numbers(3, 1_500_000));
    put("e", last.as_bytes());
    archive.into_inner().unwrap()
}

#[test]
fn unpacked_archives_with_attributes() {
    let project = Project::new("FROM scratch\nADD a.tar /\n");
    for last in ["one", "other"] {
        project.file("a.tar", archive(last));
        is_as_written_anew(&project, last);
    }
}

#[test]
fn whatever_became_of_what_is_remembered() {
    type Damage<'a> = &'a dyn Fn(&mut Vec<u8>);
    let damages: [(&str, &str, Damage<'_>); 5] = [
        ("its beginning", "deflated", &|bytes| bytes[3] ^= 1),
        ("a state in it", "deflated", &|bytes| {
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
        }),
        ("its end is gone", "deflated", &|bytes| {
            bytes.truncate(bytes.len() - 50);
        }),
        ("the archive's first block", "blobs/sha256", &|bytes| {
            bytes[5000] ^= 1;
        }),
        ("the archive's end", "blobs/sha256", &|bytes| {
            bytes.truncate(bytes.len() / 2);
        }),
    ];
    let project = project();
    let largest_in = |folder: &str| -> PathBuf {
        let entries = std::fs::read_dir(project.sandbox.root().join(folder)).unwrap();
        let largest = entries.max_by_key(|entry| entry.as_ref().unwrap().metadata().unwrap().len());
        largest.unwrap().unwrap().path()
    };
    for (number, (what, folder, damage)) in damages.into_iter().enumerate() {
        for words in [
            &["image", "prune", "--all", "--force"][..],
            &["builder", "prune", "--all", "--force"],
        ] {
            project.sandbox.wharf(words).run().success();
        }
        project.manifest(&[]);
        let place = largest_in(folder);
        let mut bytes = std::fs::read(&place).unwrap();
        damage(&mut bytes);
        std::fs::remove_file(&place).unwrap();
        testkit::write(&place, bytes);
        project.file("d/small/99", format!("change {number}"));
        is_as_written_anew(&project, what);
    }
}

/// The files that a build opens.
fn opened(project: &Project) -> Option<String> {
    testkit::Peer::Strace.installed()?;
    let said = project.sandbox.work().join("strace");
    let strace = project.sandbox.program("strace");
    strace
        .args(["-f", "-qq", "-e", "trace=openat2", "-o"])
        .arg(&said)
        .arg(project.sandbox.wharf_binary())
        .args(["build", "--quiet", "context"])
        .run()
        .success();
    Some(std::fs::read_to_string(said).unwrap())
}

#[test]
fn files_before_the_change_are_not_read() {
    let project = project();
    // A file that was changed a moment ago may be changed again without another time, so that its digest is not remembered.
    let time = |path: PathBuf| std::fs::metadata(path).unwrap().modified().unwrap();
    let last = time(project.context().join("d/folder-1"));
    let probe = project.sandbox.work().join("probe");
    let age = || {
        testkit::write(&probe, "");
        time(probe.clone()).duration_since(last).unwrap()
    };
    while age() < Duration::from_millis(200) {
        std::thread::yield_now();
    }
    project.manifest(&[]);
    project.file("d/small/99", "changed");
    let Some(opened) = opened(&project) else {
        return;
    };
    for (file, is_read) in [
        ("folder-0/file-0", false),
        ("folder-2/file-30", false),
        ("small/99", true),
        ("z-file-0", false),
    ] {
        assert_eq!(
            opened.contains(&format!("\"d/{file}\"")),
            is_read,
            "{file}\n{opened}"
        );
    }
}
