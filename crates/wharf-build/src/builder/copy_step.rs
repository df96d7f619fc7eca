//! COPY and ADD as steps: their keys, and their layers.
//!
//! A layer is looked for by three keys, from the cheapest on. The first is over what is known without a look at files (only where
//! the source is a stage). The second is over what the file system says of each file (inode, size, times): an unchanged context
//! costs one look at each file. The third is over what files hold. If nothing of the same step is known at all, files are not
//! read for a key first: they are read once, for the layer, and hashed on the way.

use std::sync::Arc;

use wharf_oci::Digest;

use super::digests::Digests;
use super::error::StepError;
use super::event::Running;
use super::key::KeyFields;
use super::layer::Times;
use super::stage::Stepping;
use crate::copy::{
    Destination, Filters, Owner, Placement, SelectError, Selected, is_archive, place,
    place_archive, read_archive, resolve_owner, select,
};
use crate::ignore::PatternMatcher;
use crate::plan::{CopyAction, CopyFrom, CopySource};
use crate::tree::{FileTree, MemoryTree, Node, NodeKind};

/// What a file of a web server is called that has no name.
const UNNAMED: &str = "__unnamed__";

/// A source, and whether it is unpacked.
pub(super) struct Part {
    pub(super) selected: Selected,
    pub(super) unpacks: bool,
}

impl Stepping<'_, '_> {
    /// Does COPY or ADD; whether it was known what it comes to.
    pub(super) fn copy(
        &mut self,
        action: &CopyAction,
        running: &Running<'_>,
    ) -> Result<bool, StepError> {
        let shape = self.shape(action);
        let direct = self.direct_key(action, &shape)?;
        if let Some(key) = &direct
            && self.find(key, &[], running)?
        {
            return Ok(true);
        }
        let parts = self.parts(action)?;
        let portable = 1 + usize::from(direct.is_some());
        let mut quick: Vec<Digest> = direct.into_iter().collect();
        if let Some(key) = self.quick_key(&shape, &parts) {
            if self.find(&key, &quick, running)? {
                return Ok(true);
            }
            quick.push(key);
        }
        let shape_key = shape.digest();
        let store = self.input.store;
        let mut similar = None;
        if self.uses_cache() {
            let earlier = store.build_entries_of_shape(&shape_key, 1)?;
            similar = earlier.first().map(|entry| entry.blob.digest);
        }
        let is_known =
            similar.is_some() || (self.uses_cache() && self.input.remote.imports_shape(&shape_key));
        let mut known = None;
        if is_known {
            let fields = content_fields(&shape, &parts, self.work.times, self.digests)?;
            if self.find(&fields.digest(), &quick, running)? {
                return Ok(true);
            }
            self.explain(&shape_key, &fields, running)?;
            known = Some(fields);
        } else {
            self.explain(&shape_key, &shape, running)?;
        }
        let (layer, size) = self.place_and_write(action, &parts, similar)?;
        // What was known is so still: a file that is found to be another one ends the step.
        let fields = match known {
            Some(fields) => fields,
            None => content_fields(&shape, &parts, self.work.times, self.digests)?,
        };
        self.remember(&layer, size, &shape, &fields, &quick, portable)?;
        Ok(false)
    }

    /// What is known without a look at files.
    fn shape(&self, action: &CopyAction) -> KeyFields {
        let needs_stage = action.owner.as_ref().is_some_and(|owner| {
            owner
                .bytes()
                .any(|byte| !byte.is_ascii_digit() && byte != b':')
        });
        let parent = (is_linked(action) && !needs_stage).then_some("linked");
        let kind = if action.is_add { "ADD" } else { "COPY" };
        let mut fields = self.fields(kind, parent);
        fields.push("linked", [u8::from(is_linked(action))]);
        fields.push("destination", &action.destination);
        fields.push_some("owner", action.owner.as_ref());
        fields.push_some("mode", action.mode.as_ref().map(|(text, _)| text));
        fields
    }

