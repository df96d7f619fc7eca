-- Blobs that a manifest names and that its repository did not have when it was pushed: layers that may be elsewhere, and
-- those of sparse images. When such a blob comes, its rows move to manifest_blobs, and the manifest keeps it from then on.
CREATE TABLE awaited_blobs (
    repository BIGINT NOT NULL REFERENCES repositories (id),
    digest {text} NOT NULL,
    manifest BIGINT NOT NULL REFERENCES manifests (id) ON DELETE CASCADE,
    PRIMARY KEY (repository, digest, manifest)
);
CREATE INDEX awaited_blobs_manifest ON awaited_blobs (manifest);
