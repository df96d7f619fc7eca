//! What one client knows about the registry: what was acknowledged, and the one request that was under way when it died.

use std::collections::BTreeMap;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use testkit::{HttpResponse, try_http_request, with_credentials};
use wharf_oci::Digest;

/// Most bytes of a blob.
const LARGEST: u64 = 300_000;
/// Longer than a lease on an upload, which a node that died leaves behind.
const LEASE_LIMIT: Duration = Duration::from_secs(40);
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";

/// Numbers that look random and are the same each time (xorshift64).
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    pub(crate) fn roll(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % sides
    }
}

/// The content of the blob `seed`.
fn content(seed: u64) -> Vec<u8> {
    let mut dice = Dice::new(seed);
    let length = 1 + dice.roll(LARGEST);
    (0..length)
        .map(|_| dice.roll(256).to_le_bytes()[0])
        .collect()
}

/// A request whose answer was never read.
enum Doubt {
    Blob { digest: Digest, seed: u64 },
    Chunk { to: usize },
    Manifest { tag: String, json: String },
    Untag { tag: String },
    Delete { digest: Digest },
}

/// An upload in chunks.
struct Upload {
    location: String,
    seed: u64,
    offset: usize,
}

/// One client with a repository of its own.
pub(crate) struct Ledger {
    repository: String,
    dice: Dice,
    next_seed: u64,
    blobs: BTreeMap<Digest, u64>,
    manifests: BTreeMap<Digest, String>,
    tags: BTreeMap<String, Digest>,
    upload: Option<Upload>,
    /// Uploads whose node died in the middle of a chunk: nobody else has them before its lease has run out.
    waiting: Vec<Upload>,
    doubt: Option<Doubt>,
    /// How many changes were acknowledged.
    pub(crate) acknowledged: u64,
}

impl Ledger {
    pub(crate) fn new(number: u64) -> Self {
        Self {
            repository: format!("library/client-{number}"),
            dice: Dice::new(number + 77),
            next_seed: number << 32,
            blobs: BTreeMap::new(),
            manifests: BTreeMap::new(),
            tags: BTreeMap::new(),
            upload: None,
            waiting: Vec::new(),
            doubt: None,
            acknowledged: 0,
        }
    }

    /// Changes something, again and again, until the server is gone or it is over.
    pub(crate) fn work(&mut self, address: &str, is_over: &AtomicBool) {
        while !is_over.load(Ordering::Relaxed) && self.step(address).is_ok() {
            self.doubt = None;
            self.acknowledged += 1;
        }
    }

    fn step(&mut self, address: &str) -> io::Result<()> {
        match self.dice.roll(10) {
            2..=4 => self.push_chunk(address),
            5..=7 if !self.blobs.is_empty() => self.push_manifest(address),
            8 if !self.tags.is_empty() => self.untag(address),
            9 if !self.manifests.is_empty() && self.dice.roll(3) == 0 => self.delete(address),
            _ => self.push_whole(address),
        }
    }

    fn push_whole(&mut self, address: &str) -> io::Result<()> {
        let seed = self.new_seed();
        let content = content(seed);
        let digest = Digest::of(&content);
        self.doubt = Some(Doubt::Blob { digest, seed });
        let path = format!("/v2/{}/blobs/uploads/?digest={digest}", self.repository);
        ask(address, "POST", &path, &[], &content)?.expect(201);
        self.blobs.insert(digest, seed);
        Ok(())
    }

    /// Begins an upload, goes on with it or finishes it.
    fn push_chunk(&mut self, address: &str) -> io::Result<()> {
        let Some(upload) = &mut self.upload else {
            let path = format!("/v2/{}/blobs/uploads/", self.repository);
            let begun = ask(address, "POST", &path, &[], b"")?.expect(202);
            self.upload = Some(Upload {
                location: begun.0.header("location").unwrap().to_owned(),
                seed: self.new_seed(),
                offset: 0,
            });
            return Ok(());
        };
        let content = content(upload.seed);
        if upload.offset == content.len() {
            let digest = Digest::of(&content);
            let seed = upload.seed;
            self.doubt = Some(Doubt::Blob { digest, seed });
            let path = format!("{}?digest={digest}", upload.location);
            ask(address, "PUT", &path, &[], b"")?.expect(201);
            self.upload = None;
            self.blobs.insert(digest, seed);
            return Ok(());
        }
        let to = content.len().min(upload.offset + 100_000);
        self.doubt = Some(Doubt::Chunk { to });
        let range = format!("{}-{}", upload.offset, to - 1);
        let headers = [("Content-Range", range.as_str())];
        let chunk = &content[upload.offset..to];
        ask(address, "PATCH", &upload.location, &headers, chunk)?.expect(202);
        upload.offset = to;
        Ok(())
    }

