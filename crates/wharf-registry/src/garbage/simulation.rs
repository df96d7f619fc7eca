//! Tries to make the collector lose something: random interleavings of pushes, mounts, deletions, restorations, collection,
//! crashes and jumps of the clock, over the real transactions on a real database. Only storage is a set of keys.
//!
//! Each actor is a list of steps that are atomic in the real thing too: one transaction, or one call to storage. The
//! scheduler lets any actor take its next step, or lets all of them die.
//!
//! What must hold: (1) whatever a manifest names that was acknowledged can be read, at every moment; (2) a push that was
//! told that its blobs are there succeeds, if it takes no longer than the grace period, less what the clock goes back; (3) when all is quiet and time has
//! passed, storage holds what manifests name and nothing else.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use wharf_oci::{Algorithm, Digest, MediaType, Tag};

use super::GarbageSettings;
use super::steps::{doom, doom_strays, forget_trash, unlink};
use crate::db::garbage::{self, LinkKey};
use crate::db::projects::NewProject;
use crate::db::{self, Sql};
use crate::error::RegistryError;
use crate::repositories::{
    ManifestDocument, ManifestReference, RecordedBlob, RecordedManifest, RepositoryName, mount,
    remove, restore,
};
use crate::settings::SparseManifests;
use crate::storage::{ObjectKey, PendingUpload, StoredObject};

/// Steps of one interleaving.
const STEPS: usize = 60;
const REPOSITORIES: [&str; 2] = ["sim/a", "sim/b"];
const BLOBS: u64 = 3;
const BLOB_BYTES: u64 = 3;
const SECOND: i64 = 1_000_000;
const GRACE: Duration = Duration::from_secs(100);
/// How far the clock is behind what it was, at most. As far, a grace period may be shorter at either end.
const BACKWARDS: i64 = 30 * SECOND;
const UNDELETE: Duration = Duration::from_secs(150);
const EXPIRY: Duration = Duration::from_mins(5);

/// A small generator: the same seed gives the same interleaving.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % limit
    }

    fn one_in(&mut self, odds: u64) -> bool {
        self.below(odds) == 0
    }

    fn repository(&mut self) -> RepositoryName {
        let index = usize::try_from(self.below(REPOSITORIES.len() as u64)).unwrap();
        RepositoryName::parse(REPOSITORIES[index]).unwrap()
    }
}

/// What somebody is about to do next.
#[derive(Debug, Clone)]
enum Actor {
    Push(Push),
    Collect(Collect),
}

#[derive(Debug, Clone)]
struct Push {
    repository: RepositoryName,
    image: Image,
    /// Whether its manifest may come before some of its blobs.
    sparse: SparseManifests,
    /// Blobs that are not dealt with yet.
    left: Vec<Digest>,
    uploading: Option<Uploading>,
    /// When the first of its blobs was said to be there.
    relied_on_since: Option<i64>,
}

#[derive(Debug, Clone)]
struct Uploading {
    digest: Digest,
    id: String,
    key: ObjectKey,
    stored: bool,
}

#[derive(Debug, Clone)]
struct Image {
    manifest: Vec<u8>,
    tag: Tag,
}

#[derive(Debug, Clone)]
enum Collect {
    Trash,
    Uploads,
    FindLinks,
    Unlink {
        found: Vec<LinkKey>,
        cutoff: i64,
    },
    FindBlobs,
    Doom {
        found: Vec<String>,
        cutoff: i64,
    },
    FindObjects,
    DeleteObject {
        found: Vec<StoredObject>,
        deleted: Vec<ObjectKey>,
    },
    ListStrays,
    DoomStrays {
        listed: Vec<StoredObject>,
    },
    Hidden,
}

struct World {
    sql: Box<dyn Sql>,
    project: i64,
    chance: Chance,
    now: i64,
    /// Storage: when each object was written.
    objects: BTreeMap<ObjectKey, i64>,
    actors: Vec<Actor>,
    serial: u64,
    /// The latest time that there was.
    latest: i64,
    /// An object was deleted, or something new was referred to.
    may_have_lost: bool,
}

#[test]
fn nothing_is_lost_and_nothing_is_left() {
    try_interleavings(3_000);
}

