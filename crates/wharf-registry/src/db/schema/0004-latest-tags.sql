-- The latest tags of an artifact are found without sorting all of them.
CREATE INDEX tags_latest ON tags (manifest, updated DESC, name);
