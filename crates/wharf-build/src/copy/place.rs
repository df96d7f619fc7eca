//! Puts what was selected at its destination.

use std::collections::HashMap;

use super::archive::{ArchiveEntry, ReadArchive};
use super::destination::{Content, Destination, LayerEntry, PlaceError, shown};
use super::mode::ModeChange;
use super::owner::Owner;
use super::select::Selected;
use crate::tree::{
    Lookup as _, Node, NodeKind, TreeError, base_name, clean, join, parent, resolve,
};

/// Where sources go, and what becomes of them.
#[derive(Debug, Clone, Copy)]
pub struct Placement<'a> {
    /// The path in the stage. A slash or `/.` at its end means a directory.
    pub destination: &'a str,
    /// `--chown`.
    pub owner: Option<Owner>,
    /// `--chmod`.
    pub mode: Option<&'a ModeChange>,
}

impl Placement<'_> {
    fn parents_mode(&self) -> u32 {
        self.mode.map_or(0o755, ModeChange::of_parents)
    }

    fn changed(&self, node: &Node) -> Node {
        let mut node = node.clone();
        if let Some(owner) = self.owner {
            (node.user, node.group) = (owner.user, owner.group);
        }
        node.mode = match (node.kind, self.mode) {
            (NodeKind::Symlink, _) => 0o777,
            (_, Some(change)) => change.apply(node.mode, node.is_directory()),
            (_, None) => node.mode,
        };
        node
    }
}

/// Makes a directory with those that it is in: WORKDIR.
///
/// # Errors
/// If something else is in its place.
pub fn place_directory(
    destination: &mut Destination<'_>,
    path: &str,
    owner: Owner,
) -> Result<(), PlaceError> {
    let path = resolve(destination, path.as_bytes(), true)?;
    destination.make_directories(&path, 0o755, owner)
}

/// Puts a source at its destination.
///
/// # Errors
/// If a directory would take the place of a file, or a file that of a directory.
pub fn place(
    destination: &mut Destination<'_>,
    selected: &Selected,
    placement: Placement<'_>,
) -> Result<(), PlaceError> {
    let written = placement.destination.as_bytes();
    let (folder, last) = match written.iter().rposition(|byte| *byte == b'/') {
        Some(end) => written.split_at_checked(end + 1).unwrap_or((written, b"")),
        None => (&b""[..], written),
    };
    let must_be = if last.is_empty() || last == b"." {
        written
    } else {
        folder
    };
    let owner = placement.owner.unwrap_or_default();
    let must_be = resolve(destination, must_be, true)?;
    destination.make_directories(&must_be, placement.parents_mode(), owner)?;

    let mut target = resolve(destination, &clean(written), true)?;
    let is_directory = selected.node.is_directory();
    let found = destination.node(&target)?;
    if !is_directory && found.as_ref().is_some_and(Node::is_directory) {
        target = join(&target, &selected.name);
    }
    let above = if is_directory && found.is_none() {
        &target
    } else {
        parent(&target)
    };
    destination.make_directories(above, placement.parents_mode(), owner)?;
    let mut copy = Copying {
        destination,
        selected,
        placement,
        links: HashMap::new(),
    };
    if is_directory {
        // it is there by now, made like those on the way and not like the source
        copy.directory(&target, &selected.node, false)?;
    } else {
        copy.file(&target, &selected.node, b"")?;
    }
    for item in &selected.items {
        let path = join(&target, &item.path);
        if item.node.is_directory() {
            copy.directory(&path, &item.node, !item.is_implied)?;
        } else {
            copy.file(&path, &item.node, &item.path)?;
        }
    }
    Ok(())
}

struct Copying<'a, 'b> {
    destination: &'a mut Destination<'b>,
    selected: &'a Selected,
    placement: Placement<'a>,
    /// Files with several names, by where they are.
    links: HashMap<(u64, u64), u64>,
}

impl Copying<'_, '_> {
    /// A directory; one that is there gets the metadata if `overwrites`.
    fn directory(&mut self, path: &[u8], node: &Node, overwrites: bool) -> Result<(), PlaceError> {
        match self.destination.node(path)? {
            Some(found) if !found.is_directory() => {
                return Err(PlaceError::NotADirectory { path: shown(path) });
            }
            Some(_) if !overwrites || path.is_empty() => return Ok(()),
            _ => {}
        }
        let entry = LayerEntry {
            node: self.placement.changed(node),
            content: Content::None,
            link: None,
        };
        self.destination.insert(path, entry)
    }