    /// The key over the stage that is copied from, as a whole.
    fn direct_key(
        &self,
        action: &CopyAction,
        shape: &KeyFields,
    ) -> Result<Option<Digest>, StepError> {
        let CopyFrom::Stage(index) = action.from else {
            return Ok(None);
        };
        let mut fields = shape.clone();
        fields.push("stage", self.stages.get(self.index, index)?.chain());
        for source in &action.sources {
            fields.push("source", source.text());
        }
        for pattern in &action.excludes {
            fields.push("exclude", pattern);
        }
        fields.push("parents", [u8::from(action.parents)]);
        for file in &action.inline {
            fields.push(format!("inline {}", file.name), &file.content);
        }
        Ok(Some(fields.digest()))
    }

    /// The key over what the file system says of each file; none if that does not tell whether they change.
    fn quick_key(&self, shape: &KeyFields, parts: &[Part]) -> Option<Digest> {
        let mut fields = shape.clone();
        fields.stop_keeping();
        for part in parts {
            fields.push("source", &part.selected.name);
            fields.push("unpacks", [u8::from(part.unpacks)]);
            for (path, node, is_implied) in files(part) {
                if node
                    .identity
                    .is_some_and(|file| !self.digests.is_settled(&file))
                {
                    return None;
                }
                let mut value = described(node, is_implied, self.work.times);
                match (&node.identity, &node.digest) {
                    (Some(file), _) => {
                        for number in [file.device, file.inode] {
                            value.extend(number.to_le_bytes());
                        }
                        for number in [file.changed_ns, file.modified_ns] {
                            value.extend(number.to_le_bytes());
                        }
                    }
                    (None, Some(digest)) => value.extend_from_slice(digest.hash()),
                    (None, None) => {}
                }
                fields.push(label(path), value);
            }
        }
        Some(fields.digest())
    }

    /// What is copied.
    fn parts(&self, action: &CopyAction) -> Result<Vec<Part>, StepError> {
        let exclude = PatternMatcher::new(&action.excludes).unwrap_or_default();
        let exclude = Some(&exclude).filter(|exclude| !exclude.is_empty());
        let filters = Filters {
            include: None,
            exclude,
        };
        let mut parts = Vec::new();
        for source in &action.sources {
            match source {
                CopySource::Path(path) => {
                    let tree = self.source_tree(&action.from)?;
                    let selected = selected_path(&tree, path, action.parents, filters)?;
                    let may_unpack = action.unpack.unwrap_or(action.is_add);
                    for selected in selected {
                        let unpacks = may_unpack && self.is_archive(&selected)?;
                        parts.push(Part { selected, unpacks });
                    }
                }
                CopySource::Url(url) => parts.push(self.fetched(action, url)?),
                CopySource::Git(address) => {
                    let keep = action.keep_git_dir.unwrap_or(false);
                    let checksum = action.checksum.as_deref();
                    let tree = self.input.remote.git(address, keep, checksum)?;
                    for selected in select(&tree, "/", filters)? {
                        parts.push(Part {
                            selected,
                            unpacks: false,
                        });
                    }
                }
            }
        }
        for file in &action.inline {
            let content: Arc<[u8]> = file.content.as_bytes().into();
            let node = Node::file(0o644, content.len() as u64, Some(Digest::of(&content)));
            let mut tree = MemoryTree::default();
            tree.put_bytes(file.name.as_bytes(), node, content);
            parts.push(single(tree, &file.name, false)?);
        }
        Ok(parts)
    }

    pub(super) fn source_tree(&self, from: &CopyFrom) -> Result<Arc<dyn FileTree>, StepError> {
        match from {
            CopyFrom::Context => self.input.context.cloned().ok_or(StepError::NoContext),
            CopyFrom::Named(name) => {
                let found = self.input.named.get(name).cloned();
                found.ok_or(StepError::NoContext)
            }
            CopyFrom::Stage(index) => {
                let stage = self.stages.get(self.index, *index)?;
                stage.tree(self.input.store)
            }
        }
    }

    fn is_archive(&self, selected: &Selected) -> Result<bool, StepError> {
        if selected.node.kind != NodeKind::File {
            return Ok(false);
        }
        let opened = selected.tree.open(&selected.path)?;
        Ok(is_archive(opened.content, &self.input.options.limits))
    }

