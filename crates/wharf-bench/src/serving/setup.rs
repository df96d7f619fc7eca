//! Fills servers before anything is measured, and gets the rights that requests show.

use std::fs;
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::content::{Blob, Corpus, MANIFEST, REPOSITORY};
use super::server::{Kind, PASSWORD, Server};
use crate::load::{Client, finish};

/// Larger blobs are pushed in pieces of this size.
const PIECE_BYTES: usize = 32 << 20;

/// `admin` and `developer`, as basic auth shows them.
const ADMINISTRATOR: &str = "Basic YWRtaW46SGFyYm91ci0xMjM0NQ==";
const DEVELOPER: &str = "Basic ZGV2ZWxvcGVyOkhhcmJvdXItMTIzNDU=";

/// Makes the private project that everything is in, and a developer who may push and pull there. The others have no rights.
pub(super) fn make_project(server: &Server) -> Result<()> {
    if server.kind != Kind::Wharf {
        return Ok(());
    }
    let mut client = Client::connect(&server.endpoint, administrator(server.kind))?;
    let mut post = |path: &str, document: serde_json::Value| {
        let body = document.to_string();
        let headers = "Content-Type: application/json\r\n";
        client.expect(201, "POST", path, headers, &[body.as_bytes()])
    };
    post(
        "/api/v2.0/projects",
        json!({"project_name": "bench", "metadata": {"public": "false"}}),
    )?;
    post(
        "/api/v2.0/users",
        json!({
            "username": "developer",
            "password": PASSWORD,
            "email": "developer@example.org",
            "realname": "Developer",
        }),
    )?;
    post(
        "/api/v2.0/projects/bench/members",
        json!({"role_id": 2, "member_user": {"username": "developer"}}),
    )?;
    Ok(())
}

/// What the administrator shows; nothing where nobody is asked.
pub(super) fn administrator(kind: Kind) -> Option<&'static str> {
    (kind == Kind::Wharf).then_some(ADMINISTRATOR)
}

/// What the developer shows with each request; nothing where nobody is asked.
pub(super) fn developer(kind: Kind) -> Option<&'static str> {
    (kind == Kind::Wharf).then_some(DEVELOPER)
}

/// A token of the developer for pulls, as clients get it after their first 401; nothing where nobody is asked.
pub(super) fn token(server: &Server) -> Result<Option<String>> {
    let Some(developer) = developer(server.kind) else {
        return Ok(None);
    };
    let mut client = Client::connect(&server.endpoint, Some(developer))?;
    let path = format!("/service/token?service=wharf&scope=repository:{REPOSITORY}:pull");
    let answer = client.expect(200, "GET", &path, "", &[])?;
    let document: serde_json::Value = serde_json::from_slice(&answer.body)?;
    let token = document["token"].as_str().context("there is no token")?;
    Ok(Some(format!("Bearer {token}")))
}

/// Puts `corpus` into `server`; `data` is its folder.
pub(super) fn fill(server: &Server, data: &Path, corpus: &Corpus) -> Result<()> {
    if server.kind == Kind::Nginx {
        return write_files(data, corpus);
    }
    make_project(server)?;
    let mut client = Client::connect(&server.endpoint, developer(server.kind))?;
    for blob in corpus.small.iter().chain([&corpus.large]) {
        push_blob(&mut client, REPOSITORY, blob)?;
    }
    for (tag, manifest) in &corpus.manifests {
        put_manifest(&mut client, REPOSITORY, tag, MANIFEST, manifest)?;
    }
    Ok(())
}

/// Files whose paths are those of the protocol.
fn write_files(data: &Path, corpus: &Corpus) -> Result<()> {
    let repository = data.join("v2").join(REPOSITORY);
    let (manifests, blobs) = (repository.join("manifests"), repository.join("blobs"));
    fs::create_dir_all(&manifests)?;
    fs::create_dir_all(&blobs)?;
    let write = |folder: &Path, name: &str, bytes: &[u8]| {
        let file = folder.join(name);
        fs::File::create(&file)
            .and_then(|mut created| created.write_all(bytes))
            .with_context(|| format!("writing {}", file.display()))
    };
    for (tag, manifest) in &corpus.manifests {
        write(&manifests, tag, &manifest.bytes)?;
        write(&manifests, &manifest.digest, &manifest.bytes)?;
    }
    for blob in corpus.small.iter().chain([&corpus.large]) {
        write(&blobs, &blob.digest, &blob.bytes)?;
    }
    Ok(())
}

/// Pushes a blob in one piece, or in a few.
pub(super) fn push_blob(client: &mut Client, repository: &str, blob: &Blob) -> Result<()> {
    let begin = format!("/v2/{repository}/blobs/uploads/");
    let begun = client.expect(202, "POST", &begin, "", &[])?;
    let mut place = begun.upload()?;
    for piece in blob.bytes.chunks(PIECE_BYTES) {
        let headers = "Content-Type: application/octet-stream\r\n";
        let taken = client.expect(202, "PATCH", &place, headers, &[piece])?;
        place = taken.upload()?;
    }
    client.expect(201, "PUT", &finish(&place, &blob.digest), "", &[])?;
    Ok(())
}

/// Pushes a manifest under a tag.
pub(super) fn put_manifest(
    client: &mut Client,
    repository: &str,
    tag: &str,
    media_type: &str,
    manifest: &Blob,
) -> Result<()> {
    let path = format!("/v2/{repository}/manifests/{tag}");
    let headers = format!("Content-Type: {media_type}\r\n");
    client.expect(201, "PUT", &path, &headers, &[&manifest.bytes])?;
    Ok(())
}