    fn file(&mut self, path: &[u8], node: &Node, below: &[u8]) -> Result<(), PlaceError> {
        if self
            .destination
            .node(path)?
            .is_some_and(|found| found.is_directory())
        {
            return Err(PlaceError::IsADirectory { path: shown(path) });
        }
        let identity = node.identity.filter(|_| node.names > 1);
        let link = identity.map(|identity| {
            let known = self.links.entry((identity.device, identity.inode));
            *known.or_insert_with(|| self.destination.new_link())
        });
        let content = match node.kind {
            NodeKind::File => Content::Tree {
                tree: std::sync::Arc::clone(&self.selected.tree),
                path: join(&self.selected.path, below),
            },
            _ => Content::None,
        };
        let entry = LayerEntry {
            node: self.placement.changed(node),
            content,
            link,
        };
        self.destination.insert(path, entry)
    }
}

/// Unpacks an archive at its destination, as ADD does: what is there is replaced, whatever it is, but directories are merged.
///
/// # Errors
/// If the destination is no directory.
pub fn place_archive(
    destination: &mut Destination<'_>,
    archive: &ReadArchive,
    placement: Placement<'_>,
) -> Result<(), PlaceError> {
    let root = resolve(destination, placement.destination.as_bytes(), true)?;
    destination.make_directories(&root, 0o755, placement.owner.unwrap_or_default())?;
    for entry in &archive.entries {
        let below = Below {
            destination,
            root: &root,
        };
        let folder = resolve(&below, parent(&entry.path), true)?;
        let folder = join(&root, &folder);
        destination.make_directories(&folder, 0o755, Owner::default())?;
        let path = join(&folder, base_name(&entry.path));
        let found = destination.node(&path)?;
        let both = |found: &Node| found.is_directory() && entry.node.is_directory();
        if found.as_ref().is_some_and(|found| !both(found)) {
            destination.remove(&path);
        }
        let new = new_entry(destination, archive, entry, &root, placement)?;
        if let Some(new) = new {
            destination.insert(&path, new)?;
        }
    }
    Ok(())
}

/// A directory of the destination as the root: an archive's links lead no further.
struct Below<'a, 'b> {
    destination: &'a Destination<'b>,
    root: &'a [u8],
}

impl crate::tree::Lookup for Below<'_, '_> {
    fn node(&self, path: &[u8]) -> Result<Option<Node>, TreeError> {
        self.destination.node(&join(self.root, path))
    }
}

fn new_entry(
    destination: &mut Destination<'_>,
    archive: &ReadArchive,
    entry: &ArchiveEntry,
    root: &[u8],
    placement: Placement<'_>,
) -> Result<Option<LayerEntry>, PlaceError> {
    if let Some(first) = &entry.hard_link {
        return linked(destination, &join(root, first));
    }
    Ok(Some(LayerEntry {
        node: placement.changed(&entry.node),
        content: match &entry.content {
            Some(path) => Content::Tree {
                tree: archive.tree(),
                path: path.clone(),
            },
            None => Content::None,
        },
        link: None,
    }))
}

/// One more name of a file: of this layer, or a copy of one of the stage. Nothing if there is no such file.
fn linked(
    destination: &mut Destination<'_>,
    first: &[u8],
) -> Result<Option<LayerEntry>, PlaceError> {
    if let Some(found) = destination.entry(first).cloned() {
        let link = found.link.unwrap_or_else(|| destination.new_link());
        let shared = LayerEntry {
            link: Some(link),
            ..found
        };
        destination.insert(first, shared.clone())?;
        return Ok(Some(shared));
    }
    let Some(node) = destination.node(first)? else {
        return Ok(None);
    };
    // a second name of a file below the layer would be a file of the layer all the same
    let (Some(base), false) = (destination.base(), node.is_directory()) else {
        return Ok(None);
    };
    let content = base.open(first)?;
    let mut bytes = Vec::new();
    let mut reader = content.content;
    std::io::Read::read_to_end(&mut reader, &mut bytes).map_err(|source| {
        PlaceError::Tree(TreeError::Io {
            path: shown(first).into(),
            source,
        })
    })?;
    let mut tree = crate::tree::MemoryTree::default();
    tree.put_bytes(b"0", node.clone(), bytes.into());
    Ok(Some(LayerEntry {
        node,
        content: Content::Tree {
            tree: std::sync::Arc::new(tree),
            path: b"0".to_vec(),
        },
        link: None,
    }))
}
