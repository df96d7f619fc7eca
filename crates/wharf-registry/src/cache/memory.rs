//! Facts of the database: projects, roles, accounts, and per repository its manifests and blobs.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use wharf_oci::Digest;

use crate::access::SubjectId;
use crate::accounts::Account;
use crate::db::Change;
use crate::db::blobs::BlobRecord;
use crate::db::manifests::StoredManifest;
use crate::db::projects::Project;

/// Most facts of one kind; when there are more, all are forgotten and asked again.
const FACTS: usize = 20_000;
/// Most bytes of manifests.
const MANIFEST_BYTES: usize = 16 << 20;

/// Remembers answers until a change touches them.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    /// Counts changes: an answer that was asked for before one is not remembered after it.
    changes: AtomicU64,
    access: RwLock<Access>,
    repositories: RwLock<Repositories>,
}

/// When a question was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stamp(u64);

#[derive(Debug, Default)]
struct Access {
    projects: HashMap<String, Option<Arc<Project>>>,
    roles: HashMap<(i64, i64), Option<i64>>,
    repositories: HashMap<String, Option<i64>>,
    lengths: HashMap<i64, u64>,
    accounts: HashMap<SubjectId, Option<Arc<Account>>>,
    logins: HashMap<String, Option<Arc<Account>>>,
}

#[derive(Debug, Default)]
struct Repositories {
    known: HashMap<i64, Contents>,
    bytes: usize,
}

#[derive(Debug, Default)]
struct Contents {
    manifests: HashMap<String, Arc<StoredManifest>>,
    blobs: HashMap<Digest, BlobRecord>,
    bytes: usize,
}