    fn push_manifest(&mut self, address: &str) -> io::Result<()> {
        let blobs: Vec<(Digest, u64)> = (0..3).map(|_| self.any_blob()).collect();
        let descriptor = |(digest, seed): &(Digest, u64)| {
            let size = content(*seed).len();
            format!(
                r#"{{"mediaType":"application/octet-stream","digest":"{digest}","size":{size}}}"#
            )
        };
        let described: Vec<String> = blobs.iter().map(descriptor).collect();
        let [config, layers @ ..] = &described[..] else {
            unreachable!("three blobs");
        };
        let json = format!(
            r#"{{"schemaVersion":2,"mediaType":"{MANIFEST}","config":{config},"layers":[{}],"annotations":{{"n":"{}"}}}}"#,
            layers.join(","),
            self.new_seed()
        );
        let tag = format!("tag-{}", self.dice.roll(20));
        self.doubt = Some(Doubt::Manifest {
            tag: tag.clone(),
            json: json.clone(),
        });
        let path = format!("/v2/{}/manifests/{tag}", self.repository);
        ask(
            address,
            "PUT",
            &path,
            &[("Content-Type", MANIFEST)],
            json.as_bytes(),
        )?
        .expect(201);
        self.know_manifest(tag, json);
        Ok(())
    }

    fn untag(&mut self, address: &str) -> io::Result<()> {
        let number = usize::try_from(self.dice.roll(self.tags.len() as u64)).unwrap();
        let tag = self.tags.keys().nth(number).unwrap().clone();
        self.doubt = Some(Doubt::Untag { tag: tag.clone() });
        let path = format!("/v2/{}/manifests/{tag}", self.repository);
        ask(address, "DELETE", &path, &[], b"")?.expect(202);
        self.tags.remove(&tag);
        Ok(())
    }

    fn delete(&mut self, address: &str) -> io::Result<()> {
        let number = usize::try_from(self.dice.roll(self.manifests.len() as u64)).unwrap();
        let digest = *self.manifests.keys().nth(number).unwrap();
        self.doubt = Some(Doubt::Delete { digest });
        let path = format!("/v2/{}/manifests/{digest}", self.repository);
        ask(address, "DELETE", &path, &[], b"")?.expect(202);
        self.forget_manifest(digest);
        Ok(())
    }

    fn new_seed(&mut self) -> u64 {
        self.next_seed += 1;
        self.next_seed
    }

    /// One of the newest.
    fn any_blob(&mut self) -> (Digest, u64) {
        let number = usize::try_from(self.dice.roll(self.blobs.len() as u64)).unwrap();
        let (digest, seed) = self.blobs.iter().nth(number).unwrap();
        (*digest, *seed)
    }

    fn know_manifest(&mut self, tag: String, json: String) {
        let digest = Digest::of(json.as_bytes());
        self.tags.insert(tag, digest);
        self.manifests.insert(digest, json);
    }

    fn forget_manifest(&mut self, digest: Digest) {
        self.manifests.remove(&digest);
        self.tags.retain(|_, named| *named != digest);
    }
}

/// What a server says that is there again.
impl Ledger {
    /// Finds out what became of the request that was under way: all of it or nothing.
    pub(crate) fn settle(&mut self, address: &str) {
        let get = |what: &str| {
            let path = format!("/v2/{}/{what}", self.repository);
            ask(address, "GET", &path, &[], b"").unwrap().0
        };
        match self.doubt.take() {
            Some(Doubt::Blob { digest, seed }) => {
                let found = get(&format!("blobs/{digest}"));
                if found.status == 200 {
                    assert!(found.body == content(seed), "{digest} is half there");
                    self.blobs.insert(digest, seed);
                } else {
                    assert_eq!(found.status, 404, "{digest}");
                }
                // Between the end of its file and that of its row an upload is neither: it has to be begun anew.
                self.upload = self.upload.take().filter(|upload| upload.seed != seed);
            }
            Some(Doubt::Chunk { to }) => {
                let upload = self.upload.as_mut().unwrap();
                let offset = offset_of(address, &upload.location);
                assert!((upload.offset..=to).contains(&offset), "{offset} of {to}");
                upload.offset = offset;
            }
            Some(Doubt::Manifest { tag, json })
                if get(&format!("manifests/{tag}")).body == json.as_bytes() =>
            {
                self.know_manifest(tag, json);
            }
            Some(Doubt::Untag { tag }) if get(&format!("manifests/{tag}")).status == 404 => {
                self.tags.remove(&tag);
            }
            Some(Doubt::Delete { digest }) if get(&format!("manifests/{digest}")).status == 404 => {
                self.forget_manifest(digest);
            }
            // It did not come about.
            Some(_) | None => {}
        }
    }

    /// Where other nodes serve on: asks again for what was not answered until it is, as a client behind a load balancer does.
    ///
    /// Looking would not do. A node that was killed may have given the database its last words, which are heard later.
    pub(crate) fn settle_by_asking_again(&mut self, address: &str) {
        while self.ask_again(address).is_err() {}
        self.doubt = None;
    }

