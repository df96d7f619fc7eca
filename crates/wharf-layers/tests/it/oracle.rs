//! Archives that other programs made, and trees that other programs unpacked.

use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;
use wharf_layers::{Entry, EntryKind, Limits, TarReader};

use crate::support::*;

fn run(program: &str, arguments: &[&str], place: &Path) {
    let output = Command::new(program)
        .args(arguments)
        .current_dir(place)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {arguments:?}: {text}");
}

// A tree with what each format can and cannot say: long names only where they can.
fn plant(root: &Path, long: bool) {
    fs::create_dir_all(root.join("usr/share/doc")).unwrap();
    fs::File::create(root.join("empty")).unwrap();
    fill(&root.join("usr/share/doc/readme"), &vec![b'x'; 70_000]);
    fill(&root.join("usr/su"), b"su");
    fs::set_permissions(root.join("usr/su"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::hard_link(root.join("usr/su"), root.join("usr/link")).unwrap();
    std::os::unix::fs::symlink("share/doc", root.join("usr/doc")).unwrap();
    fs::set_permissions(root.join("usr"), fs::Permissions::from_mode(0o1775)).unwrap();
    let name = if long {
        "n".repeat(250)
    } else {
        "n".repeat(90)
    };
    let deep = root.join("deep").join(&name);
    fs::create_dir_all(&deep).unwrap();
    if long {
        fill(&deep.join(&name), b"deep");
        std::os::unix::fs::symlink("t".repeat(3_000), root.join("long-link")).unwrap();
    }
    plant_sparse(&root.join("sparse"));
    if is_root() {
        let owner = if long { 4_000_000 } else { 1_000 };
        std::os::unix::fs::chown(root.join("empty"), Some(owner), Some(12)).unwrap();
        if long {
            std::os::unix::fs::chown(root.join("usr/share"), Some(4_000_000_000), None).unwrap();
        }
    }
}

// A file with holes at its start, in the middle and at its end, in more pieces than one header of
// the old format lists.
const SPARSE_PIECES: u64 = 30;
const SPARSE_STEP: u64 = 64 * 1024;

fn plant_sparse(path: &Path) {
    let file = fs::File::create(path).unwrap();
    for piece in 1..=SPARSE_PIECES {
        std::os::unix::fs::FileExt::write_all_at(&file, b"data", piece * SPARSE_STEP).unwrap();
    }
    file.set_len((SPARSE_PIECES + 2) * SPARSE_STEP).unwrap();
}

fn sparse_content() -> Vec<u8> {
    let mut content = vec![0; usize::try_from((SPARSE_PIECES + 2) * SPARSE_STEP).unwrap()];
    for piece in 1..=SPARSE_PIECES {
        let at = usize::try_from(piece * SPARSE_STEP).unwrap();
        content[at..at + 4].copy_from_slice(b"data");
    }
    content
}

fn fill(path: &Path, content: &[u8]) {
    std::io::Write::write_all(&mut fs::File::create(path).unwrap(), content).unwrap();
}

#[test]
fn unpacks_what_gnu_tar_packs_as_gnu_tar_does() {
    for (long, arguments) in [
        (false, &["--format=v7"][..]),
        (false, &["--format=ustar"]),
        (true, &["--format=oldgnu"]),
        (true, &["--format=gnu"]),
        (true, &["--format=gnu", "--sparse"]),
        (true, &["--format=pax"]),
        (true, &["--format=pax", "--sparse", "--sparse-version=0.0"]),
        (true, &["--format=pax", "--sparse", "--sparse-version=0.1"]),
        (true, &["--format=pax", "--sparse", "--sparse-version=1.0"]),
    ] {
        let place = tempfile::tempdir().unwrap();
        let place = place.path();
        for folder in ["in", "theirs", "ours"] {
            fs::create_dir(place.join(folder)).unwrap();
        }
        plant(&place.join("in"), long);
        let pack = [&["-C", "in", "-cf", "a.tar"], arguments, &["."]].concat();
        run("tar", &pack, place);
        run(
            "tar",
            &["-C", "theirs", "-xpf", "a.tar", "--numeric-owner"],
            place,
        );
        let archive = fs::read(place.join("a.tar")).unwrap();
        apply(&archive, &place.join("ours")).unwrap();
        let (theirs, ours) = (tree(&place.join("theirs")), tree(&place.join("ours")));
        assert_eq!(
            ours.keys().collect::<Vec<_>>(),
            theirs.keys().collect::<Vec<_>>()
        );
        for (path, node) in &theirs {
            let mut ours = ours[path].clone();
            // What an ordinary user cannot have is remembered; other tests look at it.
            ours.xattrs.remove(wharf_layers::REMEMBERED_XATTR);
            assert!(&ours == node, "{arguments:?}: {path:?}: {ours:?}\n{node:?}");
        }
        if arguments.contains(&"--sparse") {
            let blocks = fs::metadata(place.join("ours/sparse")).unwrap().blocks();
            assert!(
                blocks < 1_000,
                "{arguments:?}: the holes were filled: {blocks}"
            );
        }
        read_sparse(&archive, arguments.contains(&"--sparse"));
    }
}

fn read_sparse(archive: &[u8], sparse: bool) {
    let mut reader = TarReader::new(archive, Limits::default());
    let mut entry = Entry::default();
    while reader.read_entry(&mut entry).unwrap() {
        if entry.name == b"./sparse" {
            assert_eq!(entry.sparse.is_some(), sparse);
            let mut content = Vec::new();
            let mut stream = reader.content(&entry);
            std::io::Read::read_to_end(&mut stream, &mut content).unwrap();
            assert!(content == sparse_content());
            return;
        }
    }
    panic!("no sparse file");
}

#[test]
fn privileged_layers_stack_up_to_what_umoci_unpacks() {
    if !testkit::running_as_root() || testkit::Peer::Umoci.installed().is_none() {
        return;
    }
    let lower = [
        directory("d"),
        file("d/below", "below"),
        file("d/same", "below"),
        directory("own"),
        file("own/below", ""),
        file("gone", ""),
        file("gone-dir/x", ""),
        file("stays", "below"),
        file("twice", "below"),
        file("hidden/x", ""),
        symlink("bin", "usr"),
    ];
    let upper = [
        with(directory("./"), |entry| entry.mode = 0o711),
        file("d/.wh.below", ""),
        with(directory("d"), |entry| entry.mode = 0o700),
        file("d/same", "above"),
        // A directory of the layer itself, before and after its whiteout.
        file("own/above", ""),
        file(".wh.own", ""),
        file(".wh.gone-dir", ""),
        file("gone-dir/y", ""),
        file(".wh.gone", ""),
        file(".wh.never", ""),
        file("twice", "above"),
        file(".wh.twice", ""),
        file("hidden/.wh..wh..opq", ""),
        file("hidden/y", ""),
    ];
    let place = tempfile::tempdir().unwrap();
    compare_with_umoci(place.path(), &lower, &upper);
}

fn compare_with_umoci(place: &Path, lower: &[Item], upper: &[Item]) {
    run("umoci", &["init", "--layout", "image"], place);
    run("umoci", &["new", "--image", "image:t"], place);
    for (name, items) in [("lower", lower), ("upper", upper)] {
        let archive = archive(items);
        fill(&place.join(format!("{name}.tar")), &archive);
        run(
            "umoci",
            &[
                "raw",
                "add-layer",
                "--image",
                "image:t",
                &format!("{name}.tar"),
            ],
            place,
        );
        fs::create_dir(place.join(name)).unwrap();
        apply(&archive, &place.join(name)).unwrap();
    }
    run(
        "umoci",
        &["raw", "unpack", "--image", "image:t", "theirs"],
        place,
    );
    fs::create_dir(place.join("ours")).unwrap();
    let options = "lowerdir=upper:lower";
    run(
        "mount",
        &["-t", "overlay", "overlay", "-o", options, "ours"],
        place,
    );
    let (theirs, ours) = (tree(&place.join("theirs")), tree(&place.join("ours")));
    run("umount", &["ours"], place);
    for (path, node) in &theirs {
        let Some(mine) = ours.get(path) else {
            panic!("{} is missing: {:?}", path.display(), ours.keys());
        };
        // umoci keeps the time at which it made a directory that has no entry.
        let implied = ["own", "gone-dir", "hidden", ""]
            .iter()
            .any(|name| path == Path::new(name));
        assert_eq!(
            (mine.mode, &mine.content),
            (node.mode, &node.content),
            "{}",
            path.display()
        );
        assert!(
            implied || mine.modified == node.modified,
            "{}",
            path.display()
        );
    }
    assert_eq!(
        ours.len(),
        theirs.len(),
        "{:?}\n{:?}",
        ours.keys(),
        theirs.keys()
    );
}

fn any_item() -> impl Strategy<Value = Item> {
    let name = prop_oneof!["[a-z]{1,20}(/[a-z]{1,60}){0,5}", "[a-zé]{90,160}"];
    let kind = prop_oneof![
        Just(EntryKind::File),
        Just(EntryKind::Directory),
        Just(EntryKind::Symlink),
        Just(EntryKind::HardLink),
        Just(EntryKind::CharacterDevice),
    ];
    let numbers = (
        any::<u32>(),
        any::<u32>(),
        0_i64..1 << 40,
        0..1_000_000_000_u32,
    );
    let content = prop::collection::vec(any::<u8>(), 0..2_000);
    (name, kind, numbers, content, "[a-z/.]{1,150}").prop_map(
        |(name, kind, (id, mode, seconds, nanoseconds), content, target)| {
            let mut entry = Entry::file(&name, mode & 0o7777, MOMENT);
            entry.kind = kind;
            entry.user_id = id.min(u32::MAX - 1);
            entry.group_id = mode >> 12;
            entry.modified.seconds = seconds;
            entry.modified.nanoseconds = nanoseconds;
            match kind {
                EntryKind::File => entry.size_bytes = content.len() as u64,
                EntryKind::Symlink | EntryKind::HardLink => entry.link_target = target.into(),
                _ => {}
            }
            let content = if kind == EntryKind::File {
                content
            } else {
                Vec::new()
            };
            (entry, content)
        },
    )
}

fn read_back(archive: &[u8], buffer: usize) -> Vec<Item> {
    let source = std::io::BufReader::with_capacity(buffer, archive);
    let mut reader = TarReader::new(source, Limits::default());
    let mut entry = Entry::default();
    let mut items = Vec::new();
    while reader.read_entry(&mut entry).unwrap() {
        let mut content = Vec::new();
        std::io::Read::read_to_end(&mut reader.content(&entry), &mut content).unwrap();
        items.push((entry.clone(), content));
    }
    items
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn reads_back_what_it_writes(items in prop::collection::vec(any_item(), 0..8), buffer in 1_usize..3_000) {
        prop_assert_eq!(read_back(&archive(&items), buffer), items);
    }

    #[test]
    fn the_tar_crate_reads_what_we_write(items in prop::collection::vec(any_item(), 0..8)) {
        let archive = archive(&items);
        let mut theirs = tar::Archive::new(&archive[..]);
        let mut count = 0;
        for (entry, (ours, content)) in theirs.entries().unwrap().zip(&items) {
            let mut entry = entry.unwrap();
            let path = entry.path_bytes().into_owned();
            prop_assert_eq!(path, ours.name.clone());
            let mut read = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut read).unwrap();
            prop_assert_eq!(&read, content);
            prop_assert_eq!(entry.header().mode().unwrap(), ours.mode);
            let link = entry.link_name_bytes().map(std::borrow::Cow::into_owned).unwrap_or_default();
            prop_assert_eq!(&link, &ours.link_target);
            count += 1;
        }
        prop_assert_eq!(count, items.len());
    }

    #[test]
    fn reads_what_the_tar_crate_writes(items in prop::collection::vec(any_item(), 0..8)) {
        let mut theirs = tar::Builder::new(Vec::new());
        for (entry, content) in &items {
            let mut header = tar::Header::new_gnu();
            header.set_mode(entry.mode);
            header.set_uid(entry.user_id.into());
            header.set_gid(entry.group_id.into());
            header.set_mtime(entry.modified.seconds.cast_unsigned());
            header.set_size(content.len() as u64);
            header.set_entry_type(tar::EntryType::Regular);
            let name = String::from_utf8(entry.name.clone()).unwrap();
            theirs.append_data(&mut header, name, &content[..]).unwrap();
        }
        let read = read_back(&theirs.into_inner().unwrap(), 700);
        prop_assert_eq!(read.len(), items.len());
        for ((ours, content), (entry, expected)) in read.iter().zip(&items) {
            prop_assert_eq!(&ours.name, &entry.name);
            prop_assert_eq!(content, expected);
            prop_assert_eq!((ours.mode, ours.user_id, ours.group_id), (entry.mode, entry.user_id, entry.group_id));
            prop_assert_eq!(ours.modified.seconds, entry.modified.seconds);
        }
    }
}