macro_rules! facts {
    ($($(#[$about:meta])* $get:ident $put:ident $field:ident: $key:ty $(, $borrowed:ty)? => $value:ty;)*) => {
        impl Memory {$(
            $(#[$about])*
            pub(crate) fn $get(&self, key: &facts!(@borrowed $key $(, $borrowed)?)) -> Option<$value> {
                let access = self.access.read().unwrap_or_else(PoisonError::into_inner);
                access.$field.get(key).cloned()
            }

            /// Remembers the same.
            pub(crate) fn $put(&self, asked: Stamp, key: $key, value: $value) {
                let mut access = self.access.write().unwrap_or_else(PoisonError::into_inner);
                if self.is_current(asked) {
                    insert(&mut access.$field, key, value);
                }
            }
        )*}
    };
    (@borrowed $key:ty, $borrowed:ty) => { $borrowed };
    (@borrowed $key:ty) => { $key };
}

facts! {
    /// The project of a name.
    project put_project projects: String, str => Option<Arc<Project>>;
    /// The number of the role that a user (second) has in a project (first).
    role put_role roles: (i64, i64) => Option<i64>;
    /// The number of a repository.
    repository put_repository repositories: String, str => Option<i64>;
    /// How many repositories a project shows.
    length put_length lengths: i64 => u64;
    /// The account of a number.
    account put_account accounts: SubjectId => Option<Arc<Account>>;
    /// The account of a login name.
    login put_login logins: String, str => Option<Arc<Account>>;
}

impl Memory {
    /// To be taken before the database is asked.
    pub(crate) fn stamp(&self) -> Stamp {
        Stamp(self.changes.load(Ordering::Acquire))
    }

    /// Forgets what a committed change touched.
    pub(crate) fn forget(&self, changes: &[Change]) {
        if changes.is_empty() {
            return;
        }
        self.changes.fetch_add(1, Ordering::AcqRel);
        if changes.contains(&Change::Access) {
            let mut access = self.access.write().unwrap_or_else(PoisonError::into_inner);
            *access = Access::default();
        }
        let mut repositories = self
            .repositories
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            match change {
                Change::Repository(repository) => repositories.forget(*repository),
                Change::AllRepositories => *repositories = Repositories::default(),
                Change::Access => {}
            }
        }
    }

    /// The manifest under a tag or digest of a repository.
    pub(crate) fn manifest(&self, repository: i64, reference: &str) -> Option<Arc<StoredManifest>> {
        let repositories = self
            .repositories
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        repositories
            .known
            .get(&repository)?
            .manifests
            .get(reference)
            .cloned()
    }

    /// Remembers a manifest.
    pub(crate) fn put_manifest(
        &self,
        asked: Stamp,
        repository: i64,
        reference: String,
        manifest: Arc<StoredManifest>,
    ) {
        let mut repositories = self
            .repositories
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if self.is_current(asked) {
            let size = manifest.content.len() + reference.len();
            let contents = repositories.room_for(repository, size);
            contents.manifests.insert(reference, manifest);
        }
    }

    /// A blob of a repository.
    pub(crate) fn blob(&self, repository: i64, digest: &Digest) -> Option<BlobRecord> {
        let repositories = self
            .repositories
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        repositories
            .known
            .get(&repository)?
            .blobs
            .get(digest)
            .cloned()
    }

    /// Remembers a blob.
    pub(crate) fn put_blob(&self, asked: Stamp, repository: i64, digest: Digest, blob: BlobRecord) {
        let mut repositories = self
            .repositories
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if self.is_current(asked) {
            let size = size_of::<Digest>() + size_of::<BlobRecord>() + blob.key.as_str().len();
            repositories
                .room_for(repository, size)
                .blobs
                .insert(digest, blob);
        }
    }

    /// Whether nothing changed since the question was asked. Asked with the lock held that a change needs to forget.
    fn is_current(&self, asked: Stamp) -> bool {
        self.stamp() == asked
    }
}

impl Repositories {
    fn forget(&mut self, repository: i64) {
        if let Some(contents) = self.known.remove(&repository) {
            self.bytes -= contents.bytes;
        }
    }

    /// The contents of a repository, to which `size` bytes are about to be added.
    fn room_for(&mut self, repository: i64, size: usize) -> &mut Contents {
        if self.bytes + size > MANIFEST_BYTES {
            *self = Self::default();
        }
        self.bytes += size;
        let contents = self.known.entry(repository).or_default();
        contents.bytes += size;
        contents
    }
}

fn insert<K: Eq + Hash, V>(facts: &mut HashMap<K, V>, key: K, value: V) {
    if facts.len() >= FACTS {
        facts.clear();
    }
    facts.insert(key, value);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_from_before_a_change_is_not_remembered_after_it() {
        let memory = Memory::default();
        let asked = memory.stamp();
        memory.forget(&[Change::Access]);
        memory.put_role(asked, (1, 2), Some(3));
        assert_eq!(memory.role(&(1, 2)), None);
        memory.put_role(memory.stamp(), (1, 2), Some(3));
        assert_eq!(memory.role(&(1, 2)), Some(Some(3)));
    }

    #[test]
    fn a_change_forgets_what_it_touches_and_no_more() {
        let memory = Memory::default();
        let blob = BlobRecord {
            key: crate::storage::ObjectKey::unique(),
            size: 1,
        };
        let digest = Digest::of(b"x");
        for repository in [1, 2] {
            memory.put_blob(memory.stamp(), repository, digest, blob.clone());
        }
        memory.put_role(memory.stamp(), (1, 2), None);
        memory.forget(&[Change::Repository(1)]);
        assert_eq!(memory.blob(1, &digest), None);
        assert_eq!(memory.blob(2, &digest), Some(blob));
        assert_eq!(memory.role(&(1, 2)), Some(None));
        memory.forget(&[Change::Access]);
        assert_eq!(memory.role(&(1, 2)), None);
    }

    #[test]
    fn it_does_not_grow_without_end() {
        let memory = Memory::default();
        let blob = BlobRecord {
            key: crate::storage::ObjectKey::unique(),
            size: 1,
        };
        for number in 0..300_000_u32 {
            let digest = Digest::of(&number.to_le_bytes());
            memory.put_blob(memory.stamp(), i64::from(number % 7), digest, blob.clone());
        }
        assert!(memory.repositories.read().unwrap().bytes <= MANIFEST_BYTES);
    }
}
