//! One client's way through the protocol, each request at another node than the one before.

use std::io;

use serde_json::{Value, json};
use testkit::{HttpResponse, try_http_request, with_credentials};
use wharf_oci::Digest;

const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// `walker:Harbor12345`.
const WALKER: (&str, &str) = ("Authorization", "Basic d2Fsa2VyOkhhcmJvcjEyMzQ1");
const LAYER_BYTES: usize = 200_000;
/// Bytes of a chunk: what S3 takes as a part lies above, so that what is left over between two requests is used as well.
const CHUNK_BYTES: usize = 70_000;

/// A project of its own, and an address where each request meets another node.
pub(crate) struct Walk<'a> {
    pub(crate) address: &'a str,
    /// Never used before.
    pub(crate) project: &'a str,
}

/// Makes the user that projects let in and shut out.
pub(crate) fn make_walker(address: &str) -> io::Result<()> {
    let walker =
        json!({ "username": "walker", "email": "walker@example.com", "password": "Harbor12345" });
    let walk = Walk {
        address,
        project: "",
    };
    walk.send("POST", "/api/v2.0/users", &walker, 201).map(drop)
}

impl Walk<'_> {
    /// Goes all the way. Fails where a node died in the middle of a request, and panics where one forgot something.
    pub(crate) fn go(&self) -> io::Result<()> {
        let project = json!({ "project_name": self.project });
        self.send("POST", "/api/v2.0/projects", &project, 201)?;
        let layer = self.upload_in_chunks("source", LAYER_BYTES)?;
        self.mount(&layer)?;
        let image = self.push_and_pull(&layer)?;
        self.refer(&image, &layer)?;
        self.delete(&image, &layer)?;
        self.grant_and_revoke(&layer)
    }

    /// Begun at one node, and gone on with at the others in turn.
    fn upload_in_chunks(&self, repository: &str, bytes: usize) -> io::Result<Digest> {
        let content: Vec<u8> = self.project.bytes().cycle().take(bytes).collect();
        let digest = Digest::of(&content);
        let begin = self.at(repository, "blobs/uploads/");
        let begun = self.ask("POST", &begin, &[], b"", 202)?;
        let place = begun.header("location").unwrap().to_owned();
        let mut offset = 0;
        for chunk in content.chunks(CHUNK_BYTES) {
            let range = format!("{offset}-{}", offset + chunk.len() - 1);
            let headers = [("Content-Range", range.as_str())];
            self.ask("PATCH", &place, &headers, chunk, 202)?;
            offset += chunk.len();
            let progress = self.ask("GET", &place, &[], b"", 204)?;
            let expected = format!("0-{}", offset - 1);
            assert_eq!(progress.header("range"), Some(expected.as_str()));
        }
        self.ask("PUT", &format!("{place}?digest={digest}"), &[], b"", 201)?;
        let blob = self.at(repository, &format!("blobs/{digest}"));
        assert!(self.ask("GET", &blob, &[], b"", 200)?.body == content);
        self.ask("GET", &place, &[], b"", 404)?;
        Ok(digest)
    }

    fn mount(&self, layer: &Digest) -> io::Result<()> {
        let blob = self.at("app", &format!("blobs/{layer}"));
        self.ask("HEAD", &blob, &[], b"", 404)?;
        let query = format!("blobs/uploads/?mount={layer}&from={}/source", self.project);
        self.ask("POST", &self.at("app", &query), &[], b"", 201)?;
        self.ask("HEAD", &blob, &[], b"", 200).map(drop)
    }

    fn push_and_pull(&self, layer: &Digest) -> io::Result<String> {
        let image = manifest(layer, &json!({}));
        let tagged = self.at("app", "manifests/latest");
        let headers = [("Content-Type", MANIFEST)];
        self.ask("PUT", &tagged, &headers, image.as_bytes(), 201)?;
        let digest = Digest::of(image.as_bytes()).to_string();
        for reference in ["latest", &digest] {
            // Each node in turn.
            for _ in 0..3 {
                let path = self.at("app", &format!("manifests/{reference}"));
                let pulled = self.ask("GET", &path, &[], b"", 200)?;
                assert_eq!(pulled.body, image.as_bytes());
                assert_eq!(pulled.header("docker-content-digest"), Some(&*digest));
            }
        }
        // A tag that moves has moved everywhere.
        let other = manifest(layer, &json!({ "annotations": { "n": "2" } }));
        self.ask("PUT", &tagged, &headers, other.as_bytes(), 201)?;
        for _ in 0..3 {
            let pulled = self.ask("GET", &tagged, &[], b"", 200)?;
            assert_eq!(pulled.body, other.as_bytes());
        }
        Ok(image)
    }

    fn refer(&self, image: &str, layer: &Digest) -> io::Result<()> {
        let subject = Digest::of(image.as_bytes());
        let list = self.at("app", &format!("referrers/{subject}"));
        assert_eq!(self.referrers(&list)?, Vec::<String>::new());
        let refers = json!({ "mediaType": MANIFEST, "digest": subject, "size": image.len() });
        let signature = manifest(layer, &json!({ "subject": refers }));
        let digest = Digest::of(signature.as_bytes()).to_string();
        let path = self.at("app", &format!("manifests/{digest}"));
        let headers = [("Content-Type", MANIFEST)];
        self.ask("PUT", &path, &headers, signature.as_bytes(), 201)?;
        for _ in 0..3 {
            assert_eq!(self.referrers(&list)?, [digest.as_str()]);
        }
        self.ask("DELETE", &path, &[], b"", 202)?;
        for _ in 0..3 {
            assert_eq!(self.referrers(&list)?, Vec::<String>::new());
        }
        Ok(())
    }

    fn referrers(&self, list: &str) -> io::Result<Vec<String>> {
        let index: Value =
            serde_json::from_slice(&self.ask("GET", list, &[], b"", 200)?.body).unwrap();
        let entries = index["manifests"].as_array().unwrap().iter();
        Ok(entries
            .map(|entry| entry["digest"].as_str().unwrap().to_owned())
            .collect())
    }

    fn delete(&self, image: &str, layer: &Digest) -> io::Result<()> {
        let digest = Digest::of(image.as_bytes());
        let by_digest = self.at("app", &format!("manifests/{digest}"));
        self.ask("DELETE", &by_digest, &[], b"", 202)?;
        let tagged = self.at("app", "manifests/latest");
        self.ask("DELETE", &tagged, &[], b"", 202)?;
        let tags = self.at("app", "tags/list");
        for _ in 0..3 {
            self.ask("GET", &by_digest, &[], b"", 404)?;
            self.ask("GET", &tagged, &[], b"", 404)?;
            let listed = self.ask("GET", &tags, &[], b"", 200)?;
            let listed: Value = serde_json::from_slice(&listed.body).unwrap();
            assert_eq!(listed["tags"], json!([]));
        }
        // The blob that was mounted stays where it was mounted from.
        let blob = self.at("source", &format!("blobs/{layer}"));
        self.ask("HEAD", &blob, &[], b"", 200).map(drop)
    }

    /// What one node grants or takes, the others know with the next request.
    fn grant_and_revoke(&self, layer: &Digest) -> io::Result<()> {
        let blob = self.at("source", &format!("blobs/{layer}"));
        let may_read = |status| {
            for _ in 0..3 {
                let answer = self.try_ask("GET", &blob, &[WALKER], b"")?;
                assert_eq!(answer.status, status, "{}", self.project);
            }
            Ok::<_, io::Error>(())
        };
        may_read(404)?;
        let members = format!("/api/v2.0/projects/{}/members", self.project);
        let member = json!({ "role_id": 3, "member_user": { "username": "walker" } });
        let made = self.send("POST", &members, &member, 201)?;
        may_read(200)?;
        let member = made.header("location").unwrap();
        self.ask("DELETE", member, &[], b"", 200)?;
        may_read(404)
    }

    fn at(&self, repository: &str, what: &str) -> String {
        format!("/v2/{}/{repository}/{what}", self.project)
    }

    fn send(
        &self,
        method: &str,
        path: &str,
        body: &Value,
        status: u16,
    ) -> io::Result<HttpResponse> {
        let headers = [("Content-Type", "application/json")];
        self.ask(method, path, &headers, body.to_string().as_bytes(), status)
    }

    fn ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
        status: u16,
    ) -> io::Result<HttpResponse> {
        let headers = with_credentials(headers);
        let answer = self.try_ask(method, path, &headers, body)?;
        let said = String::from_utf8_lossy(&answer.body);
        assert_eq!(answer.status, status, "{method} {path}: {said}");
        Ok(answer)
    }
}

impl Walk<'_> {
    /// What changes nothing is asked again where a node died before it had answered, as clients do.
    fn try_ask(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> io::Result<HttpResponse> {
        let answer = try_http_request(self.address, method, path, headers, body);
        if answer.is_ok() || !["GET", "HEAD"].contains(&method) {
            return answer;
        }
        try_http_request(self.address, method, path, headers, body)
    }
}

/// An image of one layer, which is its config as well.
fn manifest(layer: &Digest, more: &Value) -> String {
    let of =
        |media_type: &str| json!({ "mediaType": media_type, "digest": layer, "size": LAYER_BYTES });
    let mut manifest = json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": of("application/vnd.oci.image.config.v1+json"),
        "layers": [of("application/vnd.oci.image.layer.v1.tar")],
    });
    for (key, value) in more.as_object().unwrap() {
        manifest[key] = value.clone();
    }
    manifest.to_string()
}
