//! Digests of files: of unchanged files they are known from earlier builds.

use std::collections::HashMap;
use std::io::{self, Read};

use wharf_images::{FileDigest, FileIdentity, ImageStore, RecordsError};
use wharf_oci::{Algorithm, Digest, Hasher};

use crate::tree::{FileTree, Node, TreeError};

/// A file that was changed so recently may be changed again without another time: clocks of file systems are coarse.
const SETTLED_NS: i64 = 100_000_000;
/// The same where times have no fractions.
const SETTLED_COARSE_NS: i64 = 2_000_000_000;
const BUFFER_BYTES: usize = 128 << 10;

/// What is known of files.
#[derive(Debug)]
pub(super) struct Digests<'a> {
    store: &'a ImageStore,
    known: HashMap<FileIdentity, FileDigest>,
    learned: Vec<(FileIdentity, FileDigest)>,
    now_ns: i64,
}

impl<'a> Digests<'a> {
    pub(super) fn new(store: &'a ImageStore) -> Self {
        let now = store.clock().now().as_nanosecond();
        Self {
            store,
            known: HashMap::new(),
            learned: Vec::new(),
            now_ns: i64::try_from(now).unwrap_or(i64::MAX),
        }
    }

    /// Looks files up, so that each is not asked for alone.
    pub(super) fn load(
        &mut self,
        files: impl Iterator<Item = FileIdentity>,
    ) -> Result<(), RecordsError> {
        let wanted: Vec<FileIdentity> = files
            .filter(|file| self.is_settled(file) && !self.known.contains_key(file))
            .collect();
        self.known.reserve(wanted.len());
        self.store.file_digests(&wanted, |file, found| {
            self.known.insert(*file, found);
        })
    }

    /// Whether the file's times tell if it is changed after now.
    pub(super) fn is_settled(&self, file: &FileIdentity) -> bool {
        let age = self.now_ns.saturating_sub(file.changed_ns);
        let is_coarse = file.changed_ns % 1_000_000_000 == 0;
        age > if is_coarse {
            SETTLED_COARSE_NS
        } else {
            SETTLED_NS
        }
    }

    /// What is known of a file without reading it.
    pub(super) fn known(&self, node: &Node) -> Option<FileDigest> {
        if let Some(digest) = node.digest {
            return Some(FileDigest {
                digest,
                capability: None,
            });
        }
        self.known.get(node.identity.as_ref()?).cloned()
    }

    /// The same, if its times tell whether it is changed from now on.
    pub(super) fn settled(&self, node: &Node) -> Option<FileDigest> {
        let file = node.identity.filter(|file| self.is_settled(file))?;
        self.known.get(&file).cloned()
    }

    /// The digest of a file, which is read if nobody knows it.
    pub(super) fn of(
        &mut self,
        tree: &dyn FileTree,
        path: &[u8],
        node: &Node,
    ) -> Result<FileDigest, TreeError> {
        if let Some(known) = self.known(node) {
            return Ok(known);
        }
        let opened = tree.open(path)?;
        let mut reader = Hashing::new(opened.content);
        let mut buffer = vec![0; BUFFER_BYTES];
        loop {
            let count = reader.read(&mut buffer).map_err(|source| TreeError::Io {
                path: String::from_utf8_lossy(path).into_owned().into(),
                source,
            })?;
            if count == 0 {
                break;
            }
        }
        let found = FileDigest {
            digest: reader.digest(),
            capability: opened.capability,
        };
        self.learn(node, &found);
        Ok(found)
    }

    /// Remembers what was read.
    pub(super) fn learn(&mut self, node: &Node, found: &FileDigest) {
        let Some(identity) = node.identity else {
            return;
        };
        if self.known.insert(identity, found.clone()).is_none() && self.is_settled(&identity) {
            self.learned.push((identity, found.clone()));
        }
    }

    /// Writes down what was learned.
    pub(super) fn save(&mut self) -> Result<(), RecordsError> {
        let learned = std::mem::take(&mut self.learned);
        self.store.remember_file_digests(&learned)
    }
}

/// Hashes what passes.
pub(super) struct Hashing<R> {
    inner: R,
    hasher: Hasher,
}

impl<R: Read> Hashing<R> {
    pub(super) fn new(inner: R) -> Self {
        Self {
            inner,
            hasher: Hasher::new(Algorithm::Sha256),
        }
    }

    pub(super) fn digest(&self) -> Digest {
        self.hasher.clone().finish()
    }
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.hasher.update(buffer.get(..count).unwrap_or_default());
        Ok(count)
    }
}
