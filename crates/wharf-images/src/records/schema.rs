//! The tables, and how an older database becomes a current one.
//!
//! Digests are stored as their text, so that a prefix of an ID is a range of an index and a person
//! with a database shell can read them. Times are whole seconds since 1970 unless named otherwise.

use rusqlite::Connection;

/// The version that this program writes and reads (`PRAGMA user_version`).
pub(super) const CURRENT_VERSION: i64 = 5;

/// Step `n` makes version `n + 1` from version `n`. Steps that were released are never changed.
const MIGRATIONS: &[&str] = &[VERSION_1, VERSION_2, VERSION_3, VERSION_4, VERSION_5];

/// Brings the database from `version` to [`CURRENT_VERSION`], inside the caller's transaction.
pub(super) fn migrate(connection: &Connection, version: i64) -> rusqlite::Result<()> {
    let done = usize::try_from(version).unwrap_or(0);
    for step in MIGRATIONS.iter().skip(done) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", CURRENT_VERSION)
}

const VERSION_1: &str = "
CREATE TABLE images (
    id            TEXT PRIMARY KEY,     -- digest of the config as an image ID: always SHA-256
    config        TEXT NOT NULL,        -- digest that the manifest gives the config
    manifest      TEXT NOT NULL,        -- the manifest it was last recorded with
    created_unix  INTEGER,              -- from the config; NULL where it does not say
    created_nano  INTEGER NOT NULL,     -- below the second
    size          INTEGER NOT NULL,     -- sum of the layers' sizes, bytes
    os            TEXT NOT NULL,
    architecture  TEXT NOT NULL,
    variant       TEXT NOT NULL,
    parent        TEXT,                 -- the image it was built upon on this machine
    recorded_unix INTEGER NOT NULL,
    labels        TEXT                  -- JSON object; NULL where there are none
) WITHOUT ROWID;
CREATE INDEX images_config ON images (config);
CREATE INDEX images_parent ON images (parent) WHERE parent IS NOT NULL;

CREATE TABLE image_manifests (
    image      TEXT NOT NULL,
    manifest   TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL,
    PRIMARY KEY (image, manifest)
) WITHOUT ROWID;
CREATE INDEX image_manifests_manifest ON image_manifests (manifest);

-- Rows outlive their image while a user (a stopped container) still stands on the layers.
CREATE TABLE image_layers (
    image    TEXT NOT NULL,
    position INTEGER NOT NULL,          -- 0 is the base
    diff_id  TEXT NOT NULL,
    chain_id TEXT NOT NULL,
    PRIMARY KEY (image, position)
) WITHOUT ROWID;
CREATE INDEX image_layers_diff_id ON image_layers (diff_id);
CREATE INDEX image_layers_chain_id ON image_layers (chain_id);

CREATE TABLE names (
    repository        TEXT NOT NULL,    -- canonical: docker.io/library/nginx
    tag               TEXT NOT NULL,    -- either this is empty
    digest            TEXT NOT NULL,    -- or this
    target            TEXT NOT NULL,    -- manifest or index that the registry serves under the name
    target_media_type TEXT NOT NULL,
    target_size       INTEGER NOT NULL,
    manifest          TEXT NOT NULL,
    image             TEXT NOT NULL,
    updated_unix      INTEGER NOT NULL,
    PRIMARY KEY (repository, tag, digest),
    CHECK ((tag = '') <> (digest = ''))
) WITHOUT ROWID;
CREATE INDEX names_image ON names (image);
CREATE INDEX names_target ON names (target);