#[test]
#[ignore = "takes a minute or two; `cargo xtask test` runs it"]
fn nothing_is_lost_in_a_hundred_thousand_interleavings() {
    try_interleavings(100_000);
}

fn try_interleavings(count: u64) {
    const WORKERS: u64 = 2;
    std::thread::scope(|scope| {
        for worker in 0..WORKERS {
            scope.spawn(move || {
                let mut world = World::new();
                let mut seed = worker + 1;
                while seed <= count {
                    world.run(seed);
                    seed += WORKERS;
                }
            });
        }
    });
}

impl World {
    fn new() -> Self {
        let mut sql = db::in_memory();
        let project = NewProject {
            name: "sim".to_owned(),
            owner: None,
            owner_name: String::new(),
            public: false,
            metadata: "{}".to_owned(),
        };
        let project = db::projects::insert(&mut *sql, &project, 0).unwrap();
        Self {
            sql,
            project,
            chance: Chance(1),
            now: 0,
            objects: BTreeMap::new(),
            actors: Vec::new(),
            serial: 0,
            latest: 0,
            may_have_lost: false,
        }
    }

    fn run(&mut self, seed: u64) {
        self.clear(seed);
        for _ in 0..STEPS {
            self.step();
            self.latest = self.latest.max(self.now);
            if std::mem::take(&mut self.may_have_lost) {
                self.check_readable(seed);
            }
        }
        self.actors.clear();
        self.settle();
        self.check_readable(seed);
        self.check_nothing_left(seed);
    }

    /// An empty registry again, quicker than a new database.
    fn clear(&mut self, seed: u64) {
        for table in [
            "tags",
            "manifest_children",
            "manifest_blobs",
            "awaited_blobs",
            "manifests",
            "trash_blobs",
            "trash",
            "uploads",
            "repository_blobs",
            "repositories",
            "blobs",
            "doomed_objects",
            "record_queue",
            "audit",
        ] {
            self.sql
                .execute(&format!("DELETE FROM {table}"), &[])
                .unwrap();
        }
        self.objects.clear();
        self.actors.clear();
        self.chance = Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        self.now = 1_000 * SECOND;
        self.latest = self.now;
    }

    fn step(&mut self) {
        match self.chance.below(100) {
            0..10 => self.now += i64::try_from(self.chance.below(60)).unwrap() * SECOND,
            // The clock jumps, forwards and a little back.
            10..13 => self.now += 1_000 * SECOND,
            13 => self.now = self.now.max(self.latest) - BACKWARDS,
            // A crash of everything.
            14 => self.actors.clear(),
            15..30 if self.actors.len() < 4 => self.begin_push(),
            30..45 if self.actors.len() < 6 => self.begin_collecting(),
            45..50 => self.delete_something(),
            50..52 => self.restore_something(),
            _ => self.let_somebody_act(),
        }
    }

    fn begin_push(&mut self) {
        let repository = self.chance.repository();
        let first = self.chance.below(BLOBS);
        let second = self.chance.below(BLOBS);
        let blobs: BTreeSet<Digest> = [blob(first), blob(second)].into();
        let tag = if self.chance.one_in(2) { "one" } else { "two" };
        let mut left: Vec<Digest> = blobs.into_iter().collect();
        let is_sparse = self.chance.one_in(3);
        if is_sparse {
            left.pop();
        }
        let sparse = SparseManifests {
            images: is_sparse,
            ..SparseManifests::default()
        };
        self.actors.push(Actor::Push(Push {
            repository,
            image: Image {
                manifest: manifest(&blob(first), &blob(second)),
                tag: tag.parse().unwrap(),
            },
            sparse,
            left,
            uploading: None,
            relied_on_since: None,
        }));
    }

    fn begin_collecting(&mut self) {
        let first = match self.chance.below(12) {
            0 => Collect::Trash,
            1 => Collect::Uploads,
            2..6 => Collect::FindLinks,
            6..9 => Collect::FindBlobs,
            9 => Collect::FindObjects,
            10 => Collect::ListStrays,
            _ => Collect::Hidden,
        };
        self.actors.push(Actor::Collect(first));
    }