    fn fetched(&self, action: &CopyAction, url: &str) -> Result<Part, StepError> {
        let checksum = action.checksum.as_deref();
        let fetched = self.input.remote.fetch(url, checksum)?;
        if let Some(wanted) = checksum
            && wanted != fetched.digest.to_string()
        {
            let found = fetched.digest;
            return Err(super::remote::RemoteError(format!(
                "digest mismatch for {url}: {found} (expected: {wanted})"
            ))
            .into());
        }
        let path = url.split_once("://").map_or(url, |(_, rest)| rest);
        let path = path.split(['?', '#']).next().unwrap_or(path);
        let name = path.split_once('/').map_or("", |(_, path)| path);
        let name = name.trim_end_matches('/').rsplit('/').next();
        let name = name.filter(|name| !name.is_empty()).unwrap_or(UNNAMED);
        let mut node = Node::file(0o600, fetched.size, Some(fetched.digest));
        node.modified = fetched.modified.unwrap_or_default();
        let mut tree = MemoryTree::default();
        tree.put_span(name.as_bytes(), node, &fetched.file, 0);
        single(tree, name, action.unpack.unwrap_or(false))
    }

    fn place_and_write(
        &mut self,
        action: &CopyAction,
        parts: &[Part],
        similar: Option<Digest>,
    ) -> Result<(crate::plan::LayerRef, u64), StepError> {
        let owner = self.owner(action)?;
        let stage = if is_linked(action) {
            None
        } else {
            Some(self.work.places(self.input.store)?)
        };
        let base = stage.as_ref().map(|stage| stage as &dyn FileTree);
        let mut destination = Destination::new(base);
        let placement = Placement {
            destination: &action.destination,
            owner,
            mode: action.mode.as_ref().map(|(_, change)| change),
        };
        for part in parts {
            if part.unpacks {
                let name = String::from_utf8_lossy(&part.selected.name).into_owned();
                let opened = part.selected.tree.open(&part.selected.path)?;
                let scratch = self.input.store.blobs().scratch();
                let scratch = scratch.map_err(|error| {
                    StepError::io("cannot unpack", std::io::Error::other(error))
                })?;
                let limits = &self.input.options.limits;
                let archive = read_archive(opened.content, scratch, limits)
                    .map_err(|source| StepError::Archive { name, source })?;
                place_archive(&mut destination, &archive, placement)?;
            } else {
                place(&mut destination, &part.selected, placement)?;
            }
        }
        let entries = destination.into_entries()?;
        self.write(&entries, similar)
    }

    fn owner(&mut self, action: &CopyAction) -> Result<Option<Owner>, StepError> {
        let Some(text) = &action.owner else {
            return Ok(None);
        };
        let is_number = |byte: u8| byte.is_ascii_digit() || byte == b':';
        if text.bytes().all(is_number) {
            let (owner, _) = resolve_owner(text, &MemoryTree::default())?;
            return Ok(Some(owner));
        }
        let tree = self.work.places(self.input.store)?;
        let (owner, unknown) = resolve_owner(text, &tree)?;
        self.warn_of_unknown(&unknown, "--chown");
        Ok(Some(owner))
    }
}

/// `--link` with `--chmod` is an ordinary copy, as in `BuildKit`.
fn is_linked(action: &CopyAction) -> bool {
    action.link && action.mode.is_none()
}

/// A tree's only file as a source.
fn single(tree: MemoryTree, name: &str, may_unpack: bool) -> Result<Part, StepError> {
    let tree: Arc<dyn FileTree> = Arc::new(tree);
    let node = tree.node(name.as_bytes())?;
    let node = node.ok_or_else(|| SelectError::NotFound {
        path: format!("/{name}"),
        ignored: None,
    })?;
    let unpacks = may_unpack && {
        let opened = tree.open(name.as_bytes())?;
        is_archive(opened.content, &wharf_layers::Limits::default())
    };
    Ok(Part {
        selected: Selected {
            name: name.as_bytes().to_vec(),
            path: name.as_bytes().to_vec(),
            node,
            tree,
            items: Vec::new(),
        },
        unpacks,
    })
}