CREATE TABLE layers (
    diff_id  TEXT PRIMARY KEY,
    size     INTEGER NOT NULL,          -- sum of its files' sizes, bytes
    unpacked INTEGER NOT NULL,          -- what it takes on disk, bytes
    entries  INTEGER NOT NULL,
    root_is_opaque INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE layer_blobs (
    blob       TEXT PRIMARY KEY,
    diff_id    TEXT NOT NULL,
    media_type TEXT NOT NULL,
    size       INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX layer_blobs_diff_id ON layer_blobs (diff_id);

CREATE TABLE content_edges (
    parent TEXT NOT NULL,
    child  TEXT NOT NULL,
    PRIMARY KEY (parent, child)
) WITHOUT ROWID;
CREATE INDEX content_edges_child ON content_edges (child);

CREATE TABLE image_users (
    kind    TEXT NOT NULL,
    user    TEXT NOT NULL,
    image   TEXT NOT NULL,
    name    TEXT NOT NULL,
    running INTEGER NOT NULL,
    PRIMARY KEY (kind, user)
) WITHOUT ROWID;
CREATE INDEX image_users_image ON image_users (image);

CREATE TABLE mounts (
    target          BLOB PRIMARY KEY,   -- absolute path, as bytes
    image           TEXT NOT NULL,
    writable        INTEGER NOT NULL,
    mount_namespace TEXT NOT NULL,
    boot_id         TEXT NOT NULL,
    created_unix    INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX mounts_image ON mounts (image);

CREATE TABLE blob_origins (
    blob       TEXT NOT NULL,
    repository TEXT NOT NULL,
    seen_unix  INTEGER NOT NULL,
    PRIMARY KEY (blob, repository)
) WITHOUT ROWID;

CREATE TABLE leases (
    id            INTEGER PRIMARY KEY,
    purpose       TEXT NOT NULL,
    pid           INTEGER NOT NULL,
    pid_start     INTEGER NOT NULL,     -- clock ticks since boot: tells a reused pid
    pid_namespace TEXT NOT NULL,
    boot_id       TEXT NOT NULL,
    created_unix  INTEGER NOT NULL,
    expires_unix  INTEGER NOT NULL
);

CREATE TABLE lease_contents (
    lease  INTEGER NOT NULL,
    digest TEXT NOT NULL,               -- a blob, or the diff ID of a layer
    PRIMARY KEY (lease, digest)
) WITHOUT ROWID;
CREATE INDEX lease_contents_digest ON lease_contents (digest);
";

const VERSION_2: &str = "
-- Layers that steps of builds have made.
CREATE TABLE build_cache (
    id           INTEGER PRIMARY KEY,
    shape        TEXT NOT NULL,         -- key over what is known without looking at files
    diff_id      TEXT NOT NULL,
    blob         TEXT NOT NULL,
    media_type   TEXT NOT NULL,
    blob_size    INTEGER NOT NULL,
    size         INTEGER NOT NULL,      -- sum of the layer's files' sizes, bytes
    description  TEXT NOT NULL,
    fields       BLOB NOT NULL,         -- what went into the key
    created_unix INTEGER NOT NULL,
    used_unix    INTEGER NOT NULL,
    uses         INTEGER NOT NULL
);
CREATE INDEX build_cache_shape ON build_cache (shape);
CREATE INDEX build_cache_description ON build_cache (description);
CREATE INDEX build_cache_diff_id ON build_cache (diff_id);

CREATE TABLE build_cache_keys (
    key   TEXT PRIMARY KEY,
    entry INTEGER NOT NULL
) WITHOUT ROWID;
CREATE INDEX build_cache_keys_entry ON build_cache_keys (entry);

-- What files held that builds have read.
CREATE TABLE file_digests (
    device      INTEGER NOT NULL,
    inode       INTEGER NOT NULL,
    size        INTEGER NOT NULL,
    changed_ns  INTEGER NOT NULL,
    modified_ns INTEGER NOT NULL,
    digest      TEXT NOT NULL,
    capability  BLOB,
    PRIMARY KEY (device, inode)
) WITHOUT ROWID;
";

const VERSION_3: &str = "
-- Keys that mean the same on other machines, separated by spaces: those that do not speak of inodes.
ALTER TABLE build_cache ADD COLUMN portable_keys TEXT NOT NULL DEFAULT '';
";

const VERSION_4: &str = "
-- When a build on this machine made the image, whose config may say the time of its base; NULL of all others.
ALTER TABLE images ADD COLUMN built_unix INTEGER;
";

const VERSION_5: &str = "
-- What went into the key of a step: large, and looked at only where somebody asks why a step is done again.
CREATE TABLE build_fields (
    entry  INTEGER PRIMARY KEY,
    fields BLOB NOT NULL
);
INSERT INTO build_fields SELECT id, fields FROM build_cache;
ALTER TABLE build_cache DROP COLUMN fields;
";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_into_keys_is_kept() {
        let database = Connection::open_in_memory().unwrap();
        for step in &MIGRATIONS[..4] {
            database.execute_batch(step).unwrap();
        }
        database
            .execute_batch(
                "INSERT INTO build_cache (id, shape, diff_id, blob, media_type, blob_size, size, description, fields, \
                 created_unix, used_unix, uses) VALUES (7, 's', 'd', 'b', 'm', 1, 2, 'COPY', x'0102', 3, 4, 5)",
            )
            .unwrap();
        migrate(&database, 4).unwrap();
        let found: (i64, Vec<u8>, i64) = database
            .query_row(
                "SELECT entry, build_fields.fields, uses FROM build_fields JOIN build_cache ON id = entry",
                [],
                |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)),
            )
            .unwrap();
        assert_eq!(found, (7, vec![1, 2], 5));
    }
}
