//! The files of a result: in a folder, or as an archive.

use std::collections::HashMap;
use std::collections::hash_map::Entry as MapEntry;
use std::fs::File;
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use wharf_build::tree::{FileTree, LayersTree, Node, NodeKind, join};
use wharf_images::ImageStore;
use wharf_layers::{Entry, EntryKind, TarWriter, Timestamp, Xattr};
use wharf_transfer::ErrorKind;

use super::assemble::{BuiltPlatform, Predicates};
use super::provenance::ProvenanceOptions;
use super::request::{FilesPlace, FilesTarget};
use super::statement_files::{AttestedFiles, StatementNames};
use crate::error::{EngineError, classify, failure};

const BUFFER_BYTES: usize = 256 << 10;

/// Writes what the layers hold to where it is wanted, with what is `said` of each platform's files.
pub(super) fn export(
    store: &ImageStore,
    builts: &[BuiltPlatform],
    (said, provenance): (&[Predicates], Option<&ProvenanceOptions>),
    target: &mut FilesTarget,
) -> Result<(), EngineError> {
    let is_archive = matches!(target.place, FilesPlace::Archive(_));
    let several = builts.len() > 1;
    let mut trees = Vec::new();
    for (one, said) in builts.iter().zip(said) {
        let tree = LayersTree::open(store, one.built.config.diff_ids()).map_err(classify)?;
        let platform = one.platform.to_string();
        let in_names = platform.replace('/', "_");
        let names = StatementNames {
            prefix: &target.attestation_prefix,
            platform: (several && !target.splits).then_some(&in_names),
            provenance,
        };
        let modified = one.built.times.of_build();
        let tree = AttestedFiles::new(tree, said, names, modified)?;
        // with several platforms each has a folder of its own
        let splits = several && (target.splits || is_archive);
        let folder = if splits { in_names } else { String::new() };
        trees.push((folder, platform, tree));
    }
    if !target.splits && !is_archive {
        refuse_overlaps(&trees)?;
    }
    match &mut target.place {
        FilesPlace::Folder { path, deletes } => {
            for (name, _, tree) in &trees {
                let folder = path.join(name);
                std::fs::create_dir_all(&folder).map_err(classify)?;
                to_folder(tree, b"", &folder)?;
            }
            if *deletes {
                remove_what_no_tree_has(&trees, path)?;
            }
            Ok(())
        }
        FilesPlace::Archive(target) => to_tar(&trees, target),
    }
}

/// Trees with the folder and the platform of each.
type Trees = [(String, String, AttestedFiles)];

/// Files of several platforms in one folder must not be in each other's way. The text is `BuildKit`'s.
fn refuse_overlaps(trees: &Trees) -> Result<(), EngineError> {
    let mut seen: HashMap<Vec<u8>, &str> = HashMap::new();
    for (_, platform, tree) in trees {
        let mut folders = vec![Vec::new()];
        while let Some(folder) = folders.pop() {
            for (name, node) in tree.children(&folder).map_err(classify)? {
                let path = join(&folder, &name);
                if node.is_directory() {
                    folders.push(path);
                } else if let Some(other) = seen.insert(path.clone(), platform) {
                    let path = String::from_utf8_lossy(&path);
                    return Err(failure(
                        ErrorKind::Invalid,
                        format!(
                            "cannot overwrite {path} from {other} with {platform} when split option is disabled"
                        ),
                    ));
                }
            }
        }
    }
    Ok(())
}

/// With one folder for all, what any of them has stays.
fn remove_what_no_tree_has(trees: &Trees, path: &Path) -> Result<(), EngineError> {
    for (name, _, _) in trees {
        let sharing = trees.iter().filter(|(other, ..)| other == name);
        let sharing: Vec<&AttestedFiles> = sharing.map(|(_, _, tree)| tree).collect();
        remove_others(&sharing, b"", &path.join(name))?;
    }
    Ok(())
}

fn to_tar(trees: &Trees, target: &mut (dyn Write + Send)) -> Result<(), EngineError> {
    let mut tar = TarWriter::new(io::BufWriter::with_capacity(BUFFER_BYTES, target));
    for (name, _, tree) in trees {
        let mut writing = Writing {
            tar: &mut tar,
            prefix: Vec::new(),
            names: HashMap::new(),
        };
        if !name.is_empty() {
            writing.prefix = format!("{name}/").into_bytes();
            let entry = Entry::directory(&format!("{name}/"), 0o755, Timestamp::default());
            writing.tar.append_bytes(&entry, b"").map_err(classify)?;
        }
        to_archive(tree, b"", &mut writing)?;
    }
    let buffer = tar.finish().map_err(classify)?;
    buffer
        .into_inner()
        .map_err(|error| classify(error.into_error()))?
        .flush()
        .map_err(classify)
}