    fn let_somebody_act(&mut self) {
        if self.actors.is_empty() {
            return;
        }
        let index = usize::try_from(self.chance.below(self.actors.len() as u64)).unwrap();
        let actor = self.actors.swap_remove(index);
        let next = match actor {
            Actor::Push(push) => self.push_on(push).map(Actor::Push),
            Actor::Collect(collect) => self.collect_on(collect).map(Actor::Collect),
        };
        self.actors.extend(next);
    }

    fn push_on(&mut self, mut push: Push) -> Option<Push> {
        if let Some(uploading) = push.uploading.take() {
            return self.upload_on(push, uploading);
        }
        let Some(digest) = push.left.pop() else {
            return self.push_manifest(push);
        };
        let known = match self.chance.below(3) {
            0 => self.head(&push.repository, digest),
            1 => self.mount(&push.repository, digest),
            _ => false,
        };
        if known {
            push.relied_on_since.get_or_insert(self.now);
        } else {
            push.uploading = Some(self.begin_upload(&push.repository, digest));
        }
        Some(push)
    }

    /// A client asks whether a blob is there, so as not to upload it.
    fn head(&mut self, repository: &RepositoryName, digest: Digest) -> bool {
        let sql = &mut *self.sql;
        let Some(id) = db::repositories::find_id(sql, repository.as_str()).unwrap() else {
            return false;
        };
        db::blobs::touch_link(sql, id, &digest, self.now).unwrap()
    }

    fn mount(&mut self, repository: &RepositoryName, digest: Digest) -> bool {
        let source = self.chance.repository();
        mount(
            &mut *self.sql,
            self.project,
            repository,
            &[source],
            &digest,
            self.now,
        )
        .unwrap()
    }

    fn begin_upload(&mut self, repository: &RepositoryName, digest: Digest) -> Uploading {
        self.serial += 1;
        let pending = PendingUpload::new(Algorithm::Sha256);
        let id = self.serial.to_string();
        let sql = &mut *self.sql;
        let repository =
            db::repositories::find_or_insert(sql, self.project, repository.as_str(), self.now)
                .unwrap();
        db::uploads::insert(sql, &id, repository, "me", &pending, self.now).unwrap();
        assert!(db::uploads::take_lease(sql, &id, &id, self.now).unwrap());
        Uploading {
            digest,
            id,
            key: pending.key,
            stored: false,
        }
    }

    /// Storage first, then the database; a crash may come between.
    fn upload_on(&mut self, mut push: Push, mut uploading: Uploading) -> Option<Push> {
        let key = ObjectKey::of_blob(&uploading.digest, &uploading.key);
        if !uploading.stored {
            self.objects.insert(key, self.now);
            uploading.stored = true;
            push.uploading = Some(uploading);
            return Some(push);
        }
        let recorded = RecordedBlob {
            name: push.repository.clone(),
            digest: uploading.digest,
            object: StoredObject {
                key,
                size: BLOB_BYTES,
            },
            upload: uploading.id.clone(),
            lease: uploading.id,
        };
        let now = self.now;
        match self.transaction(|sql| recorded.record(sql, now)) {
            Ok(()) => {
                push.relied_on_since.get_or_insert(self.now);
                self.may_have_lost = true;
                Some(push)
            }
            // It took so long that the upload expired: the client is told, and gives up.
            Err(RegistryError::UploadBusy { .. }) => None,
            Err(error) => panic!("{error:?}"),
        }
    }

    fn push_manifest(&mut self, push: Push) -> Option<Push> {
        let document =
            ManifestDocument::read(push.image.manifest, None, Algorithm::Sha256).unwrap();
        let mut change = RecordedManifest {
            project: self.project,
            name: push.repository,
            document,
            tags: vec![push.image.tag],
            actor: "me".to_owned(),
            sparse: push.sparse,
        };
        let now = self.now;
        match self.transaction(|sql| change.record(sql, now)) {
            Ok(()) => self.may_have_lost = true,
            Err(RegistryError::ManifestBlobUnknown { missing, .. }) => {
                let since = push.relied_on_since.unwrap_or(self.now);
                let took = self.now - since;
                let safe = i64::try_from(GRACE.as_micros()).unwrap() - 2 * BACKWARDS;
                assert!(
                    took > safe || took < 0,
                    "{missing:?} went while a push of {took} µs relied on it"
                );
            }
            Err(error) => panic!("{error:?}"),
        }
        None
    }