    fn ask_again(&mut self, address: &str) -> io::Result<()> {
        let at = |what: &str| format!("/v2/{}/{what}", self.repository);
        match &self.doubt {
            Some(Doubt::Blob { digest, seed }) => {
                let (digest, seed) = (*digest, *seed);
                let path = at(&format!("blobs/uploads/?digest={digest}"));
                ask(address, "POST", &path, &[], &content(seed))?.expect(201);
                self.blobs.insert(digest, seed);
                self.upload = self.upload.take().filter(|upload| upload.seed != seed);
            }
            Some(Doubt::Chunk { .. }) => self.waiting.extend(self.upload.take()),
            Some(Doubt::Manifest { tag, json }) => {
                let (tag, json) = (tag.clone(), json.clone());
                let path = at(&format!("manifests/{tag}"));
                let headers = [("Content-Type", MANIFEST)];
                ask(address, "PUT", &path, &headers, json.as_bytes())?.expect(201);
                self.know_manifest(tag, json);
            }
            Some(Doubt::Untag { tag }) => {
                let tag = tag.clone();
                let path = at(&format!("manifests/{tag}"));
                ask(address, "DELETE", &path, &[], b"")?.expect_one_of(&[202, 404]);
                self.tags.remove(&tag);
            }
            Some(Doubt::Delete { digest }) => {
                let digest = *digest;
                let path = at(&format!("manifests/{digest}"));
                ask(address, "DELETE", &path, &[], b"")?.expect_one_of(&[202, 404]);
                self.forget_manifest(digest);
            }
            None => {}
        }
        Ok(())
    }

    /// Goes on with the uploads that were in the middle of a chunk when their node died, from what the registry kept.
    pub(crate) fn finish_what_waits(&mut self, address: &str) {
        for upload in std::mem::take(&mut self.waiting) {
            let content = content(upload.seed);
            let digest = Digest::of(&content);
            let deadline = Instant::now() + LEASE_LIMIT;
            loop {
                let offset = offset_of(address, &upload.location);
                assert!(offset >= upload.offset, "{offset} of {}", upload.offset);
                let path = format!("{}?digest={digest}", upload.location);
                let finished = ask(address, "PUT", &path, &[], &content[offset..]).unwrap();
                // 409: the lease of the dead node.
                if finished.expect_one_of(&[201, 409]) == 201 {
                    break;
                }
                assert!(Instant::now() < deadline, "{} stays busy", upload.location);
                wait_for_lease();
            }
            let path = format!("/v2/{}/blobs/{digest}", self.repository);
            assert!(ask(address, "GET", &path, &[], b"").unwrap().0.body == content);
        }
    }

    /// Compares all that was acknowledged with what the server has; of blobs, only every `nth`.
    pub(crate) fn verify(&mut self, address: &str, nth: u64) {
        let repository = self.repository.clone();
        let get = |what: &str| {
            let path = format!("/v2/{repository}/{what}");
            ask(address, "GET", &path, &[], b"").unwrap().expect(200).0
        };
        for (digest, seed) in &self.blobs {
            if self.dice.roll(nth) == 0 {
                let found = get(&format!("blobs/{digest}"));
                assert!(found.body == content(*seed), "{digest} has changed");
            }
        }
        for (digest, json) in &self.manifests {
            if self.dice.roll(nth) == 0 {
                assert_eq!(get(&format!("manifests/{digest}")).body, json.as_bytes());
            }
        }
        if !self.manifests.is_empty() {
            let listed = String::from_utf8(get("tags/list").body).unwrap();
            let names: Vec<String> = self.tags.keys().map(|tag| format!("{tag:?}")).collect();
            let expected = format!(r#""tags":[{}]"#, names.join(","));
            assert!(listed.contains(&expected), "{listed} for {expected}");
        }
        for (tag, digest) in &self.tags {
            let found = get(&format!("manifests/{tag}"));
            assert_eq!(Digest::of(&found.body), *digest, "{tag}");
        }
        if let Some(upload) = &self.upload {
            assert_eq!(offset_of(address, &upload.location), upload.offset);
        }
    }
}

/// How many bytes of an upload the server has.
fn offset_of(address: &str, location: &str) -> usize {
    let progress = ask(address, "GET", location, &[], b"").unwrap().expect(204);
    let range = progress.0.header("range").unwrap().to_owned();
    let last: usize = range.strip_prefix("0-").unwrap().parse().unwrap();
    if last == 0 { 0 } else { last + 1 }
}

/// An answer, which is read or not at all.
struct Acknowledgement(HttpResponse);

impl Acknowledgement {
    fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.0.body).into_owned();
        assert_eq!(self.0.status, status, "{body}");
        self
    }

    /// Gives which one it was.
    fn expect_one_of(&self, statuses: &[u16]) -> u16 {
        let body = String::from_utf8_lossy(&self.0.body);
        assert!(
            statuses.contains(&self.0.status),
            "{} {body}",
            self.0.status
        );
        self.0.status
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a lease ends with time alone, as clients know who are told to come again"
)]
fn wait_for_lease() {
    thread::sleep(Duration::from_millis(200));
}

fn ask(
    address: &str,
    method: &str,
    path: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> io::Result<Acknowledgement> {
    let headers = with_credentials(headers);
    try_http_request(address, method, path, &headers, body).map(Acknowledgement)
}