/// Files belong to whoever builds. Devices are left out.
fn to_folder(tree: &dyn FileTree, path: &[u8], folder: &Path) -> Result<(), EngineError> {
    for (name, node) in tree.children(path).map_err(classify)? {
        let below = join(path, &name);
        let target = folder.join(std::ffi::OsStr::from_bytes(&name));
        let failed = |error: io::Error| {
            let kind = crate::error::classify(io::Error::from(error.kind())).kind();
            failure(kind, format!("cannot write {}: {error}", target.display()))
        };
        match node.kind {
            NodeKind::Directory => {
                match std::fs::create_dir(&target) {
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    made => made.map_err(failed)?,
                }
                to_folder(tree, &below, &target)?;
                permit(&target, &node).map_err(failed)?;
            }
            NodeKind::File => {
                remove_if_there(&target).map_err(failed)?;
                let mut file = File::create_new(&target).map_err(failed)?;
                let mut opened = tree.open(&below).map_err(classify)?;
                io::copy(&mut opened.content, &mut file).map_err(failed)?;
                permit(&target, &node).map_err(failed)?;
                let modified = std::time::UNIX_EPOCH
                    + std::time::Duration::from_secs(
                        u64::try_from(node.modified.seconds).unwrap_or_default(),
                    );
                file.set_modified(modified).map_err(failed)?;
            }
            NodeKind::Symlink => {
                remove_if_there(&target).map_err(failed)?;
                let link = PathBuf::from(std::ffi::OsStr::from_bytes(&node.target));
                std::os::unix::fs::symlink(link, &target).map_err(failed)?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// Removes what is in the folder and in none of the trees.
fn remove_others(trees: &[&AttestedFiles], path: &[u8], folder: &Path) -> Result<(), EngineError> {
    let mut children: HashMap<Vec<u8>, Node> = HashMap::new();
    for tree in trees {
        children.extend(tree.children(path).map_err(classify)?);
    }
    for entry in std::fs::read_dir(folder).map_err(classify)? {
        let entry = entry.map_err(classify)?;
        let name = entry.file_name();
        let is_folder = entry.file_type().map_err(classify)?.is_dir();
        match children.get(name.as_bytes()) {
            Some(node) if node.is_directory() && is_folder => {
                remove_others(trees, &join(path, name.as_bytes()), &entry.path())?;
            }
            Some(_) => {}
            None if is_folder => std::fs::remove_dir_all(entry.path()).map_err(classify)?,
            None => std::fs::remove_file(entry.path()).map_err(classify)?,
        }
    }
    Ok(())
}

fn permit(path: &Path, node: &Node) -> io::Result<()> {
    let permissions = std::fs::Permissions::from_mode(node.mode);
    std::fs::set_permissions(path, permissions)
}

fn remove_if_there(path: &Path) -> io::Result<()> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// An archive that is being written.
struct Writing<'a, W: Write> {
    tar: &'a mut TarWriter<W>,
    /// What stands before every path.
    prefix: Vec<u8>,
    names: Names,
}

fn to_archive<W: Write>(
    tree: &dyn FileTree,
    path: &[u8],
    writing: &mut Writing<'_, W>,
) -> Result<(), EngineError> {
    for (name, node) in tree.children(path).map_err(classify)? {
        let below = join(path, &name);
        let Some(kind) = node.kind.in_archive() else {
            continue;
        };
        let mut entry = Entry {
            name: [writing.prefix.as_slice(), &below].concat(),
            kind,
            mode: node.mode,
            user_id: node.user,
            group_id: node.group,
            modified: node.modified,
            device: node.device,
            link_target: node.target.clone(),
            size_bytes: node.size,
            ..Entry::default()
        };
        match node.kind {
            NodeKind::Directory => {
                entry.name.push(b'/');
                writing.tar.append_bytes(&entry, b"").map_err(classify)?;
                to_archive(tree, &below, writing)?;
            }
            NodeKind::File => {
                if let Some(first) = first_name(&node, &entry.name, &mut writing.names) {
                    entry.kind = EntryKind::HardLink;
                    entry.link_target = first;
                    entry.size_bytes = 0;
                    writing.tar.append_bytes(&entry, b"").map_err(classify)?;
                    continue;
                }
                let opened = tree.open(&below).map_err(classify)?;
                if let Some(value) = opened.capability {
                    let name = b"security.capability".to_vec();
                    entry.xattrs.push(Xattr { name, value });
                }
                let written = writing.tar.append(&entry, opened.content);
                written.map_err(|error| {
                    let name = String::from_utf8_lossy(&below);
                    failure(
                        ErrorKind::Internal,
                        format!("cannot export {name}: {error}"),
                    )
                })?;
            }
            _ => writing.tar.append_bytes(&entry, b"").map_err(classify)?,
        }
    }
    Ok(())
}

/// The first name of each file that has several, by where it is.
type Names = HashMap<(u64, u64), Vec<u8>>;

/// The name under which a file is in the archive already.
fn first_name(node: &Node, path: &[u8], names: &mut Names) -> Option<Vec<u8>> {
    let file = node.identity.filter(|_| node.names > 1)?;
    match names.entry((file.device, file.inode)) {
        MapEntry::Occupied(first) => Some(first.get().clone()),
        MapEntry::Vacant(place) => {
            place.insert(path.to_vec());
            None
        }
    }
}