    fn delete_something(&mut self) {
        let name = self.chance.repository();
        let tag: Tag = if self.chance.one_in(2) { "one" } else { "two" }
            .parse()
            .unwrap();
        let reference = if self.chance.one_in(3) {
            ManifestReference::Tag(tag)
        } else {
            let sql = &mut *self.sql;
            let Some(id) = db::repositories::find_id(sql, name.as_str()).unwrap() else {
                return;
            };
            match db::manifests::find_by_tag(sql, id, tag.as_str()).unwrap() {
                Some(manifest) => ManifestReference::Digest(manifest.digest),
                None => return,
            }
        };
        let now = self.now;
        match self.transaction(|sql| remove(sql, &name, &reference, "me", now)) {
            Ok(())
            | Err(RegistryError::NameUnknown { .. } | RegistryError::ManifestUnknown { .. }) => {}
            Err(error) => panic!("{error:?}"),
        }
    }

    fn restore_something(&mut self) {
        let project = self.project;
        let trash = db::trash::list(&mut *self.sql, project, i64::MAX, 3).unwrap();
        if let Some(entry) = trash.last() {
            let (id, now) = (entry.id, self.now);
            self.transaction(|sql| restore(sql, project, id, SparseManifests::ALLOWED, "me", now))
                .unwrap();
            self.may_have_lost = true;
        }
    }

    fn collect_on(&mut self, collect: Collect) -> Option<Collect> {
        let now = self.now;
        let grace = GarbageSettings::cutoff(GRACE, now);
        let sql = &mut *self.sql;
        match collect {
            Collect::Trash => {
                let cutoff = GarbageSettings::cutoff(UNDELETE, now);
                let found = garbage::expired_trash(sql, cutoff, 10).unwrap();
                forget_trash(sql, &found).unwrap();
                None
            }
            Collect::Uploads => {
                self.expire_uploads();
                None
            }
            Collect::FindLinks => {
                let first = LinkKey {
                    repository: i64::MIN,
                    digest: String::new(),
                };
                let found = garbage::unused_links(sql, &first, grace, 100)
                    .unwrap()
                    .found;
                (!found.is_empty()).then_some(Collect::Unlink {
                    found,
                    cutoff: grace,
                })
            }
            Collect::Unlink { found, cutoff } => {
                self.transaction(|sql| unlink(sql, &found, cutoff)).unwrap();
                None
            }
            Collect::FindBlobs => {
                let found = garbage::unused_blobs(sql, "", grace, 100).unwrap().found;
                let found: Vec<String> = found.into_iter().map(|(digest, _)| digest).collect();
                (!found.is_empty()).then_some(Collect::Doom {
                    found,
                    cutoff: grace,
                })
            }
            Collect::Doom { found, cutoff } => {
                self.transaction(|sql| doom(sql, &found, cutoff, now))
                    .unwrap();
                None
            }
            Collect::FindObjects => {
                let found = garbage::doomed_objects(sql, 10).unwrap();
                Some(Collect::DeleteObject {
                    found,
                    deleted: Vec::new(),
                })
            }
            Collect::DeleteObject { found, deleted } => self.delete_object(found, deleted),
            Collect::ListStrays => {
                let old = self.objects.iter().filter(|(_, written)| **written < grace);
                let listed = old.map(|(key, _)| StoredObject {
                    key: key.clone(),
                    size: BLOB_BYTES,
                });
                Some(Collect::DoomStrays {
                    listed: listed.collect(),
                })
            }
            Collect::DoomStrays { listed } => {
                doom_strays(sql, &listed, now).unwrap();
                None
            }
            Collect::Hidden => {
                garbage::delete_hidden_repositories(sql, grace, 10).unwrap();
                None
            }
        }
    }

    fn delete_object(
        &mut self,
        mut found: Vec<StoredObject>,
        mut deleted: Vec<ObjectKey>,
    ) -> Option<Collect> {
        if let Some(object) = found.pop() {
            self.objects.remove(&object.key);
            self.may_have_lost = true;
            deleted.push(object.key);
            return Some(Collect::DeleteObject { found, deleted });
        }
        garbage::forget_objects(&mut *self.sql, &deleted).unwrap();
        None
    }