/// What a path means; with `--parents` from `/./` on, or from the root.
fn selected_path(
    tree: &Arc<dyn FileTree>,
    path: &str,
    parents: bool,
    filters: Filters<'_>,
) -> Result<Vec<Selected>, StepError> {
    if !parents {
        return Ok(select(tree, path, filters)?);
    }
    let (pivot, pattern) = path.split_once("/./").unwrap_or(("/", path));
    let clean = crate::tree::clean(pattern.as_bytes());
    let pattern = String::from_utf8_lossy(&clean).into_owned();
    let has_wildcards = |text: &str| text.contains(['*', '?', '[']);
    if !has_wildcards(pivot) && !has_wildcards(&pattern) {
        // it must be there
        select(tree, &format!("{pivot}/{pattern}"), Filters::default())?;
    }
    let include = PatternMatcher::new(&[pattern]).unwrap_or_default();
    let filters = Filters {
        include: Some(&include),
        ..filters
    };
    Ok(select(tree, pivot, filters)?)
}

/// A path as text, each path another one.
fn label(path: &[u8]) -> String {
    match std::str::from_utf8(path) {
        Ok(text) if !text.contains('\\') => text.to_owned(),
        _ => path.escape_ascii().to_string(),
    }
}

/// The files of a part, with their paths below it.
fn files(part: &Part) -> impl Iterator<Item = (&[u8], &Node, bool)> {
    let root = (&b""[..], &part.selected.node, false);
    let items = part.selected.items.iter();
    std::iter::once(root)
        .chain(items.map(|item| (item.path.as_slice(), &item.node, item.is_implied)))
}

/// Everything of a file but its content.
fn described(node: &Node, is_implied: bool, times: Times) -> Vec<u8> {
    let kind = match node.kind {
        NodeKind::File => b'f',
        NodeKind::Directory => b'd',
        NodeKind::Symlink => b'l',
        NodeKind::Fifo => b'p',
        NodeKind::CharacterDevice => b'c',
        NodeKind::BlockDevice => b'b',
        NodeKind::Socket => b's',
    };
    let mode = if node.kind == NodeKind::Symlink {
        0o777
    } else {
        node.mode
    };
    let mut bytes = vec![kind, u8::from(is_implied)];
    for number in [
        mode,
        node.user,
        node.group,
        node.device.major,
        node.device.minor,
    ] {
        bytes.extend(number.to_le_bytes());
    }
    bytes.extend(node.size.to_le_bytes());
    bytes.extend((node.target.len() as u64).to_le_bytes());
    bytes.extend_from_slice(&node.target);
    if matches!(times, Times::Preserved(_)) {
        bytes.extend(node.modified.seconds.to_le_bytes());
    }
    bytes
}

/// The shape with what every file is and holds.
pub(super) fn content_fields(
    shape: &KeyFields,
    parts: &[Part],
    times: Times,
    digests: &mut Digests<'_>,
) -> Result<KeyFields, StepError> {
    let nodes = parts.iter().flat_map(files).map(|(_, node, _)| node);
    digests.load(nodes.filter_map(|node| node.identity))?;
    let mut fields = shape.clone();
    for part in parts {
        let name = label(&part.selected.name);
        fields.push(format!("source {name}"), [u8::from(part.unpacks)]);
        let mut seen = std::collections::HashMap::new();
        for (path, node, is_implied) in files(part) {
            let mut value = described(node, is_implied, times);
            if node.kind == NodeKind::File {
                let place = crate::tree::join(&part.selected.path, path);
                let found = digests.of(part.selected.tree.as_ref(), &place, node)?;
                value.extend_from_slice(found.digest.hash());
                let capability = found.capability.unwrap_or_default();
                value.extend((capability.len() as u64).to_le_bytes());
                value.extend_from_slice(&capability);
                // which files are one file
                if let Some(file) = node.identity.filter(|_| node.names > 1) {
                    let count = seen.len() as u64;
                    let number = *seen.entry((file.device, file.inode)).or_insert(count);
                    value.extend(number.to_le_bytes());
                }
            }
            let shown = if path.is_empty() {
                &part.selected.name
            } else {
                path
            };
            fields.push(format!("file {}", label(shown)), value);
        }
    }
    Ok(fields)
}
