-- Facts about this registry that are settled once: its id, the state of its schedules.
CREATE TABLE settings (
    name {text} PRIMARY KEY,
    value {text} NOT NULL
);

CREATE TABLE users (
    id {id},
    name {text} NOT NULL UNIQUE,
    email {text},
    real_name {text} NOT NULL,
    comment {text} NOT NULL,
    password {text} NOT NULL,
    sysadmin BIGINT NOT NULL CHECK (sysadmin IN (0, 1)),
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE UNIQUE INDEX users_email ON users (email);

CREATE TABLE projects (
    id {id},
    name {text} NOT NULL UNIQUE,
    owner BIGINT,
    owner_name {text} NOT NULL,
    public BIGINT NOT NULL CHECK (public IN (0, 1)),
    metadata {text} NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);

CREATE TABLE members (
    id {id},
    project BIGINT NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role BIGINT NOT NULL CHECK (role BETWEEN 1 AND 5),
    created BIGINT NOT NULL,
    UNIQUE (project, user_id)
);
CREATE INDEX members_user ON members (user_id);

-- A robot of the system has no project. `permissions` are grants in JSON, which name projects by their numbers.
CREATE TABLE robots (
    id {id},
    name {text} NOT NULL UNIQUE,
    project BIGINT REFERENCES projects (id) ON DELETE CASCADE,
    description {text} NOT NULL,
    secret {text} NOT NULL,
    permissions {text} NOT NULL,
    disabled BIGINT NOT NULL CHECK (disabled IN (0, 1)),
    duration BIGINT NOT NULL,
    expires BIGINT,
    creator {text} NOT NULL,
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE INDEX robots_project ON robots (project, name);

-- `id` is a hash of what the browser holds, so that a copy of the database opens no session.
CREATE TABLE sessions (
    id {text} PRIMARY KEY,
    user_id BIGINT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created BIGINT NOT NULL,
    expires BIGINT NOT NULL
);
CREATE INDEX sessions_expires ON sessions (expires);

CREATE TABLE signing_keys (
    id {text} PRIMARY KEY,
    private {bytes} NOT NULL,
    created BIGINT NOT NULL,
    retires BIGINT NOT NULL
);

CREATE TABLE repositories (
    id {id},
    project BIGINT NOT NULL REFERENCES projects (id),
    name {text} NOT NULL UNIQUE,
    description {text} NOT NULL,
    pulls BIGINT NOT NULL,
    -- An upload makes the repository, its first manifest shows it.
    shown BIGINT NOT NULL CHECK (shown IN (0, 1)),
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL
);
CREATE UNIQUE INDEX repositories_project ON repositories (project, name);

-- What storage holds. `touched` is when somebody last relied on it; a collector leaves it alone for a while then. A lost
-- blob's bytes are gone or damaged: it counts as absent until somebody pushes it again.
CREATE TABLE blobs (
    digest {text} PRIMARY KEY,
    object_key {text} NOT NULL UNIQUE,
    size BIGINT NOT NULL,
    touched BIGINT NOT NULL,
    lost BIGINT NOT NULL DEFAULT 0 CHECK (lost IN (0, 1))
);

-- Objects that nothing maps to any more; the collector deletes them and then the row.
CREATE TABLE doomed_objects (
    object_key {text} PRIMARY KEY,
    size BIGINT NOT NULL,
    since BIGINT NOT NULL
);

-- Which blobs a repository may show: uploaded or mounted there.
CREATE TABLE repository_blobs (
    repository BIGINT NOT NULL REFERENCES repositories (id),
    digest {text} NOT NULL REFERENCES blobs (digest),
    linked BIGINT NOT NULL,
    PRIMARY KEY (repository, digest)
);
CREATE INDEX repository_blobs_digest ON repository_blobs (digest);

CREATE TABLE manifests (
    id {id},
    repository BIGINT NOT NULL REFERENCES repositories (id),
    digest {text} NOT NULL,
    media_type {text} NOT NULL,
    artifact_type {text},
    config_media_type {text},
    config_digest {text},
    subject {text},
    annotations {text},
    total_size BIGINT NOT NULL,
    pushed BIGINT NOT NULL,
    pushed_by {text} NOT NULL,
    pulled BIGINT,
    content {bytes} NOT NULL,
    UNIQUE (repository, digest)
);
CREATE INDEX manifests_subject ON manifests (repository, subject, digest);
CREATE INDEX manifests_pushed ON manifests (repository, pushed, id);

-- Layers and configs that a manifest needs; they keep the blob.
CREATE TABLE manifest_blobs (
    repository BIGINT NOT NULL REFERENCES repositories (id),
    digest {text} NOT NULL REFERENCES blobs (digest),
    manifest BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    PRIMARY KEY (repository, digest, manifest)
);
CREATE INDEX manifest_blobs_digest ON manifest_blobs (digest);
CREATE INDEX manifest_blobs_manifest ON manifest_blobs (manifest);

-- Manifests that an index names; they may be absent from the repository where sparse indexes are allowed.
CREATE TABLE manifest_children (
    manifest BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    position BIGINT NOT NULL,
    repository BIGINT NOT NULL,
    digest {text} NOT NULL,
    platform {text},
    PRIMARY KEY (manifest, position)
);
CREATE INDEX manifest_children_digest ON manifest_children (repository, digest);

CREATE TABLE tags (
    id {id},
    repository BIGINT NOT NULL REFERENCES repositories (id),
    name {text} NOT NULL,
    manifest BIGINT NOT NULL REFERENCES manifests (id),
    created BIGINT NOT NULL,
    updated BIGINT NOT NULL,
    pulled BIGINT,
    pushed_by {text} NOT NULL,
    UNIQUE (repository, name)
);
CREATE INDEX tags_manifest ON tags (manifest, name);

-- Deleted manifests, for as long as they can be brought back; they keep their blobs.
CREATE TABLE trash (
    id {id},
    project BIGINT NOT NULL,
    repository_name {text} NOT NULL,
    digest {text} NOT NULL,
    media_type {text} NOT NULL,
    tags {text} NOT NULL,
    deleted BIGINT NOT NULL,
    deleted_by {text} NOT NULL,
    content {bytes} NOT NULL
);
CREATE INDEX trash_deleted ON trash (deleted, id);
CREATE INDEX trash_repository ON trash (repository_name, id);

CREATE TABLE trash_blobs (
    trash BIGINT NOT NULL REFERENCES trash (id) ON DELETE CASCADE,
    digest {text} NOT NULL REFERENCES blobs (digest),
    PRIMARY KEY (trash, digest)
);
CREATE INDEX trash_blobs_digest ON trash_blobs (digest);

-- Uploads between two requests. Whoever writes holds the lease.
CREATE TABLE uploads (
    id {text} PRIMARY KEY,
    repository BIGINT NOT NULL REFERENCES repositories (id),
    object_key {text} NOT NULL,
    algorithm {text} NOT NULL,
    stored BIGINT NOT NULL,
    hash {bytes} NOT NULL,
    notes {text} NOT NULL,
    owner {text} NOT NULL,
    lease {text},
    lease_until BIGINT NOT NULL,
    touched BIGINT NOT NULL
);
CREATE INDEX uploads_touched ON uploads (touched);
CREATE INDEX uploads_repository ON uploads (repository);
CREATE INDEX uploads_object_key ON uploads (object_key);

-- What storage has yet to be told for a rebuild of this database: (kind, name) of a record to write or delete anew.
CREATE TABLE record_queue (
    id {id},
    kind {text} NOT NULL,
    name {text} NOT NULL,
    item {text} NOT NULL
);

-- One row for each change that somebody made. `project` stays when the project goes.
CREATE TABLE audit (
    id {id},
    at BIGINT NOT NULL,
    actor {text} NOT NULL,
    operation {text} NOT NULL,
    resource_type {text} NOT NULL,
    resource {text} NOT NULL,
    project BIGINT,
    detail {text} NOT NULL
);
CREATE INDEX audit_at ON audit (at, id);
CREATE INDEX audit_project ON audit (project, at, id);

-- Rounds of the collector that somebody asked for or that did something.
CREATE TABLE garbage_runs (
    id {id},
    actor {text} NOT NULL,
    wish {text} NOT NULL,
    status {text} NOT NULL,
    report {text} NOT NULL,
    began BIGINT NOT NULL,
    ended BIGINT
);