    /// As the collector ends uploads: it takes their lease first.
    fn expire_uploads(&mut self) {
        let cutoff = GarbageSettings::cutoff(EXPIRY, self.now);
        let now = self.now;
        let sql = &mut *self.sql;
        for (_, id) in garbage::expired_uploads(sql, cutoff, 10).unwrap() {
            if db::uploads::take_lease(sql, &id, "collector", now).unwrap() {
                db::uploads::delete_leased(sql, &id, "collector").unwrap();
            }
        }
    }

    /// All is quiet, and much time passes.
    fn settle(&mut self) {
        for _ in 0..2 {
            self.now += 10_000 * SECOND;
            for first in [
                Collect::Trash,
                Collect::Uploads,
                Collect::FindLinks,
                Collect::FindBlobs,
                Collect::ListStrays,
                Collect::FindObjects,
                Collect::Hidden,
            ] {
                let mut next = Some(first);
                while let Some(collect) = next {
                    next = self.collect_on(collect);
                }
            }
        }
    }

    /// Everything that a manifest names lies in storage, and is shown where the manifest is.
    fn check_readable(&mut self, seed: u64) {
        let hidden = self.keys(
            "SELECT b.object_key FROM manifest_blobs m JOIN blobs b ON b.digest = m.digest \
             WHERE NOT EXISTS (SELECT 1 FROM repository_blobs l \
             WHERE l.repository = m.repository AND l.digest = m.digest)",
        );
        assert_eq!(
            hidden,
            BTreeSet::new(),
            "seed {seed}: a manifest's blobs are hidden"
        );
        let unkept = self.keys(
            "SELECT b.object_key FROM awaited_blobs a JOIN repository_blobs l \
             ON l.repository = a.repository AND l.digest = a.digest JOIN blobs b ON b.digest = a.digest",
        );
        assert_eq!(
            unkept,
            BTreeSet::new(),
            "seed {seed}: a blob came and is not kept"
        );
        for key in self.keys(
            "SELECT DISTINCT b.object_key FROM manifest_blobs m LEFT JOIN blobs b ON b.digest = m.digest \
             UNION SELECT b.object_key FROM trash_blobs t LEFT JOIN blobs b ON b.digest = t.digest",
        ) {
            assert!(self.objects.contains_key(&key), "seed {seed}: {key} is lost");
        }
    }

    fn check_nothing_left(&mut self, seed: u64) {
        let needed = self.keys(
            "SELECT DISTINCT b.object_key FROM manifest_blobs m JOIN blobs b ON b.digest = m.digest",
        );
        let stored: BTreeSet<ObjectKey> = self.objects.keys().cloned().collect();
        assert_eq!(stored, needed, "seed {seed}");
        let rows = self.keys("SELECT object_key FROM blobs");
        assert_eq!(rows, needed, "seed {seed}");
    }

    fn keys(&mut self, statement: &str) -> BTreeSet<ObjectKey> {
        let rows = self.sql.query(statement, &[]).unwrap();
        let key = |text: String| ObjectKey::parse(&text).unwrap();
        rows.into_iter().map(|mut row| key(row.take(0))).collect()
    }

    fn transaction<T, E>(
        &mut self,
        change: impl FnOnce(&mut dyn Sql) -> Result<T, E>,
    ) -> Result<T, E> {
        self.sql.execute("SAVEPOINT change", &[]).unwrap();
        let outcome = change(&mut *self.sql);
        if outcome.is_err() {
            self.sql.execute("ROLLBACK TO change", &[]).unwrap();
        }
        self.sql.execute("RELEASE change", &[]).unwrap();
        outcome
    }
}

fn blob(number: u64) -> Digest {
    Digest::of(&number.to_le_bytes())
}

fn manifest(config: &Digest, layer: &Digest) -> Vec<u8> {
    serde_json::json!({
        "schemaVersion": 2,
        "mediaType": MediaType::OCI_MANIFEST,
        "config": { "mediaType": MediaType::OCI_CONFIG, "digest": config, "size": BLOB_BYTES },
        "layers": [{ "mediaType": MediaType::OCI_LAYER, "digest": layer, "size": BLOB_BYTES }],
    })
    .to_string()
    .into_bytes()
}
